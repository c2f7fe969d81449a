"""The operations that the dialect lacks and we added in its style: webhook endpoints and keys."""

from __future__ import annotations

from api.retail import own_keys, own_webhooks
from api.retail.examples import KEY, WEBHOOK, WEBHOOK_ID
from api.retail.operation import SUCCESS, Operation
from api.retail.schema import WORD, array, body_of, object_of, ref

WEBHOOKS = [
    Operation(
        "create_webhook", "Webhook endpoints", "Add an endpoint", own_webhooks.NewWebhook,
        text="The address is https on port 443 or 8443 and reachable from the public internet. The secret is "
             "in this answer and nowhere else. Fields that are not named here are refused.",
        reply=ref("NewWebhook"), gives={**WEBHOOK, "secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"},
        body={**body_of(own_webhooks.NEW), "additionalProperties": False},
        sends={"for codes": {"url": WEBHOOK["url"], "event_types": WEBHOOK["event_types"]}},
        refuses=("invalid_state",),
    ),
    Operation(
        "list_webhooks", "Webhook endpoints", "List the endpoints", own_webhooks.Webhooks,
        text="Your own; those of your customers are theirs.",
        reply=array(ref("Webhook")), gives=[WEBHOOK],
    ),
    Operation(
        "test_webhook", "Webhook endpoints", "Send a test event", own_webhooks.Sample,
        text="With invented data, delivered and signed as a true one.",
        reply=object_of(event_id=WORD), gives={"event_id": "evt_0123456789ab"},
        body={**body_of(own_webhooks.SAMPLE), "additionalProperties": False},
        sends={"a code": {"type": "customer.activation.updated"}}, refuses=("unknown_path", "invalid_state"),
    ),
    Operation(
        "rotate_webhook", "Webhook endpoints", "Replace an endpoint's secret", own_webhooks.Rotation,
        text="For 24 hours deliveries carry signatures of both.",
        reply=ref("WebhookSecret"), refuses=("unknown_path",),
        gives={"webhook_id": WEBHOOK_ID, "secret": "whsec_NzY1NDMyMTBmZWRjYmE5ODc2NTQzMjEw"},
    ),
    Operation(
        "delete_webhook", "Webhook endpoints", "Delete an endpoint", own_webhooks.OneWebhook, **SUCCESS,
        text="Its deliveries go with it; events stay.", refuses=("unknown_path",),
    ),
]  # fmt: skip

KEYS = [
    Operation(
        "list_keys", "API keys", "List your keys", own_keys.Keys,
        text="Those of the account that are not revoked.", reply=array(ref("Key")), gives=[KEY],
    ),
    Operation(
        "rotate_key", "API keys", "Replace the key that you use", own_keys.Rotation,
        text="The new key has the same rights and is in this answer and nowhere else. The old one works for "
             "24 hours more; a key that was replaced cannot be replaced again (409).",
        reply=ref("NewKey"), gives={**KEY, "key": "pk_test_8fK2…"}, refuses=("invalid_state",),
    ),
    Operation(
        "revoke_key", "API keys", "End a key", own_keys.OneKey, **SUCCESS,
        text="From the next request on, for good. A second time changes nothing.", refuses=("unknown_path",),
    ),
]  # fmt: skip

"""The events that webhooks tell of, as OpenAPI describes them: what is sent is what the samples show."""

from __future__ import annotations

from typing import Any

from api.retail import rental_schema, webhooks
from api.retail.schema import (
    CENTS,
    COMPONENTS,
    CUSTOMER_ID,
    MAYBE_WORD,
    WHOLE,
    WORD,
    Schema,
    about,
    object_of,
    ref,
)
from webhooks.payloads import API_VERSION

ACTIVATION = COMPONENTS["Activation"]
OWN = {
    name: form
    for name, form in ACTIVATION["properties"].items()
    if name not in ("customer_id", "customer_price")
}
DATA: dict[str, Schema] = {
    webhooks.LOW_ACCOUNT: object_of(balance=CENTS),
    webhooks.LOW_CUSTOMER: object_of(customer_id=CUSTOMER_ID, balance=CENTS),
    webhooks.CUSTOMER: ref("Customer"),
    webhooks.PROVIDER: object_of(
        provider=about(WHOLE, "Its number."), before=WORD, reason=WORD,
        state=about(WORD, "`ok`, `degraded` (its calls fail), `out_of_funds`, `bad_credentials`, `banned`, "
                    "`paused`, `spent` (daily cap), `unmapped_codes` or `drained`."),
    ),
    webhooks.RECEIVED_HANDLER: object_of(
        activation_id=WHOLE, phone=WORD, service=WORD, country=WORD,
        status={"type": "string", "enum": ["STATUS_OK"]}, code=MAYBE_WORD, text=MAYBE_WORD,
    ),
    webhooks.RECEIVED_BY_TENANT: object_of(**OWN),
    **dict.fromkeys(webhooks.RENTAL_EVENTS, ref("Rental")),
    webhooks.SMS_OF_RENTAL: object_of(
        **{name: rental_schema.RENTAL[name] for name in webhooks.RENTAL_IDS}, **rental_schema.MESSAGE
    ),
}  # fmt: skip
HEADERS = {
    "x-webhook-id": "The endpoint's id.",
    "x-timestamp": "Unix seconds of this delivery.",
    "x-signature": "Hex HMAC-SHA256 of `x-webhook-id.x-timestamp.body`; two with a comma while a secret is "
    "being replaced.",
    "webhook-id": "The event's id, as Standard Webhooks has it.",
    "webhook-timestamp": "The same time.",
    "webhook-signature": "The signature of Standard Webhooks.",
}


def described_webhooks() -> dict[str, Any]:
    """The `webhooks` of the document."""
    return {name: {"post": _told(name, sentence)} for name, sentence in webhooks.TYPES.items()}


def _told(name: str, sentence: str) -> dict[str, Any]:
    data = webhooks.sample(name, False)
    event = {"id": "evt_0123456789ab", "api_version": API_VERSION, "type": name, "data": data}
    body = object_of(
        id=WORD,
        api_version={"type": "string", "const": API_VERSION},
        type={"type": "string", "const": name},
        data=DATA.get(name, ref("Activation")),
    )
    rare = " Sent to endpoints that ask for it." if name in webhooks.OPTIONAL else ""
    return {
        "operationId": "on_" + name.replace(".", "_"),
        "summary": sentence,
        "description": f"Signed, at least once, in no promised order.{rare}",
        "tags": ["Webhooks"],
        "security": [],
        "parameters": [
            {"name": header, "in": "header", "required": True, "schema": WORD, "description": text}
            for header, text in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": body, "example": event}},
        },
        "responses": {"2XX": {"description": "Received. Anything else is tried again."}},
    }

"""Making a test message arrive at a sandbox number, as an upstream would deliver it."""

from __future__ import annotations

import orjson

from accounts.models import Tenant
from activations.queries import find_any
from portal import errors
from providers.contract import Call, OutcomeUnknown, ProviderError, Refused, Reply
from providers.http import send

SANDBOX = "sandbox"


def deliver_test_sms(*, tenant: Tenant | None, reference: str, text: str, sender: str = "") -> str:
    """Hand a message to the sandbox for the number that `reference` names (any public id, or the phone);
    gives the activation's hex id. `tenant` None: anybody's (operators).

    Raises UnknownActivation (also for numbers that are not the sandbox's), UpstreamUnavailable.
    """
    activation = find_any(tenant_id=tenant.pk if tenant else None, reference=reference)
    provider = activation.provider if activation else None
    if activation is None or provider is None or provider.protocol != SANDBOX:
        raise errors.UnknownActivation()
    call = Call(
        "POST",
        f"{provider.base_url.rstrip('/')}/control/sms",
        {},
        _read,
        headers={"X-Api-Key": provider.secret},
        json={"to": activation.upstream_ref, "text": text, "sender": sender},
        is_read=False,
    )
    try:
        send(call)
    except Refused as error:
        raise errors.InvalidState() from error
    except ProviderError as error:
        raise errors.UpstreamUnavailable() from error
    return activation.hex_id


def _read(reply: Reply) -> None:
    if reply.status in {400, 404, 409}:
        raise Refused(f"HTTP {reply.status}")
    if reply.status != 200 or not isinstance(orjson.loads(reply.text), dict):
        raise OutcomeUnknown(f"HTTP {reply.status}")

"""Making a test message arrive at a sandbox number, as an upstream would deliver it."""

from __future__ import annotations

import orjson

from accounts.models import Tenant
from activations.queries import find_any
from activations.rental_queries import find_any_rental
from portal import errors
from providers.contract import Call, OutcomeUnknown, ProviderError, Refused, Reply
from providers.http import send

SANDBOX = "sandbox"


def deliver_test_sms(*, tenant: Tenant | None, reference: str, text: str, sender: str = "") -> str:
    """Hand a message to the sandbox for the number that `reference` names (any public id, or the phone);
    gives the public id of the activation or rental. `tenant` None: anybody's (operators).

    Raises UnknownActivation (also for numbers that are not the sandbox's), UpstreamUnavailable.
    """
    tenant_id = tenant.pk if tenant else None
    lease = find_any(tenant_id=tenant_id, reference=reference) or find_any_rental(
        tenant_id=tenant_id, reference=reference
    )
    provider = lease.provider if lease else None
    if lease is None or provider is None or provider.protocol != SANDBOX:
        raise errors.UnknownActivation()
    call = Call(
        "POST",
        f"{provider.base_url.rstrip('/')}/control/sms",
        {},
        _read,
        headers={"X-Api-Key": provider.secret},
        json={"to": lease.upstream_ref, "text": text, "sender": sender},
        is_read=False,
    )
    try:
        send(call)
    except Refused as error:
        raise errors.InvalidState() from error
    except ProviderError as error:
        raise errors.UpstreamUnavailable() from error
    return str(lease)


def _read(reply: Reply) -> None:
    if reply.status in {400, 404, 409}:
        raise Refused(f"HTTP {reply.status}")
    if reply.status != 200 or not isinstance(orjson.loads(reply.text), dict):
        raise OutcomeUnknown(f"HTTP {reply.status}")

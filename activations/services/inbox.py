"""Callbacks as they came: kept without our keys, and worked again when their adapter can read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog
from django.db import transaction
from psycopg.types.json import Jsonb

from activations.database import run
from activations.services.callbacks import take_callback
from activations.services.covering import cover, uncover
from portal.encryption import SecretUnreadable
from providers.contract import ProviderError, Refused
from providers.models import Provider
from providers.registry import adapter_for
from webhooks.models import InboxMessage

log = structlog.get_logger(__name__)
UNREADABLE = "unreadable"
UNREADABLE_MAX = 1_000  # of one provider; its address is a secret, but not a well kept one
UNREADABLE_ERRORS = (
    ProviderError, KeyError, ValueError, TypeError, NotImplementedError, SecretUnreadable,
)  # fmt: skip
HEADERS_MAX, HEADER_MAX = 40, 500
NOT_NEEDED = {"cookie", "host", "content-length", "connection"}

KEEP = """
INSERT INTO webhooks_inboxmessage (tenant_id, provider_id, body, headers, received_at, processed_at, outcome)
SELECT %(tenant)s, %(provider)s, %(body)s, %(headers)s, %(now)s, %(now)s, 'unreadable'
WHERE (SELECT count(*) FROM webhooks_inboxmessage
    WHERE provider_id = %(provider)s AND outcome = 'unreadable') < %(most)s
"""


def keep_unreadable(*, provider: Provider, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """Keep a callback that its adapter could not make out, for `work_again`; nothing of it is believed."""
    from_it = {
        name: cover(value[:HEADER_MAX].encode(errors="replace"), provider).decode()
        for name, value in list(headers.items())[:HEADERS_MAX]
        if name.lower() not in NOT_NEEDED
    }
    run(
        KEEP,
        {
            "tenant": provider.tenant_id,
            "provider": provider.pk,
            "body": cover(body, provider),
            "headers": Jsonb(from_it),
            "now": now,
            "most": UNREADABLE_MAX,
        },
    )


def work_again(provider: Provider, *, now: datetime) -> Counter[str]:
    """Read every unreadable callback of a provider with its adapter as it is now, the oldest first; what
    became of them. Its proof is as old as its arrival; what is not proven has no effect, as ever (W3).
    """
    became: Counter[str] = Counter()
    waiting = InboxMessage.objects.filter(provider_id=provider.pk, outcome=UNREADABLE).exclude(body=b"")
    for message_id in waiting.order_by("id").values_list("pk", flat=True):
        became[_work_again(message_id, provider, now=now)] += 1
    return became


@transaction.atomic
def _work_again(message_id: int, provider: Provider, *, now: datetime) -> str:
    message = InboxMessage.objects.select_for_update().get(pk=message_id)
    if message.outcome != UNREADABLE:
        return "done before"
    body = uncover(bytes(message.body), provider)
    headers = {name: uncover(value.encode(), provider).decode() for name, value in message.headers.items()}
    try:
        read = adapter_for(provider).read_callback(body=body, headers=headers, now=message.received_at)
    except Refused as error:
        outcome = error.code
    except UNREADABLE_ERRORS as error:
        log.info("callback_still_unreadable", message=message.pk, reason=type(error).__name__)
        return UNREADABLE
    else:
        taken = take_callback(provider=provider, callback=read, body=body, headers=headers, now=now)
        outcome = taken.value
    message.outcome, message.processed_at = f"again: {outcome}", now
    message.save(update_fields=["outcome", "processed_at"])
    return outcome

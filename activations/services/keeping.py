"""Callbacks kept as they came, without our keys (S1), so that they can be worked again (inbox.work_again).

What brings news is kept by the statement that stores it (activations/sql/activation_receive.sql); here is
what only made us ask, and what could not be read at all. Both are bounded, because the address that they come
to is a secret, but not a well kept one. A repeat of a hint is not kept again (webhooks.InboxMessage).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from psycopg.types.json import Jsonb

from activations.database import run
from activations.services.covering import cover
from providers.models import Provider
from webhooks.models import InboxMessage

HINT, UNREADABLE = InboxMessage.HINT, InboxMessage.UNREADABLE
UNREADABLE_MAX = 1_000  # of one provider
HINTS_PER_MINUTE = 1_000  # of one provider
HEADERS_MAX, HEADER_MAX = 40, 500
NOT_NEEDED = {"cookie", "host", "content-length", "connection"}

# The outcome stands in the text, so that its index is taken however the statement is prepared.
KEEP = """
INSERT INTO webhooks_inboxmessage (tenant_id, provider_id, body, headers, received_at, processed_at, outcome)
SELECT %(tenant)s, %(provider)s, %(body)s, %(headers)s, %(now)s, %(now)s, '{outcome}'
WHERE (SELECT count(*) FROM webhooks_inboxmessage
    WHERE provider_id = %(provider)s AND outcome = '{outcome}' AND received_at > %(since)s) < %(most)s
ON CONFLICT DO NOTHING
"""
KEEP_UNREADABLE, KEEP_HINT = KEEP.format(outcome=UNREADABLE), KEEP.format(outcome=HINT)
EVER = datetime(2000, 1, 1, tzinfo=UTC)


def keep_unreadable(*, provider: Provider, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """Keep a callback that its adapter could not make out; nothing of it is believed."""
    told = _row(provider, body=cover(body, provider), headers=headers, now=now)
    run(KEEP_UNREADABLE, {**told, "since": EVER, "most": UNREADABLE_MAX})


def keep_hint(*, provider: Provider, body: bytes, headers: Mapping[str, str], now: datetime) -> None:
    """Keep a callback that brings no message by itself. `body`: without our keys (cover)."""
    told = _row(provider, body=body, headers=headers, now=now)
    since = now - timedelta(minutes=1)
    run(KEEP_HINT, {**told, "since": since, "most": HINTS_PER_MINUTE})


def _row(provider: Provider, *, body: bytes, headers: Mapping[str, str], now: datetime) -> dict[str, object]:
    from_it = {
        name: cover(value[:HEADER_MAX].encode(errors="replace"), provider).decode()
        for name, value in list(headers.items())[:HEADERS_MAX]
        if name.lower() not in NOT_NEEDED
    }
    return {
        "tenant": provider.tenant_id,
        "provider": provider.pk,
        "body": body,
        "headers": Jsonb(from_it),
        "now": now,
    }

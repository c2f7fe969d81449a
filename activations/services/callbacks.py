"""A provider's callback: worked in the transaction that stores it when it proves itself, otherwise kept and a
reason to ask (W1, W2, W5).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
from django.db import transaction

from activations.database import rows, run
from activations.services.checking import news
from activations.services.checking.claims import Due, leases_by_reference, open_lease_on
from activations.services.checking.settling import settle
from activations.services.covering import cover
from activations.services.keeping import keep_hint
from activations.services.receiving import announce, message_params, store
from activations.services.rentals.checking import work_rental_callback
from providers.contract import Callback, Status, Taken, UpstreamState
from providers.models import Provider
from webhooks.models import InboxMessage

UNMATCHED = "unmatched"
KEPT_HEADERS = ("content-type", "user-agent")
EARLY_FOR = timedelta(hours=1)


def take_callback(
    *,
    provider: Provider,
    callback: Callback,
    body: bytes,
    headers: Mapping[str, str],
    is_kept: bool = False,
    now: datetime,
) -> Taken:
    """Do what a verified callback says; what became of it. Everything that it may bring twice is recognised
    and changes nothing. `is_kept`: the inbox has it.
    """
    raw = Raw(provider, cover(body, provider), headers, is_kept=is_kept)
    if not callback.upstream_ref and not callback.phone:
        raw.keep(now=now)
        return Taken.DONE  # about the account, not about a number
    if callback.is_rental:
        word = _work_rental(callback, raw, now=now)
        return _nobodys(provider, RENTALS_UNDER_WAY) if word == UNMATCHED else Taken.DONE
    if callback.phone:
        found = open_lease_on(provider.pk, callback.phone)
        if not found:  # not kept: what nobody has now is sent again, or belonged to a number that ended
            return _nobodys(provider, ORDERS_UNDER_WAY)
    else:
        found = leases_by_reference(provider.pk, [callback.upstream_ref])
    if not found:
        _keep_for_later(callback, raw, now=now)
        return Taken.EARLY
    if callback.proven is None:
        raw.keep(now=now)
        _ask_soon(found[0], now=now)
    else:
        _work(found[0], callback.proven, raw, now=now)
    return Taken.DONE


@dataclass(frozen=True, slots=True)
class Raw:
    """A callback as it came, without our keys. `is_kept`: the inbox has it already."""

    provider: Provider
    body: bytes
    headers: Mapping[str, str]
    is_kept: bool

    @property
    def few_headers(self) -> dict[str, str]:
        """What is kept of a callback that needs not be read again."""
        return {name: value[:200] for name, value in self.headers.items() if name.lower() in KEPT_HEADERS}

    def keep(self, *, now: datetime) -> None:
        """What brings no message by itself, to be worked again should its adapter have misread it."""
        if not self.is_kept:
            keep_hint(provider=self.provider, body=self.body, headers=self.headers, now=now)


def _nobodys(provider: Provider, under_way: str) -> Taken:
    """Nobody has the lease: but an order whose answer is awaited may be the one (W2)."""
    return Taken.EARLY if rows(under_way, {"provider": provider.pk}) else Taken.NOBODYS


def _work(row: Due, status: Status, raw: Raw, *, now: datetime) -> None:
    """Store what is new. What repeats messages that we have is not kept again, unless it says more."""
    fresh = row.news_of(status.messages)
    if not fresh and (not status.messages or status.state is UpstreamState.REFUNDED):
        raw.keep(now=now)
    for sms in fresh:
        word = store(
            "activation_callback",
            row.target,
            tenant=raw.provider.tenant_id,
            provider=raw.provider.pk,
            body=raw.body,
            headers=orjson.dumps(raw.few_headers).decode(),
            **message_params(target=row.target, sms=sms, cost_micros=status.cost_micros, now=now),
        )
        announce(target=row.target, word=word)
    if not status.messages and row.awaits_first and status.state in news.ENDED:
        _ask_soon(row, now=now)  # in doubt ask the provider (W4)
    elif status.state is UpstreamState.REFUNDED and not row.awaits_first:
        settle(row, Status(status.state), now=now)  # nobody asks about a number that is billed (K10)


@transaction.atomic
def _work_rental(callback: Callback, raw: Raw, *, now: datetime) -> str:
    """What came of it (work_rental_callback), kept together with what it brings; a repeat is not kept again,
    and what brings nothing by itself is a hint.

    Nothing of it is waited for: a rental is asked about as long as it runs, so one that overtook its own
    order only hurries the search for lost ones.
    """
    provider = raw.provider
    word = work_rental_callback(provider, callback, now=now)
    if word == "repeat":
        return word
    if word == UNMATCHED or callback.proven is None:
        raw.keep(now=now)
    else:
        InboxMessage.objects.create(
            tenant_id=provider.tenant_id,
            provider_id=provider.pk,
            body=raw.body,
            headers=raw.few_headers,
            received_at=now,
            processed_at=now,
            outcome=word,
        )
    if word == UNMATCHED:
        run(LOOK_SOON_FOR_RENTALS, {"provider": provider.pk, "soon": now + timedelta(seconds=5)})
    return word


def _ask_soon(row: Due, *, now: datetime) -> None:
    if row.is_former:
        lease = {"provider": row.provider_id, "ref": row.upstream_ref, "now": now}
        run(ASK_ABOUT_FORMER, lease)
        return
    run(
        "UPDATE activations_check SET due_at = %(now)s WHERE activation_id = %(id)s AND kind = 'status'",
        {"id": row.id, "now": now},
    )


def _keep_for_later(callback: Callback, raw: Raw, *, now: datetime) -> None:
    """A callback that overtook its own order (W2): kept until its lease is known, and the lost orders of this
    provider are looked for soon.
    """
    InboxMessage.objects.create(
        tenant_id=raw.provider.tenant_id,
        provider_id=raw.provider.pk,
        body=raw.body,
        headers={**raw.few_headers, "upstream_ref": callback.upstream_ref[:80]},
        received_at=now,
    )
    run(LOOK_SOON, {"provider": raw.provider.pk, "soon": now + timedelta(seconds=5)})


ASK_ABOUT_FORMER = """
UPDATE activations_exchange SET due_at = %(now)s
WHERE provider_id = %(provider)s AND upstream_ref = %(ref)s AND state = 'returning'
"""
LOOK_SOON = """
UPDATE activations_check SET due_at = %(soon)s WHERE activation_id IN (
    SELECT activation_id FROM activations_check
    WHERE provider_id = %(provider)s AND kind = 'reconcile' AND due_at > %(soon)s FOR UPDATE SKIP LOCKED)
"""
LOOK_SOON_FOR_RENTALS = """
UPDATE activations_rentaldue SET due_at = %(soon)s WHERE id IN (
    SELECT id FROM activations_rentaldue
    WHERE provider_id = %(provider)s AND kind = 'reconcile' AND due_at > %(soon)s FOR UPDATE SKIP LOCKED)
"""

ORDERS_UNDER_WAY = """
SELECT 1 AS one FROM activations_check WHERE provider_id = %(provider)s AND kind = 'reconcile'
    AND parked_reason = '' LIMIT 1
"""
RENTALS_UNDER_WAY = """
SELECT 1 AS one FROM activations_rentaldue WHERE provider_id = %(provider)s AND kind = 'reconcile'
    AND parked_reason = '' LIMIT 1
"""

MATCH_INBOX = """
WITH waiting AS (
    SELECT m.id, m.received_at, a.id AS activation_id
    FROM webhooks_inboxmessage m LEFT JOIN activations_activation a
        ON a.provider_id = m.provider_id AND a.upstream_ref = m.headers ->> 'upstream_ref'
    WHERE m.processed_at IS NULL ORDER BY m.id LIMIT 500 FOR UPDATE OF m SKIP LOCKED
), asked AS (
    UPDATE activations_check c SET due_at = %(now)s FROM waiting
    WHERE c.activation_id = waiting.activation_id AND c.kind = 'status' AND c.due_at > %(now)s
)
UPDATE webhooks_inboxmessage m SET processed_at = %(now)s,
    outcome = CASE WHEN waiting.activation_id IS NULL THEN 'unmatched' ELSE 'matched' END
FROM waiting WHERE m.id = waiting.id
    AND (waiting.activation_id IS NOT NULL OR waiting.received_at < %(too_old)s)
"""


def match_inbox(now: datetime) -> int:
    """Ask about the numbers whose kept callbacks can be matched by now; give up after an hour."""
    return run(MATCH_INBOX, {"now": now, "too_old": now - EARLY_FOR})

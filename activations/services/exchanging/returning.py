"""Giving numbers back that their orders do not show any more, and hearing what comes for them until then."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any

import structlog

from activations import policy
from activations.database import call, rows, run
from activations.services.apart import apart, ask_all
from activations.services.checking.claims import FORMER_COLUMNS, Due, asked_to_wait_until
from activations.services.checking.holding import Held, SweepClock
from activations.services.receiving import receive_all
from providers import health
from providers.contract import (
    Adapter,
    Can,
    ProviderError,
    Status,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)
from providers.http import Sent
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)
PAID_BACK = {UpstreamState.CANCELED, UpstreamState.EXPIRED, UpstreamState.REFUNDED}
CANCEL_AGAIN = timedelta(seconds=30)

CLAIM = f"""
WITH due AS (
    SELECT id FROM activations_exchange WHERE state = 'returning' AND due_at <= %(now)s
    ORDER BY due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_exchange x SET due_at = %(until)s
FROM due JOIN activations_exchange y ON y.id = due.id
    JOIN activations_activation a ON a.id = y.activation_id
    JOIN providers_service s ON s.id = a.service_id
WHERE x.id = due.id
RETURNING x.id AS exchange_id, x.cancelable_after, {FORMER_COLUMNS}
"""  # noqa: S608
KEEP = """
UPDATE activations_exchange SET due_at = %(until)s WHERE id = ANY(%(ids)s) AND state = 'returning'
"""
# The row may hold another lease by now: then it has a due time of its own.
LATER = """
UPDATE activations_exchange SET due_at = %(due)s,
    gone = CASE WHEN %(gone)s THEN least(gone + 1, 1000) ELSE 0 END,
    tries = CASE WHEN %(failed)s THEN least(tries + 1, 1000) ELSE 0 END,
    cancelable_after = coalesce(%(cancelable)s, cancelable_after)
WHERE id = %(id)s AND upstream_ref = %(lease)s AND state = 'returning'
"""


@dataclass(frozen=True, slots=True)
class Former:
    """A number to be given back; `number` is its lease with the order's state."""

    exchange_id: int
    cancelable_after: datetime | None
    number: Due
    provider: Provider
    adapter: Adapter

    def is_cancelable(self, now: datetime) -> bool:
        return (
            Can.CANCEL in self.adapter.can
            and self.cancelable_after is not None
            and self.cancelable_after <= now
        )


def give_back(now: datetime) -> None:
    """Ask about every former number that is due, and cancel there what stayed silent."""
    formers = _claim(now)
    held = Held(KEEP, (one.exchange_id for one in formers), SweepClock(now))
    questions = [
        (one, partial(one.adapter.status, upstream_ref=one.number.upstream_ref))
        for one in formers
        if Can.STATUS in one.adapter.can
    ]
    no_news = Status(UpstreamState.UNKNOWN)  # an option of the account may have taken the question away since
    unasked = [Sent(one, no_news, None) for one in formers if Can.STATUS not in one.adapter.can]
    silent = []
    for former, status, error in chain(unasked, ask_all(questions, meanwhile=held.keep)):
        if _hear(former, status, error, now=now):
            silent.append(former)
        else:
            held.let_go([former.exchange_id])
    cancels = [(one, partial(one.adapter.cancel, upstream_ref=one.number.upstream_ref)) for one in silent]
    for former, refunded, error in ask_all(cancels, meanwhile=held.keep):
        held.let_go([former.exchange_id])
        with _apart(former, now=now):
            _canceled(former, refunded, error, now=now)


def _claim(now: datetime) -> list[Former]:
    claim = {"now": now, "until": now + policy.CLAIM, "batch": policy.CHECK_BATCH}
    grouped: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows(CLAIM, claim):
        grouped[row["provider_id"]].append(row)
    providers = Provider.objects.in_bulk(grouped)
    found = []
    for provider_id, of_it in grouped.items():
        with apart("provider_not_asked", provider=provider_id):
            adapter = adapter_for(providers[provider_id])
            for row in of_it:
                facts = row.pop("exchange_id"), row.pop("cancelable_after")
                found.append(Former(*facts, Due(**row), providers[provider_id], adapter))
    return found


def _apart(former: Former, *, now: datetime) -> AbstractContextManager[None]:
    return apart("check_failed", partial(_stumbled, former, now=now), activation=former.number.hex_id)


def _stumbled(former: Former, *, reason: str, now: datetime) -> None:
    _later(former, now=now, failed=True)


def _hear(former: Former, status: Status | None, error: ProviderError | None, *, now: datetime) -> bool:
    """Act on what the provider says of it; True when it is to be cancelled now."""
    with _apart(former, now=now):
        return _act_on(former, status, error, now=now)
    return False


def _act_on(former: Former, status: Status | None, error: ProviderError | None, *, now: datetime) -> bool:
    if error is not None and not isinstance(error, UnknownToUpstream):
        health.note_failure(former.provider.pk, error, now)
        _later(former, now=now, failed=True, until=asked_to_wait_until(error))
        return False
    status = status or Status(UpstreamState.GONE)
    if status.messages:
        _receive(former, status, now=now)
    elif status.state in PAID_BACK:
        _end(former, "returned", reason=f"upstream says {status.state.value}", now=now)
    elif status.state is UpstreamState.FINISHED:
        _end(former, "kept", reason="upstream says finished", micros=former.number.cost_micros, now=now)
    elif status.state is UpstreamState.GONE:
        if former.number.gone + 1 >= policy.GONE_ANSWERS_NEEDED:
            _end(former, "kept", reason="unknown there", micros=former.number.cost_micros, now=now)
        else:
            _later(former, now=now, gone=True)
    elif former.is_cancelable(now):
        return True
    else:
        _later(former, now=now)
    return False


def _receive(former: Former, status: Status, *, now: datetime) -> None:
    """Its messages are the order's if that still waits; else they are kept, and the number is paid for."""
    receive_all(
        target=former.number.target, messages=status.messages, cost_micros=status.cost_micros, now=now
    )


def _canceled(former: Former, refunded: int | None, error: ProviderError | None, *, now: datetime) -> None:
    if error is None:
        cost, fee = former.number.cost_micros, former.provider.cancel_fee_micros
        kept = fee if refunded is None else max(cost - refunded, 0)
        _end(former, "returned", reason="given back", kind="kept_fee", micros=kept, now=now)
    elif isinstance(error, TooEarly):
        _later(former, now=now, cancelable_after=error.at or now + CANCEL_AGAIN)
    else:
        if not isinstance(error, WrongState | UnknownToUpstream):
            health.note_failure(former.provider.pk, error, now)
        _later(former, now=now, failed=True)  # its status will say what became of it


def _later(
    former: Former,
    *,
    now: datetime,
    failed: bool = False,
    gone: bool = False,
    until: datetime | None = None,
    cancelable_after: datetime | None = None,
) -> None:
    """Look again, at the latest when it can be cancelled or its time is over; but not for ever."""
    number = former.number
    if number.expire_at + policy.EXPIRY_GRACE <= now:
        _end(former, "kept", reason="not given back in time", micros=number.cost_micros, now=now)
        return
    interval = former.provider.check_seconds * 2 ** (min(number.tries + 1, 4) if failed else 1)
    due = now + (policy.GONE_AGAIN if gone else timedelta(seconds=min(interval, 60)))
    due = max(due, min(until or due, number.expire_at))
    lock = cancelable_after or former.cancelable_after
    ends = [at for at in (lock, number.expire_at) if at is not None and at > now]
    run(
        LATER,
        {
            "id": former.exchange_id,
            "lease": number.upstream_ref,
            "due": min([due, *ends]),
            "gone": gone,
            "failed": failed,
            "cancelable": cancelable_after,
        },
    )


def _end(
    former: Former, state: str, *, reason: str, now: datetime, kind: str = "orphan", micros: int = 0
) -> None:
    number = former.number
    call(
        "exchange_end",
        exchange=former.exchange_id,
        lease=number.upstream_ref,
        state=state,
        outcome="released",
        reason=reason,
        kind=kind,
        micros=micros,
        now=now,
    )
    log.info("former_number_ended", activation=number.hex_id, outcome=state, kept_micros=micros)

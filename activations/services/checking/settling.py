"""Acting on one answer, or on its absence, so that one bad row never delays its neighbours (O7)."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from functools import partial

from activations import policy
from activations.services.apart import apart
from activations.services.checking import news
from activations.services.checking.claims import Due, note_failed, put_back
from activations.services.judging import judge
from providers.contract import Status, UpstreamState


def settle(row: Due, status: Status, *, now: datetime) -> bool:
    """Act on one answer; False when it brought no news. A row that cannot be worked is parked in time, and
    its neighbours go on (O7).
    """
    mine = [] if row.is_former else [row.id]
    with apart("check_failed", partial(note_failed, mine, now=now, park=True), activation=row.hex_id):
        return news.apply(
            row, state=status.state, messages=status.messages, cost_micros=status.cost_micros, now=now
        )
    return True


def failed(
    due: Collection[Due], *, reason: str, now: datetime, park: bool = False, until: datetime | None = None
) -> None:
    """The provider could not be asked. A number past its time and the grace is closed all the same (M8).
    `park`: it is these rows that cannot be asked about. `until`: so long the provider wants to be left alone;
    its numbers are asked about again then, or when their time is over.
    """
    until = until or now
    late = [row for row in due if row.awaits_any and row.expire_at + policy.EXPIRY_GRACE <= now]
    for row in late:
        news.close_due(row, to="expired", upstream_state=UpstreamState.UNKNOWN.value, now=now)
    gone = {row.id for row in late}
    expiring = {
        row.id: max(now + timedelta(seconds=10), min(until, row.expire_at + policy.EXPIRY_GRACE))
        for row in due
        if row.expire_at <= now and row.id not in gone
    }
    put_back(expiring)
    judge_ended(late, now=now)
    others = [row for row in due if row.id not in gone | expiring.keys()]
    times = [min(until, row.expire_at) for row in others]
    note_failed([row.id for row in others], reason=reason, now=now, park=park, not_before=times)


def judge_ended(changed: Collection[Due], *, now: datetime) -> None:
    """The success rate of everyone whose number may just have ended without a message, once per customer."""
    judge({row.customer_id for row in changed if row.awaits_first}, now=now)

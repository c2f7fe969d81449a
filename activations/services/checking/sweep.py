"""The sweep of due status checks: whole lists where a provider has them, single calls side by side
elsewhere.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from math import ceil
from uuid import UUID

from django.utils import timezone

from activations import policy
from activations.services.apart import Unaskable, apart, ask_all
from activations.services.checking import lists, news
from activations.services.checking.claims import (
    KEEP,
    Due,
    asked_to_wait_until,
    by_provider,
    claim_due,
    count_open,
    next_check,
    put_back,
)
from activations.services.checking.deferred import cancel_due
from activations.services.checking.holding import Held, SweepClock
from activations.services.checking.settling import failed, judge_ended, settle
from activations.services.kept_fees import note_kept_fee
from providers import health
from providers.contract import (
    Adapter,
    Can,
    ProviderError,
    Status,
    UnknownToUpstream,
    UpstreamState,
)
from providers.models import Provider
from providers.registry import adapter_for

SELDOM_SECONDS = 3_600  # where there is nobody to ask; each number's own end comes first


def check_due(now: datetime | None = None) -> int:
    """Ask about every number that is due; how many were looked at. Running it twice changes nothing."""
    now = now or timezone.now()
    clock = SweepClock(now)
    looked_at = lists.check_due_lists(now)
    looked_at += cancel_due(clock.counted_from())
    while batch := claim_due(now=now, clock=clock):
        ask_about(batch, now=now, clock=clock)
        looked_at += len(batch)
        if len(batch) < policy.CHECK_BATCH:
            break
    return looked_at


def ask_about(batch: list[Due], *, now: datetime, clock: SweepClock) -> None:
    """Ask the providers about claimed numbers, act on the answers, and put the rest back."""
    grouped = by_provider(batch)
    providers = Provider.objects.in_bulk(grouped)
    singles: list[tuple[Due, Adapter]] = []
    by_list = []
    for provider_id, due in grouped.items():
        with apart("provider_not_asked", partial(failed, due, now=now), provider=provider_id):
            adapter = adapter_for(providers[provider_id])
            if Can.MESSAGES_IN_LIST in adapter.can and len(due) >= policy.LIST_FROM_ROWS:
                by_list.append(((provider_id, adapter), adapter.list_active))
            else:
                singles += [(row, adapter) for row in due]
    listed_rows = [row for (provider_id, _), _ in by_list for row in grouped[provider_id]]
    held = Held(KEEP, [row.id for row in (*listed_rows, *(row for row, _ in singles))], clock)
    for (provider_id, adapter), listed, error in ask_all(by_list, meanwhile=held.keep):
        due, at = grouped[provider_id], clock.counted_from()
        with apart("provider_not_asked", partial(failed, due, now=at), provider=provider_id):
            missing = lists.answer_by_list(providers[provider_id], due, listed, error, now=now, at=at)
            held.let_go({row.id for row in due}.difference(row.id for row in missing))
            singles += [(row, adapter) for row in missing]
    _ask_singly(singles, providers, held, now=now, clock=clock)


@dataclass
class Round:
    """The single calls to one provider: what came of them, written when its last answer is there, so that
    nobody waits for another provider's time limit.
    """

    provider: Provider
    interval_seconds: int
    left: int
    held: Held
    clock: SweepClock
    rows: list[Due] = field(default_factory=list)
    again: dict[UUID, datetime] = field(default_factory=dict)
    gone: set[UUID] = field(default_factory=set)
    changed: list[Due] = field(default_factory=list)
    unheard: list[Due] = field(default_factory=list)
    unaskable: list[Due] = field(default_factory=list)
    resend: list[Due] = field(default_factory=list)
    error: ProviderError | None = None

    def take(self, row: Due, status: Status | None, error: ProviderError | None, *, now: datetime) -> None:
        self.left -= 1
        self.rows.append(row)
        status = status or Status(UpstreamState.GONE)
        if isinstance(error, Unaskable):
            self.unaskable.append(row)
        elif error is not None and not isinstance(error, UnknownToUpstream):
            self.error = error
            self.unheard.append(row)
        elif settle(row, status, now=now):
            self.changed.append(row)
            self.held.let_go([row.id])
        else:
            self._ask_again(row, status, now=self.clock.counted_from())
        if not self.left:
            self.held.let_go(row.id for row in self.rows)
            with apart("answers_not_written", provider=self.provider.pk):
                self.write(now=self.clock.counted_from())

    def _ask_again(self, row: Due, status: Status, *, now: datetime) -> None:
        self.again[row.id] = next_check(row, interval_seconds=self.interval_seconds, now=now)
        if status.state is UpstreamState.GONE:
            self.gone.add(row.id)
            self.again[row.id] = min(now + policy.GONE_AGAIN, row.expire_at)
        if news.cancel_is_old(row, now=now):
            self.resend.append(row)

    def write(self, *, now: datetime) -> None:
        put_back(self.again, gone=self.gone)
        judge_ended(self.changed, now=now)
        if self.error is not None:
            health.note_failure(self.provider.pk, self.error, now, times=len(self.unheard))
            until = asked_to_wait_until(self.error)
            failed(self.unheard, reason=self.error.code, now=now, until=until)
        failed(self.unaskable, reason=Unaskable.code, now=now, park=True)


def _ask_singly(
    singles: list[tuple[Due, Adapter]],
    providers: dict[int, Provider],
    held: Held,
    *,
    now: datetime,
    clock: SweepClock,
) -> None:
    counts = Counter(row.provider_id for row, _ in singles)
    adapters = {row.provider_id: adapter for row, adapter in singles}
    rounds = {
        number: Round(providers[number], _interval(providers[number], adapters[number]), count, held, clock)
        for number, count in counts.items()
    }
    questions = []
    for row, adapter in singles:
        if Can.STATUS in adapter.can:
            questions.append((row, partial(adapter.status, upstream_ref=row.upstream_ref)))
        else:  # only its callbacks tell anything
            rounds[row.provider_id].take(row, Status(UpstreamState.UNKNOWN), None, now=now)
    for row, status, error in ask_all(questions, meanwhile=held.keep):
        rounds[row.provider_id].take(row, status, error, now=now)
    _cancel_again(
        [(row, adapters[row.provider_id]) for one in rounds.values() for row in one.resend], now=now
    )


def _interval(provider: Provider, adapter: Adapter) -> int:
    """Seconds between two questions about a number: as set, but so many that all open ones together stay
    within the provider's rate.
    """
    if Can.STATUS not in adapter.can:
        return SELDOM_SECONDS
    if provider.checks_per_minute is None:
        return provider.check_seconds
    shared = 60 * count_open(provider.pk) / provider.checks_per_minute
    return max(provider.check_seconds, ceil(shared))


def _cancel_again(resend: list[tuple[Due, Adapter]], *, now: datetime) -> None:
    """Repeat cancels that were lost on their way (U10)."""
    calls = [
        (row, partial(adapter.cancel, upstream_ref=row.upstream_ref))
        for row, adapter in resend
        if Can.CANCEL in adapter.can
    ]
    for row, refunded, error in ask_all(calls):
        if error is not None:
            continue
        with apart("cancel_failed", activation=row.hex_id):
            news.close_due(row, to="canceled", upstream_state=UpstreamState.CANCELED.value, now=now)
            note_kept_fee(row.id, refunded_micros=refunded, now=now)
            judge_ended([row], now=now)

"""Chooses whom to ask: the offers that fit a wish, best first (docs/protocols/README.md 1.5)."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.prices import Rules
from portal.encryption import SecretUnreadable
from portal.errors import (
    MaxPriceExceeded,
    NoNumbers,
    ServiceProhibited,
    UnknownCountry,
    UnknownService,
    UpstreamUnavailable,
)
from providers.contract import Account, Adapter
from providers.health import take_probe
from providers.ranking import DEGRADED, Priced, Rejected, cost_floors, decision, fitting, ranked
from providers.registry import ADAPTERS, callback_url
from providers.routing_facts import RentalRouteWish, RouteWish
from providers.routing_memory import Moment, moment_of
from providers.routing_sql import Question, Shelf, question, read_shelf, rental_shelf_of
from providers.scoring import EVEN
from providers.secrets import open_secret

CANDIDATES_MAX = 4
# A provider in one of these is out of reach for now; it is the operator's trouble, not a lack of numbers.
OUT_OF_REACH = frozenset(
    {"tripped", "out_of_funds", "bad_credentials", "banned", "secret_unreadable", "paused", "spent"}
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One offer with all that ordering from it needs. Micro-USD; `is_own`: the tenant's own account, whose
    cost he pays himself. `was_failing`: a success should be told to providers.health; `needs_probe`: the
    breaker was open (`may_be_asked`). `units`: how often the offer's line is bought, and cost and price are
    those of all (more than one only for a rental by the day).
    """

    offer_id: int
    provider_id: int
    provider_no: int
    is_own: bool
    protocol: str
    account: Account
    upstream_service: str
    upstream_country: str
    operator: str
    upstream_operator: str
    offer_ref: str
    cost_micros: int
    price_micros: int
    quality: float | None
    cancel_lock_seconds: int
    life_seconds: int
    cancel_fee_micros: int
    check_seconds: int
    was_failing: bool
    needs_probe: bool
    units: int = 1

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.protocol](self.account)

    def may_be_asked(self, now: datetime) -> bool:
        """To be asked just before it is sent something. False: another order is trying this provider, whose
        breaker was open; it gets one order at a time.
        """
        return not self.needs_probe or take_probe(self.provider_id, now)


@dataclass(frozen=True, slots=True)
class Route:
    """Where an order may go; those that ask the same share it.

    At most four candidates, best first, all at or below the cap; those that need a probe, which each order
    but one is refused, are not counted. `decision` is kept with the order; `quality_factor`: what they were
    ranked with, 0…100.

    `suggested_micros`: the tenant price of the winner at even weights, cap aside.
    `cheapest_above_micros`: the nearest price above the cap, when there is one.
    """

    candidates: tuple[Candidate, ...]
    quality_factor: float
    decision: dict[str, Any] = field(repr=False)
    suggested_micros: int
    cheapest_above_micros: int | None


def find_route(*, tenant_id: int, is_test: bool, wish: RouteWish, rules: Rules, now: datetime) -> Route:
    """Rank what the tenant may buy for this wish: one SQL query, or what it answered within the same second
    (providers.routing_memory). Wallets are not looked at.

    Raises UnknownService, ServiceProhibited, UnknownCountry, NoNumbers,
    UpstreamUnavailable (there are offers, but each of their
    providers is out of reach), MaxPriceExceeded(suggested_micros).
    """
    floor, own_floor = cost_floors(wish, rules)
    asked = question(wish, tenant_id=tenant_id, floor_micros=floor, own_floor_micros=own_floor)
    moment = moment_of(now)
    if moment is None:
        return _best_of(read_shelf(asked, is_test=is_test, now=now), wish, rules)
    return _recalled(moment, moment.shared(asked), is_test, wish, rules)


def _recalled(moment: Moment, asked: Question, is_test: bool, wish: RouteWish, rules: Rules) -> Route:
    """By what is remembered of the shelf, and of the choice by the same taste at the same prices."""
    taste = (wish.min_price_micros, wish.max_price_micros, wish.caps_at_suggested, wish.quality_factor)

    def choose() -> Route:
        shelf = moment.recall((asked, is_test), lambda: read_shelf(asked, is_test=is_test, now=moment.now))
        return _best_of(shelf, wish, rules)

    return moment.recall((asked, is_test, taste, rules.platform), choose)


def find_rental_route(
    *,
    tenant_id: int,
    is_test: bool,
    wish: RentalRouteWish,
    rules: Rules,
    now: datetime,
    provider_id: int | None = None,
) -> Route:
    """The same for a rental of `wish.hours`; `provider_id`: of this one only (extensions).

    Raises as `find_route`; NoNumbers also where nobody rents for such a time.
    """
    shelf = rental_shelf_of(tenant_id=tenant_id, is_test=is_test, wish=wish, provider_id=provider_id, now=now)
    return _best_of(shelf, wish, rules)


def _best_of(shelf: Shelf, wish: RouteWish, rules: Rules) -> Route:
    if shelf.prohibited is None:
        raise UnknownService
    if shelf.prohibited:
        raise ServiceProhibited
    if not shelf.has_country:
        raise UnknownCountry
    rejected: Rejected = Counter()
    offers = fitting(shelf, wish, rules, rejected)
    if not offers:
        raise _nothing(rejected)
    asked = shelf.policy.quality_factor if wish.quality_factor is None else wish.quality_factor
    suggested = ranked(offers, EVEN)[0].price_micros  # of what is chosen when price and quality count alike
    cap = suggested if wish.max_price_micros is None and wish.caps_at_suggested else wish.max_price_micros
    return _route(offers, cap, suggested, 100 * EVEN if asked is None else asked, rejected)


def _nothing(rejected: Rejected) -> NoNumbers | UpstreamUnavailable:
    reasons = {reason for _, reason in rejected}
    return UpstreamUnavailable() if reasons and reasons <= OUT_OF_REACH else NoNumbers()


def _route(
    offers: list[Priced],
    cap_micros: int | None,
    suggested_micros: int,
    quality_factor: float,
    rejected: Rejected,
) -> Route:
    above = [] if cap_micros is None else [one for one in offers if one.price_micros > cap_micros]
    affordable = offers if not above else [one for one in offers if one.price_micros <= (cap_micros or 0)]
    if not affordable:
        raise MaxPriceExceeded(suggested_micros=min(one.price_micros for one in above))
    for one in above:
        rejected[one.row.provider_no, "too_dear"] += 1
    weight = min(max(quality_factor / 100, 0.0), 1.0)
    candidates: list[Candidate] = []
    chosen: list[Priced] = []
    on_trial: set[int] = set()
    for one in ranked(affordable, weight):
        if one.row.provider_id in on_trial:
            rejected[one.row.provider_no, "tripped"] += 1  # it is tried with its best line only
            continue
        try:
            candidates.append(_candidate(one))
        except SecretUnreadable:
            rejected[one.row.provider_no, "secret_unreadable"] += 1
            continue
        chosen.append(one)
        if one.row.state == DEGRADED:
            on_trial.add(one.row.provider_id)
        if len(candidates) == CANDIDATES_MAX + len(on_trial):
            break
    if not candidates:
        raise _nothing(rejected)
    return Route(
        candidates=tuple(candidates),
        quality_factor=quality_factor,
        decision=decision(weight, affordable, chosen, rejected),
        suggested_micros=suggested_micros,
        cheapest_above_micros=min((one.price_micros for one in above), default=None),
    )


def _candidate(one: Priced) -> Candidate:
    row = one.row
    account = Account(
        base_url=row.base_url.rstrip("/"),
        secret=open_secret(bytes(row.secret_encrypted)),
        timeout_seconds=row.timeout_seconds,
        callback_url=callback_url(row.callback_token),
        options={} if row.options == "{}" else json.loads(row.options),
        provider_id=row.provider_id,
        is_guarded=row.is_own,
    )
    return Candidate(
        offer_id=row.offer_id,
        provider_id=row.provider_id,
        provider_no=row.provider_no,
        is_own=row.is_own,
        protocol=row.protocol,
        account=account,
        upstream_service=row.upstream_service,
        upstream_country=row.upstream_country,
        operator=row.operator,
        upstream_operator=row.upstream_operator,
        offer_ref=row.upstream_ref,
        cost_micros=row.cost_micros * row.units,
        price_micros=one.price_micros,
        quality=one.quality,
        cancel_lock_seconds=row.cancel_lock_seconds,
        life_seconds=row.life_seconds,
        cancel_fee_micros=row.cancel_fee_micros,
        check_seconds=row.check_seconds,
        was_failing=row.state != "ok" or row.failures > 0,
        needs_probe=row.state == DEGRADED,
        units=row.units,
    )

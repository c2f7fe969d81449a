"""Chooses whom to ask: the offers that fit a wish, best first (docs/protocols/README.md 1.5)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from billing.money import CENT, round_up
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
from providers.registry import ADAPTERS, callback_url
from providers.routing_sql import Measured, OfferRow, Sample, Shelf, rental_shelf_of, shelf_of
from providers.scoring import EVEN, score, shrunk
from providers.secrets import open_secret

CANDIDATES_MAX = 4
DEGRADED = "degraded"
# A provider in one of these is out of reach for now; it is the operator's trouble, not a lack of numbers.
OUT_OF_REACH = frozenset({"tripped", "out_of_funds", "bad_credentials", "banned", "secret_unreadable"})


class RouteWish(Protocol):
    """What the router reads of a wish (activations.wish.Wish is one). Amounts: tenant price in micro-USD."""

    @property
    def service_id(self) -> str: ...
    @property
    def country_id(self) -> str: ...
    @property
    def max_price_micros(self) -> int | None: ...
    @property
    def quality_factor(self) -> float: ...
    @property
    def operator(self) -> str: ...
    @property
    def capability(self) -> str: ...
    @property
    def include_providers(self) -> Collection[int]: ...
    @property
    def exclude_providers(self) -> Collection[int]: ...


class RentalRouteWish(RouteWish, Protocol):
    """What the router reads of the wish for a rental. Amounts: tenant price of the term, micro-USD."""

    @property
    def hours(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Candidate:
    """One offer with all that ordering from it needs. Micro-USD; `is_own`: the tenant's own account, whose
    cost he pays himself. `was_failing`: a success should be told to providers.health. `units`: how often the
    offer's line is bought, and cost and price are those of all (more than one only for a rental by the day).
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
    units: int = 1

    @property
    def adapter(self) -> Adapter:
        return ADAPTERS[self.protocol](self.account)


@dataclass(frozen=True, slots=True)
class Route:
    """At most four candidates, best first, all at or below the cap. `decision` is kept with the order.

    `suggested_micros`: the tenant price of the winner at even weights, cap aside.
    `cheapest_above_micros`: the nearest price above the cap, when there is one.
    """

    candidates: tuple[Candidate, ...]
    decision: dict[str, Any] = field(repr=False)
    suggested_micros: int
    cheapest_above_micros: int | None


@dataclass(slots=True)
class _Priced:
    row: OfferRow
    price_micros: int
    quality: float | None
    sample: Sample | None
    score: float = 0.0


def find_route(*, tenant_id: int, is_test: bool, wish: RouteWish, rules: Rules, now: datetime) -> Route:
    """Rank what the tenant may buy for this wish. One SQL query, and one write when it tries a
    provider whose breaker was open. Wallets are not looked at.

    Raises UnknownService, ServiceProhibited, UnknownCountry, NoNumbers,
    UpstreamUnavailable (there are offers, but each of their
    providers is out of reach), MaxPriceExceeded(suggested_micros).
    """
    shelf = shelf_of(
        tenant_id=tenant_id,
        is_test=is_test,
        service_id=wish.service_id,
        country_id=wish.country_id,
        capability=wish.capability,
    )
    return _best_of(shelf, wish, rules, now)


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
    shelf = rental_shelf_of(
        tenant_id=tenant_id,
        is_test=is_test,
        service_id=wish.service_id,
        country_id=wish.country_id,
        hours=wish.hours,
        provider_id=provider_id,
    )
    return _best_of(shelf, wish, rules, now)


def _best_of(shelf: Shelf, wish: RouteWish, rules: Rules, now: datetime) -> Route:
    if shelf.prohibited is None:
        raise UnknownService
    if shelf.prohibited:
        raise ServiceProhibited
    if not shelf.has_country:
        raise UnknownCountry
    rejected: Counter[tuple[int, str]] = Counter()
    fitting = _fitting(shelf.offers, shelf.measured, wish, rules, now, rejected)
    if not fitting:
        raise _nothing(rejected)
    return _route(fitting, wish, now, rejected)


def _fitting(
    rows: Iterable[OfferRow],
    measured: Measured,
    wish: RouteWish,
    rules: Rules,
    now: datetime,
    rejected: Counter[tuple[int, str]],
) -> list[_Priced]:
    """The offers that could be bought, whatever they cost; the others are counted with the reason."""
    fitting = []
    for row in rows:
        if reason := _objection(row, wish, now):
            rejected[row.provider_no, reason] += 1
        else:
            sample = measured.of(row)
            quality = shrunk(sample.codes, sample.orders, row.quality) if sample else row.quality
            fitting.append(_Priced(row, tenant_price(row, wish, rules), quality, sample))
    return fitting


def _objection(row: OfferRow, wish: RouteWish, now: datetime) -> str:
    """Why an offer is left out, or an empty text."""
    if not row.is_enabled:
        return "paused"
    if wish.include_providers and row.provider_no not in wish.include_providers:
        return "not_included"
    if row.provider_no in wish.exclude_providers:
        return "excluded"
    if wish.operator != "any" and row.operator not in wish.operator.split(","):
        return "operator"
    if row.protocol not in ADAPTERS:
        return "unknown_protocol"
    if row.state != "ok" and (row.blocked_until is None or row.blocked_until > now):
        return "tripped" if row.state == DEGRADED else row.state
    return ""


def tenant_price(row: OfferRow, wish: RouteWish, rules: Rules) -> int:
    """By the platform's rules; for the tenant's own account what it costs him, rounded up to a cent."""
    if row.is_own:
        return round_up(row.cost_micros, CENT) * row.units
    return rules.tenant_price(row.cost_micros, wish.service_id, wish.country_id) * row.units


def _nothing(rejected: Counter[tuple[int, str]]) -> NoNumbers | UpstreamUnavailable:
    reasons = {reason for _, reason in rejected}
    return UpstreamUnavailable() if reasons and reasons <= OUT_OF_REACH else NoNumbers()


def _route(
    fitting: list[_Priced], wish: RouteWish, now: datetime, rejected: Counter[tuple[int, str]]
) -> Route:
    suggested = _ranked(fitting, EVEN)[0].price_micros
    cap = wish.max_price_micros
    above = [] if cap is None else [one for one in fitting if one.price_micros > cap]
    affordable = (
        fitting if not above else [one for one in fitting if cap is not None and one.price_micros <= cap]
    )
    if not affordable:
        raise MaxPriceExceeded(suggested_micros=suggested)
    for one in above:
        rejected[one.row.provider_no, "too_dear"] += 1
    weight = min(max(wish.quality_factor / 100, 0.0), 1.0)
    candidates: list[Candidate] = []
    scores: list[list[object]] = []
    for one in _ranked(affordable, weight):
        if one.row.state == DEGRADED and not take_probe(one.row.provider_id, now):
            rejected[one.row.provider_no, "tripped"] += 1
            continue
        try:
            candidates.append(_candidate(one))
        except SecretUnreadable:
            rejected[one.row.provider_no, "secret_unreadable"] += 1
            continue
        scores.append(_line(one))
        if len(candidates) == CANDIDATES_MAX:
            break
    if not candidates:
        raise _nothing(rejected)
    return Route(
        candidates=tuple(candidates),
        decision=_decision(weight, len(affordable), scores, rejected),
        suggested_micros=suggested,
        cheapest_above_micros=min((one.price_micros for one in above), default=None),
    )


def _ranked(offers: Sequence[_Priced], weight: float) -> list[_Priced]:
    """Lowest score first: (1−f)·price/max(price) + f·(1−quality); ties by priority, then cost."""
    dearest = max(one.price_micros for one in offers) or 1
    for one in offers:
        one.score = score(one.price_micros, dearest, one.quality, weight)
    return sorted(
        offers, key=lambda one: (one.score, one.row.priority, one.row.cost_micros, one.row.offer_id)
    )


def _line(one: _Priced) -> list[object]:
    """Offer, provider number, tenant price, score, cost, quality it was scored with (None: unknown), and
    the number of our own orders that this quality rests on.
    """
    row = one.row
    quality = None if one.quality is None else round(one.quality, 3)
    orders = one.sample.orders if one.sample else 0
    return [
        row.offer_id,
        row.provider_no,
        one.price_micros,
        round(one.score, 4),
        row.cost_micros,
        quality,
        orders,
    ]


def _decision(
    weight: float, fitting: int, scores: list[list[object]], rejected: Counter[tuple[int, str]]
) -> dict[str, Any]:
    """Small JSON: `ranked` rows are those of `_line`; `rejected` rows provider number, reason, count of
    offers.
    """
    return {
        "weight": weight,
        "fitting": fitting,
        "ranked": scores,
        "rejected": [[number, reason, count] for (number, reason), count in rejected.items()],
    }


def _candidate(one: _Priced) -> Candidate:
    row = one.row
    account = Account(
        base_url=row.base_url.rstrip("/"),
        secret=open_secret(bytes(row.secret_encrypted)),
        timeout_seconds=row.timeout_seconds,
        callback_url=callback_url(row.callback_token),
        options={} if row.options == "{}" else json.loads(row.options),
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
        units=row.units,
    )

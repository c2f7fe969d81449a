"""What a provider's page tells: its funds and how long they last, what it sells, how it did and what it cost.

Reads only, a handful of queries on indexed rows, whatever else the tables hold.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, FloatField, Min, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Cast

from providers.models import OfferDay, Provider, ProviderSpend, RouteOutcome, RouteQuality

SPEND_DAYS = 7
CHART_DAYS = 30
BEST = 4  # pairs whose prices are drawn

STOCK = """
SELECT count(*), coalesce(sum(coalesce(physical_count, count)), 0)::bigint,
    count(DISTINCT service_id), count(DISTINCT country_id)
FROM providers_offer WHERE provider_id = %s AND count > 0 AND (physical_count IS NULL OR physical_count > 0)
"""
BEST_SOLD = """
SELECT service_id, country_id FROM providers_routeoutcome
WHERE provider_id = %s AND service_id <> '' AND country_id <> '' AND operator = ''
GROUP BY 1, 2 ORDER BY sum(orders) DESC, 1, 2 LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Stock:
    """Offers with numbers, these numbers, and the services and countries that they are of."""

    offers: int
    numbers: int
    services: int
    countries: int


@dataclass(frozen=True, slots=True)
class Prices:
    """What a service in a country cost at least (micro-USD) on each of the days; None: not known."""

    service_id: str
    country_id: str
    micros: Sequence[int | None]


@dataclass(frozen=True, slots=True)
class Success:
    """Numbers that ended on a UTC day, and those of them that had received a code."""

    day: date
    orders: int
    codes: int


def with_funds(providers: QuerySet[Provider], *, now: datetime) -> QuerySet[Provider]:
    """Adds, in the same query: `spent_micros` of the last seven days, `spent_since` (the first of them on
    which anything was), and the measured `orders`, `codes` and `median_seconds` of the last seven days.
    """
    spent = ProviderSpend.objects.filter(provider=OuterRef("pk"), day__gt=_first_day(now)).order_by()
    measured = RouteQuality.objects.filter(
        provider=OuterRef("pk"), service_id="", country_id="", operator=""
    ).order_by()
    return providers.annotate(
        spent_micros=Subquery(spent.values("provider").annotate(total=Sum("cost_micros")).values("total")),
        spent_since=Subquery(spent.values("provider").annotate(first=Min("day")).values("first")),
        measured_orders=Subquery(measured.values("orders")[:1]),
        measured_codes=Subquery(measured.values("codes")[:1]),
        measured_success=Subquery(
            measured.filter(orders__gt=0)
            .annotate(share=Cast(F("codes"), FloatField()) / F("orders"))
            .values("share")[:1]
        ),
        measured_median=Subquery(measured.values("median_seconds")[:1]),
        measured_p90=Subquery(measured.values("p90_seconds")[:1]),
    )


def days_left(provider: Any, *, now: datetime) -> float | None:
    """How long the balance lasts at the pace of the last seven days, for a row of `with_funds`; None: the
    balance is not known, or nothing was spent.
    """
    balance = provider.sync.balance_micros if hasattr(provider, "sync") else None
    if balance is None or not provider.spent_micros:
        return None
    days = min((now.date() - provider.spent_since).days + 1, SPEND_DAYS)
    return float(max(balance, 0) * days / provider.spent_micros)


def stock_of(provider_id: int) -> Stock:
    with connection.cursor() as cursor:
        cursor.execute(STOCK, [provider_id])
        return Stock(*cursor.fetchone())


def days_until(now: datetime, *, count: int = CHART_DAYS) -> list[date]:
    """The last days up to today (UTC)."""
    return [now.date() - timedelta(days=back) for back in reversed(range(count))]


def prices_of(provider_id: int, *, days: Sequence[date]) -> list[Prices]:
    """The lowest daily cost of the pairs of which most numbers were sold, from the rows that OfferDay keeps
    of days on which something changed.
    """
    with connection.cursor() as cursor:
        cursor.execute(BEST_SOLD, [provider_id, BEST])
        pairs = cursor.fetchall()
    return [
        Prices(service, country, _lowest(_changes(provider_id, service, country), days))
        for service, country in pairs
    ]


def success_of(provider_id: int, *, days: Sequence[date]) -> list[Success]:
    """Day by day, as far back as outcomes are kept."""
    whole = RouteOutcome.objects.filter(
        provider=provider_id, service_id="", country_id="", operator="", day__gte=days[0]
    )
    orders: dict[date, int] = defaultdict(int)
    codes: dict[date, int] = defaultdict(int)
    for day, wait, count in whole.values_list("day", "wait", "orders"):
        orders[day] += count
        codes[day] += count if wait >= 0 else 0
    return [Success(day, orders[day], codes[day]) for day in days]


def _first_day(now: datetime) -> date:
    return now.date() - timedelta(days=SPEND_DAYS)


def _changes(provider_id: int, service_id: str, country_id: str) -> list[tuple[int, date, int, int, int]]:
    """Offer, day, lowest cost of the day, last cost, stock; in the order of days."""
    rows = OfferDay.objects.filter(
        offer__provider=provider_id,
        offer__kind="activation",
        offer__service=service_id,
        offer__country=country_id,
    )
    return list(rows.order_by("day", "id").values_list("offer", "day", "low_micros", "cost_micros", "count"))


def _lowest(changes: Sequence[tuple[int, date, int, int, int]], days: Sequence[date]) -> list[int | None]:
    """Each day's lowest cost among offers that had stock: on days of a change the day's lowest, else what the
    last change left.
    """
    standing: dict[int, int] = {}
    lowest: list[int | None] = []
    place = 0
    for day in days:
        seen = []
        while place < len(changes) and changes[place][1] <= day:
            offer, changed, low, cost, count = changes[place]
            standing.pop(offer, None)
            if count:
                standing[offer] = cost
            if changed == day and (count or low < cost):
                seen.append(low)
            place += 1
        found = [*standing.values(), *seen]
        lowest.append(min(found) if found else None)
    return lowest

"""The router's one query: a service, a country, what we know of routes there, and every offer for them that
the tenant may buy.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from portal.fastlane import fetch_all
from providers.routing_facts import Measured, Policy, RentalRouteWish, RouteWish

ROWS_MAX = 200  # lines of a service in a country; what cannot be bought takes one of them per reason

COLUMNS = """
    o.id, o.operator, coalesce(nullif(o.upstream_operator, ''), o.operator), o.cost_micros, o.quality,
    o.upstream_service, o.upstream_country, o.upstream_ref,
    p.id, p.public_no, p.tenant_id IS NOT NULL, p.protocol, p.base_url, p.secret_encrypted, p.callback_token,
    p.options::text, p.priority, p.cancel_lock_seconds, p.life_seconds, p.cancel_fee_micros,
    p.timeout_seconds, p.check_seconds, coalesce(h.state, 'ok'), coalesce(h.failures, 0), judged.why
"""
# Why an offer cannot be bought or was not asked for, or an empty text. Judged before lines are counted off,
# so that those of a provider that is switched off displace no other.
JUDGED = """
CROSS JOIN LATERAL (SELECT CASE
    WHEN NOT p.is_enabled THEN 'off'
    WHEN %(include)s::text <> '{}' AND p.public_no <> ALL (%(include)s::int[]) THEN 'not_included'
    WHEN p.public_no = ANY (%(exclude)s::int[]) THEN 'excluded'
    WHEN %(operator)s::text <> 'any' AND o.operator <> ALL (string_to_array(%(operator)s::text, ','))
        THEN 'operator'
    WHEN h.state <> 'ok' AND coalesce(h.blocked_until > %(now)s::timestamptz, true)
        THEN CASE h.state WHEN 'degraded' THEN 'tripped' ELSE h.state END
    WHEN o.cost_micros < CASE WHEN p.tenant_id IS NULL THEN %(floor)s::bigint ELSE %(own_floor)s::bigint END
        THEN 'too_cheap'
    ELSE '' END) AS judged (why)
"""
# The first row holds what is known of the pair, the others one offer each: of every provider the cheapest,
# then of every provider the next, so that one with many lines crowds out nobody. Of what cannot be bought
# there is the cheapest line of each reason, with the number of all that it stands for.
QUERY = """
SELECT s.prohibited, c.id IS NOT NULL, of_pair.figures, of_country.figures, of_all.figures,
    policy.quality_factor, policy.min_success_percent, CASE WHEN policy.tenant_id IS NOT NULL THEN (
        SELECT json_agg(json_build_array(r.provider_id, r.verdict, r.boost_percent, r.min_success_percent,
                                         extract(epoch FROM r.spent_until))
                        ORDER BY r.provider_id IS NULL, r.service_id IS NULL, r.country_id IS NULL)::text
        FROM providers_routingrule r
        WHERE r.tenant_id = policy.tenant_id AND (r.service_id IS NULL OR r.service_id = wish.service)
          AND (r.country_id IS NULL OR r.country_id = wish.country)) END,
    {blank}
FROM (VALUES (%(service)s::text, %(country)s::text)) AS wish (service, country)
LEFT JOIN listed_services(%(tenant)s::bigint) s ON s.id = wish.service
LEFT JOIN listed_countries(%(tenant)s::bigint) c ON c.id = wish.country
LEFT JOIN providers_routesheet of_pair
    ON of_pair.service_id = wish.service AND of_pair.country_id = wish.country
LEFT JOIN providers_routesheet of_country
    ON of_country.service_id = '' AND of_country.country_id = wish.country
LEFT JOIN providers_routesheet of_all ON of_all.service_id = '' AND of_all.country_id = ''
LEFT JOIN providers_routingpolicy policy ON policy.tenant_id = %(tenant)s::bigint
UNION ALL
(SELECT {no_facts}, {names}
FROM (
    SELECT {columns}, count(*) OVER alike, row_number() OVER (alike ORDER BY o.cost_micros, o.id)
    FROM providers_offer o
    JOIN providers_provider p ON p.id = o.provider_id
    LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
    {judged}
    WHERE o.service_id = %(service)s::text AND o.country_id = %(country)s::text
      AND o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
      AND %(capability)s::text = ANY (o.capabilities)
      AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.{serves}
    WINDOW alike AS (PARTITION BY p.id, judged.why)
) AS found ({names}, turn)
WHERE why = '' OR turn = 1
ORDER BY turn, cost_micros LIMIT {most})
"""
# What is rented already (a provider is named) can be extended though the reseller stopped selling it.
# A line of exactly the hours, or the day's price as often as there are days (a line without hours is the
# day.s); a provider's own line for the hours is what it charges, so it goes before the days.
RENTALS = """
SELECT s.prohibited, c.id IS NOT NULL, (
    SELECT json_agg(json_build_array(r.provider_id, '', NULL, NULL, extract(epoch FROM r.spent_until)))::text
    FROM providers_routingrule r
    WHERE r.tenant_id = %(tenant)s::bigint AND r.spent_until IS NOT NULL), {blank}
FROM (VALUES (%(service)s::text, %(country)s::text)) AS wish (service, country)
LEFT JOIN all_services(%(tenant)s::bigint) s
    ON s.id = wish.service AND (NOT s.is_off OR %(provider)s::bigint IS NOT NULL)
LEFT JOIN all_countries(%(tenant)s::bigint) c
    ON c.id = wish.country AND (NOT c.is_off OR %(provider)s::bigint IS NOT NULL)
UNION ALL
(SELECT DISTINCT ON (p.id, o.operator)
    NULL, NULL, NULL, {columns}, 1, %(hours)s / coalesce(o.duration_hours, 24)
FROM providers_offer o
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
{judged}
WHERE o.service_id = %(service)s::text AND o.country_id = %(country)s::text AND o.kind = 'rental'
  AND coalesce(p.id = %(provider)s::bigint,  -- a number that is rented already needs no stock
      o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0))
  AND (o.duration_hours = %(hours)s OR (coalesce(o.duration_hours, 24) = 24 AND %(hours)s %% 24 = 0))
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint)
  AND CASE WHEN %(is_test)s THEN p.serves_test ELSE p.serves_live END
ORDER BY p.id, o.operator, o.duration_hours DESC NULLS LAST, o.cost_micros, o.id)
"""


class OfferRow(NamedTuple):
    """COLUMNS by name."""

    offer_id: int
    operator: str
    upstream_operator: str
    cost_micros: int
    quality: float | None
    upstream_service: str
    upstream_country: str
    upstream_ref: str
    provider_id: int
    provider_no: int
    is_own: bool
    protocol: str
    base_url: str
    secret_encrypted: bytes
    callback_token: str
    options: str
    priority: int
    cancel_lock_seconds: int
    life_seconds: int
    cancel_fee_micros: int
    timeout_seconds: int
    check_seconds: int
    state: str
    failures: int
    why: str
    lines: int  # offers that this one stands for
    units: int = 1  # how often the line is bought: days of a rental that has a day's price


FACTS = 8  # columns of the first row
NAMES = OfferRow._fields[:-1]
BLANK = ["NULL"] * len(NAMES)
FILLED = {
    "columns": COLUMNS,
    "judged": JUDGED,
    "names": ", ".join(NAMES),
    "no_facts": ", ".join(["NULL"] * FACTS),
    "blank": ", ".join(BLANK),
    "most": ROWS_MAX,
}
RENTED = RENTALS.format(columns=COLUMNS, judged=JUDGED, blank=", ".join([*BLANK, "NULL"]))
LIVE = QUERY.format(serves="serves_live", **FILLED)
TEST = QUERY.format(serves="serves_test", **FILLED)


class Shelf(NamedTuple):
    """What the query found. `prohibited` None: there is no such service."""

    prohibited: bool | None
    has_country: bool
    measured: Measured
    policy: Policy
    offers: list[OfferRow]


class Question(NamedTuple):
    """What the query is asked, by the names of its parameters. Arrays are written out: lists of numbers would
    be of another type, and the statement planned anew, with each size of number.
    """

    tenant: int
    service: str
    country: str
    capability: str
    operator: str
    include: str
    exclude: str
    floor: int
    own_floor: int


def question(
    wish: RouteWish, *, tenant_id: int, floor_micros: int = 0, own_floor_micros: int = 0
) -> Question:
    """What costs less than its floor is too cheap: of the shared pool, and of the tenant's own accounts."""
    return Question(
        tenant=tenant_id,
        service=wish.service_id,
        country=wish.country_id,
        capability=wish.capability,
        operator=wish.operator,
        include=_array(wish.include_providers),
        exclude=_array(wish.exclude_providers),
        floor=floor_micros,
        own_floor=own_floor_micros,
    )


def read_shelf(asked: Question, *, is_test: bool, now: datetime) -> Shelf:
    """What is in stock for a service in a country, from the shared pool and the tenant's own accounts."""
    rows = fetch_all(TEST if is_test else LIVE, asked._asdict() | {"now": now})
    facts = next(row for row in rows if row[1] is not None)
    return Shelf(
        prohibited=facts[0],
        has_country=facts[1],
        measured=Measured(*facts[2:5]),
        policy=Policy(*facts[5:FACTS], now=now),
        offers=[OfferRow(*row[FACTS:]) for row in rows if row[1] is None],
    )


def rental_shelf_of(
    *, tenant_id: int, is_test: bool, wish: RentalRouteWish, provider_id: int | None, now: datetime
) -> Shelf:
    """Every rental of `wish.hours` in stock for a service in a country, of one provider or of all. Measured
    quality and routing policies are about activations: of these only the daily caps count here.
    """
    asked = question(wish, tenant_id=tenant_id)._asdict()
    term = {"hours": wish.hours, "is_test": is_test, "provider": provider_id, "now": now}
    rows = fetch_all(RENTED, asked | term)
    prohibited, has_country, caps = next(row[:3] for row in rows if row[1] is not None)
    return Shelf(
        prohibited=prohibited,
        has_country=has_country,
        measured=Measured(),
        policy=Policy(None, None, caps, now=now),
        offers=[OfferRow(*row[3:]) for row in rows if row[1] is None],
    )


def _array(numbers: Collection[int]) -> str:
    return f"{{{','.join(map(str, numbers))}}}"

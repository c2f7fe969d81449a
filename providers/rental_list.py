"""What is for rent, and for how much: for pages and for the price lists of dialects. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from billing.money import CENT, round_up
from billing.prices import Rules
from portal.fastlane import fetch_all
from providers.policy_sql import NOT_SPENT

# Of each provider its own line for the hours, else the day's price as often as there are days, as the router
# has it (providers.routing_sql.RENTALS).
LINES = f"""
SELECT service_id, country_id, is_own, units, min(cost_micros), sum(stock)::bigint
FROM (
    SELECT DISTINCT ON (o.service_id, o.country_id, p.id, o.operator)
        o.service_id, o.country_id, p.tenant_id IS NOT NULL AS is_own, o.cost_micros,
        %(hours)s / coalesce(o.duration_hours, 24) AS units, coalesce(o.physical_count, o.count) AS stock
    FROM providers_offer o
    JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
    JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
    JOIN providers_provider p ON p.id = o.provider_id
    LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
    WHERE o.kind = 'rental' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
      AND (o.duration_hours = %(hours)s OR (coalesce(o.duration_hours, 24) = 24 AND %(hours)s %% 24 = 0))
      AND (%(service)s::text IS NULL OR o.service_id = %(service)s::text)
      AND (%(country)s::text IS NULL OR o.country_id = %(country)s::text)
      AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled
      AND CASE WHEN %(is_test)s THEN p.serves_test ELSE p.serves_live END
      AND (h.provider_id IS NULL OR h.state = 'ok' OR h.blocked_until <= %(now)s)
      AND {NOT_SPENT}
    ORDER BY o.service_id, o.country_id, p.id, o.operator, o.duration_hours DESC NULLS LAST, o.cost_micros
) AS line
GROUP BY service_id, country_id, is_own, units
"""  # noqa: S608  our own words
TERMS = """
SELECT DISTINCT coalesce(o.duration_hours, 24)
FROM providers_offer o JOIN providers_provider p ON p.id = o.provider_id
JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
WHERE o.kind = 'rental' AND o.count > 0 AND o.service_id = %(service)s AND o.country_id = %(country)s
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled
  AND CASE WHEN %(is_test)s THEN p.serves_test ELSE p.serves_live END
ORDER BY 1
"""


class ForRent(NamedTuple):
    """A service (`full`: any) in a country for a term: the lowest prices of the whole term in micro-USD, what
    the tenant pays and what the customer pays, and the numbers in stock.
    """

    service_id: str
    country_id: str
    hours: int
    price_micros: int
    customer_price_micros: int
    stock: int


def rentals_on_sale(
    *,
    tenant_id: int,
    is_test: bool,
    rules: Rules,
    hours: int,
    service_id: str | None = None,
    country_id: str | None = None,
    step_micros: int = CENT,
    now: datetime,
) -> list[ForRent]:
    """Everything that could be rented now for `hours`, or of one service or country; in no order. One query.

    With 24 hours it lists the prices of a day. Customers' prices are multiples of `step_micros` (F19).
    """
    facts = {
        "tenant": tenant_id,
        "is_test": is_test,
        "hours": hours,
        "service": service_id,
        "country": country_id,
        "now": now,
    }
    found: dict[tuple[str, str], ForRent] = {}
    for service, country, is_own, units, cost, stock in fetch_all(LINES, facts):
        line = round_up(cost, CENT) if is_own else rules.tenant_price(cost, service, country)
        customer = round_up(rules.customer_price(line, service, country), step_micros) * units
        other = found.get((service, country))
        one = ForRent(service, country, hours, line * units, customer, stock)
        if other is not None:
            one = min(one, other, key=lambda each: each.customer_price_micros)
            one = one._replace(stock=stock + other.stock)
        found[service, country] = one
    return list(found.values())


def rental_terms(*, tenant_id: int, is_test: bool, service_id: str, country_id: str) -> list[int]:
    """The hours for which there are lines, shortest first; 24 among them sells any number of days."""
    facts = {"tenant": tenant_id, "is_test": is_test, "service": service_id, "country": country_id}
    return [hours for (hours,) in fetch_all(TERMS, facts)]

"""What is on sale, for pages and lists: the lowest cost of each service in each country. Reads only."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from providers.policy_sql import ALLOWED

ON_SALE = f"""
FROM providers_offer o
JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
  AND 'sms' = ANY (o.capabilities)
  AND (%(service)s::text IS NULL OR o.service_id = %(service)s::text)
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled
  AND CASE WHEN %(is_test)s::boolean THEN p.serves_test ELSE p.serves_live END
  AND (h.provider_id IS NULL OR h.state = 'ok' OR h.blocked_until <= %(now)s)
  AND {ALLOWED}
"""
HERE = "AND (%(country)s::text IS NULL OR o.country_id = %(country)s::text)"
QUERY = f"""
SELECT o.service_id, o.country_id, p.tenant_id IS NOT NULL, min(o.cost_micros), sum(o.count)::bigint,
       max(o.success_rate)
{ON_SALE}
GROUP BY 1, 2, 3
"""
TIERS = f"""
SELECT o.service_id, o.country_id, p.public_no, p.tenant_id IS NOT NULL, o.operator, o.cost_micros,
       sum(o.count)::bigint, sum(coalesce(o.physical_count, o.count))::bigint
{ON_SALE} {HERE}
GROUP BY 1, 2, 3, 4, 5, 6
ORDER BY 2, 1, 6
"""
COUNTRIES = f"SELECT DISTINCT o.country_id {ON_SALE}"
SERVICES = f"SELECT DISTINCT o.service_id {ON_SALE} {HERE}"
OPERATORS = f"""
SELECT DISTINCT o.country_id, o.operator {ON_SALE} {HERE} AND o.operator <> 'any'
ORDER BY 1, 2
"""


class Line(NamedTuple):
    """A service in a country, from the shared pool or (`is_own`) from the tenant's own accounts.

    `cost_micros` is that of the cheapest offer; `stock` adds up all; `success_rate` is a share of 1 or None.
    """

    service_id: str
    country_id: str
    is_own: bool
    cost_micros: int
    stock: int
    success_rate: float | None


def lines_on_sale(
    *, tenant_id: int, is_test: bool, service_id: str | None = None, now: datetime
) -> list[Line]:
    """Every line that the tenant's customers could buy now, of one service or of all."""
    with connection.cursor() as cursor:
        cursor.execute(QUERY, {"tenant": tenant_id, "is_test": is_test, "service": service_id, "now": now})
        return [Line._make(row) for row in cursor.fetchall()]


class Tier(NamedTuple):
    """A provider's price in a country. `stock` is what it announces, `physical` what it has."""

    service_id: str
    country_id: str
    provider_no: int
    is_own: bool
    operator: str
    cost_micros: int
    stock: int
    physical: int


def tiers_on_sale(
    *,
    tenant_id: int,
    is_test: bool,
    service_id: str | None = None,
    country_id: str | None = None,
    now: datetime,
) -> list[Tier]:
    """Every price at which the tenant's customers could buy now, by country, service and cost."""
    params = {
        "tenant": tenant_id,
        "is_test": is_test,
        "service": service_id,
        "country": country_id,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(TIERS, params)
        return [Tier._make(row) for row in cursor.fetchall()]


def countries_on_sale(*, tenant_id: int, is_test: bool, now: datetime) -> list[str]:
    """Where the tenant's customers could buy anything now, in no order."""
    return [country for (country,) in _found(COUNTRIES, tenant_id, is_test, now)]


def services_on_sale(
    *, tenant_id: int, is_test: bool, country_id: str | None = None, now: datetime
) -> list[str]:
    """What they could buy now in a country, or anywhere; in no order."""
    return [service for (service,) in _found(SERVICES, tenant_id, is_test, now, country_id=country_id)]


def operators_on_sale(
    *, tenant_id: int, is_test: bool, service_id: str | None, country_id: str | None, now: datetime
) -> list[tuple[str, str]]:
    """(country, operator) of all that they could choose now, of one service or country or of all, by country
    and name.
    """
    found = _found(OPERATORS, tenant_id, is_test, now, service_id=service_id, country_id=country_id)
    return [(country, operator) for country, operator in found]


def _found(
    query: str,
    tenant_id: int,
    is_test: bool,
    now: datetime,
    *,
    service_id: str | None = None,
    country_id: str | None = None,
) -> list[tuple[Any, ...]]:
    facts: dict[str, Any] = {"tenant": tenant_id, "is_test": is_test, "now": now}
    facts |= {"service": service_id, "country": country_id}
    with connection.cursor() as cursor:
        cursor.execute(query, facts)
        return list(cursor.fetchall())

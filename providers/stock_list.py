"""What is in stock now, by operator and cost: for lists of what could be sold at a price. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from portal.fastlane import fetch_all
from providers.policy_sql import ALLOWED, NOT_SPENT
from providers.registry import ADAPTERS

FROM = """
FROM providers_offer o
JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
  AND (%(countries)s::text[] = '{}' OR o.country_id = ANY (%(countries)s::text[]))
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled
  AND CASE WHEN %(is_test)s::boolean THEN p.serves_test ELSE p.serves_live END
  AND p.protocol = ANY (%(protocols)s::text[])
  AND (h.provider_id IS NULL OR h.state = 'ok' OR h.blocked_until <= %(now)s)
"""
LINES = f"""
SELECT o.service_id, o.country_id, o.operator, p.tenant_id IS NOT NULL, o.cost_micros, 1,
    sum(coalesce(o.physical_count, o.count))::bigint
{FROM} AND o.kind = 'activation' AND 'sms' = ANY (o.capabilities) AND {ALLOWED}
GROUP BY 1, 2, 3, 4, 5
"""
# A provider's own line for the hours, else the day's price as often as there are days, as the router has it
# (providers.routing_sql.RENTALS).
RENTALS = f"""
SELECT DISTINCT ON (o.country_id, p.id, o.operator)
    o.service_id, o.country_id, o.operator, p.tenant_id IS NOT NULL, o.cost_micros,
    %(hours)s::int / coalesce(o.duration_hours, 24), coalesce(o.physical_count, o.count)
{FROM} AND o.kind = 'rental' AND o.service_id = 'full' AND {NOT_SPENT}
  AND (o.duration_hours = %(hours)s::int
       OR coalesce(o.duration_hours, 24) = 24 AND %(hours)s::int %% 24 = 0)
ORDER BY o.country_id, p.id, o.operator, o.duration_hours DESC NULLS LAST, o.cost_micros
"""


class StockLine(NamedTuple):
    """Numbers of one operator at one cost (micro-USD, `units` times that for a rental's whole term)."""

    service_id: str
    country_id: str
    operator: str
    is_own: bool
    cost_micros: int
    units: int
    stock: int


def stock_lines(
    *, tenant_id: int, is_test: bool, hours: int | None, countries: Sequence[str], now: datetime
) -> list[StockLine]:
    """Everything that could be bought now, or with `hours` rented for any service; `countries` empty: in all.
    In no order. One query.
    """
    facts: dict[str, Any] = {
        "tenant": tenant_id,
        "is_test": is_test,
        "hours": hours,
        "countries": list(countries),
        "protocols": list(ADAPTERS),
        "now": now,
    }
    rows = fetch_all(LINES if hours is None else RENTALS, facts)
    return [StockLine._make(row) for row in rows]

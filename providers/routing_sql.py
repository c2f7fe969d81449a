"""The router's one query: a service, a country, and every offer for them that the tenant may buy."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from portal.fastlane import fetch_all

ROWS_MAX = (
    200  # the cheapest lines of a service in a country; a dialect with more tiers than that exists nowhere
)

COLUMNS = """
    o.id, o.operator, o.cost_micros, o.quality, o.upstream_service, o.upstream_country, o.upstream_ref,
    p.id, p.public_no, p.tenant_id IS NOT NULL, p.protocol, p.base_url, p.secret_encrypted, p.callback_token,
    p.options::text, p.priority, p.is_enabled, p.cancel_lock_seconds, p.life_seconds, p.cancel_fee_micros,
    p.timeout_seconds, p.check_seconds, coalesce(h.state, 'ok'), coalesce(h.failures, 0), h.blocked_until
"""
QUERY = """
SELECT s.prohibited, c.id IS NOT NULL, offer.*
FROM (VALUES (%s::text, %s::text)) AS wish (service, country)
LEFT JOIN providers_service s ON s.id = wish.service
LEFT JOIN providers_country c ON c.id = wish.country
LEFT JOIN LATERAL (
    SELECT {columns}
    FROM providers_offer o
    JOIN providers_provider p ON p.id = o.provider_id
    LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
    WHERE o.service_id = wish.service AND o.country_id = wish.country
      AND o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
      AND %s::text = ANY (o.capabilities)
      AND (p.tenant_id IS NULL OR p.tenant_id = %s::bigint) AND p.{serves}
    ORDER BY o.cost_micros LIMIT {most}
) AS offer ON true
"""
LIVE = QUERY.format(columns=COLUMNS, serves="serves_live", most=ROWS_MAX)
TEST = QUERY.format(columns=COLUMNS, serves="serves_test", most=ROWS_MAX)


class OfferRow(NamedTuple):
    """COLUMNS by name."""

    offer_id: int
    operator: str
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
    is_enabled: bool
    cancel_lock_seconds: int
    life_seconds: int
    cancel_fee_micros: int
    timeout_seconds: int
    check_seconds: int
    state: str
    failures: int
    blocked_until: datetime | None


class Shelf(NamedTuple):
    """What the query found. `prohibited` None: there is no such service."""

    prohibited: bool | None
    has_country: bool
    offers: list[OfferRow]


def shelf_of(*, tenant_id: int, is_test: bool, service_id: str, country_id: str, capability: str) -> Shelf:
    """Everything in stock for a service in a country, from the shared pool and the tenant's own accounts."""
    rows = fetch_all(TEST if is_test else LIVE, [service_id, country_id, capability, tenant_id])
    prohibited, has_country = rows[0][:2]
    return Shelf(prohibited, has_country, [OfferRow._make(row[2:]) for row in rows if row[2] is not None])

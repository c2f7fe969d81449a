"""The router's one query: a service, a country, what we know of routes there, and every offer for them that
the tenant may buy.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import orjson

from portal.fastlane import fetch_all

ROWS_MAX = (
    200  # the cheapest lines of a service in a country; a dialect with more tiers than that exists nowhere
)

COLUMNS = """
    o.id, o.operator, coalesce(nullif(o.upstream_operator, ''), o.operator), o.cost_micros, o.quality,
    o.upstream_service, o.upstream_country, o.upstream_ref,
    p.id, p.public_no, p.tenant_id IS NOT NULL, p.protocol, p.base_url, p.secret_encrypted, p.callback_token,
    p.options::text, p.priority, p.is_enabled, p.cancel_lock_seconds, p.life_seconds, p.cancel_fee_micros,
    p.timeout_seconds, p.check_seconds, coalesce(h.state, 'ok'), coalesce(h.failures, 0), h.blocked_until
"""
# The first row holds what is known of the pair, the others one offer each.
QUERY = """
SELECT s.prohibited, c.id IS NOT NULL, of_pair.figures, of_country.figures, of_all.figures, {blank}
FROM (VALUES (%(service)s::text, %(country)s::text)) AS wish (service, country)
LEFT JOIN providers_service s ON s.id = wish.service
LEFT JOIN providers_country c ON c.id = wish.country
LEFT JOIN providers_routesheet of_pair
    ON of_pair.service_id = wish.service AND of_pair.country_id = wish.country
LEFT JOIN providers_routesheet of_country
    ON of_country.service_id = '' AND of_country.country_id = wish.country
LEFT JOIN providers_routesheet of_all ON of_all.service_id = '' AND of_all.country_id = ''
UNION ALL
(SELECT NULL, NULL, NULL, NULL, NULL, {columns}
FROM providers_offer o
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE o.service_id = %(service)s::text AND o.country_id = %(country)s::text
  AND o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
  AND %(capability)s::text = ANY (o.capabilities)
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.{serves}
ORDER BY o.cost_micros LIMIT {most})
"""
# A line of exactly the hours, or the day's price as often as there are days (a line without hours is the
# day.s); a provider's own line for the hours is what it charges, so it goes before the days.
RENTALS = """
SELECT s.prohibited, c.id IS NOT NULL, {blank}
FROM (VALUES (%(service)s::text, %(country)s::text)) AS wish (service, country)
LEFT JOIN providers_service s ON s.id = wish.service
LEFT JOIN providers_country c ON c.id = wish.country
UNION ALL
(SELECT DISTINCT ON (p.id, o.operator) NULL, NULL, {columns}, %(hours)s / coalesce(o.duration_hours, 24)
FROM providers_offer o
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
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
    is_enabled: bool
    cancel_lock_seconds: int
    life_seconds: int
    cancel_fee_micros: int
    timeout_seconds: int
    check_seconds: int
    state: str
    failures: int
    blocked_until: datetime | None
    units: int = 1  # how often the line is bought: days of a rental that has a day's price


FACTS = 5  # columns of the first row
BLANK = ["NULL"] * (len(OfferRow._fields) - 1)
FILLED = {"columns": COLUMNS, "blank": ", ".join(BLANK), "most": ROWS_MAX}
RENTED = RENTALS.format(columns=COLUMNS, blank=", ".join([*BLANK, "NULL"]))
LIVE = QUERY.format(serves="serves_live", **FILLED)
TEST = QUERY.format(serves="serves_test", **FILLED)


class Sample(NamedTuple):
    """Of how many numbers that ended how many had received a code; nine of ten codes came within
    `p90_seconds` (None: no code came).
    """

    orders: int
    codes: int
    p90_seconds: int | None


class Measured:
    """Our own experience with the routes of one service in one country (providers.routing_models)."""

    def __init__(self, *sheets: str | None) -> None:
        """Sheets of the pair, of its country, and of everything."""
        self._samples: list[dict[tuple[int, str], Sample]] = [
            {(provider, operator): Sample(*figures) for provider, operator, *figures in orjson.loads(sheet)}
            for sheet in sheets
            if sheet
        ]

    def of(self, offer: OfferRow) -> Sample | None:
        """The narrowest figure that is not of too few orders; None: nothing was ever bought there."""
        for samples in self._samples:
            found = samples.get((offer.provider_id, offer.operator)) or samples.get((offer.provider_id, ""))
            if found:
                return found
        return None


class Shelf(NamedTuple):
    """What the query found. `prohibited` None: there is no such service."""

    prohibited: bool | None
    has_country: bool
    measured: Measured
    offers: list[OfferRow]


def shelf_of(*, tenant_id: int, is_test: bool, service_id: str, country_id: str, capability: str) -> Shelf:
    """Everything in stock for a service in a country, from the shared pool and the tenant's own accounts."""
    wish = {"service": service_id, "country": country_id, "capability": capability, "tenant": tenant_id}
    rows = fetch_all(TEST if is_test else LIVE, wish)
    prohibited, has_country, *sheets = next(row[:FACTS] for row in rows if row[1] is not None)
    return Shelf(
        prohibited,
        has_country,
        Measured(*sheets),
        [OfferRow(*row[FACTS:]) for row in rows if row[1] is None],
    )


def rental_shelf_of(
    *, tenant_id: int, is_test: bool, service_id: str, country_id: str, hours: int, provider_id: int | None
) -> Shelf:
    """Every rental of `hours` in stock for a service in a country, of one provider or of all."""
    wish = {
        "service": service_id,
        "country": country_id,
        "hours": hours,
        "tenant": tenant_id,
        "is_test": is_test,
        "provider": provider_id,
    }
    rows = fetch_all(RENTED, wish)
    prohibited, has_country = next(row[:2] for row in rows if row[1] is not None)
    return Shelf(prohibited, has_country, Measured(), [OfferRow(*row[2:]) for row in rows if row[1] is None])

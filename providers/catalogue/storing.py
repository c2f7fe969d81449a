"""Writes a provider's mapped list in one statement: what is new or differs, what vanished, points of charts.

A row that says the same is neither written nor locked: an upsert would lock it, and the lock alone is a
record in the log of the database for each of 100 000 rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from providers.catalogue.lines import Key, physical_stock_of, quality_of, stock_of
from providers.contract import ListedOffer
from providers.models import Provider

SHORTEST_SHARE = 0.1  # of the list before; a shorter one is more likely a mistake than the truth

FIRST = """
INSERT INTO providers_cataloguesync (provider_id, offers)
SELECT %(provider)s, count(*) FROM providers_offer WHERE provider_id = %(provider)s AND count > 0
ON CONFLICT DO NOTHING
"""
LOCK = "SELECT offers, synced_at FROM providers_cataloguesync WHERE provider_id = %s FOR UPDATE"
# How many rows meet is not known before: of a provider that is new, the statistics say nothing. Hash joins
# bear any number, and the plan is made for these very arrays.
SETTINGS = """
SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_nestloop = off; SET LOCAL work_mem = '64MB';
SET LOCAL statement_timeout = '5min'
"""
STORE = """
WITH line AS MATERIALIZED (
    SELECT kind, service, country, operator, ref, hours, cost, count, physical, quality,
        string_to_array(capabilities, ',')::varchar(8)[] AS capabilities, upstream_service, upstream_country,
        CASE WHEN upstream_operator = operator THEN '' ELSE upstream_operator END AS upstream_operator
    FROM unnest(%(kinds)s::text[], %(services)s::text[], %(countries)s::text[], %(operators)s::text[],
        %(refs)s::text[], %(hours)s::int[], %(costs)s::bigint[], %(counts)s::int[], %(physicals)s::int[],
        %(qualities)s::float[], %(capabilities)s::text[], %(upstream_services)s::text[],
        %(upstream_countries)s::text[], %(upstream_operators)s::text[])
        AS line (kind, service, country, operator, ref, hours, cost, count, physical, quality, capabilities,
            upstream_service, upstream_country, upstream_operator)
), known AS MATERIALIZED (
    SELECT * FROM providers_offer WHERE provider_id = %(provider)s
), news AS (
    SELECT line.* FROM line LEFT JOIN known o
        ON (o.kind, o.service_id, o.country_id, o.operator, o.upstream_ref, coalesce(o.duration_hours, 0))
         = (line.kind, line.service, line.country, line.operator, line.ref, line.hours)
    WHERE o.id IS NULL OR (o.cost_micros, o.count, o.physical_count, o.quality, o.capabilities,
            o.upstream_service, o.upstream_country, o.upstream_operator)
        IS DISTINCT FROM (line.cost, line.count, line.physical, line.quality, line.capabilities,
            line.upstream_service, line.upstream_country, line.upstream_operator)
), stored AS (
    INSERT INTO providers_offer (provider_id, kind, service_id, country_id, operator, upstream_ref,
        duration_hours, cost_micros, count, physical_count, quality, capabilities, upstream_service,
        upstream_country, upstream_operator, changed_at)
    SELECT %(provider)s, kind, service, country, operator, ref, nullif(hours, 0), cost, count, physical,
        quality, capabilities, upstream_service, upstream_country, upstream_operator, %(now)s
    FROM news
    ON CONFLICT (provider_id, kind, service_id, country_id, operator, upstream_ref, duration_hours)
    DO UPDATE SET cost_micros = excluded.cost_micros, count = excluded.count,
        physical_count = excluded.physical_count, quality = excluded.quality,
        capabilities = excluded.capabilities, upstream_service = excluded.upstream_service,
        upstream_country = excluded.upstream_country, upstream_operator = excluded.upstream_operator,
        changed_at = excluded.changed_at
    RETURNING old.cost_micros AS old_cost, old.count AS old_count, new.id, new.cost_micros, new.count
), gone AS (
    UPDATE providers_offer o SET count = 0, changed_at = %(now)s
    FROM known LEFT JOIN line
        ON (known.kind, known.service_id, known.country_id, known.operator, known.upstream_ref,
            coalesce(known.duration_hours, 0))
         = (line.kind, line.service, line.country, line.operator, line.ref, line.hours)
    WHERE o.id = known.id AND known.count > 0 AND line.kind IS NULL
    RETURNING o.id, o.cost_micros
), points AS (
    INSERT INTO providers_offerday AS point (offer_id, day, low_micros, high_micros, cost_micros, count)
    SELECT id, %(day)s, least(old_cost, cost_micros), greatest(old_cost, cost_micros), cost_micros, count
    FROM stored
    WHERE old_cost IS DISTINCT FROM cost_micros OR old_count IS NULL
        OR floor(ln(old_count + 1.0::float)) <> floor(ln(count + 1.0::float))
    UNION ALL
    SELECT id, %(day)s, cost_micros, cost_micros, cost_micros, 0 FROM gone
    ON CONFLICT (offer_id, day) DO UPDATE
    SET low_micros = least(point.low_micros, excluded.low_micros),
        high_micros = greatest(point.high_micros, excluded.high_micros),
        cost_micros = excluded.cost_micros, count = excluded.count
)
SELECT (SELECT count(*) FROM stored), (SELECT count(*) FROM gone)
"""
DONE = """
UPDATE providers_cataloguesync SET offers = %s, synced_at = %s, trouble = '' WHERE provider_id = %s
"""
CHANGED = "INSERT INTO providers_cataloguechange (topic, tenant_id) VALUES ('prices', %s::bigint)"


class Stored(NamedTuple):
    """Offers that were written, and that vanished. `before`: offers in the list that was taken over last.
    `is_refused`: this one is too short to be believed, and nothing changed.
    """

    written: int
    vanished: int
    before: int
    is_refused: bool = False


@transaction.atomic
def store(
    provider: Provider, offers: Mapping[Key, ListedOffer], now: datetime, *, accept_short: bool
) -> Stored:
    """Make the provider's offers match its list. Two lists of a provider are written one after the other."""
    with connection.cursor() as cursor:
        cursor.execute(FIRST, {"provider": provider.pk})
        cursor.execute(LOCK, [provider.pk])
        before, synced_at = cursor.fetchone()
        if synced_at is not None and synced_at > now:
            return Stored(0, 0, before)  # somebody read a newer list meanwhile
        if not accept_short and len(offers) < before * SHORTEST_SHARE:
            return Stored(0, 0, before, is_refused=True)
        cursor.execute(SETTINGS)
        columns = _columns(offers)
        cursor.execute(STORE, {**columns, "provider": provider.pk, "now": now, "day": now.date()})
        written, vanished = cursor.fetchone()
        cursor.execute(DONE, [len(offers), now, provider.pk])
        if written or vanished:
            cursor.execute(CHANGED, [provider.tenant_id])
    return Stored(written, vanished, before)


def _columns(offers: Mapping[Key, ListedOffer]) -> dict[str, list[object]]:
    keys, lines = list(offers), list(offers.values())
    places = ("kinds", "services", "countries", "operators", "refs", "hours")
    return {
        **{name: [key[place] for key in keys] for place, name in enumerate(places)},
        "costs": [line.cost_micros for line in lines],
        "counts": [stock_of(line) for line in lines],
        "physicals": [physical_stock_of(line) for line in lines],
        "qualities": [quality_of(line) for line in lines],
        "capabilities": [",".join(line.capabilities) for line in lines],
        "upstream_services": [line.service for line in lines],
        "upstream_countries": [line.country for line in lines],
        "upstream_operators": [line.operator for line in lines],
    }

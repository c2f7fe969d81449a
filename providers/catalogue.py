"""The catalogue: canonical services and countries from providers/data, offers from providers' price lists."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from django.db import connection, transaction

from providers import canonical
from providers.codes import known_codes, learn_codes
from providers.contract import Can, ListedOffer, ProviderError
from providers.health import note_failure, note_success
from providers.http import send_all
from providers.models import CodeMap, Country, Provider, Service
from providers.registry import adapter_for

COST_MAX_MICROS = 1_000_000_000  # 1 000 USD for one number is a mistake of the list
COUNT_MAX = 2_000_000_000

CODES = """
INSERT INTO providers_codemap (scheme, kind, canonical_id, code, source)
SELECT scheme, kind, canonical_id, code, 'default'
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS line (scheme, kind, canonical_id, code)
ON CONFLICT (scheme, kind, code) DO UPDATE SET canonical_id = excluded.canonical_id
WHERE providers_codemap.source = 'default'
"""
OFFERS = """
INSERT INTO providers_offer (provider_id, kind, fetched_at, ttl_seconds, service_id, country_id, operator,
    upstream_ref, cost_micros, count, physical_count, quality, capabilities, upstream_service,
    upstream_country)
SELECT %s::bigint, 'activation', %s::timestamptz, 86400, service, country, operator, ref, cost, count,
    physical, quality, string_to_array(capabilities, ','), upstream_service, upstream_country
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::bigint[], %s::int[], %s::int[], %s::float[],
    %s::text[], %s::text[], %s::text[])
    AS line (service, country, operator, ref, cost, count, physical, quality, capabilities, upstream_service,
        upstream_country)
ON CONFLICT (provider_id, kind, service_id, country_id, operator, upstream_ref) DO UPDATE
SET fetched_at = excluded.fetched_at, cost_micros = excluded.cost_micros, count = excluded.count,
    physical_count = excluded.physical_count, quality = excluded.quality,
    capabilities = excluded.capabilities, upstream_service = excluded.upstream_service,
    upstream_country = excluded.upstream_country
"""
VANISHED = """
UPDATE providers_offer SET count = 0
WHERE provider_id = %s AND kind = 'activation' AND count > 0 AND fetched_at < %s
"""
CHANGED = "INSERT INTO providers_cataloguechange (topic, tenant_id) VALUES ('prices', %s::bigint)"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a synchronisation did: offers in the list, offers gone from it, codes that nobody has mapped."""

    offers: int
    vanished: int
    unmapped: Mapping[str, Sequence[str]] = field(default_factory=dict)


@transaction.atomic
def load_catalogue() -> None:
    """Make services, countries and default codes match providers/data. What operators set (rank, icon, texts,
    prohibition, own codes) stays as it is.
    """
    Service.objects.bulk_create(
        [
            Service(
                id=line.id,
                name=line.name,
                alt_names=line.name.split(" / ") if " / " in line.name else [],
                website=line.website,
                popular_rank=line.popular_rank,
                is_other=line.id == "other",
            )
            for line in canonical.services()
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name", "website"],
    )
    Country.objects.bulk_create(
        [
            Country(
                id=line.id,
                name=line.name,
                iso2=line.iso2,
                dial_codes=list(line.dial_codes),
                is_virtual=line.is_virtual,
                parent_id=line.id.removesuffix("_v") if line.is_virtual else None,
            )
            for line in sorted(canonical.countries(), key=lambda country: country.is_virtual)
        ],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["name", "iso2", "dial_codes", "is_virtual", "parent"],
    )
    _load_codes()


def _load_codes() -> None:
    lines: dict[tuple[str, str, str], str] = {}
    for scheme, kind, canonical_id, code in _default_codes():
        if code:
            lines.setdefault((scheme, kind, code), canonical_id)
    columns = [
        [scheme for scheme, _, _ in lines],
        [kind for _, kind, _ in lines],
        list(lines.values()),
        [code for _, _, code in lines],
    ]
    with connection.cursor() as cursor:
        cursor.execute(CODES, columns)


def _default_codes() -> Iterable[tuple[str, str, str, str]]:
    """Scheme, kind, canonical id and code of every line; of two that claim one code the first keeps it."""
    service, country = str(CodeMap.Kind.SERVICE), str(CodeMap.Kind.COUNTRY)
    for one in canonical.services():
        yield "retail", service, one.id, one.id
        yield "sandbox", service, one.id, one.id
        yield "handler", service, one.id, one.handler_code
        yield "rentverify", service, one.id, one.rentverify_code
        yield "onlinesim", service, one.id, one.onlinesim_name
    for place in canonical.countries():
        yield "retail", country, place.id, place.id
        yield "sandbox", country, place.id, place.id
        yield "handler", country, place.id, place.handler_id
        yield "rentverify", country, place.id, place.rentverify_id
        yield "onlinesim", country, place.id, place.onlinesim_name
        if not place.is_virtual:
            yield "ping", country, place.id, place.iso2


def sync_offers(provider: Provider, now: datetime) -> Synced:
    """Ask a provider for its price list and make our offers match it; an offer that vanished has no stock.

    An empty list changes nothing. Prices are checked here once: lines without a price in 1…1 000 000 000
    micro-USD are left out. Raises ProviderError (health is told).
    """
    lines = _fetch(provider, now)
    services, countries = known_codes(provider)
    offers: dict[tuple[str, str, str, str], ListedOffer] = {}
    unmapped: dict[str, set[str]] = {"service": set(), "country": set()}
    for line in lines:
        service, country = services.get(line.service), countries.get(line.country)
        if service is None:
            unmapped["service"].add(line.service)
        if country is None:
            unmapped["country"].add(line.country)
        if service is None or country is None or not 0 < line.cost_micros <= COST_MAX_MICROS:
            continue
        key = (service, country, line.operator[:40] or "any", line.upstream_ref)
        if key not in offers or line.cost_micros < offers[key].cost_micros:
            offers[key] = line
    vanished = _store(provider, offers, now) if offers else 0
    synced = Synced(len(offers), vanished, {kind: sorted(codes) for kind, codes in unmapped.items() if codes})
    log.info("offers_synced", provider=provider.public_no, offers=len(offers), vanished=vanished)
    return synced


def _fetch(provider: Provider, now: datetime) -> list[ListedOffer]:
    adapter = adapter_for(provider)
    try:
        known = (
            [item for call in adapter.catalogue() for item in send_all(call)]
            if Can.CATALOGUE in adapter.can
            else []
        )
        learn_codes(provider, known)
        lines = [line for call in adapter.prices(known) for line in send_all(call)]
    except ProviderError as error:
        note_failure(provider.pk, error, now)
        raise
    note_success(provider.pk, now=now)
    return lines


@transaction.atomic
def _store(provider: Provider, offers: Mapping[tuple[str, str, str, str], ListedOffer], now: datetime) -> int:
    """Upsert in the order of the key, so that two runs at once do not deadlock."""
    ordered = sorted(offers.items())
    lines = [line for _, line in ordered]
    columns: list[list[object]] = [[key[place] for key, _ in ordered] for place in range(4)]
    columns += [
        [line.cost_micros for line in lines],
        [min(max(line.count, 0), COUNT_MAX) for line in lines],
        [line.physical_count for line in lines],
        [line.quality if line.quality is not None and 0 <= line.quality <= 1 else None for line in lines],
        [",".join(line.capabilities) for line in lines],
        [line.service for line in lines],
        [line.country for line in lines],
    ]
    with connection.cursor() as cursor:
        cursor.execute(OFFERS, [provider.pk, now, *columns])
        cursor.execute(VANISHED, [provider.pk, now])
        vanished = int(cursor.rowcount)
        cursor.execute(CHANGED, [provider.tenant_id])
    return vanished

"""The canonical services, countries and default codes, from providers/data."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from providers import canonical
from providers.models import CodeMap, Country, Service

CODES = """
INSERT INTO providers_codemap (scheme, kind, canonical_id, code, source)
SELECT scheme, kind, canonical_id, code, 'default'
FROM unnest(%s::text[], %s::text[], %s::text[], %s::text[]) AS line (scheme, kind, canonical_id, code)
ON CONFLICT (scheme, kind, code) DO UPDATE SET canonical_id = excluded.canonical_id
WHERE providers_codemap.source = 'default'
"""


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
            for line in (*canonical.services(), canonical.ANY_SERVICE)
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
    for one in (*canonical.services(), canonical.ANY_SERVICE):
        if one is not canonical.ANY_SERVICE:  # retail has no rentals
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

"""What a reseller lists and what he calls it (providers/sql/listings.sql), as model objects. Reads only."""

from __future__ import annotations

from collections.abc import Iterable

from providers.models import Country, Service

ALL_SERVICES = "SELECT * FROM all_services(%s) WHERE id = ANY(%s)"
ALL_COUNTRIES = "SELECT * FROM all_countries(%s) WHERE id = ANY(%s)"
LISTED_SERVICES = """
SELECT * FROM listed_services(%(tenant)s)
WHERE NOT prohibited AND (%(ids)s::text[] IS NULL OR id = ANY(%(ids)s))
ORDER BY name
"""
LISTED_COUNTRIES = """
SELECT * FROM listed_countries(%(tenant)s) WHERE %(ids)s::text[] IS NULL OR id = ANY(%(ids)s) ORDER BY name
"""
SERVICES_CALLED = "SELECT id FROM all_services(%s) WHERE strpos(lower(name), lower(%s)) > 0 OR id = lower(%s)"
COUNTRIES_CALLED = (
    "SELECT id FROM all_countries(%s) WHERE strpos(lower(name), lower(%s)) > 0 OR iso2 = upper(%s)"
)


def named_services(tenant_id: int, ids: Iterable[str]) -> dict[str, Service]:
    """Services by id under the reseller's names, those that he switched off too: for what was bought."""
    return {one.id: one for one in Service.objects.raw(ALL_SERVICES, [tenant_id, list(ids)])}


def named_countries(tenant_id: int, ids: Iterable[str]) -> dict[str, Country]:
    """The same for countries."""
    return {one.id: one for one in Country.objects.raw(ALL_COUNTRIES, [tenant_id, list(ids)])}


def listed_services(tenant_id: int, ids: Iterable[str] | None = None) -> dict[str, Service]:
    """Services that the reseller sells, of these or of all, by name."""
    params = {"tenant": tenant_id, "ids": None if ids is None else list(ids)}
    return {one.id: one for one in Service.objects.raw(LISTED_SERVICES, params)}


def listed_countries(tenant_id: int, ids: Iterable[str] | None = None) -> dict[str, Country]:
    """The same for countries."""
    params = {"tenant": tenant_id, "ids": None if ids is None else list(ids)}
    return {one.id: one for one in Country.objects.raw(LISTED_COUNTRIES, params)}


def services_called(tenant_id: int, words: str) -> list[str]:
    """Ids of services in whose name these words occur, and the one that has them as its id."""
    return [one.id for one in Service.objects.raw(SERVICES_CALLED, [tenant_id, words, words])]


def countries_called(tenant_id: int, words: str) -> list[str]:
    """The same for countries and their ISO codes."""
    return [one.id for one in Country.objects.raw(COUNTRIES_CALLED, [tenant_id, words, words])]

"""C1–C3: countries, services, popular services (docs/protocols/retail.md 8)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
from django.db import connection

from api.publishing import Draft
from api.retail.published import Shown, published

COUNTRIES, SERVICES, POPULAR = "countries", "services", "services/popular"

READ_COUNTRIES = "SELECT id, name, alt_names, dial_codes FROM listed_countries(%s) ORDER BY id"
READ_SERVICES = """
SELECT id, name, alt_names, description <> '', warning <> '', prohibited, popular_rank
FROM listed_services(%s) WHERE id <> 'full' ORDER BY id
"""


def write_catalogue(tenant_id: int, now: datetime) -> Draft:
    """The three lists of a tenant; the clock does not change them."""
    with connection.cursor() as cursor:
        cursor.execute(READ_COUNTRIES, [tenant_id])
        countries = cursor.fetchall()
        cursor.execute(READ_SERVICES, [tenant_id])
        services = cursor.fetchall()
    ranked = sorted((row for row in services if row[6] is not None), key=lambda row: (row[6], row[0]))
    lists = [
        (COUNTRIES, _entries(_country(row) for row in countries)),
        (SERVICES, _entries(_service(row) for row in services)),
        (POPULAR, _entries(_service(row) for row in ranked)),
    ]
    return Draft(lists, None)


def _entries(items: Iterable[dict[str, Any]]) -> list[tuple[str, bytes]]:
    return [(next(iter(item.values())), orjson.dumps(item)) for item in items]


def _country(row: tuple[Any, ...]) -> dict[str, Any]:
    country_id, name, alt_names, codes = row
    return {"country_id": country_id, "name": name, "alt_name": _joined(alt_names, name), "codes": codes}


def _service(row: tuple[Any, ...]) -> dict[str, Any]:
    service_id, name, alt_names, has_description, has_warning, prohibited, _ = row
    return {
        "service_id": service_id,
        "name": name,
        "alt_name": _joined(alt_names, name),
        "has_description": has_description,
        "has_warning": has_warning,
        "prohibited": prohibited,
    }


def _joined(names: list[str], name: str) -> str:
    """Search words with a bar between them; the name itself where there are no others."""
    return "|".join(each.replace("|", " ") for each in names) or name


CATALOGUE = Shown("catalogue", write_catalogue)
countries = published(CATALOGUE, COUNTRIES, rate="countries")
services = published(CATALOGUE, SERVICES, rate="services")
popular = published(CATALOGUE, POPULAR, rate="popular")

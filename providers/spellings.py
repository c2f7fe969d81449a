"""How a dialect spells services, countries and operators, what a spelling means (protocols/README.md 4), and
what a reseller calls them.

A spelling in a request is read by the SELECT that finds the caller; those in answers come from a copy that
each process keeps for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection

from providers.models import CodeMap

KEPT_SECONDS = 30.0
KEPT_TENANTS = 500
NAMES = """
SELECT 'service', id, name FROM all_services(%(tenant)s)
UNION ALL SELECT 'country', id, name FROM all_countries(%(tenant)s)
"""
MEANING = """(SELECT m.canonical_id FROM providers_codemap m
     WHERE m.scheme = SCHEME AND m.kind = 'KIND' AND m.code = %(KIND)s::text)"""
LISTED = {"service": "listed_services", "country": "listed_countries"}


def meaning(kind: str, *also: str) -> str:
    """SQL: the canonical id that the parameter `kind` means: a code of the parameter `scheme`, or of one of
    the schemes `also`, or the id itself.
    """
    schemes = ["%(scheme)s::text", *(f"'{scheme}'" for scheme in also)]
    codes = ", ".join(MEANING.replace("SCHEME", scheme) for scheme in schemes)
    return f"coalesce({codes}, lower(%(KIND)s::text))".replace("KIND", kind)


def is_known(kind: str, *also: str) -> str:
    """SQL: whether the key's tenant lists a service or country of this meaning."""
    found = f"SELECT 1 FROM {LISTED[kind]}(k.tenant_id) x WHERE x.id = {meaning(kind, *also)}"  # noqa: S608
    return f"EXISTS ({found})"


@dataclass(frozen=True, slots=True)
class Spellings:
    """Canonical id → the dialect's code."""

    services: Mapping[str, str]
    countries: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Names:
    """Canonical id → what a reseller's customers read, also for what he does not sell any more."""

    services: Mapping[str, str]
    countries: Mapping[str, str]


_lock = threading.Lock()
_kept: dict[str, tuple[float, Spellings]] = {}
_names: dict[int, tuple[float, Names]] = {}


def spellings(scheme: str) -> Spellings:
    """What the dialect calls everything; a code that changed is known half a minute later."""
    kept = _kept.get(scheme)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    fresh = _read(scheme)
    with _lock:
        _kept[scheme] = time.monotonic() + KEPT_SECONDS, fresh
    return fresh


def names_of(tenant_id: int) -> Names:
    """What a reseller calls everything; a name that changed is known half a minute later."""
    kept = _names.get(tenant_id)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    fresh = _read_names(tenant_id)
    with _lock:
        if len(_names) >= KEPT_TENANTS:
            _names.clear()
        _names[tenant_id] = time.monotonic() + KEPT_SECONDS, fresh
    return fresh


def forget_spellings() -> None:
    """Read spellings and names anew at the next use."""
    with _lock:
        _kept.clear()
        _names.clear()


def _read(scheme: str) -> Spellings:
    codes: dict[str, dict[str, str]] = {"service": {}, "country": {}, "operator": {}}
    lines = CodeMap.objects.filter(scheme=scheme).order_by("id").values_list("kind", "canonical_id", "code")
    for kind, canonical_id, code in lines:
        codes[kind].setdefault(canonical_id, code)
    return Spellings(codes["service"], codes["country"])


def _read_names(tenant_id: int) -> Names:
    names: dict[str, dict[str, str]] = {"service": {}, "country": {}}
    with connection.cursor() as cursor:
        cursor.execute(NAMES, {"tenant": tenant_id})
        for kind, canonical_id, name in cursor.fetchall():
            names[kind][canonical_id] = name
    return Names(names["service"], names["country"])

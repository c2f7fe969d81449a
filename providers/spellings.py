"""How a dialect spells services, countries and operators, and what a spelling means (protocols/README.md 4).

A spelling in a request is read by the SELECT that finds the caller; those in answers come from a copy that
each process keeps for a moment.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

from providers.models import CodeMap, Country, Service

KEPT_SECONDS = 30.0
MEANING = """coalesce(
    (SELECT m.canonical_id FROM providers_codemap m
     WHERE m.scheme = %(scheme)s::text AND m.kind = 'KIND' AND m.code = %(KIND)s::text),
    lower(%(KIND)s::text))"""


def meaning(kind: str) -> str:
    """SQL: the canonical id that the parameter `kind` means in `scheme`: a code, or the id itself."""
    return MEANING.replace("KIND", kind)


@dataclass(frozen=True, slots=True)
class Spellings:
    """Canonical id → the dialect's code and the name for people."""

    services: Mapping[str, str]
    countries: Mapping[str, str]
    service_names: Mapping[str, str]
    country_names: Mapping[str, str]


_lock = threading.Lock()
_kept: dict[str, tuple[float, Spellings]] = {}


def spellings(scheme: str) -> Spellings:
    """What the dialect calls everything; a name that changed is known half a minute later."""
    kept = _kept.get(scheme)
    if kept and kept[0] > time.monotonic():
        return kept[1]
    fresh = _read(scheme)
    with _lock:
        _kept[scheme] = time.monotonic() + KEPT_SECONDS, fresh
    return fresh


def forget_spellings() -> None:
    """Read them anew at the next use."""
    with _lock:
        _kept.clear()


def _read(scheme: str) -> Spellings:
    codes: dict[str, dict[str, str]] = {"service": {}, "country": {}, "operator": {}}
    lines = CodeMap.objects.filter(scheme=scheme).order_by("id").values_list("kind", "canonical_id", "code")
    for kind, canonical_id, code in lines:
        codes[kind].setdefault(canonical_id, code)
    return Spellings(
        codes["service"],
        codes["country"],
        dict(Service.objects.values_list("id", "name")),
        dict(Country.objects.values_list("id", "name")),
    )

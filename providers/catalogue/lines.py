"""From the lines of an upstream's list to offers under canonical names; each line is checked here, once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from providers.codes import Codes, is_storable
from providers.contract import ListedOffer

COST_MAX_MICROS = 1_000_000_000  # 1 000 USD for one number is a mistake of the list
COUNT_MAX = 2_000_000_000
HOURS_MAX = 100_000
CAPABILITIES = frozenset({"sms", "voice"})
OPERATOR_LENGTH = 40
REFERENCE_LENGTH = 200
ANY_OPERATOR = "any"
SPEAKS_FOR_ITSELF = re.compile(r"[a-z][a-z0-9 ._&+-]*").fullmatch

# Kind, service, country, operator, the upstream's reference, hours of the term (0: none).
Key = tuple[str, str, str, str, str, int]


@dataclass(frozen=True, slots=True)
class Mapped:
    """The offers of a list, and how many lines name a code that nobody has mapped, by kind and code.

    Operators are among them where a number or a foreign script names them; their offers are sold all the
    same.
    """

    offers: Mapping[Key, ListedOffer]
    unmapped: Mapping[tuple[str, str], int] = field(default_factory=dict)


def map_lines(lines: Iterable[ListedOffer], codes: Mapping[str, Codes]) -> Mapped:
    """Of lines that sell the same the cheapest counts. A line with an absurd price, term or word is left out:
    cost 1…1 000 000 000 micro-USD.
    """
    services, countries, operators = codes["service"], codes["country"], codes["operator"]
    offers: dict[Key, ListedOffer] = {}
    unmapped: dict[tuple[str, str], int] = {}
    for line in lines:
        service, country = services.get(line.service), countries.get(line.country)
        if service is None or country is None:
            if service is None:
                unmapped["service", line.service] = unmapped.get(("service", line.service), 0) + 1
            if country is None:
                unmapped["country", line.country] = unmapped.get(("country", line.country), 0) + 1
            continue
        if not _is_sound(line):
            continue
        hours = line.duration_hours or 0 if line.kind == "rental" else 0
        operator = operators.get(line.operator)
        if operator is None:
            operator = canonical_operator(line.operator)
            if not SPEAKS_FOR_ITSELF(operator):
                unmapped["operator", line.operator] = unmapped.get(("operator", line.operator), 0) + 1
        key = (line.kind, service, country, operator, line.upstream_ref, hours)
        other = offers.get(key)
        if other is None or line.cost_micros < other.cost_micros:
            offers[key] = line
    return Mapped(offers, unmapped)


def canonical_operator(code: str) -> str:
    """What an operator is called here while nobody maps its word: that word in small letters."""
    return code.casefold()[:OPERATOR_LENGTH] or ANY_OPERATOR


def stock_of(line: ListedOffer) -> int:
    return min(max(line.count, 0), COUNT_MAX)


def physical_stock_of(line: ListedOffer) -> int | None:
    return None if line.physical_count is None else min(max(line.physical_count, 0), COUNT_MAX)


def quality_of(line: ListedOffer) -> float | None:
    return line.quality if line.quality is not None and 0 <= line.quality <= 1 else None


def _is_sound(line: ListedOffer) -> bool:
    return (
        0 < line.cost_micros <= COST_MAX_MICROS
        and line.kind in ("activation", "rental")
        and 0 <= (line.duration_hours or 0) <= HOURS_MAX
        and is_storable(line.upstream_ref, REFERENCE_LENGTH)
        and is_storable(line.operator)
        and CAPABILITIES.issuperset(line.capabilities)
    )

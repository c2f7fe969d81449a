"""What the handler dialect sends: words, JSON, decimal amounts, times (handler.md 2 and 3)."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache

import orjson
from django.http import HttpResponse

from api import wire

STEP_MICROS = 100  # four decimals: the finest amount that this protocol shows
DOLLAR = 1_000_000
CURRENCY = 840


class Style(StrEnum):
    """The members of the family that the server can sound like."""

    BOWER = "bower"
    CLASSIC = "classic"
    HERO = "hero"


def json_answer(value: object, *, status: int = 200) -> HttpResponse:
    return wire.json_response(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS), status=status)


@lru_cache(maxsize=4_096)
def amount(micros: int, *, up: bool = False) -> str:
    """Dollars with the fewest decimals from two to four; rounded down unless `up`."""
    tenths_of_cents = -(-micros // STEP_MICROS) if up else micros // STEP_MICROS
    sign, tenths_of_cents = ("-", -tenths_of_cents) if tenths_of_cents < 0 else ("", tenths_of_cents)
    fraction = f"{tenths_of_cents % 10_000:04d}".rstrip("0").ljust(2, "0")
    return f"{sign}{tenths_of_cents // 10_000}.{fraction}"


def number(micros: int) -> orjson.Fragment:
    """A price as a JSON number, spelled exactly."""
    return orjson.Fragment(amount(micros, up=True).encode())


def moment(at: datetime | int | None, style: Style) -> str | None:
    """UTC without a zone; hero gives the zone as well. Numbers are Unix seconds."""
    if at is None:
        return None
    at = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at.astimezone(UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}+00:00" if style is Style.HERO else f"{at:%Y-%m-%d %H:%M:%S}"

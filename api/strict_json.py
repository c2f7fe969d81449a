"""JSON as our addresses accept it: UTF-8, one value per name, finite numbers, shallow, nothing that cannot be
stored.

The standard decoder with hooks, not orjson: orjson keeps the last of two equal names and turns long integers
into floats, and both would be a guess.
"""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from portal.errors import ValidationError

DEEPEST = 32
LONGEST_NUMBER = 40  # characters; no field of ours needs more than 19 digits
LARGEST = 2**63 - 1
FIELD = "body"


def read_json(body: bytes) -> Any:
    """The value that `body` spells. Raises ValidationError (field `body`) for all that is ambiguous."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        refuse("must be UTF-8 text.")
    try:
        value = DECODER.decode(text)
    except RecursionError:
        refuse(TOO_DEEP)
    except json.JSONDecodeError as error:
        refuse(f"is not valid JSON (near character {error.pos}).")
    if "\\u" in text or text.count("[") + text.count("{") > DEEPEST:
        _inspect(value)
    return value


def refuse(sentence: str) -> NoReturn:
    raise ValidationError({FIELD: sentence}, f"The request body {sentence}")


def is_storable(text: str) -> bool:
    """Whether PostgreSQL and UTF-8 can hold it: no NUL (B1), no half of a surrogate pair (B2)."""
    return "\0" not in text and (text.isascii() or not any("\ud800" <= char <= "\udfff" for char in text))


TOO_DEEP = f"is nested deeper than {DEEPEST} levels."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        refuse("names the same field twice.")
    return found


def _integer(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER or abs(number := int(digits)) > LARGEST:
        refuse("has a number that is too large.")
    return number


def _fraction(digits: str) -> float:
    if len(digits) > LONGEST_NUMBER or not math.isfinite(number := float(digits)):
        refuse("has a number that is too large or too long.")
    return number


def _constant(word: str) -> NoReturn:
    refuse(f"has {word}, which is not JSON.")


DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_fraction, parse_constant=_constant
)


def _inspect(value: Any) -> None:
    """Refuse depth and unstorable text. Level by level, so that no depth can exhaust the stack."""
    level = [value]
    for _ in range(DEEPEST + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, str) and not is_storable(item):
                refuse("has a NUL character or half of a surrogate pair.")
            elif isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
        if not below:
            return
        level = below
    refuse(TOO_DEEP)

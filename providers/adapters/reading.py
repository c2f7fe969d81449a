"""Reading what upstreams send: JSON, amounts and times, each checked once and converted once.

What is not what it should be raises OutcomeUnknown: for an order that is the truth, and a status treats it as
no news.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from email.utils import parsedate_to_datetime
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from providers.contract import Account, BadOptions, OutcomeUnknown, Reply, T, UnknownToUpstream

CENT_MICROS = 10_000
DOLLAR_MICROS = 1_000_000
LARGEST_MICROS = 1_000_000_000_000_000  # a thousand million dollars: more is a slip
# Stands in an address as it is, and cannot be `..`.
ID = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9_~.:-]{0,79}")
PLAIN = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,20})?")
OLDEST, NEWEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
MALFORMED = (ValueError, KeyError, TypeError, IndexError, AttributeError, ArithmeticError)
SMALLEST_UNIX = 1_000_000_000  # a "reset" below it counts seconds from now


# --- JSON ---


def json_of(reply: Reply) -> Any:
    """The JSON of an answer, whatever its content type says."""
    try:
        return orjson.loads(reply.text.lstrip("\ufeff"))
    except ValueError:
        raise OutcomeUnknown("the answer is not JSON") from None


def object_of(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise OutcomeUnknown("not an object where one should be")
    return value


def list_of(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise OutcomeUnknown("not a list where one should be")
    return value


def text_of(value: object) -> str:
    """A text, as it is; never a number or null made into one."""
    if not isinstance(value, str):
        raise OutcomeUnknown("not a text where one should be")
    return value


def id_of(value: object) -> str:
    """An upstream's id of something of ours. One that could not be asked about later is none at all: the
    order is then one whose outcome is unknown, and its line of a list is left out.
    """
    if not is_id(value):
        raise OutcomeUnknown("an id that is none")
    return text_of(value)


def is_id(value: object) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def path_id(upstream_ref: str) -> str:
    """An id as part of an address. Raises UnknownToUpstream."""
    if not is_id(upstream_ref):
        raise UnknownToUpstream("that is no id")
    return upstream_ref


def all_readable(read: Callable[..., T], lines: Iterable[Sequence[Any]]) -> list[T]:
    """What `read` makes of the parts of each line. A line that it stumbles over is left out, so that it does
    not keep the others back; a list of nothing else is OutcomeUnknown.
    """
    found, slips = [], 0
    for parts in lines:
        try:
            found.append(read(*parts))
        except (OutcomeUnknown, *MALFORMED):
            slips += 1
    if slips and not found:
        raise OutcomeUnknown("no line of the list could be read")
    return found


def words_in(value: object, *, limit: int = 40) -> str:
    """What may be shown or logged of an upstream's own word: nothing that could be a phone or a code."""
    return re.sub(r"[^A-Za-z_ -]+", "", str(value))[:limit]


# --- money ---


def micros_of(amount: object, *, unit_micros: int | Decimal = DOLLAR_MICROS) -> int:
    """An amount in units of `unit_micros` micro-USD (dollars unless said otherwise) as whole micro-USD.

    The one rounding rule for amounts that come from outside: to the nearest micro-USD, halves up. Amounts on
    the wire have two to four decimals, so it only takes off what binary fractions add (0.1 + 0.2).
    Text must be plain decimal; NaN, infinity, true, an exponent in a text or a thousands mark is none.
    """
    if isinstance(amount, bool) or not isinstance(amount, int | float | str | Decimal):
        raise OutcomeUnknown("an amount is not a number")
    if isinstance(amount, str) and not PLAIN.fullmatch(amount):
        raise OutcomeUnknown("an amount is not a plain decimal")
    exact = Decimal(repr(amount)) if isinstance(amount, float) else Decimal(amount)
    if not exact.is_finite() or abs(exact) > LARGEST_MICROS:
        raise OutcomeUnknown("an amount is not finite")
    micros = int((exact * unit_micros).to_integral_value(ROUND_HALF_UP))
    if abs(micros) > LARGEST_MICROS:
        raise OutcomeUnknown("an amount is absurd")
    return micros


def cents_of(amount: object) -> int:
    """Whole cents as micro-USD: an integer and nothing else."""
    if type(amount) is not int:
        raise OutcomeUnknown("an amount is not a whole number of cents")
    return micros_of(amount, unit_micros=CENT_MICROS)


def micros_or_none(amount: object, *, unit_micros: int | Decimal = DOLLAR_MICROS) -> int | None:
    """For what only accompanies the news, so that a bad amount does not keep a message back."""
    try:
        return micros_of(amount, unit_micros=unit_micros)
    except OutcomeUnknown:
        return None


def unit_of(account: Account) -> Decimal:
    """One unit of the account's currency in micro-USD: its option `rate` says how many US dollars that is, a
    dollar when there is none. Raises BadOptions.
    """
    rate = account.options.get("rate", 1)
    return _unit(str(rate) if isinstance(rate, str | int | float) else "")


@lru_cache(maxsize=256)
def _unit(rate: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,12})?", rate) or not Decimal(rate):
        raise BadOptions("rate: US dollars for one unit of the account's currency, such as 0.0109")
    return Decimal(rate) * DOLLAR_MICROS


def ceiling_in(unit_micros: Decimal, micros: int, *, places: int = 4) -> str:
    """The largest amount in units that `micros_of` takes for at most `micros`, with at least two decimals."""
    half_above = Fraction(2 * micros + 1, 2)
    steps = math.ceil(half_above * 10**places / Fraction(unit_micros)) - 1
    whole, _, rest = f"{Decimal(max(steps, 0)).scaleb(-places):f}".partition(".")
    return f"{whole}.{rest.rstrip('0'):0<2}"


def share_of(value: object) -> float | None:
    """A share from 0 to 1; None for anything else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= 1 else None  # type: ignore[arg-type, operator]


def dollars(micros: int) -> str:
    """Micro-USD as plain decimal dollars, all decimals that there are."""
    return f"{Decimal(micros) / DOLLAR_MICROS:f}"


# --- time ---


def unix_time(seconds: object) -> datetime | None:
    """Unix seconds; None for what is no sensible time (an upstream's own default holds then)."""
    if type(seconds) not in (int, float):
        return None
    try:
        at = datetime.fromtimestamp(seconds, UTC)  # type: ignore[arg-type]
    except (ValueError, OverflowError, OSError):
        return None
    return at if OLDEST <= at <= NEWEST else None


def zone_of(account: Account) -> tzinfo:
    """Where an upstream's times belong that name no zone: the account's option `timezone`, UTC when there is
    none. Raises BadOptions.
    """
    return _zone(str(account.options.get("timezone", "UTC")))


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, ZoneInfoNotFoundError):
        raise BadOptions("timezone: a name such as Europe/Moscow") from None


def iso_time(text: object, zone: tzinfo = UTC) -> datetime | None:
    """An ISO 8601 time (of `zone` where it names none) as UTC; None for what is none."""
    try:
        at = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return None
    at = at.replace(tzinfo=zone) if at.tzinfo is None else at
    return at.astimezone(UTC) if OLDEST <= at <= NEWEST else None


def asks_to_wait_until(reply: Reply) -> datetime | None:
    """When a 429 lets go: a reset header, or Retry-After counted from the answer's own date."""
    headers = {name.lower(): value.strip() for name, value in reply.headers.items()}
    reset = headers.get("x-ratelimit-reset", "")
    if reset.isascii() and reset.isdecimal() and int(reset[:15]) >= SMALLEST_UNIX:
        return unix_time(int(reset[:15]))
    return _from_its_date(headers, reset or headers.get("retry-after", ""))


def _from_its_date(headers: Mapping[str, str], seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdecimal()) or len(seconds) > 6:
        return None
    try:
        return parsedate_to_datetime(headers.get("date", "")) + timedelta(seconds=int(seconds))
    except (ValueError, TypeError):
        return None

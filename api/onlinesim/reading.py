"""What marketplaces send, read strictly (docs/protocols/onlinesim.md 3, 5, 6, 8)."""

from __future__ import annotations

import re
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Any

from activations.models import Contract, Sale
from api.input import REQUIRED, Integer, Reader, Text, Wrong

BODY_BYTES = 65_536
WORD = re.compile(r"[^\x00-\x1f\x7f]+")
MOST_MONEY = 1_000_000_000
MOST_PREFIXES = 1_000
PREFIX = re.compile(r"\+?[0-9]{1,15}")
CURRENCIES = {643: Contract.Currency.RUB, 840: Contract.Currency.USD}
ENDINGS = {
    1: Sale.Ending.UNWANTED,
    3: Sale.Ending.SOLD,
    4: Sale.Ending.CANCELED,
    5: Sale.Ending.REFUNDED,
}


class JsonOnly(Reader):
    """A field that only bodies have."""

    def from_text(self, text: str) -> Any:
        raise NotImplementedError


@dataclass(frozen=True)
class Money(JsonOnly):
    """An amount, at least 0, with up to four decimals that count."""

    default: Any = REQUIRED

    def from_json(self, value: Any) -> Decimal:
        if type(value) not in (int, float) or not 0 <= value <= MOST_MONEY:
            raise Wrong(f"must be a number from 0 to {MOST_MONEY}.")
        return Decimal(str(value)).quantize(Decimal("0.0001"))


@dataclass(frozen=True)
class Prefixes(JsonOnly):
    """Beginnings of phones: a list of whole numbers or of digits as text (OS-6)."""

    default: Any = ()

    def from_json(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or len(value) > MOST_PREFIXES:
            raise Wrong(f"must be a list of at most {MOST_PREFIXES} prefixes.")
        digits = [str(one) if type(one) is int else one for one in value]
        if not all(isinstance(one, str) and PREFIX.fullmatch(one) for one in digits):
            raise Wrong("must hold prefixes of 1 to 15 digits.")
        return tuple(dict.fromkeys(one.lstrip("+") for one in digits))


@dataclass(frozen=True)
class Currency(JsonOnly):
    """643 (RUB) or 840 (USD), also as text; None: the contract's (OS-9)."""

    default: Any = None

    def from_json(self, value: Any) -> str:
        if type(value) is str and value.isascii() and value.isdigit() and len(value) == 3:
            value = int(value)
        if type(value) is not int or value not in CURRENCIES:
            raise Wrong("must be 643 or 840.")
        return CURRENCIES[value]


@dataclass(frozen=True)
class Ending(JsonOnly):
    """The status of a FINISH."""

    default: Any = REQUIRED

    def from_json(self, value: Any) -> Sale.Ending:
        if type(value) is not int or value not in ENDINGS:
            raise Wrong("must be 1, 3, 4 or 5.")
        return ENDINGS[value]


@dataclass(frozen=True)
class Word(Text):
    """A name of a service, country or operator, whatever its letters."""

    low: int = 1
    high: int = 60
    pattern: re.Pattern[str] | None = WORD
    form: str = "printable characters"
    _: KW_ONLY
    default: Any = REQUIRED

    def from_json(self, value: Any) -> str:
        return super().from_json(value).strip().lower()


NUMBER = {
    "country": Word(),
    "operator": Word(default="any"),
    "service": Word(),
    "sum": Money(),
    "currency": Currency(),
    "exceptionPhoneSet": Prefixes(),
}
RENTAL = {**NUMBER, "country": Word(default=""), "service": Word(default="rent")}
FINISH = {"activationId": Integer(1, 2**63 - 1), "status": Ending(), "sum": Money(default=None)}


def word_in(body: dict[str, Any], name: str) -> str:
    """A name as the query for the caller takes it: what is none means nothing."""
    value = body.get(name)
    return value.strip().lower() if isinstance(value, str) and len(value) <= 60 and "\0" not in value else ""

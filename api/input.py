"""What callers send, read strictly: a value has one spelling, one type and a range, or it is refused (400).

A route declares its fields once, as a table of readers:

    ORDER = {"service_id": Text(SERVICE_ID, 1, 30), "max_price": Integer(1, 10_000, default=None), …}
    fields = read_fields(json_object(request, limit=4096), ORDER)

Readers exist for JSON values and, with the same names, for query parameters (`query_fields`). A field without
`default` is required. Names that the table lacks are ignored and never applied (protocols/README.md F1, T7).
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import HttpRequest, UnreadablePostError

from api.strict_json import is_storable, read_json, refuse
from portal.errors import PayloadTooLarge, UnsupportedMediaType, ValidationError

BODY_BYTES = 8_192  # the largest body of a route that does not name a limit of its own
QUERY_BYTES = 2_048
QUERY_NAMES = 40
LAST_SECOND = 253_402_300_799  # 9999-12-31 23:59:59 UTC
LAST_PAGE = 10_000_000

REQUIRED: Any = object()
PLAIN = re.compile(r"[!-$&-*,-~]*")  # of a query: nothing that stands for something else
WHOLE = re.compile(r"0|[1-9][0-9]{0,18}")
JSON_TYPE = re.compile(r'application/json\s*(;\s*charset="?utf-8"?\s*)?', re.IGNORECASE)


class Wrong(Exception):
    """A value that a reader refuses; the text completes the sentence "<field> …"."""


class Reader(ABC):
    """How one field is read: from JSON, and from the text of a query parameter. Both may raise Wrong."""

    default: Any

    @abstractmethod
    def from_json(self, value: Any) -> Any: ...

    @abstractmethod
    def from_text(self, text: str) -> Any: ...


@dataclass(frozen=True)
class Integer(Reader):
    """A whole number from `low` to `high`; true, 1.0, 1e3 and "1" are none."""

    low: int
    high: int
    _: KW_ONLY
    default: Any = REQUIRED

    def from_json(self, value: Any) -> int:
        if type(value) is not int or not self.low <= value <= self.high:
            raise Wrong(f"must be a whole number from {self.low} to {self.high}.")
        return value

    def from_text(self, text: str) -> int:
        return self.from_json(int(text) if WHOLE.fullmatch(text) else None)


@dataclass(frozen=True)
class Number(Reader):
    """A finite number from `low` to `high`, with or without a fraction."""

    low: float
    high: float
    _: KW_ONLY
    default: Any = REQUIRED
    spelling: ClassVar[re.Pattern[str]] = re.compile(r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,6})?")

    def from_json(self, value: Any) -> float:
        if type(value) not in (int, float) or not self.low <= value <= self.high:
            raise Wrong(f"must be a number from {self.low:g} to {self.high:g}.")
        return float(value)

    def from_text(self, text: str) -> float:
        return self.from_json(float(text) if self.spelling.fullmatch(text) else None)


@dataclass(frozen=True)
class Text(Reader):
    """A string of `low` to `high` characters that as a whole matches `pattern`; `form` puts it in words."""

    low: int
    high: int
    pattern: re.Pattern[str] | None = None
    form: str = ""
    _: KW_ONLY
    default: Any = REQUIRED

    def from_json(self, value: Any) -> str:
        if not isinstance(value, str) or not self.low <= len(value) <= self.high:
            length = f"{self.low}" if self.low == self.high else f"{self.low} to {self.high}"
            raise Wrong(f"must be text of {length} characters.")
        if self.pattern is not None and not self.pattern.fullmatch(value):
            raise Wrong(f"must consist of {self.form}.")
        return value

    def from_text(self, text: str) -> str:
        return self.from_json(text)


@dataclass(frozen=True)
class Choice(Reader):
    """One of the words of `allowed`, spelled exactly so."""

    allowed: tuple[str, ...]
    _: KW_ONLY
    default: Any = REQUIRED

    def from_json(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.allowed:
            raise Wrong(f"must be one of: {', '.join(self.allowed)}.")
        return value

    def from_text(self, text: str) -> str:
        return self.from_json(text)


@dataclass(frozen=True)
class Choices(Reader):
    """Different words of `allowed`: a JSON list, or in a query separated by commas (empty: no filter)."""

    allowed: tuple[str, ...]
    _: KW_ONLY
    default: Any = ()

    def from_json(self, value: Any) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise Wrong("must be a list of words.")
        return self._checked(tuple(value), "a list")

    def from_text(self, text: str) -> tuple[str, ...]:
        return self._checked(tuple(text.split(",")) if text else (), "a list, separated by commas,")

    def _checked(self, words: tuple[str, ...], form: str) -> tuple[str, ...]:
        if len(set(words)) != len(words) or not set(words) <= set(self.allowed):
            raise Wrong(f"must be {form} of: {', '.join(self.allowed)}.")
        return words


@dataclass(frozen=True)
class Flag(Reader):
    """A truth value: JSON true or false; `true` or `false` in a query."""

    default: Any = REQUIRED

    def from_json(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise Wrong("must be true or false.")
        return value

    def from_text(self, text: str) -> bool:
        return self.from_json({"true": True, "false": False}.get(text))


def json_object(request: HttpRequest, *, limit: int = BODY_BYTES) -> dict[str, Any]:
    """The body as a JSON object of at most `limit` bytes.

    Raises PayloadTooLarge, UnsupportedMediaType, or ValidationError (field `body`).
    """
    body = bounded_body(request, limit=limit)
    if (
        not JSON_TYPE.fullmatch(request.META.get("CONTENT_TYPE", ""))
        or "HTTP_CONTENT_ENCODING" in request.META
    ):
        raise UnsupportedMediaType()
    value = read_json(body)
    if not isinstance(value, dict):
        refuse("must be a JSON object.")
    return value


def bounded_body(request: HttpRequest, *, limit: int = BODY_BYTES) -> bytes:
    """The raw body. A longer one is refused by its Content-Length, before any of it is read."""
    length = check_length(request, limit=limit)
    try:
        # Django itself hands out no more than its general limit; addresses with files take more.
        is_large = limit > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        return request.read(length) if is_large else request.body
    except UnreadablePostError:
        refuse("did not arrive completely.")


def check_length(request: HttpRequest, *, limit: int) -> int:
    """The Content-Length. Raises PayloadTooLarge, and ValidationError for a body without one."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length == "0" and "HTTP_TRANSFER_ENCODING" in request.META:
        refuse("needs a Content-Length; one in chunks is not read.")
    if not length.isdecimal() or int(length[:12]) > limit:
        raise PayloadTooLarge(f"The request body may have at most {limit} bytes here.", limit=limit)
    return int(length)


def read_fields(source: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The values of all `readers`, defaults filled in. Raises ValidationError naming every field at fault.

    A JSON null is no value: it is refused, never taken for "left out" (M5).
    """
    return _read(source, readers, "from_json")


def read_only_fields(source: Mapping[str, Any], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The same for addresses of our own: a name that the table lacks is refused (B12)."""
    refuse_others(source, readers)
    return read_fields(source, readers)


def refuse_others(given: Iterable[str], readers: Mapping[str, Reader]) -> None:
    """For addresses of our own: a name that none of the readers has is refused, not ignored (F1, T7).

    Raises ValidationError.
    """
    if unknown := sorted(set(given) - set(readers)):
        raise ValidationError({name[:80]: "is not a field of this address." for name in unknown[:10]})


def read_text_fields(source: Mapping[str, str], readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The same for a form's fields. Bytes that were not UTF-8 have become U+FFFD there."""
    if not all(is_storable(text) and "\ufffd" not in text for pair in source.items() for text in pair):
        refuse("has a NUL character or bytes that are not UTF-8.")
    return _read(source, readers, "from_text")


def query_fields(request: HttpRequest, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """The same for the query string. An optional parameter may be there but empty; none may come twice."""
    raw = request.META.get("QUERY_STRING", "")
    return _read(parse_query(raw) if raw else {}, readers, "from_text")


def parse_query(raw: str) -> dict[str, str]:
    """The parameters of a query string (as WSGI hands it over: bytes seen as Latin-1)."""
    if len(raw) > QUERY_BYTES:
        raise ValidationError({"query": f"may have at most {QUERY_BYTES} characters."})
    try:
        pairs = _pairs(raw)
    except UnicodeError:
        raise ValidationError({"query": "must be UTF-8 text."}) from None
    except ValueError:
        raise ValidationError({"query": f"may have at most {QUERY_NAMES} parameters."}) from None
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValidationError({"query": "names the same parameter twice."})
    if not all(is_storable(text) for pair in pairs for text in pair):
        raise ValidationError({"query": "has a NUL character or half of a surrogate pair."})
    return found


def _pairs(raw: str) -> Sequence[tuple[str, str]]:
    """Names and values, decoded. Raises UnicodeError, and ValueError when there are too many."""
    if PLAIN.fullmatch(raw) and raw.count("&") < QUERY_NAMES:  # as nearly all are, and polls often
        return [(name, value) for name, _, value in (pair.partition("=") for pair in raw.split("&") if pair)]
    text = raw.encode("latin-1").decode("utf-8")
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=QUERY_NAMES)


def _read(source: Mapping[str, Any], readers: Mapping[str, Reader], way: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, reader in readers.items():
        given = source.get(name, REQUIRED)
        if given is REQUIRED or (way == "from_text" and given == "" and reader.default is not REQUIRED):
            values[name] = reader.default
            if reader.default is REQUIRED:
                wrong[name] = "is required."
            continue
        try:
            values[name] = getattr(reader, way)(given)
        except Wrong as error:
            wrong[name] = str(error)
    if wrong:
        raise ValidationError(wrong, " ".join(f"{name} {text}" for name, text in wrong.items()))
    return values

"""What an answer of the handler family says: a word, or JSON, or a refusal spelled in one of four ways."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from providers.adapters.reading import asks_to_wait_until, iso_time, json_of, micros_of, unit_of, zone_of
from providers.adapters.words import text_in, word_of
from providers.contract import (
    Account,
    BadCredentials,
    Banned,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    ProviderError,
    Reply,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

REFUSALS: Mapping[str, type[ProviderError]] = {
    "NO_NUMBERS": OutOfStock,
    "WRONG_MAX_PRICE": PriceTooLow,
    "NO_BALANCE": OutOfFunds,
    "NO_KEY": BadCredentials,
    "BAD_KEY": BadCredentials,
    "ACCOUNT_INACTIVE": Banned,
    "BANNED": Banned,
    "CHANNELS_LIMIT": Throttled,
    "RATE_LIMIT": Throttled,
    "BAD_ACTION": UnknownToUpstream,
    "BAD_SERVICE": UnknownToUpstream,
    "BAD_COUNTRY": UnknownToUpstream,
    "WRONG_COUNTRY": UnknownToUpstream,
    "WRONG_OPERATOR": UnknownToUpstream,
    "OPERATORS_NOT_FOUND": UnknownToUpstream,
    "WRONG_EXCEPTION_PHONE": UnknownToUpstream,
    "NO_ACTIVATION": UnknownToUpstream,
    "WRONG_ACTIVATION_ID": UnknownToUpstream,
    "BAD_STATUS": WrongState,
    "EARLY_CANCEL_DENIED": TooEarly,
    "OTP_RECEIVED": WrongState,
    "NEW_OTP_RECEIVED": WrongState,
    "FREE_CANCELLATION_EXPIRED": WrongState,
    "ACTIVATION_NOT_ACTIVE": WrongState,
    # rentals
    "NO_ID_RENT": UnknownToUpstream,
    "INVALID_PHONE": UnknownToUpstream,
    "INVALID_TIME": UnknownToUpstream,
    "INCORECT_STATUS": WrongState,
    "CANT_CANCEL": WrongState,
    "ALREADY_FINISH": WrongState,
    "ALREADY_CANCEL": WrongState,
    "RENT_DIE": WrongState,
    # it may have happened
    "ERROR_SQL": OutcomeUnknown,
    "SQL_ERROR": OutcomeUnknown,
    "SERVER_ERROR": OutcomeUnknown,
    "NO_CONNECTION": OutcomeUnknown,
    "ORDER_ALREADY_EXISTS": OutcomeUnknown,
}
STATES: Mapping[str, UpstreamState] = {
    "STATUS_WAIT_CODE": UpstreamState.WAITING,
    "STATUS_WAIT_RESEND": UpstreamState.RETRYING,
    "STATUS_WAIT_RETRY": UpstreamState.RETRYING,
    "STATUS_OK": UpstreamState.RECEIVED,
    "STATUS_FINISH": UpstreamState.FINISHED,
    "STATUS_CANCEL": UpstreamState.CANCELED,
    "ACCESS_CANCEL": UpstreamState.CANCELED,
}
UNKNOWN_NUMBER = frozenset({"NO_ACTIVATION", "WRONG_ACTIVATION_ID", "INVALID_PHONE"})
DATE_AND_TIME = re.compile(r"(\d{4}-\d\d-\d\d)[ T](\d\d)[-:](\d\d)[-:](\d\d)(.*)")


@dataclass(frozen=True, slots=True)
class Answer:
    """A word with what came behind it, or (`content`) the JSON of a success. `info`: hero's details."""

    word: str
    rest: str
    status: int
    content: Any = None
    info: Mapping[str, Any] | None = None

    def object(self) -> dict[str, Any]:
        """The content, which is an object. Raises OutcomeUnknown."""
        if not isinstance(self.content, dict):
            raise OutcomeUnknown("not an object where one should be")
        return self.content


def answer_of(reply: Reply) -> Answer:
    """An answer by its content, whatever its type says. An error status is believed with a known word only.

    Raises OutcomeUnknown, Throttled (429).
    """
    text = text_in(reply)
    if text[:1] in ("{", "["):
        found = _json(json_of(reply), reply.status)
    else:
        found = Answer(*word_of(text), reply.status)
    if found.word in REFUSALS or found.word in STATES:
        return found
    if reply.status == 429:
        raise Throttled("HTTP 429", until=asks_to_wait_until(reply))
    if reply.status >= 400:
        raise OutcomeUnknown(f"HTTP {reply.status}")
    if not found.word and found.content is None:
        raise OutcomeUnknown("neither a word nor JSON")
    return found


def _json(content: object, status: int) -> Answer:
    if isinstance(content, dict):
        said = content.get("title")
        if str(content.get("status")).lower() in ("error", "false", "fail"):
            said = said or content.get("message") or content.get("error") or content.get("msg")
        if isinstance(said, str):
            word, rest = word_of(said.strip())
            info = content.get("info")
            return Answer(word or "?", rest, status, info=info if isinstance(info, dict) else None)
    return Answer("", "", status, content)


def read_done(account: Account, reply: Reply, *, words: Collection[str]) -> None:
    """An action is done when it was answered with one of these words."""
    answer = answer_of(reply)
    if answer.word not in words:
        raise refusal(answer, account, reply)


def refusal(answer: Answer, account: Account, reply: Reply) -> ProviderError:
    """What a word that is no success means. An unknown one may have happened."""
    kind = REFUSALS.get(answer.word, OutcomeUnknown)
    info = answer.info or {}
    if kind is PriceTooLow:
        return PriceTooLow(answer.word, suggested_micros=_suggested(answer.rest or info.get("min"), account))
    if kind is Banned:
        return Banned(answer.word, until=time_in(answer.rest or info.get("banned_until"), account))
    if kind is Throttled:
        return Throttled(answer.word, until=asks_to_wait_until(reply))
    return kind(answer.word if kind is not OutcomeUnknown else f"answered {answer.word:.40}")


def _suggested(value: object, account: Account) -> int | None:
    try:
        return micros_of(value, unit_micros=unit_of(account))
    except OutcomeUnknown:
        return None


def time_in(value: object, account: Account) -> datetime | None:
    """`2026-02-18 16:11:33`, also with dashes, ISO 8601 with a zone; None for what is no time."""
    parts = DATE_AND_TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if parts is None:
        return None
    day, hours, minutes, seconds, zone = parts.groups()
    return iso_time(f"{day}T{hours}:{minutes}:{seconds}{zone}", zone_of(account))


def lines_of(content: object) -> Iterable[tuple[str, Any]]:
    """The lines of an object, or of the list that some members make of an empty or a numbered one."""
    if isinstance(content, dict):
        return content.items()
    if isinstance(content, list):
        return ((str(number), line) for number, line in enumerate(content))
    raise OutcomeUnknown("neither an object nor a list")


def shown(value: object) -> str:
    """A text, or a number as text; empty for null and anything else."""
    return value if isinstance(value, str) else str(value) if type(value) is int else ""

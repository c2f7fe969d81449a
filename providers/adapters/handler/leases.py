"""Reading numbers: what was bought, how it stands, which are open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from providers.adapters.handler.answers import (
    REFUSALS,
    STATES,
    UNKNOWN_NUMBER,
    Answer,
    answer_of,
    lines_of,
    refusal,
    shown,
    time_in,
)
from providers.adapters.reading import DOLLAR_MICROS, micros_or_none, unit_of
from providers.adapters.words import digits_of, message
from providers.contract import (
    Account,
    BadCredentials,
    Banned,
    Lease,
    ListedLease,
    OutcomeUnknown,
    Reply,
    Sms,
    Status,
    Throttled,
    UpstreamState,
)

DOLLARS = "840"  # ISO 4217
LISTED = {
    "2": UpstreamState.RECEIVED,
    "3": UpstreamState.RETRYING,
    "6": UpstreamState.FINISHED,
    "8": UpstreamState.CANCELED,
    "10": UpstreamState.REFUNDED,
}
EMPTY = frozenset({"NO_ACTIVATIONS", "NO_ACTIVATION"})
NO_NEWS = Status(UpstreamState.UNKNOWN)
YES, NO = (True, 1, "1", "true"), (False, 0, "0", "false")
TROUBLE = (BadCredentials, Banned, Throttled, OutcomeUnknown)  # raised by a status; others are no news


# --- an order ---


def read_lease(account: Account, reply: Reply) -> Lease:
    answer = answer_of(reply)
    if answer.word == "ACCESS_NUMBER":
        upstream_ref, colon, phone = answer.rest.partition(":")
        if not colon:
            raise OutcomeUnknown("a number without a phone")
        return Lease(digits_of(upstream_ref), digits_of(phone))
    if answer.word:
        raise refusal(answer, account, reply)
    return lease_of(answer.object(), account)


def lease_of(content: Mapping[str, Any], account: Account) -> Lease:
    """The object of getNumberV2. Raises KeyError and ValueError for what must be there."""
    again = content.get("canGetAnotherSms")
    return Lease(
        upstream_ref=digits_of(content["activationId"]),
        phone=digits_of(content["phoneNumber"]),
        cost_micros=cost_of(content, account),
        expire_at=time_in(content.get("activationEndTime"), account),
        is_retriable=True if again in YES else False if again in NO else None,
        operator=shown(content.get("activationOperator")),
    )


def cost_of(content: Mapping[str, Any], account: Account) -> int | None:
    """`activationCost`: dollars where the answer says so, else the account's currency. None: it is not known,
    such as when the answer is in a currency that the account names no rate for.
    """
    currency = shown(content.get("currency"))
    if currency == DOLLARS:
        return micros_or_none(content.get("activationCost"))
    unit = unit_of(account)
    if currency and unit == DOLLAR_MICROS:
        return None
    return micros_or_none(content.get("activationCost"), unit_micros=unit)


# --- a status ---


def read_status(account: Account, reply: Reply) -> Status:
    """`getStatus` and `getStatusV2`; either may answer like the other. An unknown word is no news, and so is
    one that says nothing of this number (an action it does not have is no reason to give a number up).
    """
    answer = answer_of(reply)
    if answer.word == "STATUS_OK":
        return Status(UpstreamState.RECEIVED, [message(answer.rest)] if answer.rest else ())
    if answer.word in STATES:
        return Status(STATES[answer.word])
    if answer.word:
        error = refusal(answer, account, reply)
        if answer.word in UNKNOWN_NUMBER or (answer.word in REFUSALS and isinstance(error, TROUBLE)):
            raise error
        return NO_NEWS
    return _status_v2(answer, account)


def _status_v2(answer: Answer, account: Account) -> Status:
    content = answer.object()
    if "sms" not in content and "call" not in content:
        return NO_NEWS
    messages = (
        *_messages_v2(content.get("sms"), "sms", account),
        *_messages_v2(content.get("call"), "voice", account),
    )
    return Status(UpstreamState.RECEIVED if messages else UpstreamState.WAITING, messages)


def _messages_v2(told: object, kind: str, account: Account) -> Iterator[Sms]:
    """One message as an object, several in a list, none as null or an empty list."""
    for line in told if isinstance(told, list) else [told]:
        if not isinstance(line, dict):
            continue
        code, text = shown(line.get("code")), shown(line.get("text"))
        if code or text:
            yield message(
                code,
                text,
                kind=kind,
                sender=shown(line.get("from")),
                received_at=time_in(line.get("dateTime"), account),
            )


# --- the list ---


def read_list(account: Account, reply: Reply, *, seen: Collection[str] = ()) -> Sequence[ListedLease]:
    """Open numbers, without those that an earlier page had (`seen`)."""
    answer = answer_of(reply)
    if answer.word in EMPTY:
        return []
    if answer.word:
        raise refusal(answer, account, reply)
    return [_listed(line, account) for line in _rows(answer) if shown(line["activationId"]) not in seen]


def ids_in(reply: Reply) -> list[str]:
    """The numbers of a page of the list."""
    answer = answer_of(reply)
    return [] if answer.word else [shown(line["activationId"]) for line in _rows(answer)]


def _rows(answer: Answer) -> list[dict[str, Any]]:
    content = answer.object()
    rows = content.get("activeActivations", content.get("data"))
    if rows is None:
        raise OutcomeUnknown("a list without its lines")
    return [line for _, line in lines_of(rows)]


def _listed(line: Mapping[str, Any], account: Account) -> ListedLease:
    messages = _listed_messages(line)
    state = LISTED.get(shown(line.get("activationStatus")), UpstreamState.WAITING)
    if messages and state is UpstreamState.WAITING:
        state = UpstreamState.RECEIVED
    return ListedLease(
        upstream_ref=digits_of(line["activationId"]),
        phone=digits_of(line["phoneNumber"]),
        state=state,
        service=shown(line.get("serviceCode")),
        country=shown(line.get("countryCode")),
        cost_micros=cost_of(line, account),
        created_at=time_in(line.get("activationTime"), account),
        messages=messages,
    )


def _listed_messages(line: Mapping[str, Any]) -> Sequence[Sms]:
    """Code and text may each be null, one, or all that came, the oldest first."""
    codes, texts = _all_of(line.get("smsCode")), _all_of(line.get("smsText"))
    if not codes and not texts:
        return ()
    seen: Counter[str] = Counter()
    messages = []
    for code, text in zip_longest(codes, texts, fillvalue=""):
        first = message(code, text)
        messages.append(message(code, text, repeat=seen[first.upstream_ref]))
        seen[first.upstream_ref] += 1
    return messages


def _all_of(value: object) -> list[str]:
    return [text for one in (value if isinstance(value, list) else [value]) if (text := shown(one))]

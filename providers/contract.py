"""What an adapter promises. It says what to send and how to read the answer; `providers.http` sends.

An adapter has no models, no settings and no retries. Every error is one of three kinds, because money hangs
on the difference:
`Refused` (it said no), `Unreachable` (it never heard us, repeating is safe) and `OutcomeUnknown` (it may
have happened).
Amounts are integer micro-USD, times aware UTC datetimes, phones digits without `+`.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


# --- errors ---


class ProviderError(Exception):
    """Base of the three kinds. `code` is stable and names the reason for people and tables."""

    code: ClassVar[str] = "provider_error"


class Refused(ProviderError):
    """The upstream understood and said no; nothing happened there."""

    code = "refused"


class OutOfStock(Refused):
    code = "out_of_stock"


class PriceTooLow(Refused):
    """Numbers exist, but only above our ceiling. `suggested_micros` is the nearest price, when named."""

    code = "price_too_low"

    def __init__(self, message: str = "", *, suggested_micros: int | None = None) -> None:
        super().__init__(message)
        self.suggested_micros = suggested_micros


class UnknownToUpstream(Refused):
    """It knows no such service, country, order or action."""

    code = "unknown_to_upstream"


class TooEarly(Refused):
    """Cancelling works from `at` on (None: later, it does not say when)."""

    code = "too_early"

    def __init__(self, message: str = "", *, at: datetime | None = None) -> None:
        super().__init__(message)
        self.at = at


class WrongState(Refused):
    """The order is not in a state that allows this (a message is there, or it has ended)."""

    code = "wrong_state"


class OutOfFunds(Refused):
    """Operator's trouble: the account at the upstream is empty."""

    code = "out_of_funds"


class BadCredentials(Refused):
    """Operator's trouble: key wrong or revoked. `account`: the one whose call was answered so."""

    code = "bad_credentials"
    account: Account | None = None


class BadOptions(BadCredentials):
    """Operator's trouble: an option of the account is missing or wrong; the text names it."""

    code = "bad_options"


class Banned(Refused):
    """Operator's trouble: the upstream will not serve us until `until` (None: unknown)."""

    code = "banned"

    def __init__(self, message: str = "", *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class Unwanted(Refused):
    """A callback that is proven, but from a sender whose messages this account does not take."""

    code = "unwanted"


class Throttled(Refused):
    """Too many requests; the upstream asks to wait until `until` (None: unknown)."""

    code = "throttled"

    def __init__(self, message: str = "", *, until: datetime | None = None) -> None:
        super().__init__(message)
        self.until = until


class Unreachable(ProviderError):
    """The request was never sent (name not found, connection refused): repeating is safe."""

    code = "unreachable"


class OutcomeUnknown(ProviderError):
    """Sent, but what happened is not known (timeout, cut or unreadable answer). Keep the hold, find out."""

    code = "outcome_unknown"


# --- calls ---


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came. `text` is decoded with replacement; the sender checked sizes and times."""

    status: int
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


Reader = Callable[[Reply], T]


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request to send, and how to read its answer. `secret_params` are masked wherever the call is
    logged.
    """

    method: str
    url: str
    params: Mapping[str, object]
    read: Callable[[Reply], T_co]
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object | None = None
    secret_params: frozenset[str] = frozenset({"api_key", "key", "token"})
    follow: Callable[[Reply], Call[T_co] | None] | None = None  # a list's next page, from its answer
    timeout_seconds: float = 8.0
    max_bytes: int = 65_536
    is_read: bool = True  # a read that fails tells nothing; a write that fails may have happened
    account: Account | None = None  # on whose behalf it is made


# --- what comes back ---


class UpstreamState(StrEnum):
    """A lease's state in canonical words; UNKNOWN is "no news"."""

    WAITING = "waiting"
    RECEIVED = "received"
    RETRYING = "retrying"
    FINISHED = "finished"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Sms:
    """A message. `upstream_ref` tells repeats apart (empty: the content does); `code` only when the upstream
    names one.
    """

    text: str
    upstream_ref: str = ""
    sender: str = ""
    code: str = ""
    kind: str = "sms"
    received_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Native:
    """An amount in the upstream's currency; `rate`: US dollars for one unit, as it was then."""

    amount: Decimal
    currency: str
    rate: Decimal


@dataclass(frozen=True, slots=True)
class Lease:
    """A number that is ours. What the upstream did not say is None; `cost_micros` None costs the ceiling
    until a list says otherwise. `native`: the cost where it was agreed in another currency.
    """

    upstream_ref: str
    phone: str
    cost_micros: int | None = None
    expire_at: datetime | None = None
    cancelable_after: datetime | None = None
    is_retriable: bool | None = None
    is_cancelable: bool | None = None
    operator: str = ""
    native: Native | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """What the upstream says of one lease now. `expire_at` is a rental's end as the upstream has it: by it an
    extension whose answer was lost is found out; its `cost_micros` is less what was paid back.
    """

    state: UpstreamState
    messages: Sequence[Sms] = ()
    cost_micros: int | None = None
    expire_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListedLease:
    """A line of the upstream's own list: enough to find an orphan (`our_ref` when the upstream kept our
    reference).
    """

    upstream_ref: str
    phone: str
    state: UpstreamState
    our_ref: str = ""
    service: str = ""
    country: str = ""
    cost_micros: int | None = None
    created_at: datetime | None = None
    messages: Sequence[Sms] = ()
    expire_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Callback:
    """A verified callback. `is_proof`: it was signed by a recipe we trust, so its content may move money
    without asking again. `is_rental`: its reference is that of a rental, which many upstreams count apart.
    `phone` instead of a reference: about whatever lease is open on that number.
    """

    upstream_ref: str
    is_proof: bool
    status: Status | None = None
    is_rental: bool = False
    phone: str = ""

    @property
    def proven(self) -> Status | None:
        """What it says, if that may be believed; None: a reason to ask, and no more."""
        return self.status if self.is_proof else None


class Taken(StrEnum):
    """What became of a callback, for the answer to it."""

    DONE = "done"  # worked, now or before
    EARLY = "early"  # nobody has its lease, but an order whose answer is awaited may
    NOBODYS = "nobodys"  # nobody has its lease
    UNPROVEN = "unproven"  # not believed
    UNWANTED = "unwanted"  # its sender's messages are not taken


@dataclass(frozen=True, slots=True)
class Answer:
    """What a callback is answered: a status and JSON (None: no body)."""

    status: int
    content: object | None = None


class End(StrEnum):
    """How a lease ended, for an upstream that has to be told."""

    SOLD = "sold"  # a message came
    UNUSED = "unused"  # none came
    REFUNDED = "refunded"  # the customer got his money back afterwards
    USED = "used"  # no use: the number was known to its service already


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    kind: str  # service | country | operator
    code: str
    name: str
    alt_names: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class ListedOffer:
    """One price line in the upstream's own codes. A rental has `kind` "rental" and the hours of its term."""

    service: str
    country: str
    cost_micros: int
    count: int
    operator: str = "any"
    upstream_ref: str = ""
    physical_count: int | None = None
    quality: float | None = None
    capabilities: Sequence[str] = ("sms",)
    kind: str = "activation"
    duration_hours: int | None = None


@dataclass(frozen=True, slots=True)
class Extension:
    """A rental that was made longer. What the upstream did not say is None."""

    cost_micros: int | None = None
    ends_at: datetime | None = None


class Can(StrEnum):
    """What an upstream is able to do."""

    STATUS = "status"  # it can be asked about a single lease; elsewhere only callbacks tell of messages
    TELL_END = "tell_end"  # it must be told how each lease ended, and is told until it confirms
    CEILING = "ceiling"  # it sells nothing above the price that we name; elsewhere the lease's is looked at
    CANCEL = "cancel"
    RETRY = "retry"
    FINISH = "finish"
    READY = "ready"  # it can be told that the message was sent
    LIST_ACTIVE = "list_active"
    MESSAGES_IN_LIST = "messages_in_list"  # that list tells state and messages of each, too
    CALLBACK = "callback"
    CATALOGUE = "catalogue"
    PRICES = "prices"
    BALANCE = "balance"
    VOICE = "voice"
    REFUNDS_EXPIRED = "refunds_expired"  # what expired unused costs nothing; elsewhere its funds are read
    REPORT = "report"  # it takes complaints about a lease
    OWN_REFERENCE = "own_reference"  # it keeps and lists the reference we send
    PREFIXES = "prefixes"  # it can be told which phone prefixes we do not want
    RENTAL = "rental"
    EXTEND_RENTAL = "extend_rental"
    CANCEL_RENTAL = "cancel_rental"
    FINISH_RENTAL = "finish_rental"
    LIST_RENTALS = "list_rentals"
    RENTAL_MESSAGES_IN_LIST = "rental_messages_in_list"  # that list tells state and messages of each, too


@dataclass(frozen=True, slots=True)
class Account:
    """All an adapter knows of the account it speaks for."""

    base_url: str
    secret: str = field(repr=False)
    callback_secret: str = field(default="", repr=False)  # what callbacks are signed with, if it is another
    timeout_seconds: float = 8.0
    callback_url: str = ""
    options: Mapping[str, object] = field(default_factory=dict)
    provider_id: int = 0  # our row; 0: there is none
    is_guarded: bool = False  # a tenant's own: calls go to public addresses only (portal.addresses)


class Shape(StrEnum):
    """What an option's value is: a text, a whole number, whole numbers, or words."""

    TEXT = "text"
    WHOLE = "whole"
    WHOLES = "wholes"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of an account that its protocol understands. `help` says to people what it is for and what
    holds without it; `choices`: the only texts or words that it may be.
    """

    help: str
    shape: Shape = Shape.TEXT
    choices: tuple[str, ...] = ()

    def read(self, typed: str) -> object:
        """The value that a person typed; lists with commas. What is wrong with it `objection` tells."""
        words = [word.strip() for word in typed.split(",") if word.strip()]
        match self.shape:
            case Shape.WORDS:
                return words
            case Shape.WHOLES:
                return [int(word) if WHOLE_NUMBER.fullmatch(word) else word for word in words]
            case Shape.WHOLE:
                return int(typed) if WHOLE_NUMBER.fullmatch(typed.strip()) else typed
            case Shape.TEXT:
                return typed.strip()

    def write(self, value: object) -> str:
        """A value as a person types it."""
        return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)

    def objection(self, value: object) -> str:
        """Why it cannot be the value; empty: it can."""
        match self.shape:
            case Shape.WHOLE if type(value) is not int:
                return "a whole number"
            case Shape.WHOLES if not _is_list_of(int, value):
                return "a list of whole numbers"
            case Shape.WORDS if not _is_list_of(str, value):
                return "a list of words"
            case Shape.TEXT if isinstance(value, bool) or not isinstance(value, str | int | float):
                return "a text"
        words = value if isinstance(value, list) else [value]
        if self.choices and any(word not in self.choices for word in words):
            return f"one of {', '.join(self.choices)}"
        return ""


WHOLE_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)


def _is_list_of(kind: type, value: object) -> bool:
    return isinstance(value, list) and all(type(one) is kind for one in value)


def words_of(options: Mapping[str, object], name: str) -> frozenset[str]:
    """An option that is a list of words; what is something else counts as none."""
    value = options.get(name)
    return frozenset(str(word) for word in value) if isinstance(value, list) else frozenset()


class Adapter(ABC):
    """Translation for one protocol. Calls of a capability that is not in `can` are never asked for.

    The class says what the protocol can, an instance what the account can: its option `without` (names of
    `Can`) takes away what this upstream has not.
    """

    protocol: ClassVar[str]
    label: ClassVar[str]
    can: frozenset[Can]
    new_account: ClassVar[Mapping[str, object]] = {}  # fields of a new Provider that have other values here
    options: ClassVar[Mapping[str, Option]] = {
        "without": Option(
            "What this upstream cannot, although its protocol can.", Shape.WORDS, tuple(sorted(Can))
        ),
    }

    def __init__(self, account: Account) -> None:
        self.account = account
        if "without" in account.options:
            self.can = self.can - words_of(account.options, "without")

    def check_options(self) -> None:
        """Raises BadOptions naming an option of the account that cannot be right. What `options` cannot say
        of a value a protocol checks here.
        """
        for name, value in self.account.options.items():
            if name not in self.options:
                raise BadOptions(f"{name}: no such option here, only {', '.join(self.options)}")
            if objection := self.options[name].objection(value):
                raise BadOptions(f"{name}: {objection}")

    @abstractmethod
    def order(
        self,
        *,
        service: str,
        country: str,
        operator: str,
        offer_ref: str,
        ceiling_micros: int,
        our_ref: str,
        capability: str = "sms",
        exclude_prefixes: Sequence[str] = (),
    ) -> Call[Lease]:
        """Take one number for at most `ceiling_micros` micro-USD. `exclude_prefixes` (digits) is a wish where
        the upstream knows it; the number is looked at again afterwards.
        """

    def status(self, *, upstream_ref: str) -> Call[Status]:
        """State and messages of one lease. An unknown word is `UpstreamState.UNKNOWN`, no news."""
        raise NotImplementedError(self.protocol)

    def list_active(self) -> Call[Sequence[ListedLease]]:
        """All leases that are open at the upstream."""
        raise NotImplementedError(self.protocol)

    def cancel(self, *, upstream_ref: str) -> Call[int | None]:
        """Give it back: how many micro-USD of its cost come back (None: it does not say, so all)."""
        raise NotImplementedError(self.protocol)

    def ready(self, *, upstream_ref: str) -> Call[None]:
        """Tell it that the message was sent; a hint that changes nothing."""
        raise NotImplementedError(self.protocol)

    def retry(self, *, upstream_ref: str) -> Call[None] | None:
        """Ask for one more message on the same lease; None: every message is passed on without asking."""
        raise NotImplementedError(self.protocol)

    def finish(self, *, upstream_ref: str) -> Call[None]:
        raise NotImplementedError(self.protocol)

    def tell_end(self, *, upstream_ref: str, end: End, amount: Decimal | None, is_rental: bool) -> Call[None]:
        """Tell how a lease ended; `amount`: its cost in the upstream's currency, as agreed. Repeating it must
        be safe.
        """
        raise NotImplementedError(self.protocol)

    def report(self, *, upstream_ref: str, reason_id: int, message: str) -> Call[None]:
        """Complain about a lease (reasons: docs/protocols/retail.md 12). Repeating it must be safe."""
        raise NotImplementedError(self.protocol)

    def catalogue(self) -> Sequence[Call[Sequence[CatalogueItem]]]:
        raise NotImplementedError(self.protocol)

    def prices(self, known: Sequence[CatalogueItem] = ()) -> Sequence[Call[Sequence[ListedOffer]]]:
        """The price list, rentals too. `known`: what `catalogue` gave, for upstreams that list by country."""
        raise NotImplementedError(self.protocol)

    def balance(self) -> Call[int]:
        """The account's funds in micro-USD."""
        raise NotImplementedError(self.protocol)

    # --- rentals: a lease by the hour, with as many messages as come ---

    def rent(
        self,
        *,
        service: str,
        country: str,
        operator: str,
        offer_ref: str,
        hours: int,
        ceiling_micros: int,
        our_ref: str,
    ) -> Call[Lease]:
        """Rent one number for `hours`, for at most `ceiling_micros` micro-USD. The lease's `expire_at` is its
        end.
        """
        raise NotImplementedError(self.protocol)

    def rental_status(self, *, upstream_ref: str) -> Call[Status]:
        """State and all messages of one rental."""
        raise NotImplementedError(self.protocol)

    def list_rentals(self) -> Call[Sequence[ListedLease]]:
        """All rentals that are open at the upstream; without RENTAL_MESSAGES_IN_LIST only that they are."""
        raise NotImplementedError(self.protocol)

    def extend_rental(
        self, *, upstream_ref: str, hours: int, ceiling_micros: int, our_ref: str
    ) -> Call[Extension]:
        """Add `hours` to the present end, for at most `ceiling_micros` micro-USD."""
        raise NotImplementedError(self.protocol)

    def cancel_rental(self, *, upstream_ref: str) -> Call[int | None]:
        """End it and get money back: how many micro-USD (None: it does not say; then its rule holds, which is
        everything within the first minutes without a message).
        """
        raise NotImplementedError(self.protocol)

    def finish_rental(self, *, upstream_ref: str) -> Call[None]:
        """End it early; nothing comes back."""
        raise NotImplementedError(self.protocol)

    def read_callback(self, *, body: bytes, headers: Mapping[str, str], now: datetime) -> Callback:
        """Verify and read a callback's raw bytes. Raises Refused when the signature is bad, missing or older
        than 5 minutes, Unwanted when its sender is blocked here.
        """
        raise NotImplementedError(self.protocol)

    def answer_callback(self, taken: Taken) -> Answer:
        """How a callback is answered. Most upstreams repeat what is not answered with 200, so everything that
        is believed is.
        """
        return Answer(401) if taken is Taken.UNPROVEN else Answer(200, {"result": "success"})

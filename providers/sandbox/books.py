"""The sandbox's memory: accounts with leases, money and messages, kept in a journal when one is named."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

import orjson

from providers.sandbox.faults import Fault

OPEN_STATES = frozenset({"waiting", "received", "retrying"})
OPENING_MICROS = 1_000_000_000_000
KEY_PREFIX = b"sandbox_"


@dataclass(slots=True)
class Lease:
    """One number that an account holds or held; with `hours` it is rented. Times are Unix seconds, money
    micro-USD.
    """

    id: int
    ref: str
    phone: str
    service: str
    country: str
    operator: str
    offer: str
    cost: int
    created: float
    cancelable: float
    expires: float
    callback_url: str = ""
    hours: int = 0
    state: str = "waiting"
    charged: int = 0
    refunded: int = 0
    reported: int = 0  # the reason, once there was a complaint
    heard: int = 0  # how many messages there were when one more was asked for
    messages: list[dict[str, Any]] = field(default_factory=list)
    status_reply: bytes = b""  # the whole HTTP answer of a status call, until something changes


@dataclass(slots=True)
class Settings:
    """How an account behaves. A delay is added to each of its calls."""

    delay_seconds: float = 0.0
    cancel_lock_seconds: float = 10.0
    life_seconds: float = 1_200.0
    guard_seconds: float = 1_200.0  # a rental cancelled within it and without a message costs nothing
    callbacks: bool = True
    callback_url: str = ""  # where to, when an order names no address
    price_step_micros: int = 1  # prices are rounded up to multiples of it
    cancel_fee_micros: int = 0  # what a cancel keeps
    rents_by_day: bool = False  # a week costs seven days


class Account:
    """What belongs to one API key: nothing in it is seen by another key."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name = name
        self.key = b""
        self.settings = settings
        self.balance = OPENING_MICROS
        self.leases: dict[int, Lease] = {}
        self.open: dict[int, Lease] = {}
        self.newest_by_phone: dict[str, Lease] = {}
        self.stock: dict[tuple[str, str, str], int] = {}
        self.costs: dict[tuple[str, str, str], int] = {}
        self.faults: list[Fault] = []
        self.calls: Counter[str] = Counter()

    def take_fault(self, action: str) -> Fault | None:
        """The oldest script that names this action, counted down."""
        for fault in self.faults:
            if fault.action in (action, "*"):
                fault.times -= 1
                if fault.times == 0:
                    self.faults.remove(fault)
                return fault
        return None

    def find(self, which: object) -> Lease | None:
        """A lease by its id, our reference or its phone (the newest one)."""
        text = str(which).removeprefix("+")
        lease = self.leases.get(int(text)) if text.isdecimal() and len(text) < 19 else None
        if lease is None:
            lease = self.newest_by_phone.get(text)
        return lease or next((one for one in reversed(self.leases.values()) if one.ref == text), None)


class Books:
    """All accounts. Every change is one journal line, written before it is answered."""

    def __init__(self, *, journal: Path | None = None, defaults: Settings | None = None) -> None:
        self.defaults = defaults or Settings()
        self.accounts: dict[bytes, Account] = {}
        self.by_name: dict[str, Account] = {}
        self.last_id = 100_000
        self.journal: IO[bytes] | None = None
        if journal is not None:
            self._replay(journal)
            self.journal = journal.open("ab")
            journal.chmod(0o600)

    def account(self, key: bytes) -> Account | None:
        """The account of a key, opened at its first use. None: no sandbox key."""
        if (account := self.accounts.get(key)) is not None:
            return account
        if not key.startswith(KEY_PREFIX) or len(key) < 16:
            return None
        account = self._named(sha256(key).hexdigest()[:24])
        account.key = key
        self.accounts[key] = account
        return account

    def close(self) -> None:
        if self.journal is not None:
            self.journal.close()

    # --- changes: each is made by a method that also replays it ---

    def open_lease(self, account: Account, **facts: Any) -> Lease:
        self.last_id += 1
        lease = Lease(id=self.last_id, **facts)
        self._apply_lease(account, lease)
        self._note("lease", account, [getattr(lease, name) for name in LEASE_FACTS])
        return lease

    def add_message(
        self, account: Account, lease: Lease, message: dict[str, Any], *, charge: bool = False
    ) -> None:
        self._apply_message(account, lease, message, charge)
        self._note("message", account, [lease.id, message, charge])

    def set_state(self, account: Account, lease: Lease, state: str, *, refund: int | None = None) -> None:
        """Ends or changes a lease; `canceled`, `expired` and `refunded` give its money back, or `refund`."""
        self._apply_state(account, lease, state, refund)
        self._note("state", account, [lease.id, state, lease.refunded])  # settings are not in the journal

    def extend(self, account: Account, lease: Lease, hours: int, cost: int) -> None:
        self._apply_extension(account, lease, hours, cost)
        self._note("extension", account, [lease.id, hours, cost])

    def add_report(self, account: Account, lease: Lease, reason: int) -> None:
        lease.reported = reason
        self._note("report", account, [lease.id, reason])

    def set_balance(self, account: Account, micros: int) -> None:
        account.balance = micros
        self._note("balance", account, [micros])

    def expire_due(self, account: Account) -> None:
        now = time.time()
        for lease in [lease for lease in account.open.values() if lease.expires <= now]:
            self.set_state(account, lease, "finished" if lease.messages or lease.hours else "expired")

    # --- how a change is applied, first time or from the journal ---

    def _apply_lease(self, account: Account, lease: Lease) -> None:
        lease.charged = lease.cost
        account.balance -= lease.cost
        account.leases[lease.id] = account.open[lease.id] = account.newest_by_phone[lease.phone] = lease

    def _apply_message(self, account: Account, lease: Lease, message: dict[str, Any], charge: bool) -> None:
        lease.messages.append(message)
        lease.status_reply = b""
        if lease.state in OPEN_STATES:
            lease.state = "received"
        if charge and lease.refunded:
            account.balance -= lease.refunded
            lease.refunded = 0

    def _apply_extension(self, account: Account, lease: Lease, hours: int, cost: int) -> None:
        lease.hours += hours
        lease.expires += hours * 3_600
        lease.charged += cost
        lease.status_reply = b""
        account.balance -= cost

    def _apply_state(self, account: Account, lease: Lease, state: str, refund: int | None = None) -> None:
        lease.state = state
        lease.status_reply = b""
        if state == "retrying":
            lease.heard = len(lease.messages)
        if state in ("canceled", "expired", "refunded") and not lease.refunded:
            fee = min(account.settings.cancel_fee_micros, lease.charged) if state == "canceled" else 0
            lease.refunded = lease.charged - fee if refund is None else refund
            account.balance += lease.refunded
        if state in OPEN_STATES:
            account.open[lease.id] = lease
        else:
            account.open.pop(lease.id, None)

    # --- journal ---

    def _named(self, name: str) -> Account:
        if name not in self.by_name:
            defaults = self.defaults
            copy = Settings(**{each: getattr(defaults, each) for each in Settings.__slots__})
            self.by_name[name] = Account(name, copy)
        return self.by_name[name]

    def _note(self, kind: str, account: Account, facts: list[Any]) -> None:
        if self.journal is not None:
            self.journal.write(orjson.dumps([kind, account.name, *facts]) + b"\n")
            self.journal.flush()

    def _replay(self, journal: Path) -> None:
        """A killed process may have left half a line; it was never answered, so it is cut off."""
        if not journal.exists():
            return
        whole = 0
        with journal.open("r+b") as file:
            for line in file:
                if line.endswith(b"\n"):
                    whole += len(line)
                    kind, name, *facts = orjson.loads(line)
                    self._replay_line(kind, self._named(name), facts)
            file.truncate(whole)

    def _replay_line(self, kind: str, account: Account, facts: list[Any]) -> None:
        if kind == "lease":
            lease = Lease(**dict(zip(LEASE_FACTS, facts, strict=False)))  # older lines are shorter
            self.last_id = max(self.last_id, lease.id)
            self._apply_lease(account, lease)
        elif kind == "message":
            self._apply_message(account, account.leases[facts[0]], facts[1], facts[2])
        elif kind == "state":
            self._apply_state(account, account.leases[facts[0]], *facts[1:])
        elif kind == "extension":
            self._apply_extension(account, account.leases[facts[0]], facts[1], facts[2])
        elif kind == "report":
            account.leases[facts[0]].reported = facts[1]
        elif kind == "balance":
            account.balance = facts[0]


LEASE_FACTS = (
    "id", "ref", "phone", "service", "country", "operator", "offer", "cost", "created", "cancelable",
    "expires", "callback_url", "hours",
)  # fmt: skip

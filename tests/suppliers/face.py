"""What a protocol is made of here: a `Face` finds who handles a request; a handler works at a `Desk`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from providers.sandbox.actions import PRICE_COLUMNS
from providers.sandbox.books import Account, Books, Lease
from providers.sandbox.faults import Fault, play
from providers.sandbox.http import Outcome
from providers.sandbox.server import ACTIONS

# These spoil an answer on its way, whatever the protocol; the others are said in the protocol's own words.
ON_THE_WIRE = {"late", "lost", "doubled", "html", "cut", "garbage", "mistyped", "huge", "redirect"}


@dataclass(frozen=True)
class Request:
    """`path` is below `/<protocol>` and without its query; names of headers are in small letters."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return orjson.loads(self.body) if self.body else {}


class Refusal(Exception):
    """The provider says no, in the sandbox's word, which the face spells; `facts`: suggested, at, until."""

    def __init__(self, word: str, status: int = 400, **facts: Any) -> None:
        super().__init__(word)
        self.word, self.status, self.facts = word, status, facts


@dataclass
class Desk:
    """One request of one account. `notes` keeps what a protocol knows beyond the books, per account."""

    face: "Face"
    books: Books
    account: Account
    request: Request
    action: str
    fault: Fault | None
    notes: dict[Any, Any]

    def do(self, action: str, lease: Lease | None = None, **facts: Any) -> dict[str, Any]:
        """The sandbox's own action; its answer. Raises Refusal."""
        fault = self.fault if action == self.action else None
        number, body = lease.id if lease else 0, orjson.dumps(facts)

        def run() -> bytes:
            return ACTIONS[action](self.books, self.account, number, body, fault)

        reply = play(fault, run) if fault and fault.kind not in ON_THE_WIRE else run()
        head, _, content = reply.partition(b"\r\n\r\n")
        answer = orjson.loads(content)
        if "error" in answer:
            raise Refusal(answer.pop("error"), int(head[9:12]), **answer)
        return answer

    def lease(self, ref: str) -> Lease:
        """A lease by the protocol's own reference. Raises Refusal."""
        lease = self.face.lease(self.account, ref)
        if lease is None:
            raise Refusal("unknown_order", 404)
        return lease

    def newest(self, answer: dict[str, Any]) -> Lease:
        """The lease that an order was answered with."""
        return self.account.leases[int(answer["id"])]

    def open_leases(self) -> list[Lease]:
        """What the sandbox's list shows."""
        return [self.account.leases[int(row[0])] for row in self.do("list")["rows"]]

    def price_lines(self, **wanted: str) -> Iterator[dict[str, Any]]:
        """Lines of the price list (see actions.PRICE_COLUMNS) that have these values."""
        for row in self.do("prices")["rows"]:
            line = dict(zip(PRICE_COLUMNS, row, strict=True))
            if all(line[name] == value for name, value in wanted.items()):
                yield line


def code_of(message: Mapping[str, Any]) -> str:
    """The code that a provider would name: what the test gave, else the first digits of the text."""
    found = re.search(r"\d{4,8}", message["t"])
    return message["c"] or (found[0] if found else "")


Handler = Callable[..., Outcome]


class Face:
    """One protocol. Handlers take a desk and what their address names, and return the whole HTTP answer."""

    protocol: str
    speaks = ""  # the adapter's protocol, where this is one of its dialects
    # (method, pattern of the path, the sandbox's name of the action, handler)
    routes: tuple[tuple[str, str, str, Handler], ...] = ()
    price_step_micros = 1_000
    cannot_say: frozenset[str] = frozenset()  # words of the sandbox that the protocol has none for
    options: Mapping[str, Any] = {}  # of the provider's row
    rents_by_day = False
    cancel_fee_micros = 0  # what it usually keeps of a cancelled number's price
    tells_price = True  # False: the answer to an order does not say what it costs
    tells_refunds = False  # True: the answer to a cancel says how much comes back
    signs_callbacks = True  # False: what they prove is that the sender knows the key
    shows_text = True  # False: a message is its code and nothing else

    @property
    def actions(self) -> frozenset[str]:
        """The sandbox's names of what it can be asked for; `callback`: it tells by itself."""
        own = {action for _, _, action, _ in self.routes}
        return frozenset(
            own | ({"callback"} if type(self).callback_body is not Face.callback_body else set())
        )

    def key(self, request: Request) -> str:
        """The API key of a request."""
        return request.headers.get("x-api-key", "")

    def find(self, request: Request) -> tuple[str, Callable[[Desk], Outcome]] | None:
        """The action's name, by which calls are counted and faults are scripted, and who handles it."""
        for method, pattern, action, handler in self.routes:
            if method == request.method and (match := re.fullmatch(pattern, request.path)):
                return action, partial(handler, **match.groupdict())
        return None

    def refuse(self, refusal: Refusal) -> bytes:
        """A refusal in the protocol's words; a word that it does not have is sent as it is."""
        raise NotImplementedError(self.protocol)

    def ref(self, lease: Lease) -> str:
        """The protocol's reference of a lease."""
        return str(lease.id)

    def number(self, ref: str) -> int | None:
        """The lease's number in a reference; None: it is not one."""
        return int(ref) if ref.isdecimal() and len(ref) < 19 else None

    def lease(self, account: Account, ref: str) -> Lease | None:
        number = self.number(ref)
        return None if number is None else account.leases.get(number)

    def wish(self, service: str, country: str) -> dict[str, str]:
        """What `Adapter.order` is asked for to buy this, in the protocol's codes."""
        return {"service": service, "country": country, "operator": "any", "offer_ref": ""}

    def rental_wish(self, service: str, country: str) -> dict[str, str] | None:
        """What `Adapter.rent` is asked for to rent this; None: nothing is rented here."""
        return None

    # --- callbacks, where the protocol has them ---

    def pushes(self, lease: Lease) -> bool:
        """Whether it tells of a lease by itself as it is now."""
        return True

    def callback_secret(self, account: Account) -> str:
        """What callbacks are signed with, where it is not the key."""
        return ""

    def callback_body(self, desk: Desk, lease: Lease) -> bytes:
        raise NotImplementedError(self.protocol)

    def callback_headers(
        self, account: Account, message_id: str, timestamp: int, body: bytes
    ) -> dict[str, str]:
        return {}

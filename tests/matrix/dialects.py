"""A client of each dialect. It speaks over the wire and tells what came back in words that all of them share.

A new dialect is one class here.
"""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import StrEnum

from api.handler import errors as handler_errors
from api.onlinesim import errors as onlinesim_errors
from api.ping import errors as ping_errors
from api.rentverify import errors as rentverify_errors
from api.retail import errors as retail_errors
from billing.models import Wallet
from providers import canonical
from providers.models import CodeMap
from tests.api.conftest import Partner
from tests.api.handler.conftest import Family
from tests.api.onlinesim.conftest import RATE, make_contract
from tests.api.ping.conftest import Pinger
from tests.api.rentverify.conftest import Verifier
from tests.factories import CustomerFactory, TenantFactory, fund
from tests.matrix.cells import Say

CENT, DOLLAR = 10_000, 1_000_000
OPENING = 100_000_000
SOLD, NOTHING_CAME = 3, 4  # FINISH_ACTIVATION of a marketplace
CUSTOMER_PAYS = 80  # cents: a retail partner names the price of its customer
HOURS = 24


class State(StrEnum):
    """What a client knows of a number."""

    WAITING = "waiting"
    CODE = "code"
    AGAIN = "again"  # it has a code and waits for one more
    GONE = "gone"  # it ended without a code


@dataclass(frozen=True)
class Number:
    """What was bought. `price_micros`: None where the dialect does not tell it."""

    id: str
    phone: str
    price_micros: int | None = None


class Refused(Exception):
    """The dialect said no. `codes`: the refusals (portal/errors.py) that are said in these words."""

    def __init__(self, said, codes):
        super().__init__(f"{said}: {sorted(codes)}")
        self.codes = codes


class Dialect(ABC):
    """One customer of a reseller with a client of this dialect."""

    name: str
    says: frozenset = frozenset()  # what it has words for, of what not all have
    cancel_fee_micros = 0  # kept of the price when an unused number is given back
    opening = OPENING  # in the customer's wallet
    tells_again = True  # whether a client is told that one more message is waited for
    table: dict  # refusal → its wire form

    def __init__(self, receivers):
        """`receivers` starts servers for what is sent to the client (tests/webhooks/conftest.py)."""
        self.customer = CustomerFactory(balance_micros=OPENING)
        self.tenant = self.customer.tenant

    @abstractmethod
    def order(self, **wish) -> Number:
        """Buy a number for Telegram in the United States. Raises Refused."""

    @abstractmethod
    def state(self, number: Number) -> tuple[State, str]:
        """What is told of it: the state and the code."""

    @abstractmethod
    def cancel(self, number: Number) -> None:
        """Give it back. Raises Refused."""

    @abstractmethod
    def quote(self) -> dict:
        """What an order says to pay no more than the price list shows now."""

    def cap(self, micros: int) -> dict:
        """What an order says to pay no more than that; empty where an order cannot say it."""
        return {}

    def finish(self, number: Number) -> None:
        raise NotImplementedError

    def time_is_over(self, number: Number) -> None:
        """What the client does by itself when its number's time is over."""
        return

    def ask_again(self, number: Number) -> None:
        """Wait for one more message. Raises Refused."""
        raise NotImplementedError

    def rent(self, service: str) -> Number:
        """Rent a number for a day. Raises Refused."""
        raise NotImplementedError

    def messages(self, rental: Number) -> list[str]:
        """The texts that a rented number got, the newest first."""
        raise NotImplementedError

    def cancel_rental(self, rental: Number) -> None:
        raise NotImplementedError

    # --- money ---

    def wallets(self) -> tuple[int, int, int, int]:
        """(spent, held) of the customer's wallet, then of the reseller's."""
        mine = Wallet.objects.get(customer=self.customer)
        till = Wallet.objects.get(tenant=self.tenant, customer=None)
        return (
            self.opening - mine.balance_micros, mine.held_micros,
            100 * OPENING - till.balance_micros, till.held_micros,
        )  # fmt: skip

    def take_money(self, *, of_reseller: bool) -> None:
        """From now on nothing is left in the customer's wallet, or in the reseller's."""
        if of_reseller:
            fund(tenant=self.tenant, micros=-100 * OPENING)
        else:
            fund(tenant=self.tenant, customer=self.customer, micros=-OPENING)

    # --- refusals ---

    def refused(self, said, meant) -> Refused:
        """`meant`: whether a row of the dialect's table is what was said."""
        codes = {code for code, row in self.table.items() if meant(row)}
        assert codes, f"{self.name} said {said}, which its table does not have"
        return Refused(said, codes)


class Retail(Dialect):
    name = "retail"
    says = frozenset({Say.FINISH, Say.AGAIN, Say.RENT})
    table = retail_errors.TABLE

    def __init__(self, receivers):
        super().__init__(receivers)
        self.client = Partner(self.tenant, self.customer)

    def told(self, answer):
        status, body = answer
        if status >= 400:
            raise self.refused((status, body), lambda row: row == (status, body["errorName"]))
        return body

    def order(self, **wish):
        body = self.told(self.client.order(customer_price=CUSTOMER_PAYS, **wish))
        return Number(body["activation_id"], body["phone"], body["customer_price"] * CENT)

    def quote(self):
        [country] = self.told(self.client.get("retail/m/prices/countries?country_id=us&service_id=telegram"))
        [line] = country["services"]
        return {"max_price": line["price"]["suggested"]}

    def cap(self, micros):
        return {"max_price": micros // CENT}

    def _at(self, number, step=""):
        return f"{self.client.a}/activation/{number.id}{step}"

    def state(self, number):
        body = self.told(self.client.get(self._at(number)))
        is_open, code = body["activation_status"] == "active", body["sms_code"] or ""
        if is_open and body["sms_status"] == "retryRequested":
            return State.AGAIN, code
        if code:
            return State.CODE, code
        return (State.WAITING if is_open else State.GONE), ""

    def cancel(self, number):
        self.told(self.client.put(self._at(number, "/cancel")))

    def finish(self, number):
        self.told(self.client.put(self._at(number, "/finalize")))

    def ask_again(self, number):
        self.told(self.client.put(self._at(number, "/retry")))

    def rent(self, service):
        wish = {"service_id": service, "country_id": "us", "hours": HOURS}
        body = self.told(self.client.post(f"{self.client.a}/rental", wish))
        return Number(body["rental_id"], body["phone"], body["customer_price"] * CENT)

    def messages(self, rental):
        page = self.told(self.client.get(f"{self.client.a}/rental/{rental.id}/messages"))
        return [message["text"] for message in page["messages"]]

    def cancel_rental(self, rental):
        self.told(self.client.put(f"{self.client.a}/rental/{rental.id}/cancel"))


def word_state(words: str) -> tuple[State, str]:
    """What the dialects of words say of a number."""
    word, _, code = words.partition(":")
    states = {
        "STATUS_WAIT_CODE": State.WAITING,
        "STATUS_OK": State.CODE,
        "STATUS_WAIT_RESEND": State.AGAIN,
        "STATUS_CANCEL": State.GONE,
    }
    return states[word], code


class Handler(Dialect):
    name = "handler"
    says = frozenset({Say.FINISH, Say.AGAIN, Say.RENT})
    table = handler_errors.TABLE

    def __init__(self, receivers):
        super().__init__(receivers)
        self.client = Family(self.customer)

    def told(self, words, *wanted):
        """The words, when they begin with one that is wanted."""
        word = words.partition(":")[0]
        if word not in wanted:
            raise self.refused(words, lambda row: row[0] == word)
        return words

    def order(self, **wish):
        words = self.client.ask("getNumber", service="tg", country="187", **wish)
        _, number, phone = self.told(words, "ACCESS_NUMBER").split(":")
        return Number(number, phone)

    def quote(self):
        shown = self.client.ask("getPrices", service="tg", country="187")
        return self.cap(_micros(shown["187"]["tg"]["cost"]))

    def cap(self, micros):
        return {"maxPrice": f"{micros / DOLLAR:.4f}"}

    def state(self, number):
        return word_state(self.client.status(number.id))

    def cancel(self, number):
        self.told(self.client.step(number.id, "8"), "ACCESS_CANCEL")

    def finish(self, number):
        self.told(self.client.step(number.id, "6"), "ACCESS_ACTIVATION")

    def ask_again(self, number):
        self.told(self.client.step(number.id, "3"), "ACCESS_RETRY_GET")

    def rent_told(self, body):
        if body["status"] != "success":
            raise self.refused(body, lambda row: row[0] == body["message"])
        return body

    def rent(self, service):
        code = CodeMap.objects.get(scheme="handler", kind="service", canonical_id=service).code
        body = self.client.ask("getRentNumber", service=code, country="187", rent_time=str(HOURS))
        phone = self.rent_told(body)["phone"]
        return Number(str(phone["id"]), phone["number"])

    def messages(self, rental):
        body = self.client.ask("getRentStatus", id=rental.id)
        if body.get("message") == "STATUS_WAIT_CODE":
            return []
        return [message["text"] for message in self.rent_told(body)["values"].values()]

    def cancel_rental(self, rental):
        self.rent_told(self.client.ask("setRentStatus", id=rental.id, status="2"))


class RentVerify(Dialect):
    name = "rentverify"
    table = rentverify_errors.TABLE
    cancel_fee_micros = 100_000

    def __init__(self, receivers):
        super().__init__(receivers)
        self.client = Verifier(self.customer)

    def told(self, answer):
        status, body = answer
        if status >= 400:
            raise self.refused(answer, lambda row: row == (body, status))
        return body

    def order(self, **wish):
        words = self.told(self.client.ask("getNumber", service="tg", country="usa", **wish))
        _, number, phone = words.split(":")
        return Number(number, phone.removeprefix("+"))

    def quote(self):
        return {"price_id": self.client.price()["price_id"]}

    def state(self, number):
        return word_state(self.told(self.client.status(number.id)))

    def cancel(self, number):
        self.told(self.client.cancel(number.id))


class Ping(Dialect):
    name = "ping"
    says = frozenset({Say.RENT})
    table = ping_errors.TABLE

    def __init__(self, receivers):
        super().__init__(receivers)
        self.client = Pinger(self.customer)

    def told(self, answer):
        status, body = answer
        if body["result"] != "success":
            raise self.refused(answer, lambda row: row == (status, body.get("code", "")))
        return body

    def order(self, **wish):
        bought = self.told(self.client.order(**wish))["verification"]
        return Number(bought["public_id"], bought["phone_number"].removeprefix("+"), _micros(bought["cost"]))

    def quote(self):
        self.client.product()
        return {}  # an order is never dearer than the list

    def state(self, number):
        polled = self.told(self.client.get(f"orders/{number.id}/poll"))["verification"]
        states = {"pending": State.WAITING, "completed": State.CODE}
        return states.get(polled["status"], State.GONE), polled["code"] or ""

    def cancel(self, number):
        self.told(self.client.post(f"orders/{number.id}/cancel"))

    def rent(self, service):
        names = {one.id: one.name for one in (*canonical.services(), canonical.ANY_SERVICE)}
        product = self.client.product("rental", search=names[service])
        answer = self.client.post("rentals/create", {"serviceId": product["public_id"], "days": HOURS // 24})
        rented = self.told(answer)["rental"]
        return Number(rented["public_id"], rented["phone_number"].removeprefix("+"), _micros(rented["cost"]))

    def messages(self, rental):
        page = self.told(self.client.get(f"rentals/{rental.id}/messages"))
        return [message["text"] for message in page["messages"]]

    def cancel_rental(self, rental):
        self.told(self.client.post(f"rentals/{rental.id}/cancel"))


def _micros(dollars):
    return round(float(dollars) * DOLLAR)


class OnlineSim(Dialect):
    """A marketplace: it asks nothing about its numbers, takes what is pushed, and ends each operation. It has
    no money here, so what a number costs is the reseller's.
    """

    name = "onlinesim"
    says = frozenset({Say.FINISH, Say.AGAIN, Say.RENT})
    table = onlinesim_errors.TABLE
    opening = 0
    tells_again = False
    SUM, RENT_SUM = 13, 1_000  # roubles that it pays: 0.16 and 12.50 USD

    def __init__(self, receivers):
        self.tenant = TenantFactory()
        self.client = make_contract(self.tenant, receivers(answer=b'{"status":"SUCCESS"}'))
        self.customer = self.client.contract.customer
        self.ended = set()

    def told(self, body):
        status, error = body["status"], body.get("error", "")
        if status != "SUCCESS":
            raise self.refused(body, lambda row: row[0] == status and row[1] in ("", error))
        return body

    def order(self, **wish):
        body = self.told(self.client.order(**{"sum": self.SUM, **wish}))
        return Number(body["activationId"], str(body["number"]))

    def quote(self):
        return {"sum": self.SUM}

    def cap(self, micros):
        return {"sum": float(RATE) * micros / DOLLAR}

    def messages(self, rental):
        return [message["text"] for message in reversed(self.client.got) if message["phone"] == rental.phone]

    def state(self, number):
        if texts := self.messages(number):
            return State.CODE, re.search(r"\d{4,8}", texts[0])[0]
        return (State.GONE if number.id in self.ended else State.WAITING), ""

    def _end(self, number, status, **members):
        self.told(self.client.finish(number.id, status, **members))
        self.ended.add(number.id)

    def cancel(self, number):
        self._end(number, NOTHING_CAME)

    time_is_over = cancel

    def finish(self, number):
        self._end(number, SOLD, sum=self.SUM)

    def ask_again(self, number):
        """It need not: an open operation takes every message."""

    def rent(self, service):
        body = self.told(self.client.rent(country="usa", sum=self.RENT_SUM))
        return Number(body["activationId"], str(body["number"]))

    def cancel_rental(self, rental):
        self._end(rental, NOTHING_CAME, service="rent")

    def take_money(self, *, of_reseller):
        if of_reseller:
            super().take_money(of_reseller=True)


DIALECTS = {dialect.name: dialect for dialect in (Retail, Handler, RentVerify, Ping, OnlineSim)}

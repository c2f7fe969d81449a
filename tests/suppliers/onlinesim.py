"""A supplier that speaks docs/protocols/onlinesim.md: it is never asked about a number, pushes its messages
to the marketplace, and is paid for what FINISH says was sold. Here a rouble is a cent.
"""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import orjson

from providers import canonical
from providers.sandbox.books import OPEN_STATES, Account, Lease
from providers.sandbox.faults import REFUSALS
from providers.sandbox.http import Outcome, raw, reply
from providers.sandbox.stock import FEATURED, rental_shelves, shelves
from tests.suppliers.face import Desk, Face, Handler, Refusal, Request

ROUBLE = 10_000  # micro-USD
RENT = "rent"
STATUSES = {1: "cancel", 3: "finish", 4: "cancel", 5: "refund"}
WORDS = {
    "unknown_order": (200, "NO_ACTIVATION"),
    "bad_key": (401, "BAD_KEY"),
    "wrong_state": (200, "the operation is closed"),
    "bad_request": (200, "a member is missing"),
    "nothing_here": (404, "BAD_ACTION"),
}
NO_NUMBERS = {"out_of_stock", "price_too_low", "unknown_service", "unknown_country"}
SERVICES = ("telegram", "whatsapp", "google")


@cache
def names(kind: str) -> dict[str, str]:
    """Canonical id → the protocol's name."""
    lines = canonical.countries() if kind == "country" else (*canonical.services(), canonical.ANY_SERVICE)
    return {one.id: one.onlinesim_name for one in lines if one.onlinesim_name}


def canonical_id(kind: str, name: str) -> str:
    """Raises Refusal."""
    for one, own in names(kind).items():
        if own == name:
            return one
    raise Refusal(f"unknown_{kind}")


@cache
def offered() -> tuple[str, ...]:
    """What the marketplace pays: the books' prices, in its option's words."""
    countries = [country for country in FEATURED if country in names("country")]
    costs = {
        (country, names("service")[service]): cheapest(service, country)
        for country in countries
        for service in SERVICES
    }
    costs |= {(country, RENT): rental_shelves()["full", country][24] for country in countries}
    return tuple(
        f"{names('country')[country]}/{service}={-(-cost // ROUBLE)}"
        for (country, service), cost in costs.items()
    )


def cheapest(service: str, country: str) -> int:
    tiers = shelves()[service, country]
    return min(tier.cost_micros for tier in tiers if tier.count or not any(one.count for one in tiers))


class OnlineSim(Face):
    protocol = "onlinesim"
    price_step_micros = ROUBLE
    rents_by_day = True
    signs_callbacks = False
    tells_price = False  # what it costs is what it was offered
    cannot_say = frozenset({"no_balance", "banned", "price_too_low", "too_early"})

    @property
    def options(self) -> dict[str, Any]:  # type: ignore[override]
        return {"rate": "0.01", "prices": list(offered())}

    @property
    def actions(self) -> frozenset[str]:
        return frozenset({"prices", "order", "cancel", "finish", "refund", "callback"})

    def key(self, request: Request) -> str:
        """In the body and in the header, and the same in both (section 2)."""
        key = str(request.json().get("key", ""))
        return key if request.headers.get("authorization") == f"Bearer {key}" else ""

    def find(self, request: Request) -> tuple[str, Callable[[Desk], Outcome]] | None:
        content = request.json()
        assert request.method == "POST"
        assert request.headers.get("content-type", "").startswith("application/json")
        is_rental = content.get("service") == RENT or request.path.endswith("Rent")
        assert request.path in ("/", f"/{PATHS.get(content['action'])}{'Rent' if is_rental else ''}")
        kind = content["action"]
        if kind == "GET_SERVICES":
            return "prices", services
        if kind == "GET_NUMBER":
            return ("rent" if is_rental else "order"), partial(number, is_rental=is_rental)
        if kind == "FINISH_ACTIVATION":
            action = STATUSES[content["status"]]
            return ("rental_" if is_rental else "") + action, partial(FINISHES[action], is_rental=is_rental)
        return None

    def refuse(self, refusal: Refusal) -> bytes:
        if refusal.word in NO_NUMBERS:
            return reply({"status": "NO_NUMBERS"})
        if refusal.word == "throttled":
            return raw(429, b'{"status":"ERROR"}', "application/json", extra=b"Retry-After: 30\r\n")
        status, word = WORDS.get(refusal.word, (refusal.status, refusal.word))
        return reply({"status": "ERROR", "error": word}, status=status)

    def wish(self, service: str, country: str) -> dict[str, str]:
        facts = {"operator": "any", "offer_ref": ""}
        return {"service": names("service")[service], "country": names("country")[country], **facts}

    # --- what it pushes ---

    def pushes(self, lease: Lease) -> bool:
        """Of messages only, and only while its operation is open."""
        return bool(lease.messages) and lease.state in OPEN_STATES

    def callback_body(self, desk: Desk, lease: Lease) -> bytes:
        newest = lease.messages[-1]
        content = {
            "action": "PUSH_SMS",
            "key": desk.account.key.decode(),
            "smsId": int(newest["i"], 16),
            "phone": lease.phone,
            "phoneFrom": newest["f"],
            "text": newest["t"],
        }
        return orjson.dumps(content | ({"service": RENT} if lease.hours else {}))

    def callback_headers(
        self, account: Account, message_id: str, timestamp: int, body: bytes
    ) -> dict[str, str]:
        return {"Authorization": f"Bearer {account.key.decode()}", "Content-Type": "application/json"}


PATHS = {
    "GET_SERVICES": "getServices",
    "GET_NUMBER": "getNumber",
    "FINISH_ACTIVATION": "finishActivation",
}


def services(desk: Desk) -> bytes:
    """Counts by country, operator and service; `any` is the sum over the operators."""
    countries: dict[str, dict[str, dict[str, int]]] = {}
    for line in desk.price_lines():
        service, country = names("service").get(line["service"]), names("country").get(line["country"])
        if line["service"] in SERVICES and service and country and line["count"] > 0:
            operators = countries.setdefault(country, {"any": {}})
            for operator in {"any", line["operator"]}:
                counts = operators.setdefault(operator, {})
                counts[service] = counts.get(service, 0) + line["count"]
    for service, country, _, _, _, count, hours in desk.do("rental_prices")["rows"]:
        if service == "full" and hours == 24 and count and country in names("country"):
            countries.setdefault(names("country")[country], {"any": {}})["any"][RENT] = count
    shown = [{"country": name, "operatorMap": operators} for name, operators in countries.items()]
    return reply({"countryList": shown, "status": "SUCCESS"})


def number(desk: Desk, *, is_rental: bool) -> bytes:
    wish = desk.request.json()
    assert type(wish["sum"]) in (int, float)
    assert all(type(prefix) is int for prefix in wish.get("exceptionPhoneSet", []))
    country = canonical_id("country", wish["country"])
    facts = {"country": country, "max_price": round(wish["sum"] * ROUBLE)}
    if is_rental:
        lease = desk.newest(desk.do("rent", service="full", hours=24, **facts))
    else:
        service = canonical_id("service", wish["service"])
        operator = wish["operator"]
        lease = desk.newest(desk.do("order", service=service, operator=operator, **facts))
    return reply({"number": int(lease.phone), "activationId": lease.id, "status": "SUCCESS"})


def finish(desk: Desk, *, is_rental: bool) -> bytes:
    """Sold, for the sum that was agreed. Repeated, it is answered the same and changes nothing."""
    lease = finished(desk, is_rental)
    wanted = desk.request.json()["sum"] * ROUBLE
    assert round(wanted) == lease.cost, "another sum than was agreed"
    desk.notes.setdefault("told", []).append((lease.id, 3))
    if lease.state in OPEN_STATES:
        desk.books.set_state(desk.account, lease, "finished")
    return reply({"status": "SUCCESS"})


def cancel(desk: Desk, *, is_rental: bool) -> bytes:
    """Nothing was delivered, or the service knew the number: nothing is paid."""
    lease = finished(desk, is_rental)
    desk.notes.setdefault("told", []).append((lease.id, desk.request.json()["status"]))
    if lease.state in OPEN_STATES:
        desk.books.set_state(desk.account, lease, "canceled", refund=lease.charged)
    return reply({"status": "SUCCESS"})


def refund(desk: Desk, *, is_rental: bool) -> bytes:
    lease = finished(desk, is_rental)
    desk.notes.setdefault("told", []).append((lease.id, 5))
    if lease.state in (*OPEN_STATES, "finished"):
        desk.books.set_state(desk.account, lease, "refunded", refund=lease.charged)
    return reply({"status": "SUCCESS"})


def finished(desk: Desk, is_rental: bool) -> Lease:
    lease = desk.lease(str(desk.request.json()["activationId"]))
    if desk.fault is not None and desk.fault.kind in REFUSALS:
        raise Refusal(*REFUSALS[desk.fault.kind])
    if bool(lease.hours) != is_rental:
        raise Refusal("unknown_order")
    return lease


FINISHES: dict[str, Handler] = {"finish": finish, "cancel": cancel, "refund": refund}

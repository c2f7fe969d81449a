"""A provider that speaks docs/protocols/rentverify.md: a path for each action, words or JSON, one message."""

import base64
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

import orjson

from providers import canonical
from providers.sandbox.books import Lease
from providers.sandbox.http import raw, reply
from providers.sandbox.stock import shelves
from tests.suppliers.face import Desk, Face, Refusal, Request
from tests.suppliers.handler import code_or_text

DOLLAR, CENT = 1_000_000, 10_000
UNLIMITED = 10**15
WORDS = {
    "out_of_stock": ("NO_NUMBERS", 404),
    "price_too_low": ("NO_NUMBERS", 404),
    "unknown_service": ("BAD_ACTION", 400),
    "unknown_country": ("BAD_ACTION", 400),
    "unknown_order": ("BAD_ACTION", 400),
    "bad_request": ("BAD_ACTION", 400),
    "wrong_state": ("BAD_ACTION", 400),
    "too_early": ("BAD_ACTION", 400),  # no word of its own: the protocol knows no minimum age
    "nothing_here": ("BAD_ACTION", 404),
    "no_balance": ("NO_BALANCE", 402),
    "bad_key": ("BAD_KEY", 401),
    "banned": ("NO_ACTIVATION", 403),
    "throttled": ("RATE_LIMIT", 429),
}


class RentVerify(Face):
    protocol = "rentverify"
    price_step_micros = CENT
    shows_text = False
    tells_price = False
    cancel_fee_micros = 10 * CENT
    cannot_say = frozenset({"price_too_low", "too_early"})

    def key(self, request: Request) -> str:
        """Both headers, and with the same key (section 1)."""
        token, bearer = request.headers.get("x-api-token", ""), request.headers.get("authorization", "")
        return token if bearer in ("", f"Bearer {token}") else ""

    def refuse(self, refusal: Refusal) -> bytes:
        word, status = WORDS.get(refusal.word, (refusal.word, refusal.status))
        extra = b"Retry-After: 30\r\n" if status == 429 else b""
        return raw(status, word.encode(), "text/plain; charset=utf-8", extra=extra)

    def wish(self, service: str, country: str) -> dict[str, str]:
        return {
            "service": codes("service")[service],
            "country": codes("country")[country],
            "operator": "any",
            "offer_ref": usual_price_id(service, country),
        }


@cache
def codes(kind: str) -> Mapping[str, str]:
    """Canonical id → RentVerify's code."""
    if kind == "service":
        return {one.id: one.rentverify_code for one in canonical.services() if one.rentverify_code}
    return {one.id: one.rentverify_id for one in canonical.countries() if one.rentverify_id}


def canonical_id(kind: str, code: str) -> str:
    """Raises Refusal."""
    for canonical_id, own in codes(kind).items():
        if own == code:
            return canonical_id
    raise Refusal(f"unknown_{kind}")


def price_id(tier: str, service: str, country: str, micros: int) -> str:
    """It fixes the price: what became dearer is not sold for it."""
    told = f"{tier}:{service}:{country}:{micros}"
    return base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")


def usual_price_id(service: str, country: str) -> str:
    """Of the cheapest tier in stock, as long as no test changed it."""
    sold = [tier for tier in shelves()[service, country] if tier.count > 0]
    best = min(sold, key=lambda tier: tier.cost_micros)
    return price_id(best.ref, service, country, -(-best.cost_micros // CENT) * CENT)


def stamp(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def words(text: str) -> bytes:
    return raw(200, text.encode(), "text/plain; charset=utf-8")


def get_number(desk: Desk) -> bytes:
    query = desk.request.query
    wish = {
        "service": canonical_id("service", query.get("service", "")),
        "country": canonical_id("country", query.get("country", "")),
        "max_price": UNLIMITED,
    }
    if token := query.get("price_id"):
        told = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        tier, service, country, micros = told.split(":")
        if (service, country) != (wish["service"], wish["country"]):
            raise Refusal("bad_request")
        wish |= {"offer": tier, "max_price": int(micros)}
    lease = desk.newest(desk.do("order", **wish))
    return words(f"ACCESS_NUMBER:{lease.id}:+{lease.phone}")


def the_lease(desk: Desk) -> Lease:
    return desk.lease(desk.request.query.get("id", ""))


def get_status(desk: Desk) -> bytes:
    """Once a code is there it stays."""
    lease = the_lease(desk)
    state = desk.do("status", lease)["s"]
    if lease.messages and state not in ("canceled", "waiting"):
        return words(f"STATUS_OK:{code_or_text(lease.messages[0])}")
    return words("STATUS_WAIT_CODE" if state == "waiting" else "STATUS_CANCEL")


def set_status(desk: Desk) -> bytes:
    if desk.request.query.get("status") != "8":
        raise Refusal("bad_request")
    desk.do("cancel", the_lease(desk))
    return words("ACCESS_CANCEL")


def get_active(desk: Desk) -> bytes:
    return reply(
        [
            {
                "id": lease.id,
                "number": f"+{lease.phone}",
                "service": codes("service")[lease.service],
                "country": codes("country")[lease.country],
                "status": "active",
                "cost": lease.cost / DOLLAR,
                "expires_at": stamp(lease.expires),
                "created_at": stamp(lease.created),
            }
            for lease in desk.open_leases()
            if lease.expires > time.time()
        ]
    )


def get_balance(desk: Desk) -> bytes:
    return words(f"ACCESS_BALANCE:{desk.do('balance')['balance'] // CENT / 100:.2f}")


def get_countries(desk: Desk) -> bytes:
    sold = [(codes("country").get(one), name) for one, name in desk.do("catalogue")["countries"]]
    return reply([{"id": code, "name": name} for code, name in sold if code])


def get_services(desk: Desk) -> bytes:
    canonical_id("country", desk.request.query.get("country", ""))
    sold = [(codes("service").get(one), name) for one, name in desk.do("catalogue")["services"]]
    return reply([{"code": code, "name": name} for code, name in sold if code])


def get_prices(desk: Desk) -> bytes:
    """One line for each service: the cheapest in stock."""
    told: dict[str, dict[str, dict[str, object]]] = {}
    for line in sorted(desk.price_lines(), key=lambda line: -line["price"]):
        service, country = codes("service").get(line["service"]), codes("country").get(line["country"])
        if service and country and line["count"] > 0:
            told.setdefault(country, {})[service] = {
                "price": line["price"] / DOLLAR,
                "available": line["count"],
                "price_id": price_id(line["offer"], line["service"], line["country"], line["price"]),
            }
    return raw(200, orjson.dumps(told), "application/json")


RentVerify.routes = (
    ("GET", "/getNumber", "order", get_number),
    ("GET", "/getStatus", "status", get_status),
    ("GET", "/setStatus", "cancel", set_status),
    ("GET", "/getActiveActivations", "list", get_active),
    ("GET", "/getBalance", "balance", get_balance),
    ("GET", "/getCountries", "catalogue", get_countries),
    ("GET", "/getServices", "catalogue", get_services),
    ("GET", "/getPrices", "prices", get_prices),
)

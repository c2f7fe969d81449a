"""A provider that speaks docs/protocols/ping.md: JSON, dollars, one product per service, country and kind."""

import re
import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson

from providers import canonical
from providers.sandbox.books import OPEN_STATES, Account, Lease
from providers.sandbox.http import raw, reply
from providers.sandbox.stock import rental_shelves, sold_countries, sold_services
from tests.suppliers.face import Desk, Face, Refusal, Request, code_of

CENT, DOLLAR = 10_000, 1_000_000
ERRORS = {
    "out_of_stock": (409, "NO_NUMBERS_AVAILABLE"),
    "unknown_service": (404, "SERVICE_NOT_FOUND"),
    "unknown_order": (404, "ORDER_NOT_FOUND"),
    "unknown_rental": (404, "RENTAL_NOT_FOUND"),
    "nothing_here": (404, ""),
    "wrong_state": (409, "ORDER_NOT_CANCELLABLE"),
    "rental_not_active": (409, "RENTAL_NOT_ACTIVE"),
    "too_early": (409, "EARLY_CANCEL_DENIED"),
    "no_balance": (400, "INSUFFICIENT_BALANCE"),
    "bad_key": (401, "INVALID_API_KEY"),
    "bad_request": (400, "VALIDATION_ERROR"),
    "bad_days": (400, "INVALID_DAYS"),
    "banned": (403, "ACCOUNT_SUSPENDED"),
    "throttled": (429, "RATE_LIMIT_EXCEEDED"),
}
STATES = {"waiting": "pending", "canceled": "cancelled", "expired": "expired"}
COUNTRIES, SERVICES = 12, 14  # more products than fit on a page
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
PLENTY = 10**12
DAY_HOURS = 24


@cache
def products() -> dict[str, tuple[str, str, str]]:
    """Id of each product → service, country, type."""
    real = [country.id for country in sold_countries() if not country.is_virtual]
    kinds = [
        (s.id, country, "verification") for s in sold_services()[:SERVICES] for country in real[:COUNTRIES]
    ]
    kinds += [(*pair, "rental") for pair in rental_shelves() if pair[1] in real]
    return {f"svc_{base36(number)}": kind for number, kind in enumerate(kinds, 1)}


def base36(number: int) -> str:
    text = ""
    while number:
        number, digit = divmod(number, 36)
        text = DIGITS[digit] + text
    return text.rjust(12, "0")


class Ping(Face):
    protocol = "ping"
    price_step_micros = CENT
    rents_by_day = True
    tells_refunds = True
    shows_text = False
    cannot_say = frozenset({"price_too_low"})
    routes: Any = ()

    def key(self, request: Request) -> str:
        return request.headers.get("x-ping-api-key", "")

    def refuse(self, refusal: Refusal) -> bytes:
        status, code = ERRORS.get(refusal.word, (refusal.status, refusal.word))
        body = {"result": "failed", "message": refusal.word.replace("_", " ")}
        if code:
            body["code"] = code
        reset = b"X-RateLimit-Reset: %d\r\n" % refusal.facts["until"] if "until" in refusal.facts else b""
        return raw(status, orjson.dumps(body), "application/json", extra=reset)

    def ref(self, lease: Lease) -> str:
        return f"{'rnt' if lease.hours else 'ord'}_{base36(lease.id)}"

    def number(self, ref: str) -> int | None:
        return int(ref[4:], 36) if re.fullmatch(r"(ord|rnt)_[0-9a-z]{12}", ref) else None

    def lease(self, account: Account, ref: str) -> Lease | None:
        lease = super().lease(account, ref)
        return lease if lease and self.ref(lease) == ref else None

    def wish(self, service: str, country: str) -> dict[str, str]:
        return wish_for(service, country, "verification")

    def rental_wish(self, service: str, country: str) -> dict[str, str]:
        return wish_for(service, country, "rental")


def wish_for(*wanted: str) -> dict[str, str]:
    [product] = [one for one, kind in products().items() if kind == wanted]
    return {
        "service": name_of(wanted[0]),
        "country": iso_of(wanted[1]),
        "operator": "any",
        "offer_ref": product,
    }


# --- services ---


def services(desk: Desk) -> bytes:
    query = desk.request.query
    skip, limit = int(query.get("skip", "0")), int(query.get("limit", "50"))
    assert 1 <= limit <= 100
    found = [one for one in offered(desk) if query.get("service_type", one["type"]) == one["type"]]
    return success(services=found[skip : skip + limit], total=len(found), skip=skip, limit=limit)


def offered(desk: Desk) -> list[dict[str, Any]]:
    """Service objects of all products."""
    best: dict[tuple[str, str, str], int] = {}
    for line in desk.price_lines():
        kind = (line["service"], line["country"], "verification")
        if line["count"] > 0:
            best[kind] = min(line["price"], best.get(kind, PLENTY))
    for service, country, _, _, price, count, hours in desk.do("rental_prices")["rows"]:
        if count > 0 and hours == DAY_HOURS:
            best[service, country, "rental"] = price
    return [
        {
            "public_id": product,
            "name": name_of(service),
            "country_code": iso_of(country),
            "type": kind,
            "capabilities": ["sms", "voice"] if kind == "verification" else ["sms"],
            "cost": best.get((service, country, kind), DOLLAR) / DOLLAR,
            "currency": "USD",
            "available": (service, country, kind) in best,
        }
        for product, (service, country, kind) in products().items()
    ]


def name_of(service: str) -> str:
    return next(one.name for one in (*canonical.services(), canonical.ANY_SERVICE) if one.id == service)


def iso_of(country: str) -> str:
    return next(one.iso2 for one in canonical.countries() if one.id == country)


# --- orders ---


def create(desk: Desk) -> bytes:
    wish = body_of(desk.request)
    service, country = product_of(wish, "verification")
    capability = wish.get("capability", "sms")
    if capability not in ("sms", "voice"):
        raise Refusal("bad_request")
    lease = desk.newest(desk.do("order", service=service, country=country, max_price=PLENTY))
    desk.notes["capability", lease.id] = capability
    facts = {
        "public_id": desk.face.ref(lease),
        "service_id": wish["serviceId"],
        "phone_number": f"+{lease.phone}",
        "capability": capability,
        "status": "pending",
        "code": None,
        "cost": lease.cost / DOLLAR,
        "currency": "USD",
        "expires_at": time_of(lease.expires),
        "created_at": time_of(lease.created),
    }
    return success(201, message="Verification order created", verification=facts)


def poll(desk: Desk, ref: str) -> bytes:
    lease = desk.lease(ref)
    said = desk.do("status", lease)
    messages = said.get("m") or []
    code = code_of(messages[0]) if messages else ""
    facts: dict[str, Any] = {
        "public_id": ref,
        "phone_number": f"+{lease.phone}",
        "status": "completed" if messages else STATES.get(said["s"], said["s"]),
        "code": code or None,
        "expires_at": time_of(lease.expires),
    }
    if messages:
        facts["received_at"] = time_of(messages[0]["at"])
    return success(verification=facts)


def cancel(desk: Desk, ref: str) -> bytes:
    lease = desk.lease(ref)
    if lease.state == "canceled":
        raise Refusal("wrong_state", 409)
    desk.do("cancel", lease)
    refund = {"amount": lease.refunded / DOLLAR, "currency": "USD"}
    facts = {"public_id": ref, "status": "cancelled", "refund": refund}
    return success(message="Verification order cancelled", verification=facts)


# --- rentals ---


def rent(desk: Desk) -> bytes:
    wish = body_of(desk.request)
    service, country = product_of(wish, "rental")
    days = days_of(wish)
    lease = desk.newest(
        desk.do("rent", service=service, country=country, hours=days * DAY_HOURS, max_price=PLENTY)
    )
    facts = {
        "public_id": desk.face.ref(lease),
        "service_id": wish["serviceId"],
        "phone_number": f"+{lease.phone}",
        "status": "active",
        "days": days,
        "cost": lease.cost / DOLLAR,
        "currency": "USD",
        "messages_count": 0,
        "expires_at": time_of(lease.expires),
        "created_at": time_of(lease.created),
    }
    return success(201, message="Number rental created", rental=facts)


def messages(desk: Desk, ref: str) -> bytes:
    lease = rental(desk, ref)
    shown = [
        {"id": f"msg_{one['i']}", "from": one["f"], "text": one["t"], "received_at": time_of(one["at"])}
        for one in reversed(desk.do("rental_status", lease).get("m") or [])
    ]
    return success(messages=shown, total=len(shown))


def extend(desk: Desk, ref: str) -> bytes:
    lease, days = rental(desk, ref), days_of(body_of(desk.request))
    if lease.state not in OPEN_STATES:
        raise Refusal("rental_not_active", 409)
    answer = desk.do("extend", lease, hours=days * DAY_HOURS, max_price=PLENTY)
    facts = {
        "public_id": ref,
        "phone_number": f"+{lease.phone}",
        "status": "active",
        "days_added": days,
        "total_days": lease.hours // DAY_HOURS,
        "extension_cost": answer["price"] / DOLLAR,
        "currency": "USD",
        "expires_at": time_of(lease.expires),
    }
    return success(message="Rental extended successfully", rental=facts)


def give_back(desk: Desk, ref: str) -> bytes:
    lease = rental(desk, ref)
    if lease.state not in OPEN_STATES:
        raise Refusal("rental_not_active", 409)
    refunded = desk.do("rental_cancel", lease)["refund"]
    days = int((lease.expires - time.time()) // 86_400)
    refund = {"amount": refunded / DOLLAR, "currency": "USD", "days_remaining": days}
    facts = {"public_id": ref, "status": "cancelled", "refund": refund}
    return success(message="Rental cancelled", rental=facts)


def rental(desk: Desk, ref: str) -> Lease:
    lease = desk.face.lease(desk.account, ref)
    if lease is None:
        raise Refusal("unknown_rental", 404)
    desk.books.expire_due(desk.account)
    return lease


def days_of(wish: dict[str, Any]) -> int:
    days = wish["days"]
    if type(days) is not int or not 1 <= days <= 30:
        raise Refusal("bad_days")
    return days


# --- shared ---


def body_of(request: Request) -> dict[str, Any]:
    assert request.headers.get("content-type") == "application/json", "the contract wants JSON"
    body = request.json()
    assert isinstance(body, dict)
    return body


def product_of(wish: dict[str, Any], wanted: str) -> tuple[str, str]:
    product = products().get(wish["serviceId"])
    if product is None:
        raise Refusal("unknown_service", 404)
    if product[2] != wanted:
        raise Refusal("INVALID_SERVICE_TYPE", 400)
    return product[0], product[1]


def success(status: int = 200, **facts: Any) -> bytes:
    return reply({"result": "success", **facts}, status=status)


def time_of(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


ONE = r"/v1/nonvoip/orders/(?P<ref>ord_[0-9a-z]{12})"
RENTAL = r"/v1/nonvoip/rentals/(?P<ref>rnt_[0-9a-z]{12})"
Ping.routes = (
    ("GET", "/v1/nonvoip/services", "prices", services),
    ("POST", "/v1/nonvoip/orders/create", "order", create),
    ("GET", f"{ONE}/poll", "status", poll),
    ("POST", f"{ONE}/cancel", "cancel", cancel),
    ("POST", "/v1/nonvoip/rentals/create", "rent", rent),
    ("GET", f"{RENTAL}/messages", "rental_status", messages),
    ("POST", f"{RENTAL}/extend", "extend", extend),
    ("POST", f"{RENTAL}/cancel", "rental_cancel", give_back),
)

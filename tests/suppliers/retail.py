"""A provider that speaks docs/protocols/retail.md: JSON, cents, one upstream customer per account."""

import hmac
import re
import secrets
import time
from collections import defaultdict
from typing import Any

import orjson

from providers import canonical
from providers.sandbox.books import Account, Lease
from providers.sandbox.http import raw, reply
from tests.suppliers.face import Desk, Face, Refusal, Request, code_of

CENT = 10_000
CUSTOMER = "portal"
ERRORS = {
    "out_of_stock": (404, "NoNumbersAvailableException"),
    "price_too_low": (409, "MaxPriceExceededException"),
    "unknown_service": (404, "NotFoundException"),
    "unknown_order": (404, "NotFoundException"),
    "nothing_here": (404, "NotFoundException"),
    "wrong_state": (409, "ConflictException"),
    "too_early": (409, "ConflictException"),
    "no_balance": (402, "PaymentRequiredException"),
    "bad_key": (401, "UnauthorizedException"),
    "bad_request": (400, "ValidationException"),
    "banned": (403, "AccountOnHoldException"),
    "throttled": (429, "TooManyRequestsException"),
}
ENDED = {"finished": "finalized", "canceled": "canceled", "expired": "expired", "refunded": "expired"}
REASONS = range(1, 8)


class Retail(Face):
    protocol = "retail"
    price_step_micros = CENT
    options = {"customer_id": CUSTOMER}

    def refuse(self, refusal: Refusal) -> bytes:
        status, name = ERRORS.get(refusal.word, (refusal.status, refusal.word))
        body: dict[str, Any] = {"errorName": name, "errorMessage": refusal.word.replace("_", " ")}
        extra = b""
        if "suggested" in refusal.facts:
            token = secrets.token_hex(12)
            body |= {
                "suggestedPrice": refusal.facts["suggested"] // CENT,
                "order_id": token,
                "orderId": token,
            }
        if "at" in refusal.facts:
            body["cancelable_after"] = refusal.facts["at"]
        if "until" in refusal.facts:
            extra = b"x-ratelimit-reset: %d\r\n" % refusal.facts["until"]
        return raw(status, orjson.dumps(body), "application/json", extra=extra)

    def ref(self, lease: Lease) -> str:
        return f"{lease.id:024x}"

    def number(self, ref: str) -> int | None:
        return int(ref, 16) if re.fullmatch(r"[0-9a-f]{24}", ref) else None

    def callback_secret(self, account: Account) -> str:
        return f"whsec_{account.key.decode()[-24:]}"

    def callback_body(self, desk: Desk, lease: Lease) -> bytes:
        return orjson.dumps(
            {
                "id": f"evt_{secrets.token_hex(6)}",
                "api_version": "1.0",
                "type": "customer.activation.updated",
                "data": facts_of(desk, lease, CUSTOMER),
            }
        )

    def callback_headers(
        self, account: Account, message_id: str, timestamp: int, body: bytes
    ) -> dict[str, str]:
        signed = f"wh_000000000001.{timestamp}.".encode() + body
        return {
            "x-webhook-id": "wh_000000000001",
            "x-timestamp": str(timestamp),
            "x-signature": hmac.digest(self.callback_secret(account).encode(), signed, "sha256").hex(),
        }


# --- orders ---


def order(desk: Desk, customer: str) -> bytes:
    own(customer)
    wish = body_of(desk.request)
    ceiling, kind = wish.get("max_price"), wish.get("customer_billing_type", "fixed")
    if type(ceiling) is not int or not 1 <= ceiling <= 10_000 or kind not in ("fixed", "dynamic"):
        raise Refusal("bad_request")
    if ("customer_price" in wish) == ("customer_markup" in wish) or (
        kind == "dynamic" and "customer_price" in wish
    ):
        raise Refusal("bad_request")
    answer = desk.do(
        "order", service=wish["service_id"], country=wish["country_id"], max_price=ceiling * CENT
    )
    return reply(facts_of(desk, desk.newest(answer), customer))


def activation(desk: Desk, customer: str, ref: str) -> bytes:
    own(customer)
    lease = desk.lease(ref)
    return reply(facts_of(desk, lease, customer, said=desk.do("status", lease)["s"]))


def activations(desk: Desk, customer: str) -> bytes:
    own(customer)
    leases = desk.open_leases()
    if desk.request.query.get("with_data") != "true":
        return reply([desk.face.ref(lease) for lease in leases])
    return reply([facts_of(desk, lease, customer) for lease in leases])


def act(desk: Desk, customer: str, ref: str) -> bytes:
    own(customer)
    lease = desk.lease(ref)
    if lease.state in ENDED:
        raise Refusal("wrong_state", 409)
    desk.do(desk.action, lease)
    return reply({"result": "success"})


def retry(desk: Desk, customer: str, ref: str) -> bytes:
    own(customer)
    lease = desk.lease(ref)
    if lease.state != "received":
        raise Refusal("wrong_state", 409)
    desk.do("retry", lease)
    return reply({"result": "success"})


def report(desk: Desk, customer: str, ref: str) -> bytes:
    own(customer)
    lease = desk.lease(ref)
    reason = body_of(desk.request).get("reason_id")
    if reason not in REASONS:
        raise Refusal("bad_request")
    if lease.reported:
        return reply({"errorName": "ReportAlreadyExistsException", "errorMessage": "once only"}, status=409)
    desk.do("report", lease, reason=reason)
    return reply({"status": "accepted", "decline_id": None})


def own(customer: str) -> None:
    if customer != CUSTOMER:
        raise Refusal("unknown_order", 404)


def body_of(request: Request) -> dict[str, Any]:
    assert request.headers.get("content-type") == "application/json", "the contract wants JSON"
    body = request.json()
    assert isinstance(body, dict)
    return body


def facts_of(desk: Desk, lease: Lease, customer: str, *, said: str = "") -> dict[str, Any]:
    """The activation object. `said`: the state to tell, when a fault wants another than the books have."""
    state = said or lease.state
    after = lease.heard
    has_newer = len(lease.messages) > after
    shown = lease.messages[after] if has_newer else lease.messages[after - 1] if after else None
    if state != lease.state:
        shown, after, has_newer = None, 0, False
    word = "retry" if after else "sms"
    sms_status = f"{word}Received" if has_newer else f"{word}Requested"
    if state == "refunded":
        billing = "refunded"
    elif shown:
        billing = "billed"
    else:
        billing = "released" if state in ENDED else "reserved"
    ended = "expired" if shown and lease.expires <= time.time() else ENDED.get(state, "active")
    return {
        "activation_id": desk.face.ref(lease),
        "customer_id": customer,
        "service_id": lease.service,
        "country_id": lease.country,
        "phone": lease.phone,
        "formatted": f"+{lease.phone}",
        "price": lease.cost // CENT,
        "customer_price": lease.cost // CENT,
        "sms_status": sms_status,
        "activation_status": ended,
        "billing_status": billing,
        "report_status": "inReview" if lease.reported else None,
        "sms_code": (code_of(shown) or None) if shown else None,
        "sms_text": shown["t"] if shown else None,
        "expire_at": int(lease.expires),
        "created_at": int(lease.created),
        "updated_at": max(int(lease.created), *(one["at"] for one in lease.messages), 0),
        "is_retriable": True,
        "cancelable_after": int(lease.cancelable),
    }


# --- money, catalogue, prices ---


def balance(desk: Desk, customer: str = CUSTOMER) -> bytes:
    own(customer)
    reserved = sum(lease.cost for lease in desk.account.open.values() if not lease.messages)
    total = desk.do("balance")["balance"] + reserved
    return reply({"total": total // CENT, "reserved": reserved // CENT})


def countries(desk: Desk) -> bytes:
    codes = {country.id: country for country in canonical.countries()}
    return reply(
        [
            {"country_id": code, "name": name, "alt_name": name, "codes": list(codes[code].dial_codes)}
            for code, name in desk.do("catalogue")["countries"]
        ]
    )


def services(desk: Desk) -> bytes:
    return reply(
        [
            {
                "service_id": code,
                "name": name,
                "alt_name": "|".join(name.split(" / ")),
                "has_description": False,
                "has_warning": False,
                "prohibited": False,
            }
            for code, name in desk.do("catalogue")["services"]
        ]
    )


def prices(desk: Desk) -> bytes:
    """By country; the suggested price is the cheapest, which is what an order gets."""
    pairs: defaultdict[str, defaultdict[str, list[dict[str, Any]]]]
    pairs = defaultdict(lambda: defaultdict(list))
    for line in desk.price_lines():
        pairs[line["country"]][line["service"]].append(line)
    return reply(
        [
            {"country_id": country, "services": [price(service, lines) for service, lines in goods.items()]}
            for country, goods in pairs.items()
        ]
    )


def price(service: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    lines = [line for line in lines if line["count"] > 0]
    cents = [line["price"] // CENT for line in lines] or [0]
    count = sum(line["count"] for line in lines)
    quality = sum(line["quality"] * line["count"] for line in lines) / count if count else 0
    return {
        "service_id": service,
        "price": {"min": min(cents), "max": max(cents), "suggested": min(cents)},
        "quality": {"avg": round(quality, 3)},
        "count": count,
    }


MINE = r"/api/v1/retail/a/customer/(?P<customer>[a-zA-Z0-9]{1,80})"
ONE = MINE + r"/activation/(?P<ref>[0-9a-f]{24})"
Retail.routes = (
    ("POST", f"{MINE}/activation", "order", order),
    ("GET", f"{MINE}/activations", "list", activations),
    ("GET", ONE, "status", activation),
    ("PUT", f"{ONE}/cancel", "cancel", act),
    ("PUT", f"{ONE}/retry", "retry", retry),
    ("PUT", f"{ONE}/finalize", "finish", act),
    ("POST", f"{ONE}/report", "report", report),
    ("GET", f"{MINE}/balance", "balance", balance),
    ("GET", "/api/v1/user/balance", "balance", balance),
    ("GET", "/api/v1/countries", "catalogue", countries),
    ("GET", "/api/v1/retail/services", "catalogue", services),
    ("GET", "/api/v1/retail/m/prices/countries", "prices", prices),
)

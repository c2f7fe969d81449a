"""A provider of the handler family (docs/protocols/handler.md): one address, words or JSON, three dialects.

`handler` speaks bower's; `handler-classic` and `handler-hero` differ in types, envelopes, times and errors.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import orjson

from providers import canonical
from providers.sandbox.books import OPEN_STATES, Lease
from providers.sandbox.http import raw
from providers.sandbox.stock import TIERS
from tests.suppliers.face import Desk, Face, Refusal, Request, code_of

DOLLAR = 1_000_000
UNLIMITED = 10**15
PAGE = 100
HOUR = 3_600
GUARD_SECONDS = 20 * 60
TERMS = (4, 12, 24, 48, 72, 168, 336, 720)
PROVIDERS = {str(11 + number): tier[0] for number, tier in enumerate(TIERS)}  # provider id → tier
WORDS = {
    "out_of_stock": ("NO_NUMBERS", 404),
    "price_too_low": ("WRONG_MAX_PRICE", 400),
    "unknown_service": ("BAD_SERVICE", 400),
    "unknown_country": ("BAD_COUNTRY", 400),
    "unknown_order": ("NO_ACTIVATION", 404),
    "nothing_here": ("BAD_ACTION", 404),
    "bad_request": ("BAD_ACTION", 400),
    "bad_prefix": ("WRONG_EXCEPTION_PHONE", 400),
    "wrong_state": ("BAD_STATUS", 409),
    "too_early": ("EARLY_CANCEL_DENIED", 409),
    "no_balance": ("NO_BALANCE", 402),
    "bad_key": ("BAD_KEY", 401),
    "banned": ("BANNED", 403),
    "throttled": ("RATE_LIMIT", 429),
}
LISTED = {
    "waiting": 4, "received": 2, "retrying": 3, "finished": 6, "canceled": 8, "expired": 8, "refunded": 10,
}  # fmt: skip
CANCEL, FINISH, RETRY, READY = ("8", "-1"), "6", "3", "1"


class Handler(Face):
    price_step_micros = 100

    def __init__(self, dialect: str) -> None:
        self.dialect = dialect
        self.protocol = "handler" if dialect == "bower" else f"handler-{dialect}"
        self.speaks = "handler"
        self.options = {"dialect": dialect, "rent_hours": [24], "rent_countries": [187]}
        self.shows_text = dialect == "hero"

    @property
    def actions(self) -> frozenset[str]:
        return frozenset({name for name, _ in ACTIONS.values()} | {"ready", "retry", "finish", "callback"})

    def key(self, request: Request) -> str:
        return request.query.get("api_key", "")

    def find(self, request: Request) -> tuple[str, Callable[[Desk], bytes]] | None:
        assert request.method == "GET"
        assert not request.body
        action = request.query.get("action", "")
        name, handle = ACTIONS.get(action, ("", None))
        if action == "setStatus":
            status = request.query.get("status", "")
            name = {READY: "ready", RETRY: "retry", FINISH: "finish"}.get(status, "cancel")
        return (name, handle) if handle else None

    def refuse(self, refusal: Refusal) -> bytes:
        word, status = WORDS.get(refusal.word, (refusal.word, refusal.status))
        facts = refusal.facts
        if word == "RATE_LIMIT":
            return raw(429, b"RATE_LIMIT", "text/plain", extra=b"Retry-After: 30\r\n")
        if refusal.word not in WORDS:
            return raw(status, word.encode(), "text/plain")
        if self.dialect == "hero":
            info = {"min": facts.get("suggested", 0) / DOLLAR, "minActivationTime": 120}
            if "until" in facts:
                info["banned_until"] = datetime.fromtimestamp(facts["until"], UTC).isoformat()
            told = {"title": word, "details": refusal.word.replace("_", " "), "info": info}
            return raw(status, orjson.dumps(told), "application/json")
        if word == "WRONG_MAX_PRICE":
            word += f":{money(facts.get('suggested', 0))}"
        if word == "BANNED":
            until = datetime.fromtimestamp(facts.get("until", time.time() + HOUR), UTC)
            word += f":'{until:%Y-%m-%d %H-%M-%S}'"
        return raw(200, word.encode(), "text/html; charset=utf-8")

    def wish(self, service: str, country: str) -> dict[str, str]:
        """bower sells by provider, the others by price alone."""
        by_provider = f"provider:{next(iter(PROVIDERS))}" if self.dialect == "bower" else ""
        return {
            "service": codes("service")[service],
            "country": codes("country")[country],
            "operator": "any",
            "offer_ref": by_provider,
        }

    def callback_body(self, desk: Desk, lease: Lease) -> bytes:
        last = lease.messages[-1] if lease.messages else None
        if lease.hours:
            told = last and {"smsId": int(last["i"], 16), "text": last["t"], "date": clock(last["at"])}
            return orjson.dumps({"rentId": lease.id, "sms": told})
        return orjson.dumps(
            {
                "activationId": lease.id,
                "service": codes("service")[lease.service],
                "text": last and last["t"],
                "code": last and code_of(last),
                "country": int(codes("country")[lease.country]),
                "receivedAt": clock(last["at"] if last else lease.created),
            }
        )

    # --- how this dialect writes ---

    def json(self, content: object) -> bytes:
        """Announced as HTML by all but hero, which readers have to live with."""
        kind = "application/json" if self.dialect == "hero" else "text/html; charset=utf-8"
        return raw(200, orjson.dumps(content), kind)

    def time(self, seconds: float) -> str:
        at = datetime.fromtimestamp(int(seconds), UTC)
        return at.isoformat() if self.dialect == "hero" else f"{at:%Y-%m-%d %H:%M:%S}"

    def flag(self, is_so: bool) -> object:
        return ("1" if is_so else "0") if self.dialect == "classic" else is_so

    def price(self, micros: int) -> object:
        return money(micros) if self.dialect == "classic" else micros / DOLLAR


def words(text: str) -> bytes:
    return raw(200, text.encode(), "text/plain; charset=utf-8")


def money(micros: int) -> str:
    return f"{micros / DOLLAR:.4f}".rstrip("0").rstrip(".")


def clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}"


@cache
def codes(kind: str) -> Mapping[str, str]:
    """Canonical id → the family's code."""
    if kind == "service":
        return {one.id: one.handler_code for one in canonical.services() if one.handler_code}
    return {one.id: one.handler_id for one in canonical.countries() if one.handler_id}


def canonical_id(kind: str, code: str) -> str:
    """Raises Refusal."""
    for canonical_id, own in codes(kind).items():
        if own == code:
            return canonical_id
    raise Refusal(f"unknown_{kind}")


RENTED = {**codes("service"), canonical.ANY_SERVICE.id: canonical.ANY_SERVICE.handler_code}

# --- orders ---


def order(desk: Desk) -> Lease:
    query = desk.request.query
    wish: dict[str, Any] = {
        "service": canonical_id("service", query.get("service", "")),
        "country": canonical_id("country", query.get("country", "")),
        "max_price": UNLIMITED,
    }
    if price := query.get("maxPrice"):
        assert re.fullmatch(r"\d+\.\d{2,4}", price), "more decimals than the contract has"
        wish["max_price"] = round(float(price) * DOLLAR)
    prefixes = query.get("phoneException")
    if prefixes and not re.fullmatch(r"\d{4,9}(,\d{4,9}){0,19}", prefixes):
        raise Refusal("bad_prefix")
    if operator := query.get("operator"):
        wish["operator"] = operator
    unwanted = query.get("exceptProviderIds", "").split(",")
    named = query.get("providerIds", "").split(",") if query.get("providerIds") else []
    wanted = [PROVIDERS[one] for one in named if one in PROVIDERS and one not in unwanted]
    if named and not wanted:
        raise Refusal("out_of_stock")
    if wanted:
        wish["offer"] = wanted[0]
    return desk.newest(desk.do("order", **wish))


def get_number(desk: Desk) -> bytes:
    lease = order(desk)
    return words(f"ACCESS_NUMBER:{lease.id}:{lease.phone}")


def get_number_v2(desk: Desk) -> bytes:
    face, lease = desk.face, order(desk)
    told = {
        "activationId": str(lease.id) if face.dialect != "hero" else lease.id,
        "phoneNumber": lease.phone if face.dialect != "hero" else int(lease.phone),
        "activationCost": face.price(lease.cost),
        "countryCode": codes("country")[lease.country],
        "canGetAnotherSms": face.flag(True),
        "activationTime": face.time(lease.created),
        "activationOperator": lease.operator if lease.operator != "any" else None,
    }
    if face.dialect == "hero":
        told |= {"currency": 840, "activationEndTime": face.time(lease.expires)}
    return face.json(told)


# --- one activation ---


def the_lease(desk: Desk) -> Lease:
    return desk.lease(desk.request.query.get("id", ""))


def state_of(desk: Desk, lease: Lease) -> str:
    return desk.do("status", lease)["s"]


def code_or_text(message: Mapping[str, Any]) -> str:
    """What a word carries: the code, else the text without what would break it."""
    return code_of(message) or re.sub(r"[:\s]+", " ", message["t"])[:160]


def get_status(desk: Desk) -> bytes:
    lease = the_lease(desk)
    return words(word_for(desk, lease, state_of(desk, lease)))


def word_for(desk: Desk, lease: Lease, state: str) -> str:
    if state == "waiting":
        return "STATUS_WAIT_CODE"
    if state == "retrying":
        is_bower = desk.face.dialect == "bower"
        return "STATUS_WAIT_RESEND" if is_bower else f"STATUS_WAIT_RETRY:{code_or_text(lease.messages[-1])}"
    if lease.messages and state in ("received", "finished", "refunded"):
        return f"STATUS_OK:{code_or_text(lease.messages[-1])}"
    return "STATUS_CANCEL"


def get_status_v2(desk: Desk) -> bytes:
    lease = the_lease(desk)
    state = state_of(desk, lease)
    if state in ("canceled", "expired") or (state != "waiting" and not lease.messages):
        return words("STATUS_CANCEL")
    if state == "retrying":
        return words(word_for(desk, lease, state))
    sms = None
    if state != "waiting":
        last = lease.messages[-1]
        sms = {"dateTime": desk.face.time(last["at"]), "code": code_of(last) or None, "text": last["t"]}
    return desk.face.json({"verificationType": 0, "sms": sms, "call": None})


def set_status(desk: Desk) -> bytes:
    """The table of section 7."""
    lease, status = the_lease(desk), desk.request.query.get("status", "")
    state = state_of(desk, lease)
    if status == READY and state in OPEN_STATES:
        return words("ACCESS_READY")
    if status == RETRY and state in ("received", "retrying"):
        desk.do("retry", lease)
        return words("ACCESS_RETRY_GET")
    if status == FINISH and state in ("received", "retrying", "finished"):
        desk.do("finish", lease)
        return words("ACCESS_ACTIVATION")
    if status in CANCEL and (state in ("waiting", "canceled") or (state == "expired" and not lease.messages)):
        if state != "expired":
            desk.do("cancel", lease)
        return words("ACCESS_CANCEL")
    raise Refusal("wrong_state")


def get_active(desk: Desk) -> bytes:
    face, query = desk.face, desk.request.query
    rows = [row(face, lease) for lease in desk.open_leases()]
    if face.dialect != "classic":
        start, limit = int(query.get("start", 0)), min(int(query.get("limit", PAGE)), PAGE)
        rows = rows[start : start + limit]
    if face.dialect == "hero":
        return face.json({"status": "success", "data": rows})
    if face.dialect == "classic" and not rows:
        return face.json({"status": "error", "error": "NO_ACTIVATIONS"})
    return face.json({"status": "success", "activeActivations": rows})


def row(face: Handler, lease: Lease) -> dict[str, Any]:
    codes_came = [code_of(message) for message in lease.messages]
    texts = [message["t"] for message in lease.messages]
    is_one = face.dialect != "hero"
    return {
        "activationId": str(lease.id),
        "serviceCode": codes("service")[lease.service],
        "phoneNumber": lease.phone,
        "activationCost": face.price(lease.cost),
        "activationStatus": str(LISTED[lease.state]),
        "smsCode": (codes_came[-1] or None if codes_came else None) if is_one else codes_came,
        "smsText": (texts[-1] if texts else None) if is_one else texts,
        "activationTime": face.time(lease.created),
        "discount": "0.00",
        "repeated": "0",
        "countryCode": codes("country")[lease.country],
        "canGetAnotherSms": face.flag(True),
        **({"currency": 840} if face.dialect == "hero" else {}),
    }


# --- the shop ---


def get_balance(desk: Desk) -> bytes:
    return words(f"ACCESS_BALANCE:{money(desk.do('balance')['balance'])}")


def lines(desk: Desk) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Price lines by the family's country and service."""
    query, found = desk.request.query, {}
    for line in desk.price_lines():
        service, country = codes("service").get(line["service"]), codes("country").get(line["country"])
        wanted = (query.get("service", service), query.get("country", country))
        if service and country and wanted == (service, country):
            found.setdefault(country, {}).setdefault(service, []).append(line)
    return found


def shelf(desk: Desk, leaf: Callable[[list[dict[str, Any]]], object]) -> dict[str, Any]:
    return {
        country: {service: leaf(tiers) for service, tiers in services.items()}
        for country, services in lines(desk).items()
    }


def get_prices(desk: Desk) -> bytes:
    face = desk.face

    def leaf(tiers: list[dict[str, Any]]) -> object:
        sold = [tier for tier in tiers if tier["count"] > 0] or tiers
        cost, count = min(tier["price"] for tier in sold), sum(tier["count"] for tier in tiers)
        told = {"cost": face.price(cost), "count": count}
        return told if face.dialect == "bower" else {**told, "physicalCount": told["count"]}

    told = shelf(desk, leaf)
    return face.json([told] if face.dialect == "hero" else told)


def get_prices_v2(desk: Desk) -> bytes:
    return desk.face.json(shelf(desk, lambda tiers: {money(tier["price"]): tier["count"] for tier in tiers}))


def get_prices_v3(desk: Desk) -> bytes:
    ids = {tier: number for number, tier in PROVIDERS.items()}

    def leaf(tiers: list[dict[str, Any]]) -> object:
        return {
            ids[tier["offer"]]: {
                "count": tier["count"],
                "price": tier["price"] / DOLLAR,
                "provider_id": int(ids[tier["offer"]]),
            }
            for tier in tiers
        }

    return desk.face.json(shelf(desk, leaf))


def get_countries(desk: Desk) -> bytes:
    items = [
        {"id": int(codes("country")[code]), "rus": "", "eng": name, "chn": "", "visible": 1, "rent": 1}
        for code, name in desk.do("catalogue")["countries"]
        if code in codes("country")
    ]
    return desk.face.json(items if desk.face.dialect == "hero" else {str(one["id"]): one for one in items})


def get_services(desk: Desk) -> bytes:
    items = [
        {"code": codes("service")[code], "name": name}
        for code, name in desk.do("catalogue")["services"]
        if code in codes("service")
    ]
    return desk.face.json({"status": "success", "services": items})


def get_operators(desk: Desk) -> bytes:
    names = sorted({line["operator"] for line in desk.price_lines()} - {"any"})
    countries = [codes("country").get(code) for code, _ in desk.do("catalogue")["countries"]]
    told = {country: names for country in countries if country}
    return desk.face.json({"status": "success", "countryOperators": told})


# --- rentals: JSON throughout, refusals too ---


def rent_refusal(desk: Desk, word: str) -> bytes:
    return desk.face.json({"status": "error", "message": word})


def renting(handle: Callable[[Desk], bytes]) -> Callable[[Desk], bytes]:
    """Refusals of the books in the rent family's envelope."""

    def in_json(desk: Desk) -> bytes:
        try:
            return handle(desk)
        except Refusal as refusal:
            return rent_refusal(desk, WORDS.get(refusal.word, (refusal.word, 0))[0])

    return in_json


@renting
def get_rent_offers(desk: Desk) -> bytes:
    hours = int(desk.request.query.get("rent_time", 4))
    wanted = canonical_id("country", desk.request.query.get("country", "187"))
    services = {
        RENTED[service]: {"cost": price / DOLLAR, "quant": {"current": count, "total": count}}
        for service, country, _, _, price, count, term in desk.do("rental_prices")["rows"]
        if (country, term) == (wanted, hours) and service in RENTED
    }
    return desk.face.json({"countries": {"0": 187}, "operators": {"0": "any"}, "services": services})


@renting
def get_rent_number(desk: Desk) -> bytes:
    query = desk.request.query
    hours = int(query.get("rent_time", 4))
    if hours not in TERMS:
        return rent_refusal(desk, "INVALID_TIME")
    service = next((one for one, code in RENTED.items() if code == query["service"]), "")
    country = canonical_id("country", query.get("country", "187"))
    answer = desk.do("rent", service=service, country=country, hours=hours, max_price=UNLIMITED)
    return desk.face.json({"status": "success", "phone": phone_of(desk, desk.newest(answer))})


def phone_of(desk: Desk, lease: Lease) -> dict[str, Any]:
    return {"id": lease.id, "endDate": desk.face.time(lease.expires), "number": lease.phone}


def with_rental(handle: Callable[[Desk, Lease], bytes]) -> Callable[[Desk], bytes]:
    @renting
    def handle_one(desk: Desk) -> bytes:
        desk.books.expire_due(desk.account)
        lease = desk.face.lease(desk.account, desk.request.query.get("id", ""))
        return handle(desk, lease) if lease and lease.hours else rent_refusal(desk, "INVALID_PHONE")

    return handle_one


@with_rental
def get_rent_status(desk: Desk, lease: Lease) -> bytes:
    if lease.state not in OPEN_STATES:
        return rent_refusal(desk, "STATUS_CANCEL" if lease.state == "canceled" else "STATUS_FINISH")
    if not lease.messages:
        return rent_refusal(desk, "STATUS_WAIT_CODE")
    shown = reversed(lease.messages)
    values = {
        str(place): {"phoneFrom": one["f"], "text": one["t"], "date": desk.face.time(one["at"])}
        for place, one in enumerate(shown)
    }
    told = {"status": "success", "quantity": str(len(values)), "values": values}
    return desk.face.json({**told, "service": RENTED[lease.service]})


@with_rental
def set_rent_status(desk: Desk, lease: Lease) -> bytes:
    status = desk.request.query.get("status")
    if lease.state not in OPEN_STATES:
        return rent_refusal(desk, "ALREADY_CANCEL" if lease.state == "canceled" else "ALREADY_FINISH")
    if status == "2" and (lease.messages or lease.created + GUARD_SECONDS < time.time()):
        return rent_refusal(desk, "CANT_CANCEL")
    if status not in ("1", "2"):
        return rent_refusal(desk, "INCORECT_STATUS")
    desk.do("rental_finish" if status == "1" else "rental_cancel", lease)
    return desk.face.json({"status": "success"})


@with_rental
def continue_rent(desk: Desk, lease: Lease) -> bytes:
    if lease.state not in OPEN_STATES:
        return rent_refusal(desk, "RENT_DIE")
    desk.do("extend", lease, hours=int(desk.request.query["rent_time"]), max_price=UNLIMITED)
    return desk.face.json({"status": "success", "phone": phone_of(desk, lease)})


def get_rent_list(desk: Desk) -> bytes:
    desk.books.expire_due(desk.account)
    active = [lease for lease in desk.account.open.values() if lease.hours]
    if not active:
        return rent_refusal(desk, "NO_NUMBERS")
    values = {str(n): {"id": str(lease.id), "phone": lease.phone} for n, lease in enumerate(active)}
    return desk.face.json({"status": "success", "values": values})


ACTIONS: dict[str, tuple[str, Callable[[Desk], bytes]]] = {
    "getNumber": ("order", get_number),
    "getNumberV2": ("order", get_number_v2),
    "getStatus": ("status", get_status),
    "getStatusV2": ("status", get_status_v2),
    "setStatus": ("cancel", set_status),  # named by its status
    "getActiveActivations": ("list", get_active),
    "getBalance": ("balance", get_balance),
    "getPrices": ("prices", get_prices),
    "getPricesV2": ("prices", get_prices_v2),
    "getPricesV3": ("prices", get_prices_v3),
    "getCountries": ("catalogue", get_countries),
    "getServicesList": ("catalogue", get_services),
    "getOperators": ("catalogue", get_operators),
    "getRentServicesAndCountries": ("prices", get_rent_offers),
    "getRentNumber": ("rent", get_rent_number),
    "getRentStatus": ("rental_status", get_rent_status),
    "setRentStatus": ("end_rental", set_rent_status),
    "continueRentNumber": ("extend_rental", continue_rent),
    "getRentList": ("list_rentals", get_rent_list),
}

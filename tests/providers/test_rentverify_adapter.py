"""How the adapter for RentVerify asks, and what it makes of answers (docs/protocols/rentverify.md)."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from providers.adapters.rentverify import RentVerify
from providers.contract import (
    Account,
    BadCredentials,
    Banned,
    CatalogueItem,
    Lease,
    ListedLease,
    ListedOffer,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    ProviderError,
    Reply,
    Sms,
    Status,
    Throttled,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)

KEY = "secret-canary-2"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def adapter(base_url="https://upstream.example"):
    return RentVerify(Account(base_url=base_url, secret=KEY))


def order(**facts):
    wish = {
        "service": "tg",
        "country": "usa",
        "operator": "any",
        "offer_ref": "MTo1",
        "ceiling_micros": 500_000,
        "our_ref": "our-1",
    }
    return adapter().order(**{**wish, **facts})


def read(call, text, status=200, **headers):
    text = text if isinstance(text, str) else orjson.dumps(text).decode()
    return call.read(Reply(status, text, headers))


def test_both_headers_carry_the_key_and_the_path_is_the_action():
    call = order()

    assert (call.method, call.url, call.is_read) == (
        "GET",
        "https://upstream.example/api/v1/getNumber",
        False,
    )
    assert call.params == {"service": "tg", "country": "usa", "price_id": "MTo1"}
    assert call.headers == {"X-API-Token": KEY, "Authorization": f"Bearer {KEY}"}
    there = adapter("https://upstream.example/rentverify/api/v1").balance()
    assert there.url == "https://upstream.example/rentverify/api/v1/getBalance"


def test_an_offer_without_a_price_id_is_the_cheapest_at_any_price():
    assert order(offer_ref="").params == {"service": "tg", "country": "usa"}


@pytest.mark.parametrize(
    "text",
    [
        "ACCESS_NUMBER:12345:+12025551234",
        "access_number:12345:12025551234\n",
        '"ACCESS_NUMBER:12345:+12025551234"',
    ],
)
def test_a_number(text):
    assert read(order(), text) == Lease("12345", "12025551234")


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("NO_NUMBERS", 404, OutOfStock),
        ("NO_NUMBERS", 200, OutOfStock),
        ("NO_NUMBERS", 503, Throttled),
        ("NO_BALANCE", 402, OutOfFunds),
        ("BAD_KEY", 401, BadCredentials),
        ("NO_ACTIVATION", 403, Banned),
        ("BAD_ACTION", 400, UnknownToUpstream),
        ("BAD_ACTION", 404, UnknownToUpstream),
        ("RATE_LIMIT", 429, Throttled),
        ("slow down", 429, Throttled),
        ("ERROR", 500, OutcomeUnknown),
        ("NEW_WORD", 400, OutcomeUnknown),
        ("ACCESS_NUMBER:1:1202", 500, OutcomeUnknown),
        ("ACCESS_NUMBER:1", 200, OutcomeUnknown),
        ("ACCESS_BALANCE:1", 200, OutcomeUnknown),
        ("<html></html>", 200, OutcomeUnknown),
        ("", 200, OutcomeUnknown),
    ],
)
def test_u5_u6_each_word_has_its_kind(text, status, kind):
    with pytest.raises(ProviderError) as caught:
        read(order(), text, status)
    assert type(caught.value) is kind


def test_a_429_names_when_to_come_back():
    with pytest.raises(Throttled) as caught:
        read(order(), "RATE_LIMIT", 429, **{"Retry-After": "30", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    assert caught.value.until == NOW + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("text", "status", "state"),
    [
        ("STATUS_WAIT_CODE", 200, UpstreamState.WAITING),
        ("status_wait_code\r\n", 200, UpstreamState.WAITING),
        ("STATUS_CANCEL", 200, UpstreamState.CANCELED),
        ("STATUS_OK:", 200, UpstreamState.RECEIVED),
        ("STATUS_NEW", 200, UpstreamState.UNKNOWN),
    ],
)
def test_states_without_a_message(text, status, state):
    assert read(adapter().status(upstream_ref="1"), text, status) == Status(state)


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [("BAD_KEY", 401, BadCredentials), ("NO_ACTIVATION", 403, Banned), ("BAD_ACTION", 400, UnknownToUpstream),
     ("BAD_ACTION", 404, OutcomeUnknown), ("ERROR", 500, OutcomeUnknown),
     ("STATUS_OK:1", 502, OutcomeUnknown), ("<p>", 200, OutcomeUnknown)],
)  # fmt: skip
def test_u12_u15_the_accounts_trouble_is_no_state(text, status, kind):
    with pytest.raises(ProviderError) as caught:
        read(adapter().status(upstream_ref="1"), text, status)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("text", "sms"),
    [("STATUS_OK:834921", Sms("", code="834921")), ("STATUS_OK:12:34", Sms("", code="12:34")),
     ("STATUS_OK:Your code is 12-34", Sms("Your code is 12-34"))],
)  # fmt: skip
def test_w1_a_message_is_the_same_each_time(text, sms):
    first, second = (read(adapter().status(upstream_ref="1"), text) for _ in range(2))

    assert first == second
    [found] = first.messages
    assert (found.text, found.code, first.state) == (sms.text, sms.code, UpstreamState.RECEIVED)


def test_the_list_finds_lost_orders():
    line = {"id": 12345, "number": "+12025551234", "service": "tg", "country": "usa", "status": "active",
            "cost": 0.50, "expires_at": "2026-11-21T12:15:00",
            "created_at": "2026-11-21T12:00:00"}  # fmt: skip

    assert read(adapter().list_active(), [line]) == [
        ListedLease(
            "12345", "12025551234", UpstreamState.WAITING, service="tg", country="usa", cost_micros=500_000,
            created_at=NOW, expire_at=NOW + timedelta(minutes=15),
        )
    ]  # fmt: skip
    assert read(adapter().list_active(), []) == []
    for nothing in ("{}", "null", "STATUS_OK", '{"data": []}'):
        with pytest.raises(OutcomeUnknown):
            read(adapter().list_active(), nothing)


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [("BAD_ACTION", 400, WrongState), ("BAD_KEY", 401, BadCredentials), ("ERROR", 500, OutcomeUnknown),
     ("ACCESS_READY", 200, OutcomeUnknown)],
)  # fmt: skip
def test_u9_u10_what_a_cancel_may_be_told(text, status, kind):
    call = adapter().cancel(upstream_ref="77")
    assert call.params == {"id": "77", "status": "8"}
    assert not call.is_read
    assert read(call, "ACCESS_CANCEL") is None

    with pytest.raises(ProviderError) as caught:
        read(call, text, status)
    assert type(caught.value) is kind


def test_prices_are_nested_and_a_line_without_its_price_id_is_left_out():
    told = {
        "usa": {
            "tg": {"price": 0.50, "available": 120, "price_id": "MTo1"},
            "wa": {"price": "1.20", "available": "85", "price_id": "MTo2"},
            "fb": {"price": 1, "available": 1},
            "vk": {"price": None, "available": 1, "price_id": "MTo3"},
        },
        "england": {},
    }
    assert read(adapter().prices()[0], told) == [
        ListedOffer("tg", "usa", 500_000, 120, upstream_ref="MTo1"),
        ListedOffer("wa", "usa", 1_200_000, 85, upstream_ref="MTo2"),
    ]
    assert read(adapter().prices()[0], {}) == []


def test_the_catalogue_is_the_countries_and_the_services_of_each():
    countries = [{"id": "usa", "name": "United States"}, {"id": "england", "name": "England"}]
    [first] = adapter().catalogue()
    assert read(first, countries) == [
        CatalogueItem("country", "usa", "United States"),
        CatalogueItem("country", "england", "England"),
    ]
    second = first.follow(Reply(200, orjson.dumps(countries).decode()))
    assert (second.url.rpartition("/")[2], second.params) == ("getServices", {"country": "usa"})
    assert read(second, [{"code": "tg", "name": "Telegram"}]) == [CatalogueItem("service", "tg", "Telegram")]
    third = second.follow(Reply(200, "[]"))
    assert third.params == {"country": "england"}
    assert third.follow(Reply(200, "[]")) is None


def test_the_balance():
    assert read(adapter().balance(), "ACCESS_BALANCE:25.50") == 25_500_000
    with pytest.raises(OutcomeUnknown):
        read(adapter().balance(), "ACCESS_BALANCE:lots")

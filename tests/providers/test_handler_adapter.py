"""How the adapter for the handler family asks, and reads what its members are known to answer."""

from datetime import UTC, datetime, timedelta

import orjson
import pytest

from providers.adapters.handler import Handler
from providers.contract import (
    Account,
    BadCredentials,
    BadOptions,
    Banned,
    Can,
    CatalogueItem,
    Extension,
    Lease,
    ListedOffer,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    ProviderError,
    Refused,
    Reply,
    Sms,
    Status,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)
from providers.http import send, send_all

KEY = "secret-canary-1"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def adapter(base_url="https://upstream.example", **options):
    return Handler(Account(base_url=base_url, secret=KEY, options=options))


def order(one=None, **facts):
    wish = {
        "service": "tg",
        "country": "187",
        "operator": "any",
        "offer_ref": "",
        "ceiling_micros": 150_000,
        "our_ref": "our-1",
    }
    return (one or adapter()).order(**{**wish, **facts})


def asked(call):
    return {name: value for name, value in call.params.items() if name not in ("api_key", "action")}


def read(call, text, status=200, **headers):
    text = text if isinstance(text, str) else orjson.dumps(text).decode()
    return call.read(Reply(status, text, headers))


# --- what is asked ---


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        ("https://upstream.example", "https://upstream.example/stubs/handler_api.php"),
        ("https://upstream.example/api/handler", "https://upstream.example/api/handler"),
    ],
)
def test_an_address_without_a_path_gets_the_usual_one(base_url, url):
    call = order(adapter(base_url))

    assert (call.url, call.method, call.is_read) == (url, "GET", False)
    assert call.params["api_key"] == KEY
    assert "api_key" in call.secret_params


def test_an_order_names_the_ceiling_and_leaves_out_what_nobody_wished():
    assert asked(order()) == {"service": "tg", "country": "187", "maxPrice": "0.15"}
    assert order().params["action"] == "getNumberV2"


def test_country_0_is_a_country():
    assert asked(order(country="0"))["country"] == "0"


def test_an_order_says_all_that_was_wished():
    one = adapter(dialect="classic", except_providers=[8, 3])
    call = order(
        one,
        operator="kyivstar",
        offer_ref="provider:11",
        ceiling_micros=1_234_567,
        exclude_prefixes=("+7918", "79", "7900111", "1234567890"),
    )

    assert asked(call) == {
        "service": "tg",
        "country": "187",
        "maxPrice": "1.2345",
        "operator": "kyivstar",
        "providerIds": "11",
        "exceptProviderIds": "3,8",
        "phoneException": "7918,7900111",
        "orderId": "our-1",
    }


@pytest.mark.parametrize(
    ("options", "actions"),
    [
        ({}, ("getNumberV2", "getStatus", "getPricesV3")),
        ({"dialect": "bower"}, ("getNumberV2", "getStatus", "getPricesV3")),
        ({"dialect": "classic"}, ("getNumberV2", "getStatus", "getPrices")),
        ({"dialect": "hero"}, ("getNumberV2", "getStatusV2", "getPrices")),
        ({"order": "getNumber", "status": "getStatusV2", "prices": "getPricesV2"},
         ("getNumber", "getStatusV2", "getPricesV2")),
    ],
)  # fmt: skip
def test_dialect_and_options_choose_the_actions(options, actions):
    one = adapter(**options)
    calls = (order(one), one.status(upstream_ref="1"), one.prices()[0])

    assert tuple(call.params["action"] for call in calls) == actions


@pytest.mark.parametrize(
    ("dialect", "first_page"),
    [("hero", {"start": "0", "limit": "100"}), ("bower", {}), ("classic", {})],
)
def test_u17_a_long_list_comes_in_pages_and_ends_when_a_page_brings_nothing_new(dialect, first_page):
    row = {"phoneNumber": "79991234561", "activationStatus": "4"}
    page = orjson.dumps({"status": "success", "data": [{**row, "activationId": n} for n in range(100)]})
    reply = Reply(200, page.decode())
    first = adapter(dialect=dialect).list_active()
    second = first.follow(reply)

    assert (asked(first), asked(second)) == (first_page, {"start": "100", "limit": "100"})
    assert len(first.read(reply)) == 100
    assert second.read(reply) == [], "an upstream without pages told the same again"
    assert second.follow(reply) is None
    assert first.follow(Reply(200, '{"status":"success","data":[]}')) is None
    assert first.follow(Reply(200, '{"status":"error","error":"NO_ACTIVATIONS"}')) is None


@pytest.mark.parametrize("protocol", ["handler", "handler-classic", "handler-hero"])
def test_u17_every_open_number_is_listed_once(make_supplier, protocol):
    """bower's supplier cuts at a page as our own server does, classic's knows none and says all at once."""
    supplier = make_supplier(protocol)
    one = supplier.adapter()
    wish = {**supplier.wish(), "ceiling_micros": supplier.price_micros()}
    for number in range(205):
        send(one.order(**wish, our_ref=f"our-{number}"))

    listed = [lease.upstream_ref for lease in send_all(one.list_active())]

    assert sorted(listed) == sorted(supplier.ref(lease) for lease in supplier.leases)


# --- options ---


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"dialect": "bowery"}, "dialect"),
        ({"order": "getRentNumber"}, "order"),
        ({"rate": "0"}, "rate"),
        ({"rate": "1,5"}, "rate"),
        ({"rate": True}, "rate"),
        ({"timezone": "Moscow"}, "timezone"),
        ({"rent_hours": 4}, "rent_hours"),
        ({"rent_hours": ["4"]}, "rent_hours"),
        ({"except_providers": [1.5]}, "except_providers"),
        ({"without": ["list_actives"]}, "without"),
    ],
)
def test_a_wrong_option_is_named(options, named):
    with pytest.raises(BadOptions, match=f"^{named}: "):
        adapter(**options).check_options()


def test_what_the_options_take_away_is_not_promised():
    assert Can.RENTAL not in adapter().can
    assert Can.LIST_RENTALS in adapter(rent_hours=[24]).can
    assert adapter(without=["list_active", "messages_in_list"]).can == adapter().can - {
        Can.LIST_ACTIVE,
        Can.MESSAGES_IN_LIST,
    }


def test_another_currency_is_converted_once_and_a_ceiling_buys_what_the_list_says():
    one = adapter(rate="0.010873", prices="getPrices")
    [offer] = read(one.prices()[0], {"0": {"tg": {"cost": "12.51", "count": 3}}})

    assert offer.cost_micros == 136_021  # 12.51 × 0.010873 = 0.13602123
    assert asked(order(one, ceiling_micros=offer.cost_micros))["maxPrice"] == "12.51"
    assert read(one.balance(), "ACCESS_BALANCE:100.5") == 1_092_737  # 1.0927365, halves up
    lease = read(order(one), {"activationId": 1, "phoneNumber": 79990001122, "activationCost": 12.51})
    assert lease.cost_micros == offer.cost_micros


def test_without_a_rate_a_price_in_another_currency_is_not_known():
    told = {"activationId": 1, "phoneNumber": 79990001122, "activationCost": 12.51, "currency": 643}
    assert read(order(), told).cost_micros is None
    assert read(order(), {**told, "currency": 840}).cost_micros == 12_510_000
    assert read(order(adapter(rate="0.01")), told).cost_micros == 125_100
    assert read(order(adapter(rate="0.01")), {**told, "currency": 840}).cost_micros == 12_510_000


def test_times_without_a_zone_belong_to_the_accounts():
    told = {"activationId": 1, "phoneNumber": 7999, "activationEndTime": "2026-11-21 15:20:00"}

    assert read(order(), told).expire_at == NOW.replace(hour=15, minute=20)
    there = adapter(timezone="Europe/Moscow")
    assert read(order(there), told).expire_at == NOW.replace(hour=12, minute=20)
    told["activationEndTime"] = "2026-11-21T15:20:00+01:00"
    assert read(order(there), told).expire_at == NOW.replace(hour=14, minute=20)


# --- orders ---


@pytest.mark.parametrize(
    "text",
    [
        "ACCESS_NUMBER:3936040355:6285872391152",
        "access_number:3936040355:6285872391152",
        "\ufeffACCESS_NUMBER:3936040355:+6285872391152\r\n",
        '"ACCESS_NUMBER:3936040355:6285872391152"',
        " ACCESS_NUMBER: 3936040355 : 6285872391152 ",
    ],
)
def test_a_number_in_words(text):
    assert read(order(), text) == Lease("3936040355", "6285872391152")


@pytest.mark.parametrize(
    "told",
    [
        {"activationId": "635468024", "phoneNumber": "79584123456", "activationCost": 12.5,
         "countryCode": "6", "canGetAnotherSms": True, "activationOperator": "any"},
        {"activationId": 635468024, "phoneNumber": 79584123456, "activationCost": "12.50",
         "countryCode": 6, "canGetAnotherSms": "1", "activationOperator": "any", "currency": 840},
        {"activationId": "635468024", "phoneNumber": "+79584123456", "activationCost": 12.5,
         "canGetAnotherSms": 1, "activationOperator": "any", "currency": "840", "countryPhoneCode": 7},
    ],
)  # fmt: skip
def test_a_number_as_an_object(told):
    assert read(order(), told) == Lease(
        "635468024", "79584123456", cost_micros=12_500_000, is_retriable=True, operator="any"
    )


@pytest.mark.parametrize("again", [False, 0, "0"])
def test_a_number_that_gives_one_message_only(again):
    told = {"activationId": 1, "phoneNumber": 7999, "canGetAnotherSms": again}
    assert read(order(), told).is_retriable is False
    assert read(order(), {**told, "canGetAnotherSms": None}).is_retriable is None


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("NO_NUMBERS", 200, OutOfStock),
        ("no_numbers\n", 200, OutOfStock),
        ('{"title":"NO_NUMBERS","details":"none left","info":[]}', 404, OutOfStock),
        ('{"status":"error","message":"NO_NUMBERS"}', 200, OutOfStock),
        ('{"status":"error","error":"NO_NUMBERS"}', 200, OutOfStock),
        ("NO_BALANCE", 200, OutOfFunds),
        ('{"title":"NO_BALANCE"}', 402, OutOfFunds),
        ("NO_KEY", 200, BadCredentials),
        ("BAD_KEY", 401, BadCredentials),
        ("ACCOUNT_INACTIVE", 200, Banned),
        ("BANNED:'2026-11-21 13-30-00'", 200, Banned),
        ("WRONG_MAX_PRICE:0.21", 200, PriceTooLow),
        ("BAD_SERVICE", 200, UnknownToUpstream),
        ("BAD_COUNTRY", 200, UnknownToUpstream),
        ("BAD_ACTION", 200, UnknownToUpstream),
        ("WRONG_OPERATOR", 200, UnknownToUpstream),
        ("WRONG_EXCEPTION_PHONE", 200, UnknownToUpstream),
        ("CHANNELS_LIMIT", 403, Throttled),
        ("RATE_LIMIT", 429, Throttled),
        ("<html>too many requests</html>", 429, Throttled),
        ("ERROR_SQL", 200, OutcomeUnknown),
        ("SQL_ERROR", 200, OutcomeUnknown),
        ('{"title":"SERVER_ERROR"}', 500, OutcomeUnknown),
        ("ORDER_ALREADY_EXISTS", 200, OutcomeUnknown),
        ("SOMETHING_NEW", 200, OutcomeUnknown),
        ("ACCESS_NUMBER:1:7999", 500, OutcomeUnknown),
        ("ACCESS_NUMBER:1", 200, OutcomeUnknown),
        ("<html>Checking your browser</html>", 403, OutcomeUnknown),
        ("", 200, OutcomeUnknown),
    ],
)  # fmt: skip
def test_u5_u6_each_word_has_its_kind(text, status, kind):
    with pytest.raises(ProviderError) as caught:
        read(order(), text, status)
    assert type(caught.value) is kind


@pytest.mark.parametrize("text", ["ACCESS_NUMBER:x:7999", "ACCESS_NUMBER:1:", '{"activationId":1.5}'])
def test_u5_a_number_that_cannot_be_used_is_an_unreadable_answer(text):
    with pytest.raises((ValueError, KeyError)):
        read(order(), text)


@pytest.mark.parametrize(
    "told",
    [
        "BANNED:'2026-11-21 13-30-00'",
        "BANNED:2026-11-21 13:30:00",
        {"title": "BANNED", "info": {"scope": "global", "banned_until": "2026-11-21T14:30:00+01:00"}},
    ],
)
def test_u12_a_ban_names_its_end(told):
    with pytest.raises(Banned) as caught:
        read(order(), told, 403)
    assert caught.value.until == NOW.replace(hour=13, minute=30)


@pytest.mark.parametrize(
    "told", ["WRONG_MAX_PRICE:0.2105", {"title": "WRONG_MAX_PRICE", "info": {"min": 0.2105}}]
)
def test_u8_a_price_refusal_names_the_nearest_price(told):
    with pytest.raises(PriceTooLow) as caught:
        read(order(), told, 400)
    assert caught.value.suggested_micros == 210_500


def test_a_429_names_when_to_come_back():
    with pytest.raises(Throttled) as caught:
        read(order(), "RATE_LIMIT", 429, **{"Retry-After": "30", "Date": "Sat, 21 Nov 2026 12:00:00 GMT"})
    assert caught.value.until == NOW + timedelta(seconds=30)


# --- status ---


def told_by(text, status=200, **options):
    return read(adapter(**options).status(upstream_ref="1"), text, status)


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("STATUS_WAIT_CODE", UpstreamState.WAITING),
        ("status_wait_code\n", UpstreamState.WAITING),
        ("STATUS_WAIT_RESEND", UpstreamState.RETRYING),
        ("STATUS_WAIT_RETRY:1234", UpstreamState.RETRYING),
        ("STATUS_WAIT_RETRY", UpstreamState.RETRYING),
        ("STATUS_CANCEL", UpstreamState.CANCELED),
        ("ACCESS_CANCEL", UpstreamState.CANCELED),
        ("STATUS_OK:", UpstreamState.RECEIVED),
        ("STATUS_OK", UpstreamState.RECEIVED),
        ('{"verificationType":0,"sms":null,"call":null}', UpstreamState.WAITING),
        ('{"verificationType":0,"sms":[],"call":[]}', UpstreamState.WAITING),
        # no news: a word that nobody knows, or one that says nothing of this number
        ("STATUS_SOMETHING_NEW", UpstreamState.UNKNOWN),
        ("BAD_ACTION", UpstreamState.UNKNOWN),
        ("BAD_STATUS", UpstreamState.UNKNOWN),
        ("NO_NUMBERS", UpstreamState.UNKNOWN),
        ('{"status":"success"}', UpstreamState.UNKNOWN),
    ],
)
def test_u13_states_without_a_message(text, state):
    assert told_by(text) == Status(state)


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("NO_ACTIVATION", 200, UnknownToUpstream),
        ("WRONG_ACTIVATION_ID", 200, UnknownToUpstream),
        ('{"title":"NO_ACTIVATION","details":""}', 404, UnknownToUpstream),
        ("BAD_KEY", 200, BadCredentials),
        ("BANNED:'2026-11-21 13-30-00'", 200, Banned),
        ("RATE_LIMIT", 429, Throttled),
        ("ERROR_SQL", 200, OutcomeUnknown),
        ("STATUS_NEW", 502, OutcomeUnknown),
        ("<html></html>", 200, OutcomeUnknown),
        ('{"verificationType":0,"sms":{"co', 200, OutcomeUnknown),
    ],
)
def test_u12_u15_the_accounts_trouble_is_no_state(text, status, kind):
    with pytest.raises(ProviderError) as caught:
        told_by(text, status)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("text", "sms"),
    [
        ("STATUS_OK:12345", Sms("", code="12345")),
        ("STATUS_OK:'12345'", Sms("", code="12345")),
        ('status_ok: "12345"\r\n', Sms("", code="12345")),
        ("STATUS_OK:12:34", Sms("", code="12:34")),
        ("STATUS_OK:Your code: 12-34, keep it", Sms("Your code: 12-34, keep it")),
        (
            '{"verificationType":0,"sms":{"dateTime":"2026-11-21 12:00:00","code":"12345",'
            '"text":"Your code is 12345"},"call":null}',
            Sms("Your code is 12345", code="12345", received_at=NOW),
        ),
        ('{"sms":{"code":12345,"text":null,"dateTime":""}}', Sms("", code="12345")),
        ('{"sms":[{"code":null,"text":"Hello there"}]}', Sms("Hello there")),
        (
            '{"verificationType":2,"sms":null,"call":{"from":"79584123456","text":"one two","code":"12"}}',
            Sms("one two", code="12", kind="voice", sender="79584123456"),
        ),
    ],
)
def test_a_message_with_its_code(text, sms):
    status = told_by(text)
    [found] = status.messages

    assert status.state is UpstreamState.RECEIVED
    assert found == Sms(
        **{name: getattr(sms, name) for name in sms.__slots__} | {"upstream_ref": found.upstream_ref}
    )


def test_w1_a_message_is_known_again_wherever_it_is_told():
    """`STATUS_OK` shows the code alone, lists the text too: one message, however often and wherever."""
    word = told_by("STATUS_OK:12345").messages
    v2 = told_by(
        '{"sms":{"code":"12345","text":"Your code is 12345","dateTime":"2026-11-21 12:00:00"}}'
    ).messages
    listed = read_row(smsCode="12345", smsText="Your code is 12345").messages
    other = told_by("STATUS_OK:12346").messages

    assert word[0].upstream_ref == v2[0].upstream_ref == listed[0].upstream_ref != other[0].upstream_ref
    assert "12345" not in word[0].upstream_ref


def test_w1_a_text_without_a_code_is_known_again_when_it_was_flattened_and_cut():
    text = "Dear customer: welcome!\nWe are glad to see you here. " * 5
    flat = text.replace(":", " ").replace("\n", " ")[:160]

    [word] = told_by(f"STATUS_OK:{flat}").messages
    [listed] = read_row(smsCode=None, smsText=text).messages
    assert word.upstream_ref == listed.upstream_ref


# --- the list ---


ROW = {
    "activationId": "635468021", "serviceCode": "vk", "phoneNumber": "79991234561", "activationCost": 12.5,
    "activationStatus": "4", "smsCode": None, "smsText": None, "activationTime": "2026-11-21 12:00:00",
    "countryCode": "2", "countryName": "Kazakhstan", "canGetAnotherSms": "1", "currency": 840,
}  # fmt: skip


def read_row(**facts):
    told = {"status": "success", "activeActivations": [{**ROW, **facts}]}
    [listed] = read(adapter().list_active(), told)
    return listed


def test_a_line_of_the_list_tells_all_that_finds_a_lost_order():
    listed = read_row()
    assert (listed.upstream_ref, listed.phone, listed.service, listed.country) == (
        "635468021",
        "79991234561",
        "vk",
        "2",
    )
    assert (listed.cost_micros, listed.created_at, listed.state) == (12_500_000, NOW, UpstreamState.WAITING)


@pytest.mark.parametrize(
    ("number", "state"),
    [("4", UpstreamState.WAITING), (4, UpstreamState.WAITING), ("2", UpstreamState.RECEIVED),
     ("3", UpstreamState.RETRYING), ("6", UpstreamState.FINISHED), ("8", UpstreamState.CANCELED),
     ("10", UpstreamState.REFUNDED), ("1", UpstreamState.WAITING), (None, UpstreamState.WAITING)],
)  # fmt: skip
def test_states_of_the_list(number, state):
    assert read_row(activationStatus=number).state is state


@pytest.mark.parametrize(
    ("code", "text", "messages"),
    [
        ("12345", "Your code is 12345", [("12345", "Your code is 12345")]),
        (["12345"], ["Your code is 12345"], [("12345", "Your code is 12345")]),
        (["1111", "2222"], ["a 1111", "b 2222"], [("1111", "a 1111"), ("2222", "b 2222")]),
        (["1111", "1111"], None, [("1111", ""), ("1111", "")]),
        (None, "Hello there", [("", "Hello there")]),
        ("", "", []),
        ([], [], []),
        (None, None, []),
    ],
)
def test_messages_of_the_list(code, text, messages):
    listed = read_row(smsCode=code, smsText=text)

    assert [(sms.code, sms.text) for sms in listed.messages] == messages
    assert len({sms.upstream_ref for sms in listed.messages}) == len(messages), (
        "a code that came again is news"
    )
    assert listed.state is (UpstreamState.RECEIVED if messages else UpstreamState.WAITING)


@pytest.mark.parametrize(
    "text",
    [
        '{"status":"success","activeActivations":[]}',
        '{"status":"success","data":[]}',
        '{"status":"success","activeActivations":{}}',
        '{"status":"error","error":"NO_ACTIVATIONS"}',
        "NO_ACTIVATIONS",
    ],
)
def test_an_empty_list(text):
    assert read(adapter().list_active(), text) == []


@pytest.mark.parametrize(
    "text", ["[]", '{"status":"success"}', "STATUS_OK", '{"data":[{"activationId":"1"}]}']
)
def test_u2_what_is_no_list_proves_nothing(text):
    with pytest.raises((ProviderError, KeyError)):
        read(adapter().list_active(), text)


# --- cancel, retry, finish, ready ---


@pytest.mark.parametrize(
    ("action", "status", "word"),
    [("ready", "1", "ACCESS_READY"), ("retry", "3", "ACCESS_RETRY_GET"), ("finish", "6", "ACCESS_ACTIVATION"),
     ("cancel", "8", "ACCESS_CANCEL"), ("cancel", "8", "STATUS_CANCEL")],
)  # fmt: skip
def test_actions_are_numbers_and_done_by_their_word(action, status, word):
    call = getattr(adapter(), action)(upstream_ref="77")

    assert asked(call) == {"id": "77", "status": status}
    assert not call.is_read
    assert read(call, word) is None


@pytest.mark.parametrize(
    ("text", "status", "kind"),
    [
        ("EARLY_CANCEL_DENIED", 200, TooEarly),
        ('{"title":"EARLY_CANCEL_DENIED","info":{"minActivationTime":120}}', 409, TooEarly),
        ('{"title":"OTP_RECEIVED"}', 409, WrongState),
        ('{"title":"ACTIVATION_NOT_ACTIVE"}', 409, WrongState),
        ("BAD_STATUS", 200, WrongState),
        ("NO_ACTIVATION", 200, UnknownToUpstream),
        ("ACCESS_ACTIVATION", 200, OutcomeUnknown),
        ("ERROR_SQL", 200, OutcomeUnknown),
        ("<html></html>", 200, OutcomeUnknown),
    ],
)
def test_u9_u10_what_a_cancel_may_be_told(text, status, kind):
    with pytest.raises(ProviderError) as caught:
        read(adapter().cancel(upstream_ref="1"), text, status)
    assert type(caught.value) is kind


# --- the shop ---


@pytest.mark.parametrize(
    ("told", "offers"),
    [
        ({"6": {"tg": {"cost": 0.15, "count": 25}}}, [("", 150_000, 25, None)]),
        ({"6": {"tg": {"cost": "0.15", "count": "25", "physicalCount": "7"}}}, [("", 150_000, 25, 7)]),
        ([{"6": {"tg": {"cost": 0.1 + 0.2, "count": 25}}}], [("", 300_000, 25, None)]),
        ({"6": {"tg": {"0.15": 25, "0.2105": "3"}}},
         [("tier:0.15", 150_000, 25, None), ("tier:0.2105", 210_500, 3, None)]),
        ({"6": {"tg": {"11": {"count": 100, "price": 0.5, "provider_id": 11}}}},
         [("provider:11", 500_000, 100, None)]),
        ({"6": {"tg": {"11": {"count": 100, "price": "0.50"}}}}, [("provider:11", 500_000, 100, None)]),
        ({"6": {"tg": {"cost": None, "count": 1}, "wa": []}, "7": [], "8": {"tg": {"cost": 1, "count": 2}}},
         [("", 1_000_000, 2, None)]),
        ([], []),
        ({}, []),
    ],
)  # fmt: skip
def test_the_three_forms_of_the_price_list(told, offers):
    found = read(adapter().prices()[0], told)
    assert [(one.upstream_ref, one.cost_micros, one.count, one.physical_count) for one in found] == offers
    assert {one.service for one in found} <= {"tg"}


@pytest.mark.parametrize("text", ['{"6":{"tg":{"cost":"NaN","count":1}}}', '{"6":"tg"}', "BAD_KEY", "null"])
def test_a_price_list_of_nothing_readable_changes_nothing(text):
    with pytest.raises(ProviderError):
        read(adapter().prices()[0], text)


@pytest.mark.parametrize(
    "told",
    [
        {"0": {"id": 0, "rus": "Россия", "eng": "Russia"}, "2": {"id": "2", "eng": "Kazakhstan"}},
        [{"id": 0, "eng": "Russia"}, {"id": 2, "rus": "Казахстан", "eng": "Kazakhstan"}],
        {"0": {"eng": "Russia"}, "2": {"eng": "Kazakhstan"}},
    ],
)
def test_countries_keyed_or_listed(told):
    assert read(adapter().catalogue()[0], told) == [
        CatalogueItem("country", "0", "Russia"),
        CatalogueItem("country", "2", "Kazakhstan"),
    ]


def test_services_and_operators():
    one = adapter(dialect="classic")
    services, operators = one.catalogue()[1:]

    assert read(services, {"status": "success", "services": [{"code": "kt", "name": "KakaoTalk"}]}) == [
        CatalogueItem("service", "kt", "KakaoTalk")
    ]
    told = {"status": "success", "countryOperators": {"1": ["kyivstar", "life"], "2": ["life"], "3": []}}
    assert [item.code for item in read(operators, told)] == ["kyivstar", "life"]
    assert read(operators, "OPERATORS_NOT_FOUND") == []


@pytest.mark.parametrize(
    ("text", "micros"),
    [("ACCESS_BALANCE:17.154", 17_154_000), ("access_balance: 0\n", 0), ("ACCESS_BALANCE:-0.5", -500_000)],
)
def test_the_balance(text, micros):
    assert read(adapter().balance(), text) == micros


@pytest.mark.parametrize(
    "text", ["ACCESS_BALANCE:", "ACCESS_BALANCE:1e5", "ACCESS_BALANCE:NaN", "ACCESS_BALANCE:1,5"]
)
def test_a_balance_that_is_no_amount_is_unknown(text):
    with pytest.raises(OutcomeUnknown):
        read(adapter().balance(), text)


# --- rentals ---


def rents(**options):
    return adapter(**{"rent_hours": [24, 4], **options})


def rent(one=None):
    return (one or rents()).rent(
        service="full",
        country="0",
        operator="any",
        offer_ref="",
        hours=24,
        ceiling_micros=4_000_000,
        our_ref="our-1",
    )


def test_a_rental():
    told = {
        "status": "success",
        "phone": {"id": 1049, "endDate": "2026-11-22T12:00:00", "number": "79959707564"},
    }

    assert asked(rent()) == {"service": "full", "country": "0", "rent_time": "24", "maxPrice": "4.00"}
    assert not rent().is_read
    assert read(rent(), told) == Lease("1049", "79959707564", expire_at=NOW + timedelta(days=1))
    v2 = {"activationId": "1049", "phoneNumber": "79959707564", "activationCost": 4,
          "activationEndTime": "2026-11-22T12:00:00+00:00"}  # fmt: skip
    assert read(rent(), v2) == Lease(
        "1049", "79959707564", cost_micros=4_000_000, expire_at=NOW + timedelta(days=1)
    )


@pytest.mark.parametrize(
    ("word", "kind"),
    [("NO_NUMBERS", OutOfStock), ("NO_BALANCE", OutOfFunds), ("WRONG_COUNTRY", UnknownToUpstream),
     ("INVALID_TIME", UnknownToUpstream), ("SERVER_ERROR", OutcomeUnknown), ("CANT_CANCEL", WrongState),
     ("RENT_DIE", WrongState), ("NEW_WORD", OutcomeUnknown)],
)  # fmt: skip
def test_words_of_rentals(word, kind):
    with pytest.raises(ProviderError) as caught:
        read(rent(), {"status": "error", "message": word})
    assert type(caught.value) is kind


def test_messages_of_a_rental_are_told_apart_by_their_time():
    line = {
        "phoneFrom": "WhatsApp",
        "text": "Your code 8362",
        "service": "wa",
        "date": "2026-11-21T12:00:00+00:00",
    }
    told = {"status": "success", "quantity": "2",
            "values": {"0": line, "1": {**line, "date": "2026-11-21 12:00:05"}}}  # fmt: skip
    status = read(rents().rental_status(upstream_ref="6"), told)

    assert status.state is UpstreamState.RECEIVED
    assert [(sms.sender, sms.text, sms.received_at) for sms in status.messages] == [
        ("WhatsApp", "Your code 8362", NOW),
        ("WhatsApp", "Your code 8362", NOW + timedelta(seconds=5)),
    ]
    assert len({sms.upstream_ref for sms in status.messages}) == 2


@pytest.mark.parametrize(
    ("word", "state"),
    [("STATUS_WAIT_CODE", UpstreamState.WAITING), ("STATUS_FINISH", UpstreamState.FINISHED),
     ("STATUS_CANCEL", UpstreamState.CANCELED)],
)  # fmt: skip
def test_states_of_a_rental(word, state):
    told = {"status": "error", "message": word}
    assert read(rents().rental_status(upstream_ref="6"), told) == Status(state)


def test_the_list_of_rentals_their_extension_and_ends():
    one = rents()
    told = {"status": "success", "values": {"0": {"id": "6", "phone": "79181234567"}}}
    [listed] = read(one.list_rentals(), told)
    assert (listed.upstream_ref, listed.phone) == ("6", "79181234567")
    assert read(one.list_rentals(), {"status": "error", "message": "NO_NUMBERS"}) == []

    longer = one.extend_rental(upstream_ref="6", hours=4, ceiling_micros=1, our_ref="o")
    told = {"status": "success", "phone": {"id": 6, "endDate": "2026-11-21 16:00:00", "number": "7999"}}
    assert asked(longer) == {"id": "6", "rent_time": "4"}
    assert read(longer, told) == Extension(ends_at=NOW + timedelta(hours=4))

    assert asked(one.cancel_rental(upstream_ref="6")) == {"id": "6", "status": "2"}
    assert asked(one.finish_rental(upstream_ref="6")) == {"id": "6", "status": "1"}
    assert read(one.finish_rental(upstream_ref="6"), {"status": "success"}) is None


def test_rental_prices_are_asked_by_country_and_term():
    known = [
        CatalogueItem("country", "1", "A"),
        CatalogueItem("country", "0", "B"),
        CatalogueItem("service", "x", ""),
    ]
    calls = rents().prices(known)[1:]

    assert [asked(call) for call in calls] == [
        {"country": country, "rent_time": hours} for hours in ("4", "24") for country in ("0", "1")
    ]
    told = {"countries": {"0": 0}, "operators": {"0": "any"},
            "services": {"full": {"cost": 42.93, "quant": {"current": 20, "total": 80}},
                         "tg": {"cost": "1.5", "quant": 3}}}  # fmt: skip
    facts = {"country": "0", "kind": "rental", "duration_hours": 4}
    assert read(calls[0], told) == [
        ListedOffer(service="full", cost_micros=42_930_000, count=20, **facts),
        ListedOffer(service="tg", cost_micros=1_500_000, count=3, **facts),
    ]
    assert read(calls[0], {"status": "error", "message": "WRONG_COUNTRY"}) == []
    assert len(rents(rent_countries=[7]).prices(known)) == 3


# --- callbacks ---


def callback(body):
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    return adapter().read_callback(body=body, headers={}, now=NOW)


def test_w5_a_callback_is_only_a_reason_to_ask():
    bower = {"activationId": 123456, "service": "go", "text": "Sms text", "code": "12345", "country": 2,
             "receivedAt": "2023-01-01 12:00:00"}  # fmt: skip
    told = callback(bower)
    assert (told.upstream_ref, told.is_proof, told.status, told.is_rental) == ("123456", False, None, False)

    told = callback({"rentId": 7, "sms": {"smsId": 1, "text": "x", "date": "2023-01-01 12:00:00"}})
    assert (told.upstream_ref, told.is_proof, told.is_rental) == ("7", False, True)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"\xff", {"activationId": None}, {"activationId": "x"}, {"code": "1"}]
)
def test_w3_a_callback_that_names_no_number_is_refused(body):
    with pytest.raises((Refused, OutcomeUnknown)):
        callback(body)

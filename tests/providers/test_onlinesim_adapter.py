"""What is particular to suppliers whom we call as a marketplace (docs/protocols/onlinesim.md, 2 to 8)."""

from datetime import UTC, datetime
from decimal import Decimal

import orjson
import pytest

from providers.catalogue import load_catalogue
from providers.codes import known_codes
from providers.contract import (
    Account,
    BadOptions,
    Can,
    End,
    Lease,
    ListedOffer,
    Native,
    PriceTooLow,
    Refused,
    Reply,
    Taken,
    UnknownToUpstream,
    Unwanted,
)
from providers.http import send, send_all
from providers.registry import ADAPTERS
from providers.services.accounts import draft_provider
from tests.suppliers.faces import FACES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PRICES = ["telegram=40", "germany/telegram=45", "germany/*=30", "*=20", "rent=320", "france/rent=300"]
PUSH = {
    "action": "PUSH_SMS",
    "smsId": 355,
    "phone": "79088081050",
    "phoneFrom": "Insta",
    "text": "Code 800142",
}
KEY = "the-key"


def adapter(base_url="https://supplier.example/api", callback_secret="", **options):
    account = Account(
        base_url, KEY, callback_secret=callback_secret, options={"rate": "0.01", "prices": PRICES, **options}
    )
    return ADAPTERS["onlinesim"](account)


def order(one=None, *, service="telegram", country="germany", ceiling_micros=450_000, **facts):
    return (one or adapter()).order(
        service=service, country=country, operator="any", offer_ref="", ceiling_micros=ceiling_micros,
        our_ref="o", **facts,
    )  # fmt: skip


# --- what we send ---


def test_an_order_names_what_we_pay_and_the_key_twice():
    call = order(exclude_prefixes=["46950", "+491"])

    assert (call.method, call.url) == ("POST", "https://supplier.example/api/getNumber")
    assert call.headers == {"Authorization": f"Bearer {KEY}"}
    assert call.json == {
        "action": "GET_NUMBER", "key": KEY, "country": "germany", "operator": "any", "service": "telegram",
        "sum": 45, "exceptionPhoneSet": [46950, 491],
    }  # fmt: skip


def test_a_supplier_may_take_all_calls_at_one_address():
    assert order(adapter(paths="one")).url == "https://supplier.example/api"


def test_siblings_are_told_the_currency():
    assert order(adapter(currency="RUB")).json["currency"] == 643
    assert order(adapter(currency="USD", rate="1"), ceiling_micros=10**9).json["currency"] == 840
    assert "currency" not in order().json


@pytest.mark.parametrize(
    ("service", "country", "sum_"),
    [("telegram", "germany", 45), ("telegram", "spain", 40), ("vk", "germany", 30), ("vk", "spain", 20)],
)
def test_the_most_particular_line_is_what_we_pay(service, country, sum_):
    assert order(service=service, country=country, ceiling_micros=10**9).json["sum"] == sum_


def test_nothing_above_the_ceiling_is_offered_and_the_lease_costs_what_was():
    call = order(ceiling_micros=123_456)
    assert call.json["sum"] == 12.34

    lease = call.read(Reply(200, '{"number":4915112345678,"activationId":355,"status":"SUCCESS"}'))
    native = Native(Decimal("12.34"), "RUB", Decimal("0.01"))
    assert lease == Lease("355", "4915112345678", 123_400, native=native)
    with pytest.raises(PriceTooLow):
        order(ceiling_micros=10)


def test_what_has_no_price_is_not_bought():
    with pytest.raises(UnknownToUpstream):
        order(adapter(prices=["germany/telegram=45"]), country="spain")
    with pytest.raises(UnknownToUpstream):
        rent(adapter(prices=["*=20"]))


def rent(one, hours=24):
    return one.rent(
        service="rent", country="france", operator="any", offer_ref="", hours=hours, ceiling_micros=10**9,
        our_ref="o",
    )  # fmt: skip


def test_a_rent_is_bought_at_its_own_path_for_the_days_of_the_price():
    call = rent(adapter())

    assert call.url.endswith("/getNumberRent")
    assert (call.json["service"], call.json["sum"]) == ("rent", 300)
    assert rent(adapter(rent_days=7), hours=168).json["sum"] == 300
    with pytest.raises(UnknownToUpstream):
        rent(adapter(), hours=48)


@pytest.mark.parametrize(
    ("end", "status", "sum_"),
    [(End.SOLD, 3, 4.5), (End.UNUSED, 4, 0), (End.REFUNDED, 5, 4.5), (End.USED, 1, 0)],
)
def test_each_end_has_its_status(end, status, sum_):
    call = adapter().tell_end(upstream_ref="355", end=end, amount=Decimal("4.50"), is_rental=False)
    rented = adapter().tell_end(upstream_ref="356", end=end, amount=Decimal("4.50"), is_rental=True)

    assert call.json == {
        "action": "FINISH_ACTIVATION", "key": KEY, "activationId": 355, "status": status, "sum": sum_,
    }  # fmt: skip
    assert rented.url.endswith("/finishActivationRent")
    assert rented.json["service"] == "rent"
    for given_back in (adapter().cancel(upstream_ref="1"), adapter().cancel_rental(upstream_ref="1")):
        assert given_back.json["status"] == 4


@pytest.mark.parametrize("ref", ["0", "x", "", str(2**63), "1.5", "-1", "٣"])
def test_b3_what_is_no_id_is_not_sent(ref):
    with pytest.raises(UnknownToUpstream):
        adapter().cancel(upstream_ref=ref)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("prices", {"prices": []}),
        ("prices", {"prices": ["telegram"]}),
        ("prices", {"prices": ["telegram=0"]}),
        ("prices", {"prices": ["telegram=1e3"]}),
        ("prices", {"prices": ["telegram=40", "telegram=41"]}),
        ("rate", {"rate": "0"}),
        ("rent_days", {"rent_days": 0}),
        ("currency", {"currency": "EUR"}),
    ],
)
def test_options_that_cannot_be_right_are_named(name, options):
    with pytest.raises(BadOptions, match=f"{name}: "):
        adapter(**options).check_options()


def test_roubles_need_a_rate():
    account = Account("https://supplier.example", KEY, options={"prices": ["*=20"]})
    with pytest.raises(BadOptions, match="rate: "):
        ADAPTERS["onlinesim"](account).check_options()


def test_a_new_account_has_the_protocols_own_rules():
    provider = draft_provider(
        protocol="onlinesim", base_url="https://supplier.example", secret=KEY, name="Supplier",
        options={"rate": "0.01", "prices": ["*=20"]},
    )  # fmt: skip

    assert (provider.life_seconds, provider.cancel_lock_seconds, provider.sync_seconds) == (900, 0, 60)
    assert provider.rental_ends_unused


# --- stock ---


def offers(text, **options):
    return adapter(**options).prices()[0].read(Reply(200, text))


def test_stock_is_listed_at_our_prices_and_once_for_all_operators():
    found = offers(
        '{"countryList":[{"country":"Germany","operatorMap":{"any":{"telegram":15,"rent":4,"vk":1},'
        '"telekom":{"telegram":15}}},{"country":"spain","operatorMap":{"orange":{"vk":2},"movistar":{}}}],'
        '"status":"SUCCESS"}'
    )

    assert found == [
        ListedOffer("telegram", "germany", 450_000, 15, "any"),
        ListedOffer("rent", "germany", 3_200_000, 4, "any", kind="rental", duration_hours=24),
        ListedOffer("vk", "germany", 300_000, 1, "any"),
        ListedOffer("vk", "spain", 200_000, 2, "orange"),
    ]


def test_os_4_a_country_may_be_named_by_its_member():
    line = '{"countryList":[{"spain":%s"operatorMap":{"any":{"vk":2}}%s}],"status":"SUCCESS"}'
    expected = [ListedOffer("vk", "spain", 200_000, 2, "any")]

    assert offers(line % ("null,", "")) == expected
    assert offers(line % ("{", "}")) == expected


def test_rents_may_be_listed_apart():
    calls = adapter(rent_stock="own path").prices()

    assert [call.url.rpartition("/")[2] for call in calls] == ["getServices", "getServicesRent"]


@pytest.mark.django_db
def test_its_names_are_mapped_by_the_lists_that_come_along(make_supplier):
    load_catalogue()
    supplier = make_supplier("onlinesim")
    codes = known_codes(supplier.provider())

    assert (codes["service"]["telegram"], codes["service"]["rent"]) == ("telegram", "full")
    [call] = supplier.adapter().prices()
    listed = send_all(call)
    assert {offer.country for offer in listed} <= set(codes["country"])
    assert {offer.kind for offer in listed} == {"activation", "rental"}


# --- PUSH_SMS ---


def push(one=None, headers=None, **content):
    body = orjson.dumps({**PUSH, "key": KEY, **content})
    return (one or adapter()).read_callback(body=body, headers=headers or {}, now=NOW)


def test_a_message_is_about_whatever_is_open_on_its_phone():
    told = push(phone=79088081050)
    [sms] = told.status.messages

    assert (told.upstream_ref, told.phone, told.is_proof, told.is_rental) == ("", "79088081050", True, False)
    assert (sms.text, sms.sender, sms.code) == ("Code 800142", "Insta", "")
    assert push(service="rent").is_rental
    assert push(service="RENT").is_rental


def test_os_3_repeats_are_known_by_id_and_text():
    def known_by(**content):
        return push(**content).status.messages[0].upstream_ref

    assert known_by() == known_by() == known_by(smsId="355")
    assert len({known_by(), known_by(smsId=356), known_by(text="Code 1")}) == 3


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        ({"key": "wrong"}, {}),
        ({"key": KEY}, {"Authorization": "Bearer wrong"}),
        ({"key": "wrong"}, {"Authorization": f"Bearer {KEY}"}),
        ({"key": ""}, {}),
        ({"key": None}, {}),
    ],
)
def test_w3_every_key_that_is_given_must_be_right(content, headers):
    with pytest.raises(Refused):
        push(headers=headers, **content)


def test_w3_the_key_may_be_in_the_header_alone_or_another_for_callbacks():
    body = orjson.dumps(PUSH)
    adapter().read_callback(body=body, headers={"authorization": f"Bearer {KEY}"}, now=NOW)
    with pytest.raises(Refused):
        adapter().read_callback(body=body, headers={}, now=NOW)

    push(adapter(callback_secret="their-key"), key="their-key")
    with pytest.raises(Refused):
        push(adapter(callback_secret="their-key"))


def test_blocked_senders_are_not_let_through():
    with pytest.raises(Unwanted):
        push(adapter(blocked_senders=["MyBank", "insta"]))


@pytest.mark.parametrize(
    ("taken", "status", "word"),
    [
        (Taken.DONE, 200, None),
        (Taken.EARLY, 503, "NOT_YET"),
        (Taken.NOBODYS, 400, "NO_OPERATION"),
        (Taken.UNWANTED, 400, "BAD_SERVICE"),
        (Taken.UNPROVEN, 401, "BAD_KEY"),
    ],
)
def test_every_callback_has_its_answer(taken, status, word):
    answer = adapter().answer_callback(taken)

    assert (answer.status, answer.content.get("error")) == (status, word)
    assert (answer.content["status"] == "SUCCESS") == (taken is Taken.DONE)


# --- the supplier itself ---


def test_rents_are_bought_and_told_like_numbers(make_supplier):
    supplier = make_supplier("onlinesim")
    one = supplier.adapter()
    wish = {"service": "rent", "country": FACES["onlinesim"].wish("telegram", "de")["country"]}
    facts = {"operator": "any", "offer_ref": "", "ceiling_micros": 10**8, "our_ref": "o"}
    sold, unused = (send(one.rent(hours=24, **wish, **facts)) for _ in range(2))
    supplier.sms(sold.upstream_ref, "Code 1234")
    for lease, end in ((sold, End.SOLD), (unused, End.UNUSED)):
        amount = lease.native.amount
        send(one.tell_end(upstream_ref=lease.upstream_ref, end=end, amount=amount, is_rental=True))

    assert [lease.state for lease in supplier.leases] == ["finished", "canceled"]
    assert supplier.paid_micros == sold.cost_micros
    assert Can.STATUS not in one.can

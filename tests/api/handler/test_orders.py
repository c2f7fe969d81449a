"""Numbers through the text protocol: ordered, followed, closed (docs/protocols/handler.md 5 to 8)."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Activation
from api.models import DialectSettings
from providers.sandbox.stock import shelves
from tests.api.handler.conftest import ADDRESS, row_of
from tests.factories import OfferFactory, PriceRuleFactory

pytestmark = pytest.mark.django_db(transaction=True)


def style(family, name):
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_style=name)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_number_is_ordered_and_its_code_is_read(family, shop, arrive, method):
    assert family.ask("getBalance", method=method) == "ACCESS_BALANCE:100.00"
    words = family.ask("getNumber", method=method, service="tg", country="187")
    _, number, phone = words.split(":")
    order = row_of(number)
    assert (order.phone, order.channel, order.customer_id) == (phone, "handler", family.customer.pk)
    assert family.status(number) == "STATUS_WAIT_CODE"
    assert family.step(number, "1") == "ACCESS_READY"

    arrive(order, "Telegram code 12345")

    assert family.status(number) == "STATUS_OK:12345"
    assert family.ask("getFullSms", id=number) == "FULL_SMS:Telegram code 12345"
    assert family.step(number, "6") == "ACCESS_ACTIVATION"
    assert family.step(number, "6") == "ACCESS_ACTIVATION", "a repeat is answered the same"
    assert family.status(number) == "STATUS_OK:12345"
    order.refresh_from_db()
    assert (order.activation_status, order.billing_status) == ("finalized", "billed")
    balance, held = family.money()
    assert (balance, held) == (100_000_000 - order.customer_price_micros, 0)


def test_refusals_are_http_200_and_a_bare_word_for_nobodys_cache(family):
    assert family.ask("getStatus", id="5") == "NO_ACTIVATION"
    assert family.last.status_code == 200
    assert family.last.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert family.last.headers["Cache-Control"] == "no-store"
    assert family.last.headers["X-Request-Id"]


@pytest.mark.parametrize("address", [ADDRESS, "/stubs/handler_api", f"{ADDRESS}/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_address_and_method_says_the_same_and_ends_with_the_word(family, address, method):
    family.address = address
    assert family.ask("getBalance", method=method) == "ACCESS_BALANCE:100.00"
    assert family.last.content == b"ACCESS_BALANCE:100.00"


def test_what_has_no_meaning_here_changes_nothing(family, shop):
    names = ("ref", "ref_id", "minPrice", "fixedPrice", "forward", "verification", "activationType",
             "language", "useCashBack", "userId")  # fmt: skip
    number, _ = family.order(**dict.fromkeys(names, "7"))
    plain, _ = family.order()
    prices = {row_of(one).customer_price_micros for one in (number, plain)}
    assert len(prices) == 1
    assert family.step(number, "-1") == "ACCESS_CANCEL"


def test_cancel_gives_the_money_back_once(family, shop):
    number, _ = family.order()
    assert family.money()[1] > 0
    assert family.step(number, "8") == "ACCESS_CANCEL"
    assert family.step(number, "-1") == "ACCESS_CANCEL", "the old word, and a repeat"
    assert family.status(number) == "STATUS_CANCEL"
    assert family.money() == (100_000_000, 0)
    assert shop.upstream.calls["cancel"] == 1


def test_u9_a_cancel_that_is_too_early_says_so_and_changes_nothing(family, shop):
    number, _ = family.order()
    Activation.objects.filter(num_id=number).update(cancelable_after=timezone.now() + timedelta(minutes=2))
    before = family.money()
    assert family.step(number, "8") == "EARLY_CANCEL_DENIED"
    assert (family.status(number), family.money()) == ("STATUS_WAIT_CODE", before)


def test_another_sms_on_the_same_number(family, shop, arrive):
    number, _ = family.order()
    assert family.step(number, "3") == "BAD_STATUS", "nothing came yet"
    arrive(row_of(number), "code 11111")
    assert family.step(number, "3") == "ACCESS_RETRY_GET"
    assert family.status(number) == "STATUS_WAIT_RESEND"
    assert family.step(number, "3") == "ACCESS_RETRY_GET", "asked twice, still one wish"
    assert family.step(number, "8") == "BAD_STATUS"
    style(family, "classic")
    assert family.status(number) == "STATUS_WAIT_RETRY:11111"

    arrive(row_of(number), "code 22222")

    assert family.status(number) == "STATUS_OK:22222"


def test_the_whole_table_of_steps(family, shop, arrive):
    """handler.md 7: rows are states, columns the statuses 1, 3, 6, 8."""
    waiting, received, finished, cancelled = (family.order()[0] for _ in range(4))
    for number in (received, finished):
        arrive(row_of(number), "code 777")
    family.step(finished, "6")
    family.step(cancelled, "8")
    expired, empty = (family.order()[0] for _ in range(2))
    arrive(row_of(expired), "code 888")
    Activation.objects.filter(num_id=expired).update(activation_status="expired", ended_at=timezone.now())
    family.step(empty, "8")
    Activation.objects.filter(num_id=empty).update(activation_status="expired")

    steps = {
        name: [family.step(number, status) for status in ("1", "3", "6", "8")]
        for name, number in {
            "finished": finished, "cancelled": cancelled, "expired": expired, "empty": empty,
            "received": received, "waiting": waiting,
        }.items()
    }  # fmt: skip

    assert steps == {
        "finished": ["BAD_STATUS", "BAD_STATUS", "ACCESS_ACTIVATION", "BAD_STATUS"],
        "cancelled": ["BAD_STATUS", "BAD_STATUS", "BAD_STATUS", "ACCESS_CANCEL"],
        "expired": ["BAD_STATUS", "BAD_STATUS", "ACCESS_ACTIVATION", "BAD_STATUS"],
        "empty": ["BAD_STATUS", "BAD_STATUS", "BAD_STATUS", "ACCESS_CANCEL"],
        "received": ["ACCESS_READY", "ACCESS_RETRY_GET", "ACCESS_ACTIVATION", "BAD_STATUS"],
        "waiting": ["ACCESS_READY", "BAD_STATUS", "BAD_STATUS", "ACCESS_CANCEL"],
    }
    assert family.step(waiting, "7") == "BAD_STATUS"
    assert family.ask("setStatus", id=waiting) == "BAD_ACTION"


def test_v2_gives_the_order_as_json(family, shop):
    found = family.ask("getNumberV2", service="tg", country="187")
    order = row_of(found["activationId"])
    assert found == {
        "activationId": str(order.num_id),
        "phoneNumber": order.phone,
        "activationCost": order.customer_price_micros / 1_000_000,
        "currency": 840,
        "countryCode": "187",
        "canGetAnotherSms": True,
        "activationTime": f"{order.created_at:%Y-%m-%d %H:%M:%S}",
        "activationOperator": order.operator,
    }


@pytest.mark.parametrize(("name", "flag", "zone"), [("classic", "1", ""), ("hero", True, "+00:00")])
def test_v2_in_the_other_styles(family, shop, name, flag, zone):
    style(family, name)
    found = family.ask("getNumberV2", service="tg", country="187")
    assert found["canGetAnotherSms"] == flag
    assert found["activationTime"].endswith(zone)
    assert ("activationEndTime" in found) == (name == "hero")


def test_status_v2_is_json_while_waiting_and_a_word_once_cancelled(family, shop, arrive):
    number, other = family.order()[0], family.order()[0]
    assert family.ask("getStatusV2", id=number) == {"verificationType": 0, "sms": None, "call": None}
    arrive(row_of(number), "Your code is 4711")
    found = family.ask("getStatusV2", id=number)
    assert (found["sms"]["code"], found["sms"]["text"]) == ("4711", "Your code is 4711")
    family.step(other, "8")
    assert family.ask("getStatusV2", id=other) == "STATUS_CANCEL"


def test_u14_a_message_without_a_code_is_shown_whole_on_one_line(family, shop, arrive):
    number, _ = family.order()
    arrive(row_of(number), "Call us:\nwe are awake")
    assert family.status(number) == "STATUS_OK:Call us we are awake"


def test_the_price_cap_is_what_the_customer_pays(family, shop):
    PriceRuleFactory(
        layer="tenant", tenant=family.customer.tenant, percent_ppm=1_000_000, rounding_micros=100
    )
    price = json.loads(json.dumps(family.ask("getPrices", service="tg", country="187")))["187"]["tg"]["cost"]
    below = f"{price - 0.0001:.4f}"

    refusal = family.ask("getNumber", service="tg", country="187", maxPrice=below)
    assert refusal == f"WRONG_MAX_PRICE:{price:.2f}"
    assert family.money() == (100_000_000, 0)
    number, _ = family.order(maxPrice=price)
    assert row_of(number).customer_price_micros == round(price * 1_000_000)


def test_u8_a_sold_out_offer_is_followed_by_what_the_cap_still_allows(family, shop):
    """It was refused with WRONG_MAX_PRICE, naming a price below the cap."""
    standard, direct = sorted(shelves()["telegram", "us"], key=lambda tier: tier.cost_micros)[1:]
    fields = {"provider": shop.provider, "service": shop.offer.service, "country": shop.offer.country}
    for tier in (standard, direct):
        OfferFactory(cost_micros=tier.cost_micros, upstream_ref=tier.ref, **fields)
    shop.upstream.stock("telegram", "us", shop.offer.upstream_ref, count=0)

    allowed, above = (f"{-(-tier.cost_micros // 10_000) / 100:.2f}" for tier in (standard, direct))
    number, _ = family.order(maxPrice=allowed)
    assert row_of(number).cost_micros == standard.cost_micros

    shop.upstream.stock("telegram", "us", standard.ref, count=0)
    refusal = family.ask("getNumber", service="tg", country="187", maxPrice=allowed)
    assert refusal == f"WRONG_MAX_PRICE:{above}"
    shop.upstream.stock("telegram", "us", direct.ref, count=0)
    assert family.ask("getNumber", service="tg", country="187", maxPrice="10") == "NO_NUMBERS"


def test_m2_m3_order_id_is_the_request_key(family, shop):
    first = family.ask("getNumber", service="tg", country="187", orderId="mine-1")
    assert family.ask("getNumber", service="tg", country="187", orderId="mine-1") == first
    other = family.ask("getNumber", service="tg", country="187", orderId="mine-1", maxPrice="9")
    assert other == "ORDER_ALREADY_EXISTS"
    assert Activation.objects.count() == 1


def test_providers_can_be_named_and_left_out(family, shop):
    number = shop.provider.public_no
    assert family.ask("getNumber", service="tg", country="187", exceptProviderIds=number) == "NO_NUMBERS"
    assert family.ask("getNumber", service="tg", country="187", providerIds=number + 1) == "NO_NUMBERS"
    assert family.ask("getNumber", service="tg", country="187", providerIds=f"{number}, 9").startswith(
        "ACCESS_NUMBER"
    )
    assert family.ask("getNumber", service="tg", country="187", operator="nobody") == "NO_NUMBERS"


def test_prefixes_that_are_not_wanted(family, shop):
    _, phone = family.order()
    words = family.ask("getNumber", service="tg", country="187", phoneException=phone[:4])
    assert words == "NO_NUMBERS"
    assert shop.upstream.calls["cancel"] >= 1, "what was bought all the same was given back"


def test_the_lists(family, shop, arrive):
    assert family.ask("getActiveActivations") == {"status": "success", "activeActivations": [], "data": []}
    numbers = [family.order()[0] for _ in range(3)]
    arrive(row_of(numbers[0]), "code 1234")
    listed = family.ask("getActiveActivations")
    assert listed["data"] == listed["activeActivations"]
    assert [item["activationId"] for item in listed["data"]] == numbers[::-1]
    assert [item["activationStatus"] for item in listed["data"]] == ["4", "4", "2"]
    last = listed["data"][-1]
    assert (last["smsCode"], last["serviceCode"], last["countryCode"]) == ("1234", "tg", "187")
    page = family.ask("getActiveActivations", start=1, limit=1)["data"]
    assert [item["activationId"] for item in page] == [numbers[1]]

    family.step(numbers[0], "6")
    family.step(numbers[1], "8")
    past = family.ask("getHistory")
    assert [(item["id"], item["status"]) for item in past] == [
        (numbers[2], "4"), (numbers[1], "8"), (numbers[0], "6"),
    ]  # fmt: skip
    assert [item["cost"] > 0 for item in past] == [False, False, True]
    for offset in range(3):
        [item] = family.ask("getHistory", offset=offset, limit=1)
        assert item["id"] == numbers[2 - offset]
    two = family.ask("getHistory", offset=1, limit=2)
    assert [item["id"] for item in two] == [numbers[1], numbers[0]]


def test_a_paused_customer_reads_and_does_not_order(family, shop):
    number, _ = family.order()
    type(family.customer).objects.filter(pk=family.customer.pk).update(status="paused")
    assert family.status(number) == "STATUS_WAIT_CODE"
    assert family.ask("getNumber", service="tg", country="187") == "ACCOUNT_INACTIVE"


def test_a_blocked_customer_hears_until_when(family, shop):
    until = timezone.now() + timedelta(hours=3)
    type(family.customer).objects.filter(pk=family.customer.pk).update(blocked_until=until)
    assert family.ask("getNumber", service="tg", country="187") == f"BANNED:'{until:%Y-%m-%d %H-%M-%S}'"


def test_no_money_no_numbers_and_too_many(family, shop, settings):
    type(family.customer).objects.filter(pk=family.customer.pk).update(max_active=1)
    family.order()
    assert family.ask("getNumber", service="tg", country="187") == "CHANNELS_LIMIT"
    shop.offer.count = 0
    shop.offer.save()
    assert family.ask("getNumber", service="tg", country="187") == "CHANNELS_LIMIT", "said first"
    type(family.customer).objects.filter(pk=family.customer.pk).update(max_active=2)
    assert family.ask("getNumber", service="tg", country="187") == "NO_NUMBERS"


def test_m1_without_money_nothing_is_ordered(shop, poor):
    assert poor.ask("getNumber", service="tg", country="187") == "NO_BALANCE"
    assert shop.upstream.calls["order"] == 0


def test_hero_says_no_with_a_status_and_json(family, shop):
    style(family, "hero")
    family.ask("getNumber", service="tg", country="187", maxPrice="0.0001")
    assert family.last.status_code == 400
    assert family.last.json()["title"] == "WRONG_MAX_PRICE"
    assert family.last.json()["info"]["min"] > 0
    family.ask("getStatus", id="5")
    assert (family.last.status_code, family.last.json()["title"]) == (404, "NO_ACTIVATION")

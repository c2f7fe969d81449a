"""A number is bought, its code arrives, the number is closed: the hot calls over HTTP, sandbox upstream."""

import re
import time

import pytest
from django.utils import timezone

from activations.models import Activation
from activations.services.checking import check_due, reconcile_due
from api.limits import connect, limiter
from tests.api.conftest import COUNTRY, SERVICE, names
from tests.factories import ServiceFactory

pytestmark = pytest.mark.django_db(transaction=True)
CENT = 10_000


def test_an_order_answers_the_documented_object(partner, shop):
    status, body = partner.order()

    now = int(time.time())
    assert status == 200
    assert body == {
        "activation_id": body["activation_id"],
        "customer_id": "xDWxt7dd6efro3yWL4qfuEWjvAz1",
        "customer_price": 80,
        "price": -(-shop.offer.cost_micros // CENT),
        "phone": body["phone"],
        "country_id": COUNTRY,
        "service_id": SERVICE,
        "sms_status": "smsRequested",
        "activation_status": "active",
        "billing_status": "reserved",
        "report_status": None,
        "sms_code": None,
        "sms_text": None,
        "expire_at": body["expire_at"],
        "updated_at": body["updated_at"],
        "created_at": body["created_at"],
        "is_retriable": body["is_retriable"],
        "cancelable_after": body["cancelable_after"],
        "formatted": body["formatted"],
    }
    assert re.fullmatch("[0-9a-f]{24}", body["activation_id"])
    assert re.fullmatch("[1-9][0-9]{6,14}", body["phone"])
    assert body["formatted"].startswith("+")
    assert abs(body["created_at"] - now) < 5
    assert body["expire_at"] > now
    assert partner.money() == (100_000_000, 80 * CENT)
    assert partner.last["Cache-Control"] == "no-store"
    assert partner.last["X-Request-Id"]


def test_the_way_of_one_number_from_order_to_finalize(partner, shop):
    _, ordered = partner.order()
    one = f"{partner.a}/activation/{ordered['activation_id']}"
    shop.sms(ordered, "Your Telegram code is 482913")
    check_due(timezone.now() + timezone.timedelta(seconds=30))

    status, seen = partner.get(one)
    assert (status, seen["sms_status"], seen["sms_code"], seen["billing_status"]) == (
        200, "smsReceived", "482913", "billed",
    )  # fmt: skip
    assert seen["sms_text"] == "Your Telegram code is 482913"
    assert names(partner.put(f"{one}/cancel")) == (409, "ConflictException")
    assert partner.put(f"{one}/retry") == (200, {"result": "success"})
    assert partner.get(one)[1]["sms_status"] == "retryRequested"
    assert names(partner.put(f"{one}/retry")) == (409, "ConflictException")
    assert partner.put(f"{one}/finalize") == (200, {"result": "success"})
    assert partner.get(one)[1]["activation_status"] == "finalized"
    assert names(partner.put(f"{one}/finalize")) == (409, "ConflictException")
    assert partner.get(f"{partner.a}/balance") == (200, {"total": 9920, "reserved": 0})


def test_cancel_gives_the_money_back(partner, shop):
    _, ordered = partner.order()

    answer = partner.put(f"{partner.a}/activation/{ordered['activation_id']}/cancel")

    assert answer == (200, {"result": "success"})
    assert partner.get(f"{partner.a}/balance") == (200, {"total": 10_000, "reserved": 0})
    assert partner.get(f"{partner.a}/activations") == (200, [])


def test_u9_an_early_cancel_says_when_it_works(partner, shop):
    shop.provider.cancel_lock_seconds = 120
    shop.provider.save(update_fields=["cancel_lock_seconds"])
    shop.upstream.settings(cancel_lock_seconds=120)
    _, ordered = partner.order()

    status, body = partner.put(f"{partner.a}/activation/{ordered['activation_id']}/cancel")

    assert (status, body["errorName"]) == (409, "ConflictException")
    assert body["cancelable_after"] == pytest.approx(ordered["created_at"] + 120, abs=2)


def test_a_cancellation_that_nobody_confirmed_is_not_called_a_success(partner, shop):
    _, ordered = partner.order()
    shop.upstream.fault("cancel", "html")

    answer = partner.put(f"{partner.a}/activation/{ordered['activation_id']}/cancel")

    assert names(answer) == (503, "ServiceUnavailableException")
    assert partner.last["Retry-After"]
    assert partner.money() == (100_000_000, 80 * CENT)


def test_the_active_list_is_ids_or_objects(partner, shop):
    _, ordered = partner.order()

    assert partner.get(f"{partner.a}/activations") == (200, [ordered["activation_id"]])
    assert partner.get(f"{partner.a}/activations?with_data=true") == (200, [ordered])
    assert partner.get(f"{partner.a}/activations?with_data=false") == (200, [ordered["activation_id"]])


def test_markup_and_dynamic_billing_hold_the_formula(partner, shop):
    cost = -(-shop.offer.cost_micros // CENT)

    _, fixed = partner.post(
        f"{partner.a}/activation",
        {"service_id": SERVICE, "country_id": COUNTRY, "max_price": 100, "customer_markup": 25},
    )
    _, dynamic = partner.post(
        f"{partner.a}/activation",
        {
            "service_id": SERVICE,
            "country_id": COUNTRY,
            "max_price": 100,
            "customer_markup": 25,
            "customer_billing_type": "dynamic",
        },
    )

    assert (fixed["customer_price"], fixed["price"]) == (125, cost)
    assert (dynamic["customer_price"], dynamic["price"]) == (125, 100)
    assert partner.money()[1] == 250 * CENT


def test_the_alias_of_the_overview_orders_too(partner, shop):
    path = f"retail/a/{partner.customer.external_id}/activation"

    answer = partner.post(path, {"service_id": SERVICE, "country_id": COUNTRY, "customer_price": 80})

    assert answer[0] == 200


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"customer_markup": 10}, "customer_markup"),
        ({"customer_price": None}, "customer_price"),
        ({"customer_billing_type": "dynamic"}, "customer_price"),
        ({"customer_billing_type": "free"}, "customer_billing_type"),
        ({"max_price": 0}, "max_price"),
        ({"max_price": 10_001}, "max_price"),
        ({"customer_price": 1_000_001}, "customer_price"),
        ({"customer_price": "80"}, "customer_price"),
        ({"customer_price": 80.0}, "customer_price"),
        ({"customer_price": True}, "customer_price"),
        ({"quality_factor": 101}, "quality_factor"),
        ({"service_id": ""}, "service_id"),
        ({"service_id": "a" * 31}, "service_id"),
        ({"service_id": "-a"}, "service_id"),
        ({"country_id": "u"}, "country_id"),
        ({"order_id": "xyz"}, "order_id"),
    ],
)
def test_m5_a_bad_order_names_the_field_and_moves_nothing(partner, shop, fields, field):
    status, body = partner.order(**fields)

    assert (status, body["errorName"]) == (400, "ValidationException")
    assert field in body["details"]
    assert partner.money() == (100_000_000, 0)
    assert not Activation.objects.exists()


def test_neither_price_nor_markup_is_refused(partner, shop):
    wish = {"service_id": SERVICE, "country_id": COUNTRY}

    assert partner.post(f"{partner.a}/activation", wish)[1]["details"].keys() == {"customer_price"}
    dynamic = {**wish, "customer_billing_type": "dynamic"}
    assert partner.post(f"{partner.a}/activation", dynamic)[1]["details"].keys() == {"customer_markup"}


def test_rt16_no_markup_makes_a_price_above_a_million_cents(partner, shop):
    shop.offer.cost_micros = 200_000_000
    shop.offer.save(update_fields=["cost_micros"])
    wish = {"service_id": SERVICE, "country_id": COUNTRY, "customer_markup": 10_000}

    for asked in (wish, {**wish, "max_price": 10_000}, {**wish, "customer_billing_type": "dynamic"}):
        status, body = partner.post(f"{partner.a}/activation", asked)
        assert (status, list(body["details"])) == (400, ["customer_markup"])

    assert "1000000 cents" in body["details"]["customer_markup"]
    assert partner.money() == (100_000_000, 0)
    assert not Activation.objects.exists()
    assert partner.post(f"{partner.a}/activation", {**wish, "customer_markup": 4_900})[0] == 402


def test_refusals_of_an_order_have_their_names(partner, shop):
    ServiceFactory(id="banned", prohibited=True)
    ServiceFactory(id="empty")

    assert names(partner.order(service_id="nothing")) == (404, "NotFoundException")
    assert names(partner.order(country_id="zz")) == (404, "NotFoundException")
    assert names(partner.order(service_id="banned")) == (403, "ServiceProhibitedException")
    assert names(partner.order(service_id="empty")) == (404, "NoNumbersAvailableException")
    assert names(partner.order(customer_price=10_001)) == (402, "PaymentRequiredException")
    status, body = partner.order(order_id="0" * 24)
    assert (status, body["errorName"], body["errorMessage"]) == (404, "NotFoundException", "Order not found")


def test_a_price_limit_too_low_is_answered_with_a_token_that_continues(partner, shop):
    price = -(-shop.offer.cost_micros // CENT)
    assert price > 1, "the test needs an offer above one cent"

    status, body = partner.order(max_price=price - 1)
    assert (status, body["errorName"], body["suggestedPrice"]) == (409, "MaxPriceExceededException", price)
    assert body["order_id"] == body["orderId"]
    assert partner.money() == (100_000_000, 0)

    assert partner.order(max_price=price, orderId=body["orderId"])[0] == 200
    assert partner.order(max_price=price, order_id=body["order_id"])[1]["errorMessage"] == "Order not found"


def test_twenty_active_numbers_are_the_limit_and_named_before_a_bad_body(partner, shop):
    partner.customer.max_active = 1
    partner.customer.save()
    assert partner.order()[0] == 200

    others = {"service_id": "nothing"}, {"max_price": 1}, {"customer_price": 1_000_000}
    for fields in ({}, {"max_price": "x"}, *others):
        status, body = partner.order(**fields)
        assert (status, body["errorName"]) == (429, "TooManyActivationsException")
        assert (body["limit"], body["active"]) == (1, 1)


def test_rt_21_without_a_maximum_the_suggested_price_is_it(partner, shop):
    path = f"retail/m/prices/services/{SERVICE}/countries/{COUNTRY}"
    suggested = partner.get(path)[1]["price"]["suggested"]

    for fields in ({"quality_factor": 100}, {"quality_factor": 0}, {}):
        body = {"service_id": SERVICE, "country_id": COUNTRY, "customer_markup": 0, **fields}
        status, ordered = partner.post(f"{partner.a}/activation", body)
        assert (status, ordered["customer_price"]) == (200, suggested)
        assert ordered["price"] <= suggested


def test_a_paused_customer_hears_that_before_anything_about_his_body(partner, shop):
    partner.customer.status = "paused"
    partner.customer.save()

    assert names(partner.order()) == (403, "CustomerPausedException")
    assert names(partner.order(max_price="x")) == (403, "CustomerPausedException")
    assert names(partner.post(f"{partner.a}/activation", b"{")) == (403, "CustomerPausedException")
    assert partner.get(f"{partner.a}/balance")[0] == 200


def test_u1_an_unknown_outcome_is_503_with_the_activation_and_no_second_order(partner, shop):
    shop.upstream.fault("order", "lost", after=True)

    status, body = partner.order(key="k1")

    assert (status, body["errorName"]) == (503, "ServiceUnavailableException")
    assert partner.last["Retry-After"]
    assert partner.money() == (100_000_000, 80 * CENT)
    seen = partner.get(f"{partner.a}/activation/{body['activation_id']}")[1]
    assert (seen["phone"], seen["activation_status"]) == ("", "active")
    assert names(partner.order(key="k1")) == (409, "ConflictException")
    assert shop.upstream.calls["order"] == 1


def test_u1_the_same_key_names_the_number_once_it_was_found(partner, shop):
    shop.upstream.fault("order", "lost", after=True)
    _, told = partner.order(key="k1")

    reconcile_due(timezone.now() + timezone.timedelta(seconds=30))

    status, body = partner.order(key="k1")
    assert (status, body["activation_id"]) == (200, told["activation_id"])
    assert body["phone"] == shop.upstream.leases[0].phone
    assert shop.upstream.calls["order"] == 1


def test_o2_without_redis_orders_and_polls_go_on(partner, shop, monkeypatch):
    monkeypatch.setattr(limiter, "_connect", lambda: connect("redis://127.0.0.1:9/0"))

    status, body = partner.order()

    assert status == 200
    assert partner.get(f"{partner.a}/activation/{body['activation_id']}") == (200, body)


def test_providers_out_of_reach_are_503(partner, shop):
    shop.provider.base_url = "http://127.0.0.1:9"
    shop.provider.save(update_fields=["base_url"])

    assert names(partner.order()) == (503, "ServiceUnavailableException")
    assert partner.money() == (100_000_000, 0)

"""Orders through the ping protocol: bought, polled, cancelled, expired (docs/protocols/ping.md V1 to V3)."""

import re
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.utils import timezone

from accounts.models import Tenant
from activations.models import Activation
from activations.services.checking import check_due
from activations.services.checking.expiry import expire_due
from tests.api.ping.conftest import micros, refusal
from tests.factories import ActivationFactory, OfferFactory, PriceRuleFactory

pytestmark = pytest.mark.django_db(transaction=True)
WHOLE = 100_000_000
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def test_a_number_is_ordered_and_its_code_is_polled(pinger, shop, arrive):
    product = pinger.product()

    status, answer = pinger.order()
    order = answer["verification"]

    assert (status, answer["message"]) == (201, "Verification order created")
    assert re.fullmatch(r"ord_[a-z0-9]{12}", order["public_id"])
    assert re.fullmatch(r"\+[0-9]{8,15}", order["phone_number"])
    assert MOMENT.fullmatch(order["created_at"])
    assert order["expires_at"] > order["created_at"]
    assert {name: order[name] for name in ("service_id", "capability", "type", "status", "code", "cost")} == {
        "service_id": product["public_id"], "capability": "sms", "type": "verification",
        "status": "pending", "code": None, "cost": product["cost"],
    }  # fmt: skip
    assert pinger.money() == (WHOLE, micros(order["cost"])), "booked is what was shown"
    assert pinger.poll(order) == {
        "public_id": order["public_id"], "phone_number": order["phone_number"], "status": "pending",
        "code": None, "expires_at": order["expires_at"],
    }  # fmt: skip

    arrive(order, "Your code is 482913")

    polled = pinger.poll(order)
    assert (polled["status"], polled["code"]) == ("completed", "482913")
    assert MOMENT.fullmatch(polled["received_at"])
    assert pinger.money() == (WHOLE - micros(order["cost"]), 0)
    assert refusal(pinger.cancel(order)) == (409, "ORDER_NOT_CANCELLABLE")


def test_u14_a_message_without_a_code_is_shown_as_it_is(pinger, shop, arrive):
    order = pinger.bought()

    arrive(order, "Welcome to the club")

    assert (pinger.poll(order)["status"], pinger.poll(order)["code"]) == ("completed", "Welcome to the club")


def test_a_cancel_gives_everything_back_once(pinger, shop):
    order = pinger.bought()

    status, answer = pinger.cancel(order)

    assert (status, answer["message"]) == (200, "Verification order cancelled")
    assert answer["verification"] == {
        "public_id": order["public_id"],
        "status": "cancelled",
        "refund": {"amount": order["cost"], "currency": "USD"},
    }
    assert pinger.money() == (WHOLE, 0)
    assert (pinger.poll(order)["status"], pinger.poll(order)["code"]) == ("cancelled", None)
    assert refusal(pinger.cancel(order)) == (409, "ORDER_NOT_CANCELLABLE")
    assert shop.upstream.calls["cancel"] == 1


def test_e13_the_providers_cancel_lock_is_told_with_the_wait(pinger, shop):
    order = pinger.bought()
    Activation.objects.update(cancelable_after=timezone.now() + timedelta(seconds=100))

    answer = pinger.cancel(order)

    assert refusal(answer) == (409, "EARLY_CANCEL_DENIED")
    left = re.fullmatch(r"(\d+) seconds left", answer[1]["error_info"])
    assert 1 <= int(left[1]) <= 101
    assert pinger.poll(order)["status"] == "pending"
    assert pinger.money()[1] == micros(order["cost"])


def test_e13_a_reseller_may_give_the_money_back_before_the_provider_does(pinger, shop):
    Tenant.objects.filter(pk=pinger.customer.tenant_id).update(deferred_cancel=True)
    order = pinger.bought()
    Activation.objects.update(cancelable_after=timezone.now() + timedelta(seconds=100))

    status, answer = pinger.cancel(order)

    assert (status, answer["verification"]["status"]) == (200, "cancelled")
    assert pinger.money() == (WHOLE, 0)
    assert shop.upstream.calls["cancel"] == 0, "that is done when the lock ends"
    check_due(timezone.now() + timedelta(seconds=120))
    assert shop.upstream.calls["cancel"] == 1


def test_f8_what_another_dialect_keeps_of_a_cancel_is_not_refunded_here(pinger, shop):
    order = pinger.bought()
    Activation.objects.update(cancel_fee_micros=50_000)

    _, answer = pinger.cancel(order)

    refund = answer["verification"]["refund"]["amount"]
    assert micros(refund) == micros(order["cost"]) - 50_000
    assert pinger.money() == (WHOLE - 50_000, 0)


def test_k8_a_used_number_stays_completed_at_its_end(pinger, shop, arrive):
    order = pinger.bought()
    arrive(order, "Your code is 482913")

    expire_due(timezone.now() + timedelta(hours=3))

    assert Activation.objects.get().activation_status == "finalized"
    assert pinger.poll(order)["status"] == "completed"
    assert pinger.money() == (WHOLE - micros(order["cost"]), 0)


def test_pg5_an_order_that_expires_without_a_code_costs_nothing(pinger, shop):
    order = pinger.bought()
    late = timezone.now() + timedelta(hours=3)

    for seconds in (0, 60):
        check_due(late + timedelta(seconds=seconds))
        expire_due(late + timedelta(seconds=seconds))

    assert pinger.poll(order)["status"] == "expired"
    assert pinger.money() == (WHOLE, 0)


def test_prices_follow_the_rules_and_what_is_shown_is_booked(pinger, shop):
    """F19: also where a rule makes fractions of a cent."""
    PriceRuleFactory(tenant=pinger.customer.tenant, percent_ppm=333_333, rounding_micros=1)

    shown = pinger.product()["cost"]

    order = pinger.bought()
    assert order["cost"] == shown
    assert pinger.money() == (WHOLE, micros(shown))


def test_the_cheapest_is_sold_for_its_price_is_the_one_that_was_shown(pinger, shop):
    OfferFactory(
        provider=shop.provider, service=shop.offer.service, country=shop.offer.country, quality=0.99,
        cost_micros=shop.offer.cost_micros * 3, upstream_ref="direct", operator="direct",
    )  # fmt: skip

    assert pinger.bought()["cost"] == pinger.product()["cost"] == -(-shop.offer.cost_micros // 10_000) / 100


def test_no_numbers_and_no_money(pinger, shop, poor):
    assert refusal(poor.order()) == (400, "INSUFFICIENT_BALANCE")
    assert shop.upstream.calls["order"] == 0
    shop.upstream.fault("order", "out_of_stock")
    assert refusal(pinger.order()) == (409, "NO_NUMBERS_AVAILABLE")
    shop.offer.count = 0
    shop.offer.save()
    cache.clear()
    assert pinger.product()["available"] is False
    assert refusal(pinger.order()) == (409, "NO_NUMBERS_AVAILABLE")
    assert pinger.money() == (WHOLE, 0)


def test_u1_an_answer_that_was_lost_is_named_with_the_order_to_poll(pinger, shop):
    shop.upstream.fault("order", "lost", after=True)

    answer = pinger.order("mine")

    assert refusal(answer) == (500, "PROVIDER_ERROR")
    order = {"public_id": answer[1]["error_info"]}
    assert pinger.poll(order) | {"expires_at": ""} == {
        **order, "phone_number": "", "status": "pending", "code": None, "expires_at": "",
    }  # fmt: skip
    assert refusal(pinger.order("mine")) == (409, ""), "the same key does not buy a second one"
    assert pinger.last.headers["Retry-After"]
    assert refusal(pinger.cancel(order)) == (409, "ORDER_NOT_CANCELLABLE")
    assert Activation.objects.count() == 1


def test_u10_a_cancel_without_an_answer_keeps_the_money_until_it_is_known(pinger, shop):
    order = pinger.bought()
    shop.upstream.fault("cancel", "lost", after=True)

    answer = pinger.cancel(order)

    assert refusal(answer) == (500, "PROVIDER_ERROR")
    assert answer[1]["error_info"] == order["public_id"]
    assert pinger.money()[1] == micros(order["cost"])
    check_due(timezone.now() + timedelta(minutes=1))
    assert pinger.poll(order)["status"] == "cancelled"
    assert pinger.money() == (WHOLE, 0)


def test_pg9_a_request_key_orders_once(pinger, shop):
    status, first = pinger.order("mine")

    assert (status, pinger.order("mine")) == (201, (201, first))
    assert refusal(pinger.order("mine", capability="sms")) == (422, "IDEMPOTENCY_MISMATCH")
    assert refusal(pinger.order("a b")) == (400, "VALIDATION_ERROR")
    assert Activation.objects.count() == 1


def test_a_call_is_ordered_where_it_is_offered(pinger, shop):
    assert refusal(pinger.order(capability="voice")) == (400, "CAPABILITY_NOT_SUPPORTED")
    shop.offer.capabilities = ["sms", "voice"]
    shop.offer.save()
    cache.clear()
    assert pinger.product()["capabilities"] == ["sms", "voice"]

    status, answer = pinger.order(capability="voice")

    assert (status, answer["verification"]["capability"]) == (201, "voice")
    assert refusal(pinger.order(capability="fax")) == (400, "VALIDATION_ERROR")


def test_too_many_open_orders_and_a_pause(pinger, shop):
    type(pinger.customer).objects.filter(pk=pinger.customer.pk).update(max_active=1)
    pinger.bought()
    assert refusal(pinger.order()) == (429, "TOO_MANY_ACTIVE_ORDERS")
    until = timezone.now() + timedelta(hours=3)
    type(pinger.customer).objects.filter(pk=pinger.customer.pk).update(blocked_until=until)

    answer = pinger.order()

    assert refusal(answer) == (403, "ACCOUNT_SUSPENDED")
    assert answer[1]["error_info"] == f"until {until:%Y-%m-%dT%H:%M:%SZ}"


def test_m12_a_paused_customer_polls_and_does_not_order(pinger, shop):
    order = pinger.bought()
    type(pinger.customer).objects.filter(pk=pinger.customer.pk).update(status="paused")

    assert pinger.poll(order)["status"] == "pending"
    assert refusal(pinger.order()) == (403, "ACCOUNT_SUSPENDED")


def test_f8_an_order_of_another_dialect_is_polled_here(pinger):
    order = ActivationFactory(customer=pinger.customer, channel="handler", billed=True)

    polled = pinger.poll({"public_id": order.ord_id})

    assert (polled["status"], polled["code"]) == ("completed", "123456")


def test_a_poll_is_one_select(pinger, django_assert_num_queries):
    order = {"public_id": ActivationFactory(customer=pinger.customer).ord_id}
    pinger.poll(order)
    with django_assert_num_queries(1):
        assert pinger.poll(order)["status"] == "pending"

"""Orders through the real services from a provider of every protocol: K1–K8, U1, U2, U7, U8, U16."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Activation, Attempt, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due, reconcile_due
from activations.services.endings import tell_due_ends
from portal import errors
from providers.contract import Can
from providers.registry import adapter_for
from tests.activations.conftest import Shop
from tests.suppliers.faces import PROTOCOLS

pytestmark = pytest.mark.django_db(transaction=True)

RICH = (100_000_000, 0, 10_000_000_000, 0)


@pytest.fixture(params=PROTOCOLS)
def shop(request, make_supplier):
    return Shop(make_supplier(request.param))


def seconds(number):
    return timedelta(seconds=number)


def needs(shop, *wanted):
    can = shop.upstream.adapter().can
    for one in wanted:
        if one not in can:
            pytest.skip(f"{shop.upstream.protocol} cannot {one}")


def not_told(shop):
    if Can.TELL_END in shop.upstream.adapter().can:
        pytest.skip(f"{shop.upstream.protocol} learns of an end from us (test_marketplace.py)")


def at_risk():
    return list(MoneyAtRisk.objects.values_list("kind", "amount_micros"))


def test_an_order_its_code_and_its_end(shop, now):
    row = shop.order(now=now)
    lease = shop.upstream.leases[0]
    price = row.customer_price_micros
    assert (row.phone, row.lease_state, row.is_checking) == (lease.phone, "leased", False)
    assert shop.money() == (100_000_000, price, 10_000_000_000, price)

    shop.sms(row, "Your code is 1234")
    check_due(now + seconds(10))
    got = shop.row(row.hex_id)
    assert (got.sms_status, got.billing_status, got.sms_code) == ("smsReceived", "billed", "1234")
    assert got.sms_text == "Your code is 1234" or (got.sms_text == "" and not shop.upstream.shows_text)
    assert got.cost_micros == shop.upstream.paid_micros
    assert shop.money() == (100_000_000 - price, 0, 10_000_000_000 - price, 0)

    closed = closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(20))
    assert closed.activation_status == "finalized"
    assert lease.state == ("finished" if Can.FINISH in shop.upstream.adapter().can else "received")


def test_a_cancel_gives_everything_back_on_both_sides(shop, now):
    needs(shop, Can.CANCEL)
    row = shop.order(now=now)

    closed = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))
    tell_due_ends(now + seconds(6))

    assert (closed.activation_status, closed.billing_status) == ("canceled", "released")
    assert (shop.money(), shop.upstream.paid_micros, at_risk()) == (RICH, 0, [])


def test_u16_what_a_cancel_does_not_bring_back_is_the_tenants_cost(shop, now):
    """Only some say what comes back; of the others the account's own fee is believed."""
    needs(shop, Can.CANCEL)
    not_told(shop)
    shop.upstream.settings(cancel_fee_micros=20_000)
    row = shop.order(now=now)

    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))

    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 20_000)
    assert at_risk() == ([("kept_fee", 20_000)] if shop.upstream.tells_refunds else [])


def test_u10_a_cancel_whose_answer_was_lost_is_found_out(shop, now):
    needs(shop, Can.CANCEL)
    not_told(shop)
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "lost", after=True)

    assert closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5)).is_cancelling
    check_due(now + seconds(10))

    assert shop.row(row.hex_id).activation_status == "canceled"
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


def test_m7_a_code_that_was_first_is_billed_and_not_cancelled(shop, now):
    needs(shop, Can.CANCEL)
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")

    with pytest.raises(errors.NotCancellable):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(5))
    check_due(now + seconds(10))

    got = shop.row(row.hex_id)
    assert (got.activation_status, got.billing_status) == ("active", "billed")
    assert shop.upstream.paid_micros == got.cost_micros


def test_k6_a_number_that_ends_there_without_a_code_is_released(shop, now):
    needs(shop, Can.STATUS)
    row = shop.order(now=now)
    shop.state(row, "expired")

    check_due(now + seconds(40))

    got = shop.row(row.hex_id)
    assert got.activation_status in ("expired", "canceled")
    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


def test_m8_at_its_end_a_number_is_asked_about_once_more(shop, now):
    used, unused = shop.order(now=now), shop.order(now=now)
    shop.sms(used, "Your code is 1234")

    expire_due(unused.expire_at + seconds(1))

    assert shop.row(used.hex_id).billing_status == "billed"
    assert shop.row(unused.hex_id).activation_status == "expired"
    assert shop.row(unused.hex_id).billing_status == "released"


def test_no_numbers_costs_nothing(shop, now):
    shop.upstream.sell_out()

    with pytest.raises(errors.NoNumbers):
        shop.order(now=now)

    assert (shop.money(), shop.upstream.leases) == (RICH, [])


def test_u7_u8_a_number_that_became_too_dear_is_not_sold(shop, now):
    dear = shop.offer.cost_micros * 4
    for line in shop.upstream.price_lines(service="telegram", country="us"):
        shop.upstream.stock("telegram", "us", line["offer"], price_micros=dear)

    with pytest.raises((errors.MaxPriceExceeded, errors.NoNumbers)):
        shop.order(now=now, max_price_micros=shop.offer.cost_micros)

    assert (shop.money(), shop.upstream.paid_micros) == (RICH, 0)


@pytest.mark.parametrize("fault", ["lost", "html", "garbage"])
def test_u1_an_order_whose_answer_was_lost_is_found_again(shop, now, fault):
    """Where there is a list the number is adopted; elsewhere it is given up and listed as money at risk."""
    shop.upstream.fault("order", fault, after=True)
    row = shop.order(now=now)
    assert (row.lease_state, row.is_checking) == ("ordering", True)

    reconcile_due(now + seconds(10))
    if Can.LIST_ACTIVE in shop.upstream.adapter().can:
        assert shop.row(row.hex_id).phone == shop.upstream.leases[0].phone
        assert Attempt.objects.get().outcome == "leased"
    else:
        reconcile_due(now + seconds(300))
        assert shop.row(row.hex_id).lease_state == "unsold"
        is_owed = Can.TELL_END not in shop.upstream.adapter().can
        assert at_risk() == ([("orphan", shop.offer.cost_micros)] if is_owed else [])
        assert shop.money() == RICH
    assert shop.upstream.calls["order"] == 1


def test_u2_an_order_that_never_arrived_is_released(shop, now):
    shop.upstream.fault("order", "lost")
    row = shop.order(now=now)

    for later in (100, 200, 300):
        reconcile_due(now + seconds(later))

    assert shop.row(row.hex_id).lease_state == "unsold"
    assert (shop.money(), shop.upstream.leases) == (RICH, [])


def test_k3_k4_a_second_message_is_free(shop, now):
    needs(shop, Can.RETRY)
    row = shop.order(now=now)
    shop.sms(row, "first 1111")
    check_due(now + seconds(10))
    paid = shop.money()

    again = closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(12))
    assert (again.sms_status, again.sms_code) == ("retryRequested", "1111")
    check_due(now + seconds(20))
    assert shop.row(row.hex_id).sms_status == "retryRequested", "the first message is not news"
    shop.sms(row, "second 2222")
    check_due(now + seconds(40))

    got = shop.row(row.hex_id)
    assert (got.sms_status, got.sms_code) == ("retryReceived", "2222")
    assert shop.money() == paid


def test_where_there_is_no_second_message_none_is_offered(shop, now):
    row = shop.order(now=now)

    assert row.is_retriable == (Can.RETRY in shop.upstream.adapter().can)
    assert Activation.objects.get(pk=row.id).is_retriable == row.is_retriable


def test_k10_a_provider_that_pays_back_pays_the_customer_back(shop, now):
    """As a callback tells it that proves itself; one that does not only makes us ask about open numbers."""
    needs(shop, Can.CALLBACK)
    not_told(shop)
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    check_due(now + seconds(10))
    shop.state(row, "refunded")
    body, headers = shop.upstream.callback(shop.row(row.hex_id).upstream_ref)
    if not adapter_for(shop.provider).read_callback(body=body, headers=headers, now=timezone.now()).is_proof:
        pytest.skip("its callbacks prove nothing")

    shop.deliver(shop.row(row.hex_id).upstream_ref)

    assert shop.row(row.hex_id).billing_status == "refunded"
    assert shop.money() == RICH


def test_w1_a_callback_brings_the_code_once(shop, now):
    needs(shop, Can.CALLBACK)
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")

    assert [shop.deliver(shop.row(row.hex_id).upstream_ref) for _ in range(2)] == [200, 200]
    check_due(now + seconds(60))

    got = shop.row(row.hex_id)
    assert (got.billing_status, got.sms_code, got.messages.count()) == ("billed", "1234", 1)

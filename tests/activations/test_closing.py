"""Cancel, finalize, retry, refund, expiry: K3, K5–K8, K10, with U9, U10, M11, T1."""

from datetime import timedelta

import pytest

from accounts.models import Customer
from activations.models import Activation, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due
from portal import errors
from tests.activations.races import together, wait_until
from tests.factories import CustomerFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


def events(row):
    return list(Event.objects.filter(order_id=row.id).order_by("id").values_list("type", flat=True))


def test_k5_a_confirmed_cancel_gives_everything_back(shop, now):
    row = shop.order(now=now)

    closed = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert (closed.activation_status, closed.billing_status) == ("canceled", "released")
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert shop.upstream.leases[0].state == "canceled"
    assert events(row) == ["activation.created", "activation.canceled"]


def test_u16_a_fee_that_the_provider_keeps_is_the_tenants_cost(shop, now):
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    row = shop.order(now=now)

    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert shop.money()[:2] == (100_000_000, 0)
    assert list(MoneyAtRisk.objects.values_list("kind", "amount_micros")) == [("kept_fee", 5_000)]


def test_u10_a_cancel_that_costs_a_fee_is_known_before_its_answer(shop, now):
    """Who is killed while he waits for it leaves no number that seems to have ended by itself."""
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "late", seconds=3)

    def sweep():
        wait_until(lambda: shop.upstream.leases[0].state == "canceled")
        check_due(now + seconds(10))

    together(lambda: closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now), sweep)

    assert shop.row(row.hex_id).activation_status == "canceled"
    assert list(MoneyAtRisk.objects.values_list("kind", "amount_micros")) == [("kept_fee", 5_000)]


def test_u9_too_early_names_the_time_and_keeps_the_hold(shop, now):
    shop.upstream.settings(cancel_lock_seconds=120)
    row = shop.order(now=now)

    with pytest.raises(errors.EarlyCancel) as caught:
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert caught.value.extra["at"] == row.cancelable_after
    assert shop.money()[1] == row.customer_price_micros
    assert shop.upstream.calls["cancel"] == 0


def test_u9_too_early_by_the_providers_clock_is_kept_for_the_countdown(shop, now):
    shop.upstream.settings(cancel_lock_seconds=120)
    row = shop.order(now=now)
    theirs = row.cancelable_after
    Activation.objects.filter(pk=row.id).update(cancelable_after=now)

    with pytest.raises(errors.EarlyCancel) as caught:
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert caught.value.extra["at"] == shop.row(row.hex_id).cancelable_after
    assert abs(caught.value.extra["at"] - theirs) < seconds(2)
    assert shop.row(row.hex_id).activation_status == "active"


def test_u10_a_cancel_without_an_answer_is_cancelling_until_the_status_confirms(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "lost", after=True)

    pending = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    assert (pending.is_cancelling, pending.billing_status) == (True, "reserved")
    assert shop.money()[1] == row.customer_price_micros
    check_due(now + seconds(1))

    assert shop.row(row.hex_id).activation_status == "canceled"
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)


def test_u10_a_cancel_that_never_arrived_is_sent_again(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "lost")
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    check_due(now + seconds(1))
    assert shop.row(row.hex_id).activation_status == "active"
    check_due(now + seconds(20))

    assert shop.row(row.hex_id).activation_status == "canceled"
    assert shop.upstream.leases[0].state == "canceled"


def test_u10_a_code_that_comes_while_cancelling_is_billed(shop, now):
    row = shop.order(now=now)
    shop.upstream.fault("cancel", "lost")
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    shop.sms(row, "Your code is 1234")

    check_due(now + seconds(1))

    changed = shop.row(row.hex_id)
    assert (changed.billing_status, changed.cancel_requested_at) == ("billed", None)
    with pytest.raises(errors.NotCancellable):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)


def test_a_provider_out_of_reach_changes_nothing(shop, now):
    row = shop.order(now=now)
    shop.provider.base_url = "http://127.0.0.1:9"
    shop.provider.save()

    with pytest.raises(errors.UpstreamUnavailable):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert shop.row(row.hex_id).cancel_requested_at is None


def test_k3_k4_k8_a_second_message_is_free_and_finalize_ends_it(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    paid = shop.money()

    again = closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    assert (again.sms_status, again.sms_code) == ("retryRequested", "1111")
    shop.sms(row, "Your code is 2222")
    check_due(now + seconds(20))
    done = closing.finalize(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert (done.sms_status, done.sms_code, done.activation_status) == ("retryReceived", "2222", "finalized")
    assert shop.money() == paid
    assert shop.upstream.leases[0].state == "finished"
    assert events(row) == [
        "activation.created",
        "activation.sms_received",
        "activation.retry_requested",
        "activation.sms_received",
        "activation.finalized",
    ]


def test_k4_a_message_that_overtakes_the_answer_to_our_retry_is_shown(shop, now):
    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 1111", now=now, ref="one")
    shop.state(row, "received")

    def retry():
        return closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    shop.upstream.fault("retry", "late", seconds=0.5)
    together(retry, lambda: shop.take_later(row, "Your code is 2222", now=now, ref="two"))

    assert shop.row(row.hex_id).sms_code == "2222"
    assert shop.row(row.hex_id).sms_status == "retryReceived"


def test_retry_and_finalize_need_a_message(shop, now):
    row = shop.order(now=now)
    for move in (closing.request_retry, closing.finalize):
        with pytest.raises(errors.InvalidState):
            move(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert shop.upstream.calls["retry"] == 0


def test_k10_m11_a_refund_happens_once_however_many_ask(shop, now):
    row = shop.order(now=now)
    with pytest.raises(errors.InvalidState):
        closing.refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now)
    shop.take_sms(row, "Your code is 1111", now=now)

    results = together(*[lambda: closing.refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now)] * 4)

    assert sum(isinstance(result, errors.AlreadyRefunded) for result in results) == 3
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert shop.row(row.hex_id).billing_status == "refunded"


@pytest.mark.parametrize("cost_micros", [None, 0])
def test_m11_u16_a_refund_by_staff_is_money_at_risk_once_if_the_provider_was_paid(shop, now, cost_micros):
    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 1111", now=now)
    if cost_micros is not None:
        Activation.objects.update(cost_micros=cost_micros)

    closing.refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now)
    with pytest.raises(errors.AlreadyRefunded):
        closing.refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now)

    expected = [("refund", shop.offer.cost_micros)] if cost_micros is None else []
    assert list(MoneyAtRisk.objects.values_list("kind", "amount_micros")) == expected


def test_k10_a_refund_by_the_provider_is_passed_on(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1111")
    check_due(now + seconds(10))
    closing.request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    shop.state(row, "refunded")

    check_due(now + seconds(60))
    check_due(now + seconds(120))

    assert shop.row(row.hex_id).billing_status == "refunded"
    assert shop.money()[0] == 100_000_000


def test_k6_k7_the_end_of_time(shop, now):
    unused, used = shop.order(now=now), shop.order(now=now)
    shop.take_sms(used, "Your code is 1111", now=now)

    expire_due(now + seconds(1300))

    assert (shop.row(unused.hex_id).activation_status, shop.row(unused.hex_id).billing_status) == (
        "expired",
        "released",
    )
    assert (shop.row(used.hex_id).activation_status, shop.row(used.hex_id).billing_status) == (
        "expired",
        "billed",
    )
    assert events(unused)[-1] == events(used)[-1] == "activation.expired"


def test_k6_an_end_on_the_providers_side_releases(shop, now):
    row = shop.order(now=now)
    shop.state(row, "expired")

    check_due(now + seconds(60))
    check_due(now + seconds(70))

    assert shop.row(row.hex_id).activation_status == "expired"
    assert shop.money()[1] == 0


def test_t1_a_stranger_finds_nothing_to_cancel_finish_or_refund(shop, now):
    row = shop.order(now=now)
    stranger = CustomerFactory(balance_micros=1_000_000)
    theirs = shop.buyer_of(stranger)
    for buyer in (theirs, shop.neighbour()):
        for move in (closing.cancel, closing.finalize, closing.request_retry):
            with pytest.raises(errors.UnknownActivation):
                move(buyer=buyer, hex_id=row.hex_id, now=now)
    with pytest.raises(errors.UnknownActivation):
        closing.refund(tenant_id=stranger.tenant_id, hex_id=row.hex_id, now=now)

    assert shop.row(row.hex_id).activation_status == "active"
    assert shop.upstream.calls["cancel"] == 0


def test_a_low_success_rate_blocks_for_a_day_from_the_tenth_order_on(shop, now):
    for number in range(10):
        row = shop.order(now=now)
        assert Customer.objects.get(pk=shop.customer.pk).blocked_until is None, number
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert Customer.objects.get(pk=shop.customer.pk).blocked_until == now + timedelta(hours=24)
    with pytest.raises(errors.LowSuccessRate):
        shop.order(now=now)
    assert shop.order(now=now + timedelta(hours=25)).lease_state == "leased"


def test_one_message_in_fourteen_is_enough(shop, now):
    received = shop.order(now=now)
    shop.take_sms(received, "Your code is 1111", now=now)
    for _ in range(13):
        row = shop.order(now=now)
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert Customer.objects.get(pk=shop.customer.pk).blocked_until is None

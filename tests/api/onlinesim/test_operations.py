"""Numbers sold to a marketplace from order to end (docs/protocols/onlinesim.md 5, 7, 8)."""

from decimal import Decimal

import pytest

from activations.models import Activation, Push, Sale
from api.onlinesim.pushing import push_due
from billing.models import Entry, Transaction, Wallet
from tests.api.onlinesim.conftest import sale_of

pytestmark = pytest.mark.django_db(transaction=True)


def money(marketplace):
    wallet = Wallet.objects.get(tenant=marketplace.contract.tenant, customer=None)
    return wallet.balance_micros, wallet.held_micros


def test_a_number_is_sold_its_sms_passed_on_and_paid(marketplace, shop, arrive, attend):
    before, _ = money(marketplace)
    answer = marketplace.order(sum=40)
    sale = sale_of(answer["activationId"])
    order = sale.activation

    assert answer == {"number": int(order.phone), "activationId": order.num_id, "status": "SUCCESS"}
    assert (order.channel, order.customer_price_micros) == ("onlinesim", 0)
    assert (sale.state, sale.expected_micros, sale.sum) == ("issued", 500_000, Decimal(40))
    assert money(marketplace) == (before, order.price_micros), "the cost is held as for any order"
    assert marketplace.income() == 0

    arrive(order.num_id, "Telegram code 12345")

    sale.refresh_from_db()
    order.refresh_from_db()
    (push,) = Push.objects.all()
    assert marketplace.got == [
        {
            "action": "PUSH_SMS", "key": "their-key-for-our-messages", "smsId": push.pk,
            "phone": order.phone, "phoneFrom": "Telegram", "text": "Telegram code 12345",
        }
    ]  # fmt: skip
    headers, _ = marketplace.receiver.got[0]
    assert headers["Authorization"] == "Bearer their-key-for-our-messages"
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert (sale.state, push.state, order.billing_status) == ("receiving", "accepted", "billed")
    assert money(marketplace) == (before - order.price_micros, 0), "the provider bills with the SMS"
    assert marketplace.income() == 0, "an SMS earns nothing"

    assert marketplace.finish(order.num_id, 3, sum=40) == {"status": "SUCCESS"}
    attend()

    sale.refresh_from_db()
    order.refresh_from_db()
    assert (sale.state, sale.income_micros, marketplace.income()) == ("finished", 500_000, 500_000)
    assert (order.activation_status, order.billing_status) == ("finalized", "billed")
    earned = Transaction.objects.get(kind="income")
    assert sorted(Entry.objects.filter(transaction=earned).values_list("account", "amount_micros")) == [
        ("marketplace", -500_000),
        ("tenant_revenue", 500_000),
    ]
    assert money(marketplace) == (before - order.price_micros, 0), "a marketplace pays outside of the portal"


def test_a_number_that_stays_silent_costs_nothing(marketplace, shop, attend):
    before = money(marketplace)
    number = marketplace.order()["activationId"]
    assert marketplace.finish(number, 4) == {"status": "SUCCESS"}
    assert shop.upstream.calls["cancel"] == 0, "the marketplace does not wait for our provider"
    attend()
    sale = sale_of(number)
    assert (sale.state, sale.activation.activation_status) == ("canceled", "canceled")
    assert (money(marketplace), marketplace.income()) == (before, 0)
    assert shop.upstream.calls["cancel"] == 1


def test_a_cancel_after_the_sms_is_the_tenants_loss(marketplace, shop, arrive, attend):
    number = marketplace.order()["activationId"]
    arrive(number, "code 12345")
    before = money(marketplace)
    assert marketplace.finish(number, 4) == {"status": "SUCCESS"}
    attend()
    sale = sale_of(number)
    assert (sale.state, sale.activation.billing_status) == ("canceled", "billed")
    assert (money(marketplace), marketplace.income()) == (before, 0)


def test_refunded_after_it_was_sold_takes_the_income_back_once(marketplace, shop, arrive):
    number = marketplace.order()["activationId"]
    arrive(number, "code 12345")
    marketplace.finish(number, 3)
    for _ in range(3):
        assert marketplace.finish(number, 5) == {"status": "SUCCESS"}
    assert (sale_of(number).state, marketplace.income()) == ("refunded", 0)
    kinds = Transaction.objects.filter(order_id=sale_of(number).activation_id).values_list("kind", flat=True)
    assert sorted(kinds) == ["charge", "income", "income_reversal"]
    assert marketplace.finish(number, 3) == {"status": "SUCCESS"}
    assert marketplace.income() == 0, "what was refunded is not sold again"


def test_what_it_says_it_pays_is_what_is_booked(marketplace, shop):
    number = marketplace.order(sum=40)["activationId"]
    marketplace.finish(number, 3, sum=4.5)
    sale = sale_of(number)
    assert (sale.sum, sale.paid_sum, sale.income_micros) == (Decimal(40), Decimal("4.5"), 56_250)


def test_a_number_that_is_not_wanted_is_never_offered_for_that_service_again(marketplace, shop, attend):
    answer = marketplace.order()
    assert marketplace.finish(answer["activationId"], 1) == {"status": "SUCCESS"}
    attend()
    shop.upstream.fault("order", "old_phone", phone=answer["number"])

    assert marketplace.order() == {"status": "NO_NUMBERS"}

    again = Activation.objects.filter(phone=str(answer["number"])).latest("created_at")
    assert (again.sale.state, again.sale.ending) == ("canceled", "late")
    attend()
    again.refresh_from_db()
    assert (again.activation_status, again.billing_status) == ("canceled", "released")


def test_another_marketplace_may_have_it(marketplace, make_marketplace, shop, attend):
    answer = marketplace.order()
    marketplace.finish(answer["activationId"], 1)
    attend()
    other = make_marketplace(tenant=marketplace.contract.tenant, name="Other")
    shop.upstream.fault("order", "old_phone", phone=answer["number"])
    assert other.order()["number"] == answer["number"]


def test_a_cancelled_number_is_offered_at_most_three_more_times(marketplace, shop, attend):
    answer = marketplace.order()
    for left in (3, 2, 1, 0):
        marketplace.finish(answer["activationId"], 4)
        attend()
        shop.upstream.fault("order", "old_phone", phone=answer["number"])
        again = marketplace.order()
        if left:
            assert again["number"] == answer["number"]
            answer = again
    assert again == {"status": "NO_NUMBERS"}


def test_a_number_is_in_one_operation_until_it_is_ended(marketplace, shop, attend):
    answer = marketplace.order()
    shop.upstream.fault("order", "old_phone", phone=answer["number"])
    assert marketplace.order() == {"status": "NO_NUMBERS"}
    attend()
    marketplace.finish(answer["activationId"], 4)
    attend()
    shop.upstream.fault("order", "old_phone", phone=answer["number"])
    assert marketplace.order()["number"] == answer["number"]


def test_every_sms_is_passed_on_in_its_order_and_once(marketplace, shop, arrive, attend):
    number = marketplace.order()["activationId"]
    arrive(number, "first 11111")
    attend()  # asks the provider for another
    arrive(number, "second 22222")
    push_due(now=sale_of(number).created_at)
    assert [message["text"] for message in marketplace.got] == ["first 11111", "second 22222"]
    assert len({message["smsId"] for message in marketplace.got}) == 2
    assert Sale.objects.get().state == "receiving"

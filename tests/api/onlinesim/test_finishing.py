"""FINISH in every order and repetition, at once and late: billed once (M6; onlinesim.md 8 and 10)."""

import io
import itertools
import time
from datetime import timedelta

import hypothesis
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from activations.models import Activation, Sale
from activations.services.checking import check_due, reconcile_due
from activations.services.exchanging.silence import silent_orders
from activations.services.marketplace import issuing
from activations.services.marketplace.leases import flag_old_sales
from billing.models import Transaction
from providers.models import RoutingPolicy
from tests.activations.exchanging import measured
from tests.activations.races import together
from tests.api.onlinesim.conftest import sale_of
from tests.api.onlinesim.test_refusals import sold_to

STATES = {1: "canceled", 3: "finished", 4: "canceled", 5: "refunded"}


def becomes(statuses):
    """What the protocol says of a row of FINISHes: the first counts, and 5 after 3."""
    state = STATES[statuses[0]]
    return "refunded" if state == "finished" and 5 in statuses[1:] else state


@pytest.mark.django_db
@pytest.mark.parametrize("statuses", list(itertools.permutations([1, 3, 4, 5], 3)))
def test_each_order_of_ends(marketplace, statuses):
    number = sold_to(marketplace)
    for status in statuses:
        assert marketplace.finish(number, status, sum=40) == {"status": "SUCCESS"}
    state = becomes(statuses)
    assert sale_of(number).state == state
    assert marketplace.income() == (500_000 if state == "finished" else 0)


@pytest.mark.django_db
@hypothesis.settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(statuses=st.lists(st.sampled_from([1, 3, 4, 5]), min_size=1, max_size=8))
def test_m6_repetition_changes_nothing(marketplace, statuses):
    number, before = sold_to(marketplace), marketplace.income()
    for status in statuses:
        assert marketplace.finish(number, status) == {"status": "SUCCESS"}
    once = (sale_of(number).state, marketplace.income())
    for status in statuses:
        assert marketplace.finish(number, status) == {"status": "SUCCESS"}
    sale = sale_of(number)
    assert (sale.state, marketplace.income()) in (once, ("refunded", before))
    assert sale.state == becomes(statuses + statuses)
    booked = Transaction.objects.filter(order_id=sale.activation_id, kind__startswith="income")
    kinds = sorted(booked.values_list("kind", flat=True))
    assert kinds == {"finished": ["income"], "refunded": ["income", "income_reversal"]}.get(
        sale.state, []
    ) or (sale.state, kinds) == ("refunded", [])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("statuses", [(3, 3, 3, 3), (3, 4, 5, 3), (3, 5, 3, 5), (1, 4, 3, 3)])
def test_m6_ends_at_once_bill_once(marketplace, statuses):
    number = sold_to(marketplace)
    answers = together(*[lambda status=status: marketplace.finish(number, status) for status in statuses])
    assert answers == [{"status": "SUCCESS"}] * 4
    sale = sale_of(number)
    incomes = Transaction.objects.filter(kind="income").count()
    reversals = Transaction.objects.filter(kind="income_reversal").count()
    assert incomes <= 1
    assert reversals <= incomes
    assert (sale.state == "finished") == (incomes == 1 and reversals == 0)
    assert marketplace.income() == (500_000 if sale.state == "finished" else 0)
    call_command("check_ledger", stdout=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_an_end_and_the_first_sms_at_once(marketplace, shop, attend):
    number = marketplace.order()["activationId"]
    shop.upstream.sms(sale_of(number).activation.upstream_ref, "code 12345")
    later = timezone.now() + timedelta(seconds=30)
    together(lambda: marketplace.finish(number, 4), lambda: check_due(later))
    attend()
    sale = sale_of(number)
    assert sale.state == "canceled"
    assert sale.activation.billing_status in ("billed", "released")


@pytest.mark.django_db(transaction=True)
def test_orders_at_once_keep_to_the_days_cap(make_marketplace, shop, attend):
    marketplace = make_marketplace(daily_cap=2)
    answers = together(*[marketplace.order] * 6)
    assert sorted(answer["status"] for answer in answers) == ["NO_NUMBERS"] * 4 + ["SUCCESS"] * 2
    attend()
    assert Activation.objects.filter(activation_status="active").count() == 2, "the others were given back"


@pytest.mark.django_db(transaction=True)
def test_u1_a_success_that_comes_too_late_is_given_back_unbilled(marketplace, shop, attend, settings):
    settings.MARKETPLACE_ANSWER_SECONDS = 0.0
    assert marketplace.order() == {"status": "NO_NUMBERS"}
    sale = Sale.objects.get()
    assert (sale.state, sale.ending) == ("canceled", "late")
    attend()
    order = Activation.objects.get()
    assert (order.activation_status, order.billing_status) == ("canceled", "released")
    assert marketplace.finish(order.num_id, 4) == {"status": "SUCCESS"}
    assert marketplace.finish(order.num_id, 3) == {"status": "SUCCESS"}, "late is late: nothing is sold"
    assert (marketplace.income(), shop.upstream.paid_micros) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_u11_a_marketplace_hears_within_its_ten_seconds_whatever_hangs(marketplace, shop, settings):
    assert settings.MARKETPLACE_ORDER_SECONDS < settings.MARKETPLACE_ANSWER_SECONDS < 10
    settings.MARKETPLACE_ORDER_SECONDS = 1.0
    shop.provider.timeout_seconds = 30
    shop.provider.save()
    shop.upstream.fault("order", "lost", hang=True)

    started = time.monotonic()
    answer = marketplace.order()

    assert answer["status"] == "ERROR"
    assert time.monotonic() - started < 25, "not the provider's thirty seconds"


@pytest.mark.django_db(transaction=True)
def test_u1_an_order_of_unknown_outcome_is_found_and_given_back(marketplace, shop, attend):
    shop.upstream.fault("order", "lost", after=True)
    answer = marketplace.order()
    assert answer["status"] == "ERROR"
    order = Activation.objects.get()
    assert order.lease_state == "ordering"
    reconcile_due(timezone.now() + timedelta(minutes=1))
    order.refresh_from_db()
    assert order.lease_state == "leased", "found in the provider's list"

    attend()

    order.refresh_from_db()
    assert (order.activation_status, order.billing_status) == ("canceled", "released")
    assert marketplace.finish(order.num_id, 4) == {"status": "SUCCESS"}
    assert shop.upstream.paid_micros == 0


@pytest.mark.django_db(transaction=True)
def test_the_sweep_leaves_what_is_being_sold(marketplace, shop):
    number = marketplace.order()["activationId"]
    Activation.objects.update(created_at=timezone.now() - timedelta(minutes=1))
    assert issuing.write_off_strays(timezone.now()) == 0
    assert sale_of(number).is_open


@pytest.mark.django_db
def test_old_operations_are_flagged_and_never_closed(marketplace):
    number = sold_to(marketplace)
    assert flag_old_sales(timezone.now() + timedelta(minutes=29)) == 0
    assert flag_old_sales(timezone.now() + timedelta(minutes=31)) == 1
    assert flag_old_sales(timezone.now() + timedelta(minutes=32)) == 0, "told once"
    sale = sale_of(number)
    assert sale.flagged_at
    assert sale.is_open
    assert marketplace.finish(number, 3) == {"status": "SUCCESS"}
    assert marketplace.income() == 500_000


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "harm",
    [
        "UPDATE activations_sale SET income_micros = income_micros + 1",
        "UPDATE activations_sale SET state = 'refunded', ending = 'refunded'",
        "UPDATE activations_sale SET state = 'canceled', ending = 'canceled', income_micros = 0",
        "UPDATE activations_activation SET customer_price_micros = 1",
        "UPDATE activations_sale SET tenant_id = tenant_id + 1000",
    ],
)
def test_check_ledger_notices(marketplace, owner_connection, harm):
    number = sold_to(marketplace)
    marketplace.finish(number, 3)
    call_command("check_ledger", stdout=io.StringIO())
    owner_connection.execute(harm)
    with pytest.raises((CommandError, SystemExit)):
        call_command("check_ledger", stdout=io.StringIO(), stderr=io.StringIO())


@pytest.mark.django_db(transaction=True)
def test_a_silent_number_that_was_issued_is_not_exchanged(marketplace, shop):
    RoutingPolicy.objects.create(tenant=marketplace.contract.tenant, replaces_silent="all")
    measured(shop.offer)
    marketplace.order()
    silent = timezone.now() + timedelta(minutes=5)
    assert silent_orders(silent) == []
    Activation.objects.update(routing={})
    assert len(silent_orders(silent)) == 1, "nothing but its terms keeps it from being exchanged"

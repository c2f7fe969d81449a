"""What a channel promises beside the price: cancel fee, life, how a used number ends; and E-13."""

from datetime import timedelta

import pytest

from activations.cards import card_of
from activations.models import Activation, Check, MoneyAtRisk, Report
from activations.services import closing, leases, reporting
from activations.services.auditing import breaches
from activations.services.checking import check_due, expire_due, reconcile_due
from activations.wish import SaleTerms
from billing.models import Entry, Transaction
from portal import errors
from providers.adapters.sandbox import Sandbox
from providers.contract import Account, Lease
from tests.activations.races import together
from tests.activations.test_reports import PNG
from tests.factories import ProviderFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

FEE = 100_000
WITH_FEE = SaleTerms(cancel_fee_micros=FEE)
RICH = 100_000_000
TILL = 10_000_000_000


@pytest.fixture(autouse=True)
def _books_are_right(db):
    yield
    assert breaches(limit=5) == []


def seconds(number):
    return timedelta(seconds=number)


def fees():
    """(account, amount) of the lines of every cancel fee."""
    lines = Entry.objects.filter(transaction__kind="cancel_fee").order_by("id")
    return list(lines.values_list("account", "amount_micros"))


def test_a_cancel_keeps_the_fee_that_was_agreed_on_as_a_line_of_its_own(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    assert row.customer_price_micros > FEE

    closed = closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert (closed.activation_status, closed.billing_status) == ("canceled", "released")
    assert shop.money() == (RICH - FEE, 0, TILL, 0)
    assert fees() == [("customer", -FEE), ("tenant_revenue", FEE)]
    assert Transaction.objects.get(kind="cancel_fee").order_id == row.id


def test_a_fee_above_the_price_takes_the_price(shop, now):
    row = shop.order(now=now, terms=SaleTerms(cancel_fee_micros=5_000_000))
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    assert shop.money()[:2] == (RICH - row.customer_price_micros, 0)


def test_a_number_that_cost_nothing_costs_nothing_to_cancel(shop, now):
    row = shop.order(now=now, terms=WITH_FEE, customer_price_micros=0)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    assert (shop.money()[:2], fees()) == ((RICH, 0), [])


def test_expiry_costs_no_fee(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    expire_due(row.expire_at + seconds(1))
    assert shop.row(row.hex_id).activation_status == "expired"
    assert (shop.money(), fees()) == ((RICH, 0, TILL, 0), [])


def test_a_granted_report_costs_no_fee(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    Activation.objects.filter(pk=row.id).update(cancelable_after=None)
    reporting.file_report(buyer=shop.buyer, hex_id=row.hex_id, reason_id=3, evidence=PNG, now=now)
    assert reporting.approve(report_id=Report.objects.get().pk, now=now) == "canceled"
    assert (shop.money()[:2], fees()) == ((RICH, 0), [])


def test_u10_a_cancel_that_is_confirmed_later_costs_the_fee_too(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    shop.upstream.fault("cancel", "lost", after=True)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    check_due(now + seconds(1))
    assert shop.row(row.hex_id).activation_status == "canceled"
    assert shop.money()[:2] == (RICH - FEE, 0)


def test_m7_two_cancels_at_once_cost_one_fee(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    together(*[lambda: shop.confirm_cancel(row, now=now)] * 2)
    assert len(fees()) == 2, "one transaction of two lines"


def test_m7_a_code_that_was_first_costs_the_price_and_no_fee(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    shop.take_sms(row, "Your code is 4711", now=now)
    with pytest.raises(errors.NotCancellable):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    shop.confirm_cancel(row, now=now)
    assert (shop.money()[:2], fees()) == ((RICH - row.customer_price_micros, 0), [])


def test_a_used_number_ends_as_its_channel_promised(shop, now):
    ends = {}
    for name, terms in (("finalized", SaleTerms(ends_finalized=True)), ("expired", SaleTerms())):
        row = shop.order(now=now, terms=terms)
        shop.take_sms(row, "Your code is 4711", now=now)
        expire_due(row.expire_at + seconds(1))
        ends[name] = shop.row(row.hex_id).activation_status
        assert Event.objects.filter(order_id=row.id, type=f"activation.{name}").exists()
    assert ends == {"finalized": "finalized", "expired": "expired"}


def test_a_number_that_waits_for_more_at_its_end_is_finalized_as_well(shop, now):
    row = shop.order(now=now, terms=SaleTerms(ends_finalized=True))
    shop.take_sms(row, "Your code is 4711", now=now)
    Activation.objects.filter(pk=row.id).update(sms_status="retryRequested")
    expire_due(row.expire_at + seconds(1))
    assert shop.row(row.hex_id).activation_status == "finalized"


def test_a_channels_life_counts_where_the_provider_names_none(db, now):
    account = ProviderFactory(life_seconds=1_200)
    adapter = Sandbox(Account("http://127.0.0.1:9", ""))

    def life(lease, **promised):
        found = leases.terms_of(lease, account=account, adapter=adapter, now=now, **promised)
        return found.expire_at - now

    silent = Lease("1", "+12025550100", 100_000)
    assert life(silent) == seconds(1_200)
    assert life(silent, life_seconds=900) == seconds(900)
    assert life(silent, life_seconds=3_600) == seconds(1_200), "not longer than the account says"
    named = Lease("1", "+12025550100", 100_000, expire_at=now + seconds(1_100))
    assert life(named, life_seconds=900) == seconds(1_100)


def test_u1_an_order_that_is_found_later_keeps_its_terms(shop, now):
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now, terms=SaleTerms(FEE, 900, ends_finalized=True))
    assert row.is_checking
    reconcile_due(now + seconds(60))
    found = shop.row(row.hex_id)
    assert (found.lease_state, found.cancel_fee_micros, found.ends_finalized) == ("leased", FEE, True)
    assert timedelta(0) < found.expire_at - now <= seconds(900 + 60)


# --- E-13: cancelled here before the provider allows it ---


@pytest.fixture
def locked(shop, now):
    """A fresh number whose provider lets nobody cancel for two minutes; its tenant defers."""
    shop.upstream.settings(cancel_lock_seconds=120)
    shop.tenant.deferred_cancel = True
    shop.tenant.save()
    return shop.order(now=now, terms=WITH_FEE)


def test_e13_without_the_setting_it_is_too_early(shop, locked, now):
    shop.tenant.deferred_cancel = False
    shop.tenant.save()
    with pytest.raises(errors.EarlyCancel):
        closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, at_any_age=True, now=now)
    assert shop.row(locked.hex_id).activation_status == "active"


def test_e13_a_protocol_with_a_lock_keeps_it(shop, locked, now):
    with pytest.raises(errors.EarlyCancel):
        closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, now=now)


def test_e13_the_money_goes_back_at_once_and_the_provider_is_told_later(shop, locked, now):
    closed = closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, at_any_age=True, now=now)

    assert (closed.activation_status, closed.billing_status) == ("canceled", "released")
    assert shop.money() == (RICH - FEE, 0, TILL, 0)
    assert shop.upstream.calls["cancel"] == 0
    check_due(now + seconds(60))
    assert shop.upstream.calls["cancel"] == 0, "its lock has not ended"
    shop.upstream.settings(cancel_lock_seconds=0)
    shop.upstream.leases[0].cancelable = 0

    check_due(locked.cancelable_after + seconds(1))

    assert shop.upstream.leases[0].state == "canceled"
    assert not Check.objects.exists()


def test_e13_too_early_by_the_providers_clock_as_well(shop, locked, now):
    Activation.objects.filter(pk=locked.id).update(cancelable_after=now)
    closed = closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, at_any_age=True, now=now)
    assert closed.activation_status == "canceled"
    assert abs(Check.objects.get(kind="cancel").due_at - locked.cancelable_after) < seconds(2)


def test_e13_a_message_in_between_is_the_tenants_cost_and_nobodys_to_see(shop, locked, now):
    closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, at_any_age=True, now=now)
    shop.sms(locked, "Your code is 4711")

    check_due(locked.cancelable_after + seconds(1))

    after = shop.row(locked.hex_id)
    assert (after.sms_status, after.sms_code, after.billing_status) == ("smsRequested", None, "released")
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("late_code", after.cost_micros)
    assert not Check.objects.exists()


def test_e13_a_provider_out_of_reach_is_asked_again_until_the_number_is_long_over(shop, locked, now):
    closing.cancel(buyer=shop.buyer, hex_id=locked.hex_id, at_any_age=True, now=now)
    shop.provider.base_url = "http://127.0.0.1:9"
    shop.provider.save()

    check_due(locked.cancelable_after + seconds(1))
    waiting = Check.objects.get(kind="cancel")
    assert waiting.due_at > locked.cancelable_after + seconds(1)
    check_due(locked.expire_at + seconds(7_200))

    assert list(MoneyAtRisk.objects.values_list("kind", flat=True)) == ["orphan"]
    assert not Check.objects.exists()


def test_the_card_tells_a_fee_before_and_after_it_is_taken(shop, now):
    row = shop.order(now=now, terms=WITH_FEE)
    assert card_of(shop.customer, row, now=now).cancel_label == "Cancel, fee $0.10"
    closed = card_of(shop.customer, closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now), now=now)
    assert (closed.outcome, closed.charged_micros) == ("Cancelled for a fee of $0.10.", FEE)
    assert closed.money == "A cancellation fee of $0.10 was charged."

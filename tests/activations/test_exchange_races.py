"""Exchanges that meet messages, cancels, other sweeps and kills on real connections."""

import subprocess
import sys

import pytest
from django.core.management import call_command

from activations.models import Attempt, Exchange, Message, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due
from activations.services.checking.claims import leases_by_reference
from activations.services.exchanging import exchange_due
from activations.services.receiving import receive
from billing.models import Hold, Transaction
from providers.contract import Sms
from tests.activations.exchanging import P90, Healing, seconds
from tests.activations.races import together, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def healing(shop, other_upstream):
    return Healing(shop, other_upstream)


def hear(number, text, *, now):
    """A message for this lease, as its provider's answer would bring it."""
    [due] = leases_by_reference(number.provider_id, [number.upstream_ref])
    sms = Sms(text, upstream_ref="1")
    return receive(target=due.target, sms=sms, cost_micros=None, now=now)


def settle(healing, now):
    """Sweeps until nothing is due any more, then proofs that hold whatever happened."""
    for later in range(0, 200, 20):
        check_due(now + seconds(later))
        exchange_due(now + seconds(later))
    assert not Exchange.objects.filter(due_at__isnull=False).exists()
    assert not Attempt.objects.filter(outcome__in=["", "unknown"]).exists()
    call_command("check_ledger")


def paid(healing):
    return sum(supplier.paid_micros for supplier in healing.suppliers.values())


@pytest.mark.parametrize("attempt", range(6))
def test_swap_and_message_meet_and_one_number_is_billed(healing, now, attempt, other_upstream):
    row = healing.shop.order(now=now)
    first, due = healing.number(row), now + seconds(P90 + 1)
    other_upstream.settings(delay_ms=20 * attempt)
    [target] = [one.target for one in leases_by_reference(first.provider_id, [first.upstream_ref])]
    healing.sms(first.provider_id, first.upstream_ref, "Your code is 123456")
    said = Sms("Your code is 123456", upstream_ref="1")

    together(lambda: exchange_due(due), lambda: receive(target=target, sms=said, cost_micros=None, now=due))
    settle(healing, due)

    number = healing.number(row)
    assert (number.phone, number.sms_code, number.billing_status) == (first.phone, "123456", "billed")
    assert Transaction.objects.filter(kind="charge").count() == 1
    assert paid(healing) == first.cost_micros, "the other number was given back"
    assert not MoneyAtRisk.objects.exists()


@pytest.mark.parametrize("attempt", range(6))
def test_messages_for_both_numbers_meet_and_one_is_billed(healing, now, attempt):
    row, first = healing.swapped(now)
    second, due = healing.number(row), now + seconds(P90 + 2)
    for number, code in ((first, "111111"), (second, "222222")):
        healing.sms(number.provider_id, number.upstream_ref, f"Your code is {code}")

    together(
        lambda: hear(first, "Your code is 111111", now=due),
        lambda: hear(second, "Your code is 222222", now=due),
    )

    number = healing.number(row)
    assert (number.phone, number.sms_code) in [(first.phone, "111111"), (second.phone, "222222")]
    assert sorted(Message.objects.values_list("code", "visible")) == sorted(
        [(code, code == number.sms_code) for code in ("111111", "222222")]
    )
    other = second if number.phone == first.phone else first
    settle(healing, due)
    assert Transaction.objects.filter(kind="charge").count() == 1
    risk = MoneyAtRisk.objects.get()
    assert (risk.provider_id, risk.amount_micros, risk.kind) == (
        other.provider_id,
        other.cost_micros,
        "late_code",
    )


@pytest.mark.parametrize("attempt", range(6))
def test_m7_cancel_and_swap_meet_and_nothing_stays_paid(healing, now, attempt, other_upstream):
    row = healing.shop.order(now=now)
    due = now + seconds(P90 + 1)
    other_upstream.settings(delay_ms=15 * attempt)

    together(
        lambda: exchange_due(due),
        lambda: closing.cancel(buyer=healing.shop.buyer, hex_id=row.hex_id, now=due),
    )
    settle(healing, due)

    assert healing.number(row).activation_status == "canceled"
    assert (paid(healing), Hold.objects.filter(state="open").count()) == (0, 0)


def test_o3_two_sweeps_at_once_buy_one_number(healing, now, other_upstream):
    rows = [healing.shop.order(now=now) for _ in range(5)]
    due = now + seconds(P90 + 1)

    together(*[lambda: exchange_due(due)] * 4)

    assert other_upstream.calls["order"] == len(rows)
    assert Exchange.objects.filter(state="returning").count() == len(rows)


EXCHANGING = """
from tests.activations.process import exchange
exchange({now!r})
"""


def test_u4_o1_the_number_that_a_killed_worker_bought_is_found_and_not_bought_again(
    healing, now, other_upstream
):
    row = healing.shop.order(now=now)
    due = now + seconds(P90 + 1)
    other_upstream.fault("order", "late", seconds=60)
    worker = subprocess.Popen([sys.executable, "-c", EXCHANGING.format(now=due.isoformat())])
    try:
        wait_until(lambda: other_upstream.leases, seconds=60)
    finally:
        worker.kill()
        worker.wait()
    assert healing.exchange(row).state == "buying"

    exchange_due(due + seconds(5))
    assert other_upstream.calls["order"] == 1, "nothing else is bought while it is not known"
    exchange_due(due + seconds(31))

    assert healing.number(row).phone == other_upstream.leases[0].phone
    assert other_upstream.calls["order"] == 1
    exchange_due(due + seconds(32))
    assert healing.shop.upstream.paid_micros == 0


def test_counter_test_without_the_leases_name_the_wrong_number_is_billed(healing, now, owner_connection):
    row = healing.shop.order(now=now)
    first = healing.number(row)
    [target] = [one.target for one in leases_by_reference(first.provider_id, [first.upstream_ref])]
    exchange_due(now + seconds(P90 + 1))
    find = (
        "SELECT pg_get_functiondef(p.oid) FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE proname = 'activation_receive' AND nspname = 'public'"
    )
    definition = owner_connection.execute(find).fetchone()[0]
    named = "IF p_lease <> a.upstream_ref OR p_lease_provider <> a.provider_id THEN"
    assert named in definition
    owner_connection.execute(definition.replace(named, "IF false THEN"))
    try:
        said = Sms("Your code is 123456", upstream_ref="1")
        receive(target=target, sms=said, cost_micros=None, now=now + seconds(P90 + 2))
    finally:
        owner_connection.execute(definition)

    assert healing.number(row).phone != first.phone, (
        "the code is shown beside a number that it did not come to"
    )

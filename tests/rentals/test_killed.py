"""Processes killed between the provider's answer and our commit: U4, O1. Their rows bring the work back, and
neither a rental nor an extension is paid twice.
"""

import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from activations.models import Rental, RentalTerm
from activations.services.rentals.checking import check_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from activations.services.rentals.renewing import renew_due_rentals, set_auto_renew
from billing.models import Hold
from portal.errors import NoNumbers, OrderInProgress
from tests.activations.races import wait_until
from tests.rentals.process import DIGEST

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


def later():
    """After the due time of what another process, which has a clock of its own, began before."""
    return timezone.now() + seconds(60)


@pytest.fixture(autouse=True)
def _the_ledger_is_right_afterwards():
    yield
    call_command("check_ledger")
    assert not Hold.objects.filter(state="open").exists()


def kill_in(call, *, when):
    """Another process makes a call of tests.rentals.process, and is killed as soon as `when` is true."""
    code = f"from tests.rentals.process import *\n{call}"
    process = subprocess.Popen([sys.executable, "-c", code])
    try:
        wait_until(when, seconds=90)
    finally:
        process.kill()
        process.wait()


def test_u4_o1_a_rent_whose_process_was_killed_is_adopted_and_charged_once(desk, now):
    desk.upstream.fault("rent", "late", seconds=120)
    kill_in(f"rent({desk.customer.pk}, 'k1')", when=lambda: desk.upstream.leases)
    assert Rental.objects.get().lease_state == "ordering"
    assert desk.money()[:2] == (100_000_000, desk.price(24))
    with pytest.raises(OrderInProgress):
        desk.rent(24, key="k1", digest=DIGEST, now=now)

    reconcile_due_rentals(later())

    row = desk.rent(24, key="k1", digest=DIGEST, now=now)
    assert (row.lease_state, row.phone) == ("leased", desk.upstream.leases[0].phone)
    assert desk.spent() == desk.price(24)
    assert desk.upstream.calls["rent"] == Rental.objects.count() == 1


def test_u4_o1_an_extension_whose_process_was_killed_is_found_by_its_due_time(desk, now):
    row = desk.rent(24, now=now)
    lease = desk.upstream.leases[0]
    desk.upstream.fault("extend", "late", seconds=120)
    kill_in(f"extend({desk.customer.pk}, {row.rnt_id!r}, 'e1')", when=lambda: lease.hours == 48)
    assert desk.now_is(row).is_extending
    with pytest.raises(OrderInProgress):
        desk.extend(row, key="e1", digest=DIGEST, now=now)

    reconcile_due_rentals(later())

    assert desk.extend(row, key="e1", digest=DIGEST, now=now).rental.hours == 48
    assert desk.now_is(row).ends_at == row.ends_at + timedelta(days=1)
    assert desk.spent() == 2 * desk.price(24)
    assert desk.upstream.calls["extend"] == 1


def test_u2_o1_an_extension_whose_process_was_killed_before_it_arrived_is_released(desk, now):
    row = desk.rent(24, now=now)
    desk.upstream.fault("extend", "lost", hang=True)
    killed = f"extend({desk.customer.pk}, {row.rnt_id!r}, 'e1')"
    kill_in(killed, when=lambda: desk.upstream.calls["extend"])

    for number in (0, 40, 80):
        reconcile_due_rentals(later() + seconds(number))

    assert (desk.now_is(row).is_extending, desk.now_is(row).hours) == (False, 24)
    assert desk.spent() == desk.price(24)
    with pytest.raises(NoNumbers):
        desk.extend(row, key="e1", digest=DIGEST, now=now)


def test_u4_u10_a_cancel_whose_process_was_killed_pays_back_what_the_provider_confirms(desk, now):
    row = desk.rent(24, now=now)
    lease = desk.upstream.leases[0]
    desk.upstream.fault("rental_cancel", "late", seconds=120)
    killed = f"cancel({desk.customer.pk}, {row.rnt_id!r})"
    kill_in(killed, when=lambda: lease.state == "canceled")
    assert desk.now_is(row).is_cancelling
    assert desk.spent() == desk.price(24)

    check_due_rentals(later())

    assert desk.now_is(row).rental_status == "canceled"
    assert desk.spent() == desk.upstream.paid_micros == 0


def test_u4_o1_a_renewal_whose_worker_was_killed_is_found_and_not_bought_again(desk, now):
    row = desk.rent(24, now=now)
    set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    at, lease = row.ends_at - timedelta(minutes=50), desk.upstream.leases[0]
    desk.upstream.fault("extend", "late", seconds=120)
    kill_in(f"renew({at.isoformat()!r})", when=lambda: lease.hours == 48)
    assert desk.now_is(row).is_extending

    renew_due_rentals(at + seconds(31))  # the next worker's, whose claim is free again
    assert desk.upstream.calls["extend"] == 1, "nothing else is bought while it is not known"
    reconcile_due_rentals(at + seconds(32))
    renew_due_rentals(at + seconds(120))

    assert desk.now_is(row).hours == 48
    assert [term.is_renewal for term in RentalTerm.objects.order_by("number")] == [False, True]
    assert desk.upstream.calls["extend"] == 1

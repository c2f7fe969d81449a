"""Sweeps over rentals that take long: what they write is counted from when they did it, not from their
start.
"""

from datetime import timedelta

import pytest
from django.db import connections

from activations.models import MoneyAtRisk, RentalDue, RentalTerm
from activations.services.rentals.checking import end_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from activations.services.rentals.renewing import SERIAL_BATCH, renew_due_rentals, set_auto_renew
from portal.errors import OrderInProgress
from tests.activations.slowness import reply, time  # noqa: F401  (a fixture)
from tests.providers.wire import wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)
LONG = 40  # seconds: longer than a claim


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def slow(desk, wire):  # noqa: F811
    """From now on the desk's provider answers through this wire."""

    def turn():
        desk.provider.base_url, desk.provider.timeout_seconds = wire.url, 300
        desk.provider.save()
        return wire

    return turn


def renewing(desk, now, count):
    """So many rentals that renew themselves, and when the sweep should begin."""
    rows = [desk.rent(24, now=now) for _ in range(count)]
    for row in rows:
        set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    return rows, rows[-1].ends_at - timedelta(minutes=30)


def test_u1_a_renewal_late_in_a_slow_sweep_is_not_taken_for_lost(desk, now, time, slow, single):  # noqa: F811
    """Its provider names no end of a rental, so whoever looks for what was lost has only the time."""
    rows, start = renewing(desk, now, 20)
    price, ends = desk.cost(24), int((rows[0].ends_at + timedelta(hours=24)).timestamp())
    sold = []

    def answer(connection, request):
        if b"/extend" not in request:
            connection.sendall(reply(b'{"s":"waiting"}'))
            return
        sold.append(1)
        time.passed += 8
        reconcile_due_rentals(start + seconds(time.passed - 1))
        connections.close_all()
        connection.sendall(reply(b'{"price": %d, "expires": %d}' % (price, ends)))

    slow().answer = answer
    renew_due_rentals(start)

    assert len(sold) == 20
    assert set(RentalTerm.objects.filter(is_renewal=True).values_list("state", flat=True)) == {"billed"}
    assert not MoneyAtRisk.objects.exists()


def test_o4_a_slow_provider_keeps_one_worker_from_few_renewals_only(desk, now, time, slow):  # noqa: F811
    rows, start = renewing(desk, now, SERIAL_BATCH + 2)
    others = []

    def answer(connection, request):
        if not others:
            claimed = RentalDue.objects.filter(kind="renew", due_at__gt=start).count()
            others.append(claimed)
            connections.close_all()
        connection.sendall(reply(b"{}"))

    slow().answer = answer

    assert renew_due_rentals(start) == len(rows)
    assert others == [SERIAL_BATCH]


def test_o3_what_a_sweep_claims_after_a_slow_stage_is_claimed_from_then(
    make_desk, now, time, wire, single  # noqa: F811
):  # fmt: skip
    desk = make_desk(rental_ends_unused=True)
    old = desk.rent(24, now=now)
    RentalDue.objects.filter(rental__rnt_id=old.rnt_id, kind="guard").delete()
    start = old.ends_at + seconds(1)
    desk.rent(24, now=start - timedelta(minutes=21))
    desk.provider.base_url, desk.provider.timeout_seconds = wire.url, 300
    desk.provider.save()
    left = []

    def answer(connection, request):
        if time.passed:
            left.append(RentalDue.objects.get(kind="guard").due_at - start - seconds(time.passed))
            connections.close_all()
        else:
            time.passed += LONG
        connection.sendall(reply(b'{"s": "waiting"}'))

    wire.answer = answer
    end_due_rentals(start)

    assert [one > seconds(0) for one in left] == [True]


def test_o3_lost_extensions_after_a_slow_list_are_claimed_from_then(desk, now, time, slow):  # noqa: F811
    row = desk.rent(now=now)
    desk.upstream.fault("extend", "lost", times=1)
    with pytest.raises(OrderInProgress):
        desk.extend(row, now=now)
    desk.upstream.fault("rent", "lost")
    desk.rent(now=now)
    start, left = now + seconds(30), []

    def answer(connection, request):
        if not time.passed:
            time.passed += LONG
            connection.sendall(reply(b'{"columns": [], "rows": []}'))
            return
        left.append(RentalDue.objects.get(kind="extension").due_at - start - seconds(time.passed))
        connections.close_all()
        connection.sendall(reply(b'{"s": "waiting"}'))

    slow().answer = answer
    reconcile_due_rentals(start)

    assert [one > seconds(0) for one in left] == [True]

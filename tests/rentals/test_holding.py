"""Sweeps over rentals never overlap, however slowly a provider answers (O3, O4)."""

from datetime import timedelta

import pytest
from django.db import connections

from activations import policy
from activations.models import RentalDue
from activations.services.checking.holding import SweepClock
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.claims import claim, hold
from activations.services.rentals.lost import reconcile_due_rentals
from activations.services.rentals.renewing import renew_due_rentals, set_auto_renew
from portal.errors import OrderInProgress
from tests.activations.slowness import STEP, Slow, meanwhile, time  # noqa: F401  (a fixture)
from tests.providers.wire import wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)
WAITING, NO_RENTALS = '{"s": "waiting"}', '{"columns": [], "rows": []}'


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def turn_slow(desk, wire):  # noqa: F811
    """From now on the desk's provider is slow, and then gives this answer."""

    def turn(answer):
        desk.provider.base_url, desk.provider.timeout_seconds = wire.url, 300
        desk.provider.save()
        return Slow(wire, answer)

    return turn


@pytest.fixture
def alone(time, turn_slow):  # noqa: F811
    """Whether a sweep does everything alone, though others look in while it waits for `asked` answers."""

    def check(sweep, kind, *, start, answer, asked):
        slow, rows = turn_slow(answer), RentalDue.objects.filter(kind=kind)
        facts = {"start": start, "time": time, "slow": slow, "asked": asked, "rows": rows}
        return meanwhile(sweep, sweep, **facts)

    return check


def test_o3_single_questions_about_rentals_are_asked_by_one_sweep(desk, now, single, alone):
    for _ in range(3):
        desk.rent(now=now)
    start = now + seconds(10)

    assert alone(check_due_rentals, "status", start=start, answer=WAITING, asked=3) == [3, [0] * 4]
    assert all(due.due_at > start + seconds(4 * STEP) for due in RentalDue.objects.filter(kind="status"))


def test_o3_a_list_of_rentals_is_asked_for_by_one_sweep(desk, now, alone):
    desk.rent(now=now)

    found = alone(check_due_rentals, "status", start=now + seconds(10), answer=NO_RENTALS, asked=1)

    assert found == [1, [0] * 4]


def test_o3_rentals_whose_time_is_over_are_asked_about_by_one_sweep(desk, now, single, alone):
    row = desk.rent(24, now=now)

    found = alone(end_due_rentals, "expire", start=row.ends_at + seconds(1), answer=WAITING, asked=1)

    assert found == [1, [0] * 4]
    assert desk.now_is(row).rental_status == "expired"


def test_o3_lost_rents_are_looked_for_by_one_sweep(desk, now, alone):
    desk.upstream.fault("rent", "lost")
    desk.rent(now=now)

    found = alone(reconcile_due_rentals, "reconcile", start=now + seconds(10), answer=NO_RENTALS, asked=1)

    assert found == [1, [0] * 4]


def test_o3_lost_extensions_are_asked_about_by_one_sweep_and_side_by_side(desk, now, alone):
    desk.upstream.fault("extend", "lost", times=3)
    for row in [desk.rent(now=now) for _ in range(3)]:
        with pytest.raises(OrderInProgress):
            desk.extend(row, now=now)

    found = alone(reconcile_due_rentals, "extension", start=now + seconds(10), answer=WAITING, asked=3)

    assert found == [3, [0] * 4]


def test_o3_renewals_at_a_slow_provider_are_made_by_one_sweep(desk, now, time, turn_slow, wire):  # noqa: F811
    """One after the other, together longer than a claim."""
    rows = [desk.rent(24, now=now) for _ in range(4)]
    for row in rows:
        set_auto_renew(buyer=desk.buyer, rnt_id=row.rnt_id, is_on=True, now=now)
    start, slow, found = rows[-1].ends_at - timedelta(minutes=30), turn_slow("{}"), []

    def answer(connection, request):
        time.passed += STEP
        found.append(renew_due_rentals(start + seconds(time.passed)))
        connections.close_all()
        connection.sendall(slow.reply)

    wire.answer = answer

    assert renew_due_rentals(start) == 4
    assert (found, len(wire.requests)) == ([0] * 4, 4)


def test_o3_what_is_planned_for_later_meanwhile_stays_planned(desk, now, time):  # noqa: F811
    for _ in range(2):
        desk.rent(24, now=now)
    start = now + seconds(10)
    clock = SweepClock(start)
    claimed = claim("status", now=start, clock=clock)
    extended, other = (due.due_id for due in claimed)
    held = hold(claimed, clock)
    planned = start + timedelta(days=1)
    RentalDue.objects.filter(pk=extended).update(due_at=planned)

    time.passed += STEP
    held.keep()

    assert RentalDue.objects.get(pk=extended).due_at == planned
    assert RentalDue.objects.get(pk=other).due_at == start + seconds(STEP) + policy.CLAIM

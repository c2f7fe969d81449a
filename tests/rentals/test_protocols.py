"""Extensions whose answer was lost, at providers that do not say when a rental ends: U1, U2."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from activations.models import MoneyAtRisk
from activations.services.rentals.checking import end_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from portal.errors import NoNumbers, OrderInProgress
from tests.rentals.faces import FaceDesk

pytestmark = pytest.mark.django_db(transaction=True)
EXTEND = {"ping": "extend", "handler": "extend_rental", "handler-hero": "extend_rental"}


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture(params=EXTEND)
def desk(request, make_supplier):
    desk = FaceDesk(make_supplier(request.param))
    yield desk
    call_command("check_ledger")


@pytest.mark.parametrize("was_done", [True, False])
def test_u1_u2_without_a_word_on_its_end_the_grace_decides_and_the_amount_is_at_risk(desk, now, was_done):
    row = desk.rent(now=now)
    action = EXTEND[desk.upstream.protocol]
    desk.upstream.fault(action, "lost", after=was_done)
    with pytest.raises(OrderInProgress):
        desk.extend(row, key="e1", now=now)
    assert desk.money()[1] == desk.price(24)

    for later in range(5, 90, 15):
        reconcile_due_rentals(now + seconds(later))
        assert desk.now_is(row).is_extending, "nobody can say, and the time is not up"
    reconcile_due_rentals(now + seconds(120))

    assert (desk.now_is(row).is_extending, desk.now_is(row).ends_at) == (False, row.ends_at)
    assert (desk.spent(), desk.money()[1]) == (desk.price(24), 0)
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("orphan", desk.cost(24))
    with pytest.raises(NoNumbers):
        desk.extend(row, key="e1", now=now)
    assert desk.upstream.calls[action] == 1


def test_u2_after_it_was_given_up_it_is_extended_anew_and_ends_where_we_say(desk, now):
    """Though the provider did both extensions: the customer paid for one."""
    row = desk.rent(now=now)
    desk.upstream.fault(EXTEND[desk.upstream.protocol], "lost", after=True)
    with pytest.raises(OrderInProgress):
        desk.extend(row, now=now)
    for later in (60, 120):
        reconcile_due_rentals(now + seconds(later))

    longer = desk.extend(row, now=now + seconds(130)).rental

    assert (longer.hours, longer.ends_at) == (48, row.ends_at + timedelta(days=1))
    assert desk.spent() == 2 * desk.price(24)
    end_due_rentals(longer.ends_at + seconds(1))
    assert desk.now_is(row).rental_status == "expired"

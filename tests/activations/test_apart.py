"""Trouble stays local (O7): what one row or one provider does wrong costs no other its codes."""

import pytest

from activations.models import Activation, Check, Exchange, ListCheck
from activations.policy import ORDER_LONGEST, PARK_AFTER_TRIES
from activations.services import closing
from activations.services.checking import check_due, expire_due, reconcile_due, tell_ready
from activations.services.exchanging import exchange_due
from activations.services.leases import is_identified
from providers.contract import Lease
from tests.activations.conftest import Shop
from tests.activations.exchanging import P90, Healing, seconds

pytestmark = pytest.mark.django_db(transaction=True)
NO_ID = "abc/def"  # an address cannot hold it


@pytest.fixture
def ping(make_supplier):
    return make_supplier("ping").provider()


@pytest.fixture
def spoil(ping):
    """Makes a number one of ping's, with an id that its adapter makes no call of."""

    def spoil(row):
        Activation.objects.filter(pk=row.id).update(provider=ping, upstream_ref=NO_ID)
        return row

    return spoil


@pytest.fixture
def poison(owner_connection):
    """`poison(table, condition)`: rows of which that is true cannot be written, with an error of its own."""
    poisoned = []

    def poison(table, condition):
        poisoned.append(table)
        rule = f"CHECK (CASE WHEN {condition} THEN 1 / (random()::int * 0) = 1 ELSE true END)"
        owner_connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT poison {rule} NOT VALID")

    yield poison
    for table in poisoned:
        owner_connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS poison")


def test_o7_a_number_that_cannot_be_asked_about_is_parked_and_neighbours_get_their_codes(
    shop, now, single, spoil
):
    bad, good = spoil(shop.order(now=now)), shop.order(now=now)
    shop.sms(good, "Your code is 1357")

    for step in range(PARK_AFTER_TRIES):
        check_due(now + seconds(10 + step * 61))

    assert shop.row(good.hex_id).sms_code == "1357"
    assert Check.objects.get(activation=bad.id).parked_reason == "unaskable"
    expire_due(bad.expire_at + seconds(1))
    assert shop.row(bad.hex_id).activation_status == "active", "nobody said that no message came"
    expire_due(bad.expire_at + seconds(600))
    assert shop.row(bad.hex_id).billing_status == "released"


def test_o7_a_wrong_option_of_one_account_is_its_own_trouble(shop, now, single, make_supplier):
    other = make_supplier("retail").provider(options={"customer_id": "no such/customer"})
    bad, good = shop.order(now=now), shop.order(now=now)
    Activation.objects.filter(pk=bad.id).update(provider=other)
    shop.sms(good, "Your code is 1357")

    check_due(now + seconds(10))

    assert shop.row(good.hex_id).sms_code == "1357"
    assert Check.objects.get(activation=bad.id).tries == 1
    assert other.health.state == "bad_credentials"


def test_o7_a_cancel_that_cannot_be_sent_keeps_no_other_back(shop, now, single, spoil):
    shop.upstream.settings(cancel_lock_seconds=120)
    shop.tenant.deferred_cancel = True
    shop.tenant.save()
    bad, good = shop.order(now=now), shop.order(now=now)
    for row in (bad, good):
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, at_any_age=True, now=now)
    spoil(bad)
    shop.upstream.settings(cancel_lock_seconds=0)
    for lease in shop.upstream.leases:
        lease.cancelable = 0

    check_due(good.cancelable_after + seconds(1))

    assert [check.activation_id for check in Check.objects.all()] == [bad.id]
    assert Check.objects.get().tries == 1


def test_o7_a_cancel_repeated_for_one_number_keeps_no_other_back(shop, now, single, spoil):
    row = shop.order(now=now)
    Activation.objects.filter(pk=row.id).update(cancel_requested_at=now)
    spoil(shop.order(now=now))

    check_due(now + seconds(30))

    assert shop.row(row.hex_id).activation_status == "canceled"


def test_o7_one_list_that_cannot_be_worked_keeps_no_other_back(shop, now, other_upstream, poison):
    other = other_upstream.provider()
    row = shop.order(now=now)
    moved = shop.order(now=now)
    Activation.objects.filter(pk=moved.id).update(provider=other, upstream_ref="999")
    ListCheck.objects.update_or_create(provider=other, defaults={"due_at": now})
    poison("activations_listcheck", f"provider_id = {other.pk} AND tries = 0 AND compared_at IS NOT NULL")
    shop.sms(row, "Your code is 1357")

    check_due(now + seconds(10))

    assert shop.row(row.hex_id).sms_code == "1357"
    assert ListCheck.objects.get(provider=other).tries == 1
    assert ListCheck.objects.get(provider=shop.provider).tries == 0


def test_o7_a_lost_order_that_cannot_be_adopted_comes_later_and_others_now(shop, now, poison):
    shop.upstream.fault("order", "lost", times=2, after=True)
    bad, good = shop.order(now=now), shop.order(now=now)
    poison("activations_activation", f"id = '{bad.id}' AND lease_state = 'leased'")

    reconcile_due(now + seconds(10))
    assert shop.row(good.hex_id).lease_state == "leased"
    assert (Check.objects.get(activation=bad.id).tries, Check.objects.get(activation=bad.id).kind) == (
        1,
        "reconcile",
    )

    reconcile_due(now + ORDER_LONGEST + seconds(1))
    assert shop.row(bad.hex_id).billing_status == "released", "its longest life ends the hold all the same"


def test_o7_a_lost_order_that_nothing_can_end_is_parked(shop, now, poison):
    shop.upstream.fault("order", "lost", after=True)
    bad = shop.order(now=now)
    poison("activations_activation", f"id = '{bad.id}'")

    for step in range(PARK_AFTER_TRIES):
        reconcile_due(now + ORDER_LONGEST + seconds(61 * (step + 1)))

    assert Check.objects.get(activation=bad.id).parked_reason


def test_o7_a_former_number_that_cannot_be_asked_about_keeps_no_other_from_going_back(
    shop, other_upstream, now, ping
):
    healing = Healing(shop, other_upstream)
    bad, good = shop.order(now=now), shop.order(now=now)
    exchange_due(now + seconds(P90 + 1))
    Exchange.objects.filter(activation_id=bad.id).update(provider=ping, upstream_ref=NO_ID)

    exchange_due(now + seconds(P90 + 2))

    assert healing.exchange(good).state == "returned"
    assert (healing.exchange(bad).state, healing.exchange(bad).tries) == ("returning", 1)


def test_o7_a_former_number_whose_row_cannot_be_written_keeps_no_other_from_going_back(
    shop, other_upstream, now, poison
):
    healing = Healing(shop, other_upstream)
    bad, good = shop.order(now=now), shop.order(now=now)
    exchange_due(now + seconds(P90 + 1))
    poison("activations_exchange", f"activation_id = '{bad.id}' AND state = 'returned'")

    exchange_due(now + seconds(P90 + 2))

    assert healing.exchange(good).state == "returned"
    assert (healing.exchange(bad).state, healing.exchange(bad).tries) == ("returning", 1)


def test_o7_a_hint_that_cannot_be_told_keeps_no_other_back(shop, now, spoil):
    for row in (spoil(shop.order(now=now)), shop.order(now=now)):
        Activation.objects.filter(pk=row.id).update(ready_at=now)
        Check.objects.filter(activation=row.id).update(ready_due_at=now)

    tell_ready(now + seconds(1))

    assert not Check.objects.filter(ready_due_at__isnull=False).exists()


def test_u1_an_adopted_number_ends_when_its_provider_says(make_supplier, now):
    shop = Shop(make_supplier("retail"))
    shop.upstream.settings(life_seconds=300)
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)

    reconcile_due(now + seconds(60))

    assert abs(shop.row(row.hex_id).expire_at.timestamp() - shop.upstream.leases[0].expires) < 1


@pytest.mark.parametrize("ref", ["", "a\0b", "a\nb", "x" * 81])
def test_a_lease_without_a_reference_that_can_be_stored_is_not_identified(ref):
    assert not is_identified(Lease(ref, "15550001"))
    assert is_identified(Lease("abc.def", "15550001"))

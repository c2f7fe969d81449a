"""Moves N1–N7 and their money (docs/protocols/README.md 1.4), through the real services and the sandbox."""

from datetime import timedelta

import pytest
from django.core.management import call_command

from activations.models import MoneyAtRisk
from activations.rental_queries import refund_now
from activations.services.rentals.checking import work_rental_callback
from portal.errors import (
    CustomerNotActive,
    InsufficientBalance,
    InvalidDuration,
    NoNumbers,
    RentalNotActive,
    RentalNotCancelable,
    RentalUnknown,
    TooManyActive,
    UnknownCountry,
    UnknownService,
)
from providers.contract import Callback, Sms, Status, UpstreamState
from tests.factories import CustomerFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
CENT = 10_000


def minutes(number):
    return timedelta(minutes=number)


def seconds(number):
    return timedelta(seconds=number)


def events(row):
    return list(Event.objects.filter(order_id=row.id).order_by("id").values_list("type", flat=True))


@pytest.fixture(autouse=True)
def _the_ledger_is_right_afterwards():
    yield
    call_command("check_ledger")


def test_n1_renting_charges_the_full_price_of_both_at_once(desk, now):
    row = desk.rent(now=now)

    price = desk.price()
    assert (row.lease_state, row.rental_status, row.billing_status) == ("leased", "active", "billed")
    assert (row.customer_price_micros, row.price_micros, row.hours) == (price, price, 168)
    assert row.day_price_micros == price // 7
    assert desk.money() == (100_000_000 - price, 0, 10_000_000_000 - price, 0)
    assert desk.kinds() == ["rental_charge"]
    assert events(row) == ["rental.created"]
    assert abs(row.ends_at - (now + 7 * DAY)) < minutes(2)
    assert row.guard_until == row.starts_at + minutes(20)
    assert (row.can_cancel, row.can_extend) == (True, True)
    assert desk.due(row) == {"status", "expire", "remind"}


def test_n1_days_without_a_line_of_their_own_cost_the_day_as_often(desk, now):
    row = desk.rent(72, now=now)

    assert row.customer_price_micros == 3 * desk.price(24) == 3 * row.day_price_micros


def test_n1_of_an_own_account_charges_only_the_customer(make_desk, now):
    desk = make_desk(own=True)

    desk.rent(now=now)

    assert desk.money() == (100_000_000 - desk.price(), 0, 10_000_000_000, 0)


@pytest.mark.parametrize(
    ("wish", "refusal"),
    [
        ({"hours": 0}, InvalidDuration),
        ({"hours": 721}, InvalidDuration),
        ({"hours": 5}, NoNumbers),
        ({"service_id": "nobody"}, UnknownService),
        ({"country_id": "zz"}, UnknownCountry),
        ({"operator": "none"}, NoNumbers),
        ({"exclude_prefixes": ("1",)}, NoNumbers),
    ],
)
def test_n1_a_refusal_names_its_reason_and_holds_nothing(desk, wish, refusal):
    with pytest.raises(refusal):
        desk.rent(**{"hours": 168, **wish})

    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert desk.upstream.paid_micros == 0


def test_n1_too_little_money_rents_nothing(make_desk):
    desk = make_desk(balance_micros=1_000_000)

    with pytest.raises(InsufficientBalance):
        desk.rent()

    assert desk.upstream.calls["rent"] == 0


def test_n1_a_customer_rents_at_most_what_he_may(desk):
    desk.customer.max_active = 1
    desk.customer.save()
    desk.rent(4)

    with pytest.raises(TooManyActive):
        desk.rent(4)


def test_m12_a_paused_customer_neither_rents_nor_extends_but_may_end(desk, now):
    row = desk.rent(now=now)
    desk.customer.status = "paused"
    desk.customer.save()

    with pytest.raises(CustomerNotActive):
        desk.rent()
    with pytest.raises(CustomerNotActive):
        desk.extend(row, now=now)

    assert desk.cancel(row, now=now).rental_status == "canceled"


def test_n2_messages_come_newest_first_and_once(desk, now):
    row = desk.rent(now=now)
    for number in range(3):
        desk.sms(row, f"Your code is 10{number}", sender="Shop")
        desk.sweep(now + minutes(number + 1))
    desk.sweep(now + minutes(5))

    assert desk.texts(row) == [f"Your code is 10{number}" for number in (2, 1, 0)]
    assert desk.texts(row, skip=1, limit=1) == ["Your code is 101"]
    assert desk.now_is(row).messages_count == 3
    assert events(row) == ["rental.created"] + ["rental.message_received"] * 3
    assert desk.spent() == desk.price()


def test_n2_a_single_status_call_brings_them_too(desk, now, single):
    row = desk.rent(now=now)
    desk.sms(row, "Your code is 777")

    desk.sweep(now + minutes(1))

    assert desk.texts(row) == ["Your code is 777"]


def test_n2_a_message_after_the_end_is_kept_but_not_shown(desk, now):
    row = desk.rent(now=now)
    desk.finish(row, now=now)
    desk.sms(row, "late", late=True)
    stored = desk.stored(row)
    status = Status(UpstreamState.FINISHED, [Sms("late", "m1")])
    told = Callback(stored.upstream_ref, is_proof=True, status=status, is_rental=True)
    assert work_rental_callback(desk.provider, told, now=now) == "late"

    assert desk.texts(row) == []
    assert desk.texts(row, include_late=True) == ["late"]
    assert desk.now_is(row).messages_count == 0


def test_n3_an_extension_is_charged_and_moves_the_end(desk, now):
    row = desk.rent(now=now)

    paid = desk.extend(row, 72, now=now + DAY)

    assert paid.rental.ends_at == row.ends_at + 3 * DAY
    assert (paid.term.hours, paid.term.customer_price_micros) == (72, 3 * desk.price(24))
    assert (paid.rental.hours, paid.rental.is_extending) == (240, False)
    assert paid.rental.customer_price_micros == desk.price() + 3 * desk.price(24) == desk.spent()
    assert desk.kinds() == ["rental_charge", "rental_charge"]
    assert events(row)[-1] == "rental.extended"
    assert desk.upstream.leases[0].hours == 240


def test_n3_only_a_running_rental_is_extended(desk, now):
    row = desk.rent(now=now)
    desk.finish(row, now=now)

    with pytest.raises(RentalNotActive):
        desk.extend(row, now=now)
    with pytest.raises(RentalUnknown):
        desk.extend(row._replace(rnt_id="rnt_nobody000000"), now=now)


def test_n3_a_time_that_is_not_sold_is_refused(desk, now):
    row = desk.rent(now=now)

    for hours in (0, 5, 721):
        with pytest.raises(InvalidDuration):
            desk.extend(row, hours, now=now)
    assert desk.spent() == desk.price()


def test_n4_within_the_guard_and_without_a_message_everything_comes_back(desk, now):
    row = desk.rent(now=now)
    assert refund_now(row, now=now + minutes(19)).customer_micros == desk.price()

    closed = desk.cancel(row, now=now + minutes(19))

    assert (closed.rental_status, closed.billing_status) == ("canceled", "refunded")
    assert closed.customer_refund_micros == desk.price()
    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert desk.kinds() == ["rental_charge", "rental_refund"]
    assert (events(row)[-1], desk.due(row), desk.upstream.paid_micros) == ("rental.ended", set(), 0)


def test_n4_an_extension_within_the_guard_comes_back_too(desk, now):
    row = desk.rent(now=now)
    desk.extend(row, now=now)

    desk.cancel(row, now=now + minutes(5))

    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)
    assert desk.kinds() == ["rental_charge"] * 2 + ["rental_refund"] * 2


def later(desk, row, days):
    """The sandbox's clock cannot be set, so its lease is made older."""
    lease = desk.upstream.account.leases[int(desk.stored(row).upstream_ref)]
    for name in ("created", "expires"):
        setattr(lease, name, getattr(lease, name) - days * 86_400)


def test_n4_later_whole_unused_days_come_back(desk, now):
    row = desk.rent(now=now)
    at = now + 2 * DAY + minutes(60)
    later(desk, row, 2 + 1 / 24)
    promised = refund_now(row, now=at)

    closed = desk.cancel(row, now=at)

    back = desk.price() * 4 // 7 // CENT * CENT
    assert (closed.customer_refund_micros, closed.refund_days) == (back, 4) == tuple(promised)
    assert desk.spent() == desk.price() - back
    assert not MoneyAtRisk.objects.exists()
    assert desk.upstream.paid_micros == desk.cost() - desk.cost() * 24 * 4 // 168


def test_n4_days_come_back_from_the_newest_term_first(desk, now):
    row = desk.rent(now=now)
    desk.extend(row, 72, now=now)
    at = now + 6 * DAY + minutes(1)
    later(desk, row, 6 + 1 / 1440)

    closed = desk.cancel(row, now=at)

    assert closed.refund_days == 3
    assert closed.customer_refund_micros == 3 * desk.price(24)


def test_n4_a_message_ends_the_guard(desk, now):
    row = desk.rent(now=now)
    desk.sms(row, "Your code is 1234")
    desk.sweep(now + minutes(1))

    with pytest.raises(RentalNotCancelable, match="already received"):
        desk.cancel(desk.now_is(row), only_guarded=True, now=now + minutes(2))
    assert desk.now_is(row).is_open
    closed = desk.cancel(row, now=now + minutes(2))

    assert closed.refund_days == 6


def test_n4_after_the_guard_a_strict_dialect_is_refused(desk, now):
    row = desk.rent(now=now)

    with pytest.raises(RentalNotCancelable):
        desk.cancel(row, only_guarded=True, now=now + minutes(21))

    assert desk.upstream.calls["rental_cancel"] == 0


def test_n4_u16_what_the_provider_keeps_is_the_tenants_risk(make_desk, now):
    desk = make_desk()
    desk.upstream.settings(guard_seconds=-1)
    row = desk.rent(now=now)

    closed = desk.cancel(row, now=now + minutes(1))

    assert closed.customer_refund_micros == desk.price()
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.term_id) == ("kept_fee", row.id)
    assert risk.amount_micros == desk.upstream.paid_micros > 0


def test_n4_without_the_rule_only_days_that_the_provider_pays_come_back(desk, now):
    desk.provider.rental_pays_days_back = False
    desk.provider.save()
    row = desk.rent(now=now)
    assert refund_now(row, now=now + minutes(30)).customer_micros == 0
    desk.upstream.settings(guard_seconds=-1)

    closed = desk.cancel(row, now=now + minutes(30))

    assert closed.refund_days == 6
    assert not MoneyAtRisk.objects.exists()


def test_n5_finishing_early_pays_nothing_back_and_tells_the_provider(desk, now):
    row = desk.rent(now=now)

    closed = desk.finish(row, now=now + minutes(1))

    assert (closed.rental_status, closed.billing_status) == ("finished", "billed")
    assert desk.spent() == desk.price()
    assert desk.upstream.leases[0].state == "finished"
    with pytest.raises(RentalNotActive):
        desk.finish(row, now=now)
    with pytest.raises(RentalNotActive):
        desk.cancel(row, now=now)


@pytest.mark.parametrize("ends_unused", [True, False])
def test_n6_the_guard_ends_unused_rentals_only_where_the_provider_does(make_desk, now, ends_unused):
    desk = make_desk(rental_ends_unused=ends_unused)
    row = desk.rent(now=now)

    desk.sweep(now + minutes(21))

    assert desk.now_is(row).rental_status == ("canceled" if ends_unused else "active")
    assert desk.spent() == (0 if ends_unused else desk.price())


def test_n6_a_message_keeps_it(make_desk, now):
    desk = make_desk(rental_ends_unused=True)
    row = desk.rent(now=now)
    desk.sms(row, "Your code is 1234")

    desk.sweep(now + minutes(21))

    assert desk.now_is(row).is_open
    assert desk.texts(row) == ["Your code is 1234"]


def test_n6_the_provider_gives_it_back(desk, now):
    row = desk.rent(now=now)
    desk.upstream.state(desk.stored(row).upstream_ref, "canceled")

    desk.sweep(now + minutes(1))

    assert desk.now_is(row).rental_status == "canceled"
    assert desk.money() == (100_000_000, 0, 10_000_000_000, 0)


def test_n7_the_clock_ends_it_and_the_last_message_is_fetched_first(desk, now):
    row = desk.rent(4, now=now)
    desk.sms(row, "Your code is 4321")

    desk.sweep(row.ends_at + seconds(1))

    ended = desk.now_is(row)
    assert (ended.rental_status, ended.billing_status, ended.messages_count) == ("expired", "billed", 1)
    assert desk.due(row) == set()


def test_n7_a_provider_that_is_away_delays_the_end_only_by_the_grace(desk, now):
    row = desk.rent(4, now=now)
    desk.upstream.fault("*", "lost", times=-1)

    desk.sweep(row.ends_at + seconds(1))
    assert desk.now_is(row).is_open
    desk.sweep(row.ends_at + seconds(50))

    assert desk.now_is(row).rental_status == "expired"


def test_t1_nobody_else_reads_ends_or_extends_it(desk, now):
    row = desk.rent(now=now)
    stranger = CustomerFactory(balance_micros=100_000_000)
    for other in (stranger, CustomerFactory(tenant=desk.tenant, balance_micros=100_000_000)):
        desk.customer = other
        for act in (desk.extend, desk.cancel, desk.finish):
            with pytest.raises(RentalUnknown):
                act(row, now=now)
        assert desk.now_is(row._replace(tenant_id=other.tenant_id, customer_id=other.pk)) is None

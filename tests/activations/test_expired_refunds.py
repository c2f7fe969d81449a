"""Numbers that expire unused at a provider that does not promise to pay them back (RV-5)."""

from datetime import timedelta

import pytest

from activations.models import Activation, MoneyAtRisk, RefundCheck
from activations.services import closing
from activations.services.checking import check_due, expire_due
from activations.services.expired_refunds import check_expired_refunds
from providers.models import Provider
from tests.activations.conftest import Shop

pytestmark = pytest.mark.django_db(transaction=True)
CENT = 10_000


def seconds(number):
    return timedelta(seconds=number)


@pytest.fixture
def shop(make_supplier):
    return Shop(make_supplier("rentverify"))


def expire(shop, row, *, returned_micros, now):
    """Its time is over: the provider pays this back, and the portal closes it."""
    account, books = shop.upstream.account, shop.upstream.server.sandbox.books
    lease = shop.upstream.lease(shop.row(row.hex_id).upstream_ref)
    shop.upstream.server.do(lambda: books.set_state(account, lease, "expired", refund=returned_micros))
    expire_due(row.expire_at + seconds(1))
    assert shop.row(row.hex_id).activation_status == "expired"


def listed():
    found = MoneyAtRisk.objects.filter(kind="unreturned").order_by("id")
    return list(found.values_list("activation_id", "amount_micros"))


@pytest.mark.parametrize("kept", [0, 10 * CENT, None])
def test_rv_5_what_an_expired_number_did_not_bring_back_is_money_at_risk(shop, kept, now):
    row = shop.order(now=now)
    kept = row.price_micros if kept is None else kept
    check_expired_refunds(now + seconds(10))
    expire(shop, row, returned_micros=row.price_micros - kept, now=now)

    check_expired_refunds(row.expire_at + seconds(120))

    assert listed() == ([(row.id, kept)] if kept else [])
    assert MoneyAtRisk.objects.count() == bool(kept)
    assert shop.money()[1] == 0, "the customer has all of it back"


def test_rv_5_sold_and_cancelled_numbers_and_fees_that_are_known_are_no_difference(shop, now):
    shop.provider.cancel_fee_micros = 10 * CENT
    shop.provider.save()
    shop.upstream.settings(cancel_fee_micros=10 * CENT)
    check_expired_refunds(now)
    sold, cancelled, expired = (shop.order(now=now + seconds(1)) for _ in range(3))
    shop.sms(sold, "Your code is 1234")
    check_due(now + seconds(20))
    closing.cancel(buyer=shop.buyer, hex_id=cancelled.hex_id, now=now + seconds(30))
    expire(shop, expired, returned_micros=expired.price_micros, now=now)

    check_expired_refunds(expired.expire_at + seconds(120))

    assert listed() == []
    assert RefundCheck.objects.get().read_at == expired.expire_at + seconds(120)


def test_rv_5_of_several_the_oldest_stand_for_what_is_missing(shop, now):
    rows = [shop.order(now=now + seconds(second)) for second in (1, 2, 3)]
    check_expired_refunds(now + seconds(10))
    for row, part in zip(rows, (0, rows[1].price_micros, 5 * CENT), strict=True):
        expire(shop, row, returned_micros=row.price_micros - part, now=now)

    check_expired_refunds(rows[2].expire_at + seconds(120))

    first, second = rows[0], rows[1]
    assert listed() == [(first.id, first.price_micros), (second.id, 5 * CENT)]


def test_rv_5_while_something_is_under_way_nothing_is_judged(shop, now):
    """A lost order may or may not have cost something; it is looked at again soon."""
    check_expired_refunds(now)
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now + seconds(1))
    assert row.is_checking

    assert check_expired_refunds(now + seconds(310)) == 0
    assert RefundCheck.objects.get().due_at == now + seconds(370)
    assert RefundCheck.objects.get().read_at == now


def test_rv_5_money_paid_in_is_no_difference_and_a_second_run_changes_nothing(shop, now):
    row = shop.order(now=now)
    check_expired_refunds(now + seconds(10))
    expire(shop, row, returned_micros=0, now=now)
    for second in (120, 450, 800):
        check_expired_refunds(row.expire_at + seconds(second))
    assert listed() == [(row.id, row.price_micros)]

    shop.upstream.settings(balance_micros=shop.upstream.account.balance + 1_000 * CENT)
    check_expired_refunds(row.expire_at + seconds(1_200))
    assert MoneyAtRisk.objects.count() == 1


def test_rv_5_after_half_a_day_without_a_reading_it_begins_anew(shop, now):
    row = shop.order(now=now)
    check_expired_refunds(now + seconds(10))
    expire(shop, row, returned_micros=0, now=now)

    later = now + timedelta(hours=13)
    assert check_expired_refunds(later) == 1
    assert (listed(), RefundCheck.objects.get().read_at) == ([], later)


@pytest.mark.parametrize("known", [{}, {"pays_expired_back": "yes"}])
def test_pg_5_where_no_funds_are_told_every_expired_number_is_listed_until_its_vendor_is_known(
    make_supplier, known, now
):
    shop = Shop(make_supplier("ping"))
    shop.provider.options = {**shop.provider.options, **known}
    shop.provider.save()
    check_expired_refunds(now)
    sold, expired = (shop.order(now=now + seconds(1)) for _ in range(2))
    shop.sms(sold, "Your code is 1234")
    check_due(now + seconds(30))
    expire(shop, expired, returned_micros=0, now=now)

    check_expired_refunds(expired.expire_at + seconds(30))  # its end may not be stored everywhere yet
    early = listed()
    later = expired.expire_at + timedelta(minutes=10)
    check_expired_refunds(later)
    check_expired_refunds(later + timedelta(minutes=10))

    assert early == []
    assert listed() == ([] if known else [(expired.id, expired.price_micros)])
    assert shop.row(sold.hex_id).billing_status == "billed"


def test_providers_that_promise_it_are_not_asked(make_supplier, now):
    shop = Shop(make_supplier("retail"))
    shop.order(now=now)

    assert check_expired_refunds(now) == 0
    assert (shop.upstream.calls["balance"], Activation.objects.count()) == (0, 1)


def test_o7_a_provider_whose_protocol_is_gone_stops_nobody(shop, now):
    check_expired_refunds(now)
    Provider.objects.filter(pk=shop.provider.pk).update(protocol="gone")

    assert check_expired_refunds(now + seconds(310)) == 0
    assert RefundCheck.objects.get().due_at > now + seconds(310)

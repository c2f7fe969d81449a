"""A buyer says that he has sent for his code: noted at once, told to the provider by a sweep."""

import pytest

from activations.models import Check
from activations.services import closing
from activations.services.checking import check_due, tell_ready
from tests.activations.conftest import Shop
from tests.activations.exchanging import seconds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(make_supplier):
    return Shop(make_supplier("handler"))


def mark(shop, row, now):
    return closing.mark_ready(buyer=shop.buyer, hex_id=row.hex_id, now=now)


def test_the_provider_is_told_once_and_not_inside_the_request(shop, now):
    row = shop.order(now=now)
    mark(shop, row, now)
    mark(shop, row, now + seconds(1))
    assert shop.upstream.calls["ready"] == 0

    for later in (1, 2, 60):
        tell_ready(now + seconds(later))

    assert shop.upstream.calls["ready"] == 1
    assert shop.row(row.hex_id).ready_at == now


def test_what_was_lost_is_told_again_while_it_is_fresh(shop, now):
    row = shop.order(now=now)
    mark(shop, row, now)
    shop.upstream.fault("ready", "lost")

    tell_ready(now + seconds(1))
    tell_ready(now + seconds(10))
    assert shop.upstream.calls["ready"] == 1
    tell_ready(now + seconds(40))

    assert shop.upstream.calls["ready"] == 2
    assert Check.objects.get().ready_due_at is None


def test_it_is_given_up_when_nobody_takes_it(shop, now):
    row = shop.order(now=now)
    mark(shop, row, now)
    shop.upstream.fault("ready", "lost", times=-1)

    for later in range(1, 300, 30):
        tell_ready(now + seconds(later))

    assert shop.upstream.calls["ready"] <= 5
    assert Check.objects.get().ready_due_at is None


def test_a_number_that_has_its_code_needs_no_hint(shop, now):
    row = shop.order(now=now)
    mark(shop, row, now)
    shop.sms(row, "Your code is 123456")
    check_due(now + seconds(10))

    tell_ready(now + seconds(11))

    assert shop.upstream.calls["ready"] == 0


def test_providers_that_do_not_want_to_know_are_not_asked(make_supplier, now):
    shop = Shop(make_supplier())
    row = shop.order(now=now)
    mark(shop, row, now)
    shop.upstream.calls.clear()

    tell_ready(now + seconds(1))

    assert not shop.upstream.calls
    assert Check.objects.get().ready_due_at is None

"""The way of one order, against the sandbox over HTTP."""

from datetime import timedelta

import pytest

from activations.models import Activation, Attempt, Check
from activations.services.checking import check_due

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_holds_the_price_and_shows_the_number(shop):
    row = shop.order()

    assert (row.lease_state, row.activation_status, row.sms_status) == ("leased", "active", "smsRequested")
    assert row.phone == shop.upstream.leases[0].phone
    assert row.formatted.startswith("+")
    assert shop.money() == (100_000_000, row.customer_price_micros, 10_000_000_000, row.price_micros)
    assert Attempt.objects.get().outcome == "leased"
    assert Check.objects.get().kind == "status"


def test_a_code_is_found_and_both_wallets_are_billed(shop, now):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 482-913", sender="Telegram")

    check_due(now + timedelta(seconds=10))

    changed = shop.row(row.hex_id)
    assert (changed.sms_code, changed.sms_text) == ("482913", "Your code is 482-913")
    assert (changed.sms_status, changed.billing_status) == ("smsReceived", "billed")
    assert shop.money() == (100_000_000 - row.customer_price_micros, 0, 10_000_000_000 - row.price_micros, 0)
    assert not Check.objects.exists()
    assert Activation.objects.count() == 1

"""The way of one order, against the sandbox over HTTP."""

from datetime import timedelta

import pytest

from activations.models import Activation, Attempt, Check
from activations.services.checking import check_due
from billing.services import set_low_balance
from webhooks.models import Event

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


def test_an_order_that_takes_the_balance_below_its_limit_tells_once(shop):
    """What is available falls with the hold, and again only after it was above."""
    limit, lows = 100_000_000 - shop.price(), Event.objects.filter(type="wallet.low_balance")
    assert set_low_balance(tenant=shop.tenant, customer=shop.customer, micros=limit)

    shop.order()
    assert not lows.exists()  # exactly the limit is not below it
    shop.order()
    shop.order()

    assert list(lows.values_list("tenant", "customer")) == [(shop.tenant.pk, shop.customer.pk)]

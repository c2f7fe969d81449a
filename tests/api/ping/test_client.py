"""Our own client of the protocol (providers.adapters.ping) buys from our own server of it, over real HTTP."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Activation
from providers.contract import (
    Account,
    BadCredentials,
    OutOfFunds,
    OutOfStock,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)
from providers.http import send
from providers.registry import ADAPTERS

pytestmark = pytest.mark.django_db(transaction=True)
WANTED = {"service": "", "country": "", "operator": "any", "ceiling_micros": 10**9, "our_ref": "r"}


@pytest.fixture
def client_of(live_server):
    def client_of(pinger):
        account = Account(base_url=live_server.url, secret=pinger.key, timeout_seconds=60)
        return ADAPTERS["ping"](account)

    return client_of


@pytest.fixture
def buying(client_of, pinger, shop):
    return client_of(pinger)


def listed(adapter, kind):
    """The offers of that kind, by their terms."""
    [prices] = adapter.prices()
    return {one.duration_hours: one for one in send(prices) if one.kind == kind}


def order(adapter, **facts):
    return send(adapter.order(**WANTED, offer_ref=listed(adapter, "activation")[None].upstream_ref, **facts))


def test_a_number_is_bought_and_its_code_read(buying, pinger, shop, arrive):
    lease = order(buying)

    assert lease.cost_micros == listed(buying, "activation")[None].cost_micros
    assert send(buying.status(upstream_ref=lease.upstream_ref)).state is UpstreamState.WAITING
    arrive({"public_id": lease.upstream_ref}, "Your code is 482913")
    status = send(buying.status(upstream_ref=lease.upstream_ref))
    assert (status.state, [sms.code for sms in status.messages]) == (UpstreamState.RECEIVED, ["482913"])
    with pytest.raises(WrongState):
        send(buying.cancel(upstream_ref=lease.upstream_ref))


def test_a_number_is_given_back(buying, pinger):
    lease = order(buying)
    Activation.objects.update(cancelable_after=timezone.now() + timedelta(minutes=5))
    with pytest.raises(TooEarly):
        send(buying.cancel(upstream_ref=lease.upstream_ref))
    Activation.objects.update(cancelable_after=timezone.now())

    assert send(buying.cancel(upstream_ref=lease.upstream_ref)) == lease.cost_micros

    assert send(buying.status(upstream_ref=lease.upstream_ref)).state is UpstreamState.CANCELED
    assert pinger.money() == (100_000_000, 0)


def test_a_rental_lives_and_ends(buying, pinger, shop, arrive):
    day = listed(buying, "rental")[24]
    wish = {**WANTED, "offer_ref": day.upstream_ref}
    lease = send(buying.rent(**wish, hours=72))
    assert lease.cost_micros == 3 * day.cost_micros
    extension = send(
        buying.extend_rental(
            upstream_ref=lease.upstream_ref, hours=24, ceiling_micros=day.cost_micros, our_ref="e"
        )
    )
    assert (extension.cost_micros, extension.ends_at) == (
        day.cost_micros,
        lease.expire_at + timedelta(days=1),
    )
    assert send(buying.cancel_rental(upstream_ref=lease.upstream_ref)) == 4 * day.cost_micros
    assert pinger.money() == (100_000_000, 0)

    kept = send(buying.rent(**wish, hours=24))
    arrive({"public_id": kept.upstream_ref}, "Your code is 482913", sender="Bank")
    status = send(buying.rental_status(upstream_ref=kept.upstream_ref))
    assert [(sms.text, sms.sender) for sms in status.messages] == [("Your code is 482913", "Bank")]


def test_refusals_are_understood(buying, client_of, pinger, poor, shop):
    with pytest.raises(OutOfFunds):
        order(client_of(poor))
    shop.upstream.fault("order", "out_of_stock")
    with pytest.raises(OutOfStock):
        order(buying)
    with pytest.raises(UnknownToUpstream):
        send(buying.order(**WANTED, offer_ref="svc_aaaaaaaaaaaa"))
    with pytest.raises(UnknownToUpstream):
        order(buying, capability="voice")
    with pytest.raises(UnknownToUpstream):
        send(buying.status(upstream_ref="ord_000000000000"))
    buying.account = replace(buying.account, secret="pk_live_wrong")
    with pytest.raises(BadCredentials):
        send(buying.status(upstream_ref="ord_000000000000"))

import pytest

from providers.contract import (
    BadCredentials,
    Banned,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    PriceTooLow,
    Throttled,
    TooEarly,
    UnknownToUpstream,
    UpstreamState,
    WrongState,
)
from providers.http import send


def order(upstream, **facts):
    wish = {
        "service": "telegram",
        "country": "us",
        "operator": "any",
        "offer_ref": "",
        "ceiling_micros": 5_000_000,
        "our_ref": "ref-1",
    }
    return upstream.adapter().order(**{**wish, **facts})


def test_an_order_gives_a_lease_and_is_booked_once(upstream):
    lease = send(order(upstream))

    [booked] = upstream.leases
    assert (lease.upstream_ref, lease.phone, lease.cost_micros) == (str(booked.id), booked.phone, booked.cost)
    assert (booked.ref, upstream.paid_micros, upstream.calls["order"]) == ("ref-1", booked.cost, 1)


def test_a_message_shows_in_status_and_list(upstream):
    lease = send(order(upstream))
    assert send(upstream.adapter().status(upstream_ref=lease.upstream_ref)).state is UpstreamState.WAITING

    upstream.sms(lease.phone, "Your code is 1234", sender="Telegram")

    status = send(upstream.adapter().status(upstream_ref=lease.upstream_ref))
    [listed] = send(upstream.adapter().list_active())
    assert (status.state, [sms.text for sms in status.messages]) == (
        UpstreamState.RECEIVED,
        ["Your code is 1234"],
    )
    assert (listed.upstream_ref, listed.our_ref, listed.messages) == (
        lease.upstream_ref,
        "ref-1",
        status.messages,
    )


def test_cancel_gives_the_money_back_and_closes(upstream):
    lease = send(order(upstream))

    send(upstream.adapter().cancel(upstream_ref=lease.upstream_ref))

    assert upstream.paid_micros == 0
    assert send(upstream.adapter().list_active()) == []
    assert send(upstream.adapter().status(upstream_ref=lease.upstream_ref)).state is UpstreamState.CANCELED


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("out_of_stock", OutOfStock),
        ("price_too_low", PriceTooLow),
        ("no_balance", OutOfFunds),
        ("bad_key", BadCredentials),
        ("banned", Banned),
        ("throttled", Throttled),
        ("too_early", TooEarly),
        ("wrong_state", WrongState),
        ("unknown_order", UnknownToUpstream),
    ],
)
def test_u6_known_refusals_have_their_own_kind(upstream, kind, error):
    upstream.fault("order", kind)

    with pytest.raises(error):
        send(order(upstream))
    assert upstream.leases == []


@pytest.mark.parametrize("kind", ["html", "cut", "garbage", "redirect", "huge", "lost", "refuse"])
def test_u5_answers_that_are_none_are_outcome_unknown(upstream, kind):
    upstream.fault("order", kind, after=True)

    with pytest.raises(OutcomeUnknown):
        send(order(upstream))
    assert len(upstream.leases) == 1

"""What is peculiar to the ping adapter: whole days, pages, options."""

import json

import pytest

from providers.adapters.ping import Ping
from providers.contract import Account, BadOptions, OutcomeUnknown, Reply, UnknownToUpstream
from providers.http import send, send_all
from providers.registry import check_options
from tests.suppliers.ping import products


def adapter(base_url="https://up.example", **options):
    return Ping(Account(base_url=base_url, secret="key", options=options))


@pytest.mark.parametrize(
    "base_url", ["https://up.example", "https://up.example/v1", "https://up.example/v1/nonvoip/"]
)
def test_the_address_may_be_typed_as_vendors_print_it(base_url):
    assert (
        adapter(base_url).status(upstream_ref="ord_1").url
        == "https://up.example/v1/nonvoip/orders/ord_1/poll"
    )


@pytest.mark.parametrize("hours", [0, 1, 23, 25, 31 * 24, -24])
def test_only_whole_days_are_rented_and_nothing_else_is_sent(hours):
    wish = {"service": "s", "country": "US", "operator": "any", "offer_ref": "svc_1", "our_ref": "o"}
    with pytest.raises(UnknownToUpstream):
        adapter().rent(hours=hours, ceiling_micros=1_000_000, **wish)
    with pytest.raises(UnknownToUpstream):
        adapter().extend_rental(upstream_ref="rnt_1", hours=hours, ceiling_micros=1_000_000, our_ref="o")


@pytest.mark.parametrize("ref", ["../rentals/rnt_1", "a/b", "", "x" * 81, "a?b=1"])
def test_a_reference_that_is_none_reaches_no_address(ref):
    for call in (adapter().status, adapter().cancel, adapter().rental_status, adapter().cancel_rental):
        with pytest.raises(UnknownToUpstream):
            call(upstream_ref=ref)


def test_o7_an_order_with_an_id_that_cannot_be_asked_about_is_an_unknown_outcome():
    facts = {"public_id": "a/b", "phone_number": "+12125550001", "cost": 0.5, "currency": "USD"}
    content = {"result": "success", "verification": facts, "rental": facts}
    wish = {"service": "s", "country": "US", "operator": "any", "offer_ref": "svc_1", "our_ref": "o"}
    for call in (
        adapter().order(ceiling_micros=1_000_000, **wish),
        adapter().rent(ceiling_micros=1_000_000, hours=24, **wish),
    ):
        with pytest.raises(OutcomeUnknown):
            call.read(Reply(201, json.dumps(content)))
        facts["public_id"] = "ord_1"
        assert call.read(Reply(201, json.dumps(content))).upstream_ref == "ord_1"
        facts["public_id"] = "a/b"


@pytest.mark.parametrize("days", ["7", [0], [31], [7.0], [True], {"a": 1}])
def test_a_wrong_option_is_refused_by_its_name(days):
    with pytest.raises(BadOptions, match=r"^rental_days: "):
        check_options("ping", {"rental_days": days})
    check_options("ping", {"rental_days": [7, 30]})


def test_all_pages_of_the_services_are_read(make_supplier):
    supplier = make_supplier("ping")
    [call] = supplier.adapter(options={"rental_days": [7]}).prices()

    offers = send_all(call)
    assert supplier.calls["prices"] == -(-len(products()) // 100) > 2
    assert sorted(offer.upstream_ref for offer in offers) == sorted(products())


def test_a_week_costs_seven_days(make_supplier):
    supplier = make_supplier("ping")
    [call] = supplier.adapter().prices()
    wish = supplier.rental_wish()
    offers = {one.duration_hours: one for one in send_all(call) if one.upstream_ref == wish["offer_ref"]}

    assert sorted(offers) == [24, 72, 168, 336, 720]
    assert offers[168].cost_micros == offers[24].cost_micros * 7
    ceiling = offers[168].cost_micros
    lease = send(supplier.adapter().rent(hours=168, ceiling_micros=ceiling, our_ref="o", **wish))
    assert lease.cost_micros == ceiling


def test_a_code_by_call_is_asked_for_where_it_is_wanted(make_supplier):
    supplier = make_supplier("ping")
    wish = {"ceiling_micros": supplier.price_micros(), "our_ref": "o", **supplier.wish()}
    lease = send(supplier.adapter().order(capability="voice", **wish))
    supplier.sms(lease.upstream_ref, "4 8 2 1", code="4821", kind="voice")

    [sms] = send(supplier.adapter().status(upstream_ref=lease.upstream_ref)).messages
    assert sms.code == "4821"

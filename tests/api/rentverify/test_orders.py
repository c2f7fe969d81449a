"""Numbers through rentverify: ordered, followed, given back (docs/protocols/rentverify.md 3 to 5)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Activation
from activations.services.checking import expire_due
from api.models import DialectSettings
from api.rentverify.price_ids import Priced, price_ids
from billing.models import Entry, Wallet
from providers.models import Offer, Provider
from tests.api.rentverify.conftest import Verifier, row_of
from tests.factories import CustomerFactory, OfferFactory
from tests.upstream import other_upstream  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)

RICH, FEE = 100_000_000, 100_000


def fees():
    lines = Entry.objects.filter(transaction__kind="cancel_fee").order_by("id")
    return list(lines.values_list("account", "amount_micros"))


@pytest.mark.parametrize("base", ["/api/v1", "/rentverify/api/v1"])
def test_a_number_is_ordered_its_code_is_read_and_it_ends_by_itself(verifier, shop, arrive, base):
    verifier.base = base
    assert verifier.ask("getBalance") == (200, "ACCESS_BALANCE:100.00")
    number, phone = verifier.order()
    order = row_of(number)
    assert phone == f"+{order.phone}"
    assert (order.channel, order.customer_id) == ("rentverify", verifier.customer.pk)
    price = order.customer_price_micros
    assert verifier.ask("getBalance") == (200, f"ACCESS_BALANCE:{(RICH - price) / 1_000_000:.2f}")
    assert verifier.status(number) == (200, "STATUS_WAIT_CODE")
    status, listed = verifier.ask("getActiveActivations")
    assert (status, listed) == (200, [{
        "id": order.num_id, "number": phone, "service": "tg", "country": "usa", "status": "active",
        "cost": price / 1_000_000, "expires_at": f"{order.expire_at:%Y-%m-%dT%H:%M:%S}",
        "created_at": f"{order.created_at:%Y-%m-%dT%H:%M:%S}",
    }])  # fmt: skip

    arrive(order, "Telegram code 12345")

    assert verifier.status(number) == (200, "STATUS_OK:12345")
    assert verifier.cancel(number) == (400, "BAD_ACTION"), "RV-4: it has its code"
    expire_due(order.expire_at + timedelta(seconds=1))
    order.refresh_from_db()
    assert (order.activation_status, order.billing_status) == ("finalized", "billed")
    assert verifier.status(number) == (200, "STATUS_OK:12345")
    assert verifier.ask("getActiveActivations") == (200, [])
    assert verifier.money() == (RICH - price, 0)


def test_a_late_sms_is_nobodys_to_see(verifier, shop, arrive):
    number, _ = verifier.order()
    order = row_of(number)
    arrive(order, "code 11111")
    expire_due(order.expire_at + timedelta(seconds=1))
    arrive(order, "code 22222")
    assert verifier.status(number) == (200, "STATUS_OK:11111")


def test_a_cancel_costs_the_fee_and_the_rest_comes_back_to_both(verifier, shop):
    till = Wallet.objects.get(tenant=verifier.customer.tenant, customer=None)
    number, _ = verifier.order()

    assert verifier.cancel(number) == (200, "ACCESS_CANCEL")
    assert verifier.cancel(number) == (200, "ACCESS_CANCEL"), "a repeat changes nothing"

    assert verifier.status(number) == (200, "STATUS_CANCEL")
    assert verifier.money() == (RICH - FEE, 0)
    assert fees() == [("customer", -FEE), ("tenant_revenue", FEE)]
    before = till.balance_micros
    till.refresh_from_db()
    assert (till.balance_micros, till.held_micros) == (before, 0)
    assert shop.upstream.calls["cancel"] == 1


@pytest.mark.parametrize(("fee", "kept"), [(0, 0), (30_000, 30_000), (9_000_000, None)])
def test_the_fee_is_the_resellers_to_set_and_at_most_the_price(verifier, shop, fee, kept):
    DialectSettings.objects.create(tenant=verifier.customer.tenant, rentverify_cancel_fee_micros=fee)
    number, _ = verifier.order()
    verifier.cancel(number)
    price = row_of(number).customer_price_micros
    assert verifier.money() == (RICH - (price if kept is None else kept), 0)


def test_a_fee_that_changes_later_is_not_that_of_open_numbers(verifier, shop):
    number, _ = verifier.order()
    DialectSettings.objects.create(tenant=verifier.customer.tenant, rentverify_cancel_fee_micros=0)
    verifier.cancel(number)
    assert verifier.money() == (RICH - FEE, 0)


def test_f8_the_fee_is_that_of_the_channel_which_sold_the_number(verifier, shop):
    number, _ = verifier.order()
    handler = {"api_key": verifier.key, "action": "setStatus", "id": number, "status": "8"}
    assert verifier.client.get("/stubs/handler_api.php", handler).content == b"ACCESS_CANCEL"
    assert verifier.money() == (RICH - FEE, 0)
    bought = verifier.client.get(
        "/stubs/handler_api.php",
        {"api_key": verifier.key, "action": "getNumber", "service": "tgram", "country": "187"},
    )
    assert verifier.cancel(bought.content.decode().split(":")[1]) == (200, "ACCESS_CANCEL")
    assert verifier.money() == (RICH - FEE, 0), "nothing more: handler has no fee"


def test_expiry_gives_everything_back(verifier, shop):
    number, _ = verifier.order()
    expire_due(row_of(number).expire_at + timedelta(seconds=1))
    assert verifier.status(number) == (200, "STATUS_CANCEL")
    assert verifier.cancel(number) == (400, "BAD_ACTION"), "F12: it ended otherwise"
    assert (verifier.money(), fees()) == ((RICH, 0), [])


def test_a_number_lives_fifteen_minutes_where_the_provider_names_no_end(verifier, shop):
    """tests/activations/test_terms.py holds what becomes of it."""
    number, _ = verifier.order()
    assert row_of(number).routing["life_seconds"] == 900


def test_e13_a_cancel_before_the_providers_lock_ends(verifier, shop):
    shop.upstream.settings(cancel_lock_seconds=120)
    number, _ = verifier.order()
    assert verifier.cancel(number) == (400, "BAD_ACTION")
    assert verifier.status(number) == (200, "STATUS_WAIT_CODE")
    type(verifier.customer.tenant).objects.update(deferred_cancel=True)
    assert verifier.cancel(number) == (200, "ACCESS_CANCEL")
    assert (verifier.status(number), verifier.money()) == ((200, "STATUS_CANCEL"), (RICH - FEE, 0))
    assert shop.upstream.calls["cancel"] == 0


def test_u10_a_cancel_whose_outcome_is_unknown_is_asked_for_again(verifier, shop):
    number, _ = verifier.order()
    shop.upstream.fault("cancel", "lost", after=True)
    assert verifier.cancel(number) == (503, "NO_NUMBERS")


def test_no_money_no_numbers_and_too_many(verifier, shop):
    poor = Verifier(CustomerFactory(tenant=verifier.customer.tenant, balance_micros=10_000))
    wish = {"service": "tg", "country": "usa"}
    assert poor.ask("getNumber", **wish) == (402, "NO_BALANCE")
    shop.upstream.fault("order", "out_of_stock")
    assert verifier.ask("getNumber", **wish) == (404, "NO_NUMBERS")
    type(verifier.customer).objects.filter(pk=verifier.customer.pk).update(max_active=0)
    assert verifier.ask("getNumber", **wish) == (503, "NO_NUMBERS")
    Offer.objects.update(count=0)
    type(verifier.customer).objects.update(max_active=20)
    assert verifier.ask("getNumber", **wish) == (404, "NO_NUMBERS")
    Provider.objects.update(base_url="http://127.0.0.1:9")
    Offer.objects.update(count=5)
    assert verifier.ask("getNumber", **wish) == (503, "NO_NUMBERS")
    assert verifier.money() == (RICH, 0)


def test_codes_of_handler_and_canonical_ids_are_understood(verifier, shop):
    for service, country in (("tgram", "187"), ("telegram", "us"), ("tg", "us")):
        assert verifier.ask("getNumber", service=service, country=country)[0] == 200
    assert verifier.ask("getNumber", service="nothing", country="usa") == (400, "BAD_ACTION")
    assert verifier.ask("getNumber", service="tg", country="nowhere") == (400, "BAD_ACTION")
    assert verifier.ask("getNumber", service="tg") == (400, "BAD_ACTION")


# --- price_id ---


def test_a_price_id_buys_from_its_provider_at_its_price(verifier, shop):
    listed = verifier.price()
    number, _ = verifier.order(price_id=listed["price_id"])
    order = row_of(number)
    assert order.customer_price_micros == listed["price"] * 1_000_000
    assert order.provider_id == shop.provider.pk


def test_a_price_that_fell_is_sold_at_the_lower_one_and_one_that_rose_is_refused(verifier, shop):
    listed = verifier.price()
    cost = shop.offer.cost_micros
    Offer.objects.filter(pk=shop.offer.pk).update(cost_micros=cost + 10_000)
    refused = verifier.ask("getNumber", service="tg", country="usa", price_id=listed["price_id"])
    assert (refused, verifier.money()) == ((404, "NO_NUMBERS"), (RICH, 0))
    Offer.objects.filter(pk=shop.offer.pk).update(cost_micros=cost)
    dearer = price_ids(tenant_id=verifier.customer.tenant_id, now=timezone.now())(
        Priced(shop.provider.public_no, "us", "telegram", 5_000_000)
    )
    number, _ = verifier.order(price_id=dearer)
    assert row_of(number).customer_price_micros == listed["price"] * 1_000_000


def test_an_id_of_another_service_country_or_tenant_is_refused(verifier, foreigner, shop):
    wish, tenant = {"service": "tg", "country": "usa"}, verifier.customer.tenant_id
    make = price_ids(tenant_id=tenant, now=timezone.now())
    other_service = make(Priced(1, "us", "whatsapp", 500_000))
    other_country = make(Priced(1, "in", "telegram", 500_000))
    foreign = foreigner.price()["price_id"]
    mine = verifier.price()["price_id"]
    for wrong in (other_service, other_country, foreign, mine[:-1], f"{mine}A", "MTo", "x" * 300, "é" * 40):
        assert verifier.ask("getNumber", price_id=wrong, **wish) == (400, "BAD_ACTION"), wrong
    assert verifier.money() == (RICH, 0)


def test_a_price_id_is_good_for_ten_minutes_at_least_and_twenty_at_most(verifier, shop, db):
    from api.rentverify.price_ids import read_price_id  # noqa: PLC0415
    from portal.errors import PriceTokenInvalid  # noqa: PLC0415

    now, tenant = timezone.now(), verifier.customer.tenant_id
    priced = Priced(7, "us", "telegram", 500_000)
    given = price_ids(tenant_id=tenant, now=now)(priced)
    assert read_price_id(given, tenant_id=tenant, now=now + timedelta(minutes=10)) == priced
    with pytest.raises(PriceTokenInvalid):
        read_price_id(given, tenant_id=tenant, now=now + timedelta(minutes=20))


def test_without_a_price_id_dearer_offers_are_taken_up_to_twenty_percent(verifier, shop, other_upstream):  # noqa: F811
    """The cheapest provider has none left; the next one costs 21 %, then 20 % more."""
    cost = 1_000_000
    Offer.objects.filter(pk=shop.offer.pk).update(cost_micros=cost)
    facts = {
        "service": shop.offer.service,
        "country": shop.offer.country,
        "upstream_ref": shop.offer.upstream_ref,
    }
    dearer = OfferFactory(provider=other_upstream.provider(), cost_micros=cost * 121 // 100, **facts)
    shop.upstream.fault("order", "out_of_stock", times=2)
    assert verifier.ask("getNumber", service="tg", country="usa") == (404, "NO_NUMBERS")
    assert other_upstream.calls["order"] == 0
    Offer.objects.filter(pk=dearer.pk).update(cost_micros=cost * 12 // 10)
    number, _ = verifier.order()
    assert row_of(number).provider_id == dearer.provider_id
    assert row_of(number).customer_price_micros == 1_200_000


# --- whose ---


def test_t1_another_tenants_and_another_customers_numbers_are_unknown(verifier, foreigner, shop):
    number, _ = verifier.order()
    neighbour = Verifier(CustomerFactory(tenant=verifier.customer.tenant, balance_micros=0))
    for other in (foreigner, neighbour):
        assert other.status(number) == other.status("999999999") == (400, "BAD_ACTION")
        assert other.cancel(number) == (400, "BAD_ACTION")
        assert other.ask("getActiveActivations") == (200, [])
    assert row_of(number).activation_status == "active"


def test_u14_a_message_without_a_code_is_shown_whole_on_one_line(verifier, shop, arrive):
    number, _ = verifier.order()
    arrive(row_of(number), "Call us:\nwe are awake")
    assert verifier.status(number) == (200, "STATUS_OK:Call us we are awake")


def test_an_order_that_is_still_being_found_out_says_later_and_is_not_listed(verifier, shop):
    shop.upstream.fault("order", "lost", after=True)
    assert verifier.ask("getNumber", service="tg", country="usa") == (503, "NO_NUMBERS")
    assert Activation.objects.get().lease_state == "ordering"
    assert verifier.ask("getActiveActivations") == (200, [])

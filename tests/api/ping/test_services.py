"""Services of the ping protocol: pages, filters, ids (docs/protocols/ping.md 2, 3, S1 and S2)."""

import base64
import hashlib

import pytest
from django.core.cache import cache

from accounts.models import Tenant
from providers import product_list
from providers.models import Listing, ProviderHealth
from tests.api.ping.conftest import Pinger, refusal
from tests.factories import (
    CountryFactory,
    CustomerFactory,
    OfferFactory,
    PriceRuleFactory,
    ProviderFactory,
    ServiceFactory,
    TenantFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def stock(db):
    """Two services in two countries, one of them also by the day."""
    provider = ProviderFactory()
    us, uk = CountryFactory(id="us", iso2="us", name="USA"), CountryFactory(id="uk", iso2="GB", name="UK")
    telegram = ServiceFactory(id="telegram", name="Telegram")
    whatsapp = ServiceFactory(id="whatsapp", name="WhatsApp")
    OfferFactory(
        provider=provider, service=telegram, country=us, cost_micros=123_456, success_rate=0.9,
        estimated_wait_seconds=20,
    )  # fmt: skip
    OfferFactory(provider=provider, service=telegram, country=uk, cost_micros=500_000, capabilities=["voice"])
    OfferFactory(provider=provider, service=whatsapp, country=us, count=0, cost_micros=700_000)
    for hours, cost in ((24, 450_000), (168, 2_000_000)):
        OfferFactory(
            provider=provider, service=telegram, country=uk, kind="rental", duration_hours=hours,
            cost_micros=cost, capabilities=[],
        )  # fmt: skip
    return provider


def names(answer):
    return [(one["name"], one["country_code"], one["type"]) for one in answer[1]["services"]]


def test_every_product_is_listed_by_name_and_country(pinger, stock):
    status, answer = pinger.get("services")

    assert (status, answer["total"], answer["skip"], answer["limit"]) == (200, 4, 0, 50)
    assert names((status, answer)) == [
        ("Telegram", "GB", "verification"), ("Telegram", "GB", "rental"), ("Telegram", "US", "verification"),
        ("WhatsApp", "US", "verification"),
    ]  # fmt: skip
    assert [(one["cost"], one["capabilities"], one["available"]) for one in answer["services"]] == [
        (0.5, ["voice"], True), (0.45, ["sms"], True), (0.13, ["sms"], True), (0.7, ["sms"], False),
    ]  # fmt: skip
    assert b'"cost":0.50,"currency":"USD"' in pinger.last.content, "two decimals"
    assert all("success_rate" not in one for one in answer["services"])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("service_type=rental", [("Telegram", "GB", "rental")]),
        ("service_type=verification&country_code=GB", [("Telegram", "GB", "verification")]),
        ("country_code=us&search=what", [("WhatsApp", "US", "verification")]),
        ("search=TELE&country_code=US", [("Telegram", "US", "verification")]),
        ("search=%25", []),
        ("search=", 4),
        ("country_code=ZZ", []),
        ("country_code=UK", []),
        ("limit=1&skip=3", [("WhatsApp", "US", "verification")]),
        ("unknown=1&country_code=GB&service_type=rental", [("Telegram", "GB", "rental")]),
    ],
)
def test_filters(pinger, stock, query, found):
    answer = pinger.get(f"services?{query}")

    assert len(names(answer)) == found if isinstance(found, int) else names(answer) == found


def test_pages_put_together_are_the_whole(pinger, stock):
    whole = pinger.get("services")[1]["services"]

    pages = [pinger.get(f"services?skip={skip}&limit=1")[1] for skip in range(5)]

    assert [one["services"] for one in pages] == [*([each] for each in whole), []]
    assert [one["total"] for one in pages] == [4] * 5
    assert pinger.get("services?skip=3&limit=1&search=nobody")[1]["total"] == 0


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=101", "limit=x", "skip=-1", "skip=9" + "9" * 18, "service_type=sms",
     "country_code=USA", "search=%00", "search=%ff", "limit=1&limit=2", f"search={'x' * 81}"],
)  # fmt: skip
def test_b3_queries_that_make_no_sense_are_refused(pinger, stock, query):
    answer = pinger.get(f"services?{query}")

    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert answer[1]["error_info"]


def test_one_service_tells_how_well_it_works(pinger, stock):
    listed = pinger.get("services?country_code=US&search=tele")[1]["services"][0]

    status, answer = pinger.get(f"services/{listed['public_id']}")

    assert status == 200
    assert answer["service"] == {**listed, "estimated_wait_seconds": 20, "success_rate": 0.9}


def test_an_id_is_made_of_what_the_product_is(pinger, stock):
    listed = pinger.get("services?service_type=rental")[1]["services"][0]

    text = f"{pinger.customer.tenant_id}|telegram|uk|rental"
    made = base64.b32encode(hashlib.sha256(text.encode()).digest()).decode().lower()[:12]
    assert listed["public_id"] == f"svc_{made}"


def test_an_id_is_looked_up_once(pinger, stock, django_assert_num_queries):
    listed = pinger.product("rental")
    pinger.get(f"services/{listed['public_id']}")

    with django_assert_num_queries(2):  # the key, the service
        pinger.get(f"services/{listed['public_id']}")


def test_t1_ids_of_others_are_unknown(pinger, foreigner, stock):
    theirs = foreigner.product("rental")["public_id"]

    assert theirs != pinger.product("rental")["public_id"]
    assert refusal(pinger.get(f"services/{theirs}")) == (404, "SERVICE_NOT_FOUND")
    assert refusal(pinger.post("orders/create", {"serviceId": theirs})) == (404, "SERVICE_NOT_FOUND")
    assert refusal(pinger.post("rentals/create", {"serviceId": theirs, "days": 1})) == (
        404,
        "SERVICE_NOT_FOUND",
    )


@pytest.mark.parametrize("given", ["svc_abcdefghijkl", "svc_abc189defghi", "x", "svc_", "ord_abcdefghijkl"])
def test_what_is_no_service_is_unknown(pinger, stock, given):
    assert refusal(pinger.get(f"services/{given}")) == (404, "SERVICE_NOT_FOUND")


def test_test_keys_know_the_same_ids(stock):
    tenant = TenantFactory(twin=True)
    twin = Tenant.objects.get(live_tenant=tenant)
    stock.serves_test = True
    stock.save()
    live, test = Pinger(CustomerFactory(tenant=tenant)), Pinger(CustomerFactory(tenant=twin))

    assert live.product("rental")["public_id"] == test.product("rental")["public_id"]


def test_the_accounts_of_another_reseller_sell_nothing_here(pinger, foreigner, stock):
    own = ProviderFactory(tenant=foreigner.customer.tenant)
    OfferFactory(provider=own, service=ServiceFactory(id="netflix", name="Netflix"), cost_micros=10_000)

    assert pinger.get("services?search=netflix")[1]["total"] == 0
    theirs = foreigner.product(search="netflix")["public_id"]
    product_list._known.clear()
    assert refusal(pinger.get(f"services/{theirs}")) == (404, "SERVICE_NOT_FOUND")


def test_what_is_gone_stays_listed_as_not_available(pinger, stock):
    before = pinger.product("rental")
    ProviderHealth.objects.filter(provider=stock).update(state="paused")

    cache.clear()  # the list is remembered for 20 s
    assert pinger.product("rental") == {**before, "available": False}


def test_a_service_that_may_not_be_ordered_is_not_there(pinger, stock):
    known = pinger.product("rental")["public_id"]
    ServiceFactory._meta.model.objects.filter(pk="telegram").update(prohibited=True)

    assert pinger.get("services?search=telegram")[1]["total"] == 0
    assert refusal(pinger.get(f"services/{known}")) == (404, "SERVICE_NOT_FOUND")
    assert refusal(pinger.post("rentals/create", {"serviceId": known, "days": 1})) == (
        404,
        "SERVICE_NOT_FOUND",
    )


def test_what_the_reseller_switched_off_is_not_there(pinger, foreigner, stock):
    known = pinger.product("rental")["public_id"]
    Listing.objects.create(tenant=pinger.customer.tenant, country=CountryFactory(id="uk"), is_off=True)
    Listing.objects.create(tenant=pinger.customer.tenant, service=ServiceFactory(id="whatsapp"), name="Wazap")

    assert names(pinger.get("services")) == [
        ("Telegram", "US", "verification"), ("Wazap", "US", "verification"),
    ]  # fmt: skip
    assert foreigner.get("services")[1]["total"] == 4
    assert refusal(pinger.get(f"services/{known}")) == (404, "SERVICE_NOT_FOUND")
    assert refusal(pinger.post("rentals/create", {"serviceId": known, "days": 1})) == (
        404,
        "SERVICE_NOT_FOUND",
    )


def test_prices_follow_the_resellers_rules(pinger, stock):
    PriceRuleFactory(
        tenant=pinger.customer.tenant, fixed_micros=1_000_000, service_id="telegram", country_id="us"
    )

    _, answer = pinger.get("services?search=telegram&service_type=verification")

    assert {one["country_code"]: one["cost"] for one in answer["services"]} == {"US": 1.13, "GB": 0.5}


def test_an_sms_sets_the_price_where_calls_are_cheaper(pinger, stock):
    OfferFactory(
        provider=stock, service=ServiceFactory(id="telegram"), country=CountryFactory(id="us"),
        cost_micros=50_000, capabilities=["voice"], operator="other",
    )  # fmt: skip

    product = pinger.product(search="tele", country_code="US")

    assert (product["cost"], product["capabilities"]) == (0.13, ["sms", "voice"])

"""Price lists of dialects whose customers read their own prices: published, not computed per request."""

import gzip
import json
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from api import shelf
from api.models import DialectSettings, Publication, PublishedList
from api.publishing import OBJECT, pack, publish_due
from api.rentverify.price_ids import window_ends
from api.retail.catalogue import CATALOGUE
from api.retail.prices import PRICES
from api.tasks import EDITIONS
from providers.models import CodeMap, Offer
from providers.spellings import forget_spellings
from tests.api.handler.conftest import Family
from tests.api.rentverify.conftest import Verifier
from tests.factories import CountryFactory, CustomerFactory, OfferFactory, PriceRuleFactory, ServiceFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _market(db):
    for scheme, country in (("handler", "187"), ("rentverify", "usa")):
        CodeMap.objects.create(scheme=scheme, kind="service", canonical_id="telegram", code="tg")
        CodeMap.objects.create(scheme=scheme, kind="country", canonical_id="us", code=country)
    forget_spellings()
    for service in ("telegram", "whatsapp"):
        for country in ("us", "in"):
            pair = {"service": ServiceFactory(id=service), "country": CountryFactory(id=country)}
            OfferFactory(cost_micros=300_000, count=5, **pair)
            OfferFactory(cost_micros=400_000, count=7, **pair)
    yield
    forget_spellings()


@pytest.fixture
def family(db):
    return Family(CustomerFactory())


@pytest.fixture
def verifier(family):
    """The same customer with the other protocol."""
    return Verifier(family.customer)


def sweep(now=None):
    """What the task does, once the lists' rest is over."""
    writers = {shown.topic: shown.writer for shown in (PRICES, CATALOGUE)}
    publish_due(
        writers,
        {edition.kind: edition.writer for edition in EDITIONS},
        now=now or timezone.now() + timedelta(seconds=11),
    )
    forget_spellings()


@pytest.mark.parametrize("action", ["getPrices", "getPricesV2", "getPricesV3"])
def test_the_whole_list_says_what_its_parts_say(family, action):
    whole = family.ask(action)
    assert whole == {"187": family.ask(action, country="187")["187"]}
    assert whole["187"]["tg"] == family.ask(action, service="tg", country="187")["187"]["tg"]
    assert sorted(whole["187"]) == ["tg", "whatsapp"]


def test_rentverify_lists_countries_without_a_code_too(verifier):
    assert sorted(verifier.ask("getPrices")[1]) == ["in", "usa"]


@pytest.mark.parametrize("style", ["bower", "hero"])
def test_counts_and_ranks_are_published_as_the_parts_say(family, style):
    DialectSettings.objects.create(tenant=family.customer.tenant, handler_style=style)
    CodeMap.objects.create(scheme="handler", kind="country", canonical_id="in", code="22")
    forget_spellings()
    counts, top = family.ask("getNumbersStatus"), family.ask("getTopCountriesByService", freePrice="true")
    with CaptureQueriesContext(connection) as queries:
        assert family.ask("getNumbersStatus") == counts == {"tg": "24", "whatsapp": "24"}
        assert family.ask("getTopCountriesByService", freePrice="true") == top
    assert not [query for query in queries.captured_queries if "providers_offer" in query["sql"]]
    assert family.ask("getNumbersStatus", country="22") == {"tg": "12", "whatsapp": "12"}
    for service in ("tg", "whatsapp"):
        assert top[service] == family.ask("getTopCountriesByService", freePrice="true", service=service)
    plain = family.ask("getTopCountriesByService")["tg"]
    first = plain[0] if style == "hero" else plain["0"]
    assert first == {"country": 22, "count": 12, "price": 0.3, "retail_price": 0.3}


@pytest.mark.parametrize("name", ["handler", "rentverify"])
def test_c1_who_has_the_list_is_told_so(family, verifier, name):
    path, headers = {
        "handler": (f"/stubs/handler_api.php?action=getPrices&api_key={family.key}", {}),
        "rentverify": ("/api/v1/getPrices", {"X-API-Token": verifier.key}),
    }[name]
    first = family.client.get(path, headers=headers)
    again = family.client.get(path, headers={**headers, "If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    Offer.objects.update(count=9)
    sweep()
    assert family.client.get(path, headers={**headers, "If-None-Match": first["ETag"]}).status_code == 200


def test_lists_of_offers_that_nothing_publishes_are_remembered(family, verifier, monkeypatch):
    monkeypatch.setattr(shelf, "REMEMBERED_SECONDS", 600)  # 20 are few on a busy machine
    Offer.objects.filter(country_id="us").update(operator="verizon")
    other = Family(CustomerFactory())
    ask = (lambda: family.ask("getOperators")), (lambda: verifier.ask("getCountries")[1])
    before = [one() for one in ask]
    Offer.objects.filter(country_id="us").update(count=0)
    assert [one() for one in ask] == before
    assert other.ask("getOperators") == "OPERATORS_NOT_FOUND", "each reseller's are his own"
    cache.clear()
    assert [one() for one in ask] == ["OPERATORS_NOT_FOUND", [{"id": "in", "name": before[1][0]["name"]}]]


@pytest.mark.parametrize("name", ["handler", "rentverify"])
def test_c1_a_list_that_did_not_change_reads_no_offers(family, verifier, name):
    ask = (lambda: family.ask("getPrices")) if name == "handler" else (lambda: verifier.ask("getPrices"))
    first = ask()
    with CaptureQueriesContext(connection) as queries:
        assert ask() == first
    assert not [query for query in queries.captured_queries if "providers_offer" in query["sql"]]


def test_a_change_is_published_by_the_sweep(family):
    assert family.ask("getPrices")["187"]["tg"]["cost"] == 0.3
    PriceRuleFactory(tenant=family.customer.tenant, percent_ppm=1_000_000)
    sweep()
    assert family.ask("getPrices")["187"]["tg"]["cost"] == 0.6


def test_codes_that_change_are_published_too(family):
    family.ask("getPrices")
    CodeMap.objects.create(scheme="handler", kind="country", canonical_id="in", code="22")
    CodeMap.objects.filter(scheme="handler", canonical_id="telegram").update(code="tgram")
    sweep()
    forget_spellings()
    found = family.ask("getPrices")
    assert (sorted(found), sorted(found["22"])) == (["187", "22"], ["tgram", "whatsapp"])


def test_only_groups_with_prices_of_their_own_have_lists_of_their_own(family):
    tenant = family.customer.tenant
    vip, plain = (Family(CustomerFactory(tenant=tenant, group=group)) for group in ("vip", "plain"))
    PriceRuleFactory(tenant=tenant, customer_group="vip", percent_ppm=-500_000)
    costs = [one.ask("getPrices")["187"]["tg"]["cost"] for one in (family, vip, plain)]
    assert costs == [0.3, 0.15, 0.3]
    names = PublishedList.objects.filter(tenant=tenant).values_list("name", flat=True)
    assert sorted(names) == ["handler/v1/", "handler/v1/vip"]


def test_t3_lists_are_each_resellers_own(family):
    other = Family(CustomerFactory())
    PriceRuleFactory(tenant=other.customer.tenant, percent_ppm=1_000_000)
    assert family.ask("getPrices")["187"]["tg"]["cost"] == 0.3
    assert other.ask("getPrices")["187"]["tg"]["cost"] == 0.6


def test_who_takes_it_packed_gets_it_as_it_is_stored(verifier):
    headers = {"X-API-Token": verifier.key}
    plain = verifier.client.get("/api/v1/getPrices", headers=headers)
    packed = verifier.client.get("/api/v1/getPrices", headers={**headers, "Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(packed.content) == plain.content
    assert plain.headers["Cache-Control"] == packed.headers["Cache-Control"] == "private, no-cache"


def test_price_ids_are_written_anew_when_their_ten_minutes_end(verifier):
    before = verifier.price()["price_id"]
    publication = Publication.objects.get(edition="rentverify/prices/")
    assert publication.due_at == window_ends(publication.built_at)
    sweep(now=publication.due_at + timedelta(seconds=11))
    assert verifier.price()["price_id"] != before


def test_a_shelf_that_is_empty_is_an_empty_object(family, verifier):
    Offer.objects.update(count=0)
    assert family.ask("getPrices") == family.ask("getPricesV3") == verifier.ask("getPrices")[1] == {}


def test_an_object_is_packed_like_a_list():
    members = [(name, f'"{name}":{number}'.encode()) for number, name in enumerate("abc")]
    assert json.loads(pack(members, OBJECT).plain) == {"a": 0, "b": 1, "c": 2}
    assert gzip.decompress(pack([], OBJECT).packed) == b"{}"

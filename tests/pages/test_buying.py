"""Buying with plain forms: the price that was shown is charged, and refusals explain themselves."""

import re
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.test.client import encode_multipart
from django.utils import timezone

from accounts.models import Customer
from activations.models import Activation, PriceToken
from billing.models import Wallet
from providers.models import Offer, ProviderHealth
from tests.factories import PriceRuleFactory, fund

pytestmark = pytest.mark.django_db(transaction=True)

URL = "/buy/telegram/us/"
HTMX = {"HX-Request": "true"}
JSON = {"Accept": "application/json"}


def form_of(client, page="/buy/telegram/"):
    """The hidden fields of the first offer."""
    return form_in(client.get(page))


def form_in(response):
    text = response.content.decode()
    return dict(re.findall(r'name="(request_key|price_micros|token)" value="([^"]+)"', text))


def words(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_the_price_shown_is_the_price_charged(store):
    PriceRuleFactory(tenant=store.tenant, percent_ppm=500_000, rounding_micros=10_000)
    client = store.signed_in()
    form = form_of(client)

    answer = client.post(URL, form)

    row = Activation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, "/numbers/")
    assert row.customer_price_micros == int(form["price_micros"]) == 180_000
    assert (row.channel, store.money()[1]) == ("portal", 180_000)


def test_a_risen_price_is_asked_for_again_and_then_charged(store):
    client = store.signed_in()
    form = form_of(client)
    Offer.objects.update(cost_micros=300_000)
    store.upstream.stock("telegram", "us", store.offer.upstream_ref, price_micros=300_000)

    refused = client.post(URL, form)

    assert refused.status_code == 409
    assert "The price is now $0.30. Nothing was bought" in words(refused)
    assert "Buy at $0.30" in words(refused)
    assert not Activation.objects.exists()
    again = form_in(refused)
    assert again["price_micros"] == "300000"
    assert client.post(URL, again).status_code == 302
    assert Activation.objects.get().customer_price_micros == 300_000


def test_a_fallen_price_is_charged_as_it_is_now(store):
    client = store.signed_in()
    form = form_of(client)
    Offer.objects.update(cost_micros=100_000)
    store.upstream.stock("telegram", "us", store.offer.upstream_ref, price_micros=100_000)

    client.post(URL, form)

    assert Activation.objects.get().customer_price_micros == 100_000


def test_u8_a_price_that_only_the_provider_knows_is_confirmed_with_its_token(store):
    client = store.signed_in()
    form = form_of(client)
    store.upstream.stock("telegram", "us", store.offer.upstream_ref, price_micros=250_000)

    refused = client.post(URL, form)

    assert "The price is now $0.25" in words(refused)
    again = form_in(refused)
    assert again["token"] == PriceToken.objects.get().token
    assert client.post(URL, again).status_code == 302
    assert Activation.objects.get(lease_state="leased").customer_price_micros == 250_000
    assert store.money()[1] == 250_000


def test_a_price_of_ones_own_making_buys_nothing(store):
    client = store.signed_in()
    form = form_of(client) | {"price_micros": "1"}

    refused = client.post(URL, form)

    assert (refused.status_code, Activation.objects.count(), store.money()[1]) == (409, 0, 0)


def test_t7_fields_of_another_kind_change_nothing(store):
    client = store.signed_in()
    form = form_of(client)

    for field in ("customer_price_micros", "tenant", "ceiling_micros", "quality_factor"):
        refused = client.post(URL, {**form, field: "1"})
        assert refused.status_code in {400, 422}, field
        assert field in words(refused)
        assert not Activation.objects.exists()

    client.post(URL, form)
    assert Activation.objects.get().customer_price_micros == int(form["price_micros"])


def test_m2_the_same_form_twice_is_one_order_whatever_the_price_does_meanwhile(store):
    client = store.signed_in()
    form = form_of(client)
    client.post(URL, form)
    Offer.objects.update(cost_micros=900_000)

    second = client.post(URL, form)

    assert (second.status_code, second["Location"]) == (302, "/numbers/")
    assert Activation.objects.count() == store.upstream.calls["order"] == 1


def test_m3_a_form_with_a_used_key_and_another_body_is_refused(store):
    client = store.signed_in()
    form = form_of(client)
    client.post(URL, form)

    refused = client.post(URL, form | {"price_micros": "999999"})

    assert refused.status_code == 409
    assert "This page is out of date" in words(refused)
    assert Activation.objects.count() == 1


@pytest.mark.parametrize(
    ("prepare", "status", "sentence"),
    [
        (lambda store: fund(tenant=store.tenant, customer=store.customer, micros=-99_990_000), 402,
         "Your balance does not cover this price."),
        (lambda store: fund(tenant=store.tenant, micros=-10_000_000_000), 409, "not available right now"),
        (lambda store: store.upstream.fault("order", "out_of_stock", times=-1), 409, "No number could be"),
        (lambda store: Customer.objects.update(status="paused"), 409, "Your account cannot buy"),
        (lambda store: Customer.objects.update(blocked_until=timezone.now() + timedelta(hours=2)), 409,
         "Too few of your last numbers received a code"),
        (lambda store: Customer.objects.update(max_active=0), 409, "You have 0 open numbers"),
    ],
    ids=["poor customer", "poor tenant", "no numbers", "paused", "blocked", "too many"],
)  # fmt: skip
def test_a_refusal_stands_beside_the_button_and_costs_nothing(store, prepare, status, sentence):
    client = store.signed_in()
    form = form_of(client)
    prepare(store)

    page, part = client.post(URL, form), client.post(URL, form_of(client), headers=HTMX)

    assert (page.status_code, part.status_code) == (status, status)
    assert sentence in words(page)
    assert sentence in words(part)
    assert part.content.decode().strip().startswith("<li") or "<li" in part.content.decode()[:300]
    assert store.money()[1] == 0
    assert "sandbox" not in words(page).lower()


def test_u6_a_provider_in_trouble_is_not_on_the_shelf(store):
    ProviderHealth.objects.update_or_create(provider=store.provider, defaults={"state": "out_of_funds"})

    page = store.signed_in().get("/buy/telegram/")

    assert "Sold out for the moment" in words(page)


def test_an_offer_that_went_away_says_so(store):
    client = store.signed_in()
    form = form_of(client)
    Offer.objects.update(count=0)

    page, part = client.post(URL, form), client.post(URL, form, headers=HTMX)

    assert (page.status_code, part.status_code) == (409, 409)
    assert "No number could be had here" in words(page)
    assert 'id="offer-us"' in part.content.decode()


def test_an_order_through_htmx_leads_on_to_the_numbers(store):
    client = store.signed_in()

    answer = client.post(URL, form_of(client), headers=HTMX)

    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/numbers/")


@pytest.mark.parametrize(
    "broken",
    [{"price_micros": "NaN"}, {"price_micros": "1e3"}, {"price_micros": "-1"}, {"price_micros": "9" * 5000},
     {"request_key": "short"}, {"request_key": "x\x00" * 10}, {"request_key": "k" * 65}, {"token": "nothex"}],
)  # fmt: skip
def test_m5_b1_b3_b12_a_broken_form_is_400_and_buys_nothing(store, broken):
    client = store.signed_in()

    assert client.post(URL, form_of(client) | broken).status_code == 400
    assert not Activation.objects.exists()


def test_a_form_sent_after_the_session_ended_leads_to_a_page_after_signing_in(store):
    answer = store.visitor().post(URL, {})

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/")


def test_b10_state_changes_by_post_with_a_token_only(store):
    client = store.signed_in()
    row = store.order()
    client.handler.enforce_csrf_checks = True

    assert client.get(URL).status_code == 405
    assert client.get(f"/numbers/{row.hex_id}/cancel/").status_code == 405
    assert client.post(URL, form_of(client)).status_code == 403
    assert client.post(f"/numbers/{row.hex_id}/cancel/").status_code == 403
    assert Activation.objects.get().activation_status == "active"


@pytest.mark.parametrize(
    "query", ["q=" + "x" * 500, "by=price;drop", "by=bogus", "status=bogus", "q=%F0%9F%98%80", "all=x",
              "q=x&q=y", "before=zz", "nonsense=1", "q=%EF%BF%BD", "q=100%"]
)  # fmt: skip
def test_b12_filters_that_do_not_fit_are_not_looked_at(store, query):
    client = store.signed_in()

    for path in ("/buy/", "/buy/telegram/", "/history/"):
        assert client.get(f"{path}?{query}").status_code == 200


@pytest.mark.parametrize("broken", ["%00", "a%00b", "%ff", "%C3", "%ED%A0%80", "%C0%80"])
@pytest.mark.parametrize("path", [
    "/{}", "/buy/{}/", "/numbers/{}/", "/icons/{}.svg", "/accounts/{}/", "/buy/?q={}", "/buy/?{}=1",
    "/buy/telegram/?q={}", "/history/?q={}", "/history/?before={}", "/wallet/?before={}", "/rentals/?q={}",
    "/rent/?q={}", "/account/?x={}", "/accounts/login/?next={}", "/?x={}",
])  # fmt: skip
def test_b1_b2_pages_refuse_nul_and_broken_utf8_in_their_address(store, path, broken):
    client = store.signed_in()

    assert client.get(path.format(broken)).status_code == 400
    assert client.get(path.format(broken), headers=HTMX).status_code == 400


@pytest.mark.parametrize("broken", ["%00", "%ff", "%ED%A0%80"])
@pytest.mark.parametrize("form", ["{}=1", "request_key={}", "extra=a{}b"])
def test_b1_b2_pages_refuse_nul_and_broken_utf8_in_their_forms(store, form, broken):
    client = store.signed_in()
    sent = urlencode(form_of(client)) + "&" + form.format(broken)

    answer = client.post(URL, sent, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 400
    assert not Activation.objects.exists()


def test_b1_the_refusal_is_a_page_to_people(store):
    answer = store.signed_in().get("/buy/?q=%00", headers={"accept": "text/html"})

    assert answer.status_code == 400
    assert "The field q holds characters that are no text." in words(answer)


def test_b1_b2_the_refusal_names_the_field(store):
    client = store.signed_in()

    def sentence(body, content_type="application/x-www-form-urlencoded"):
        answer = client.post(URL, body, content_type=content_type, headers=JSON)
        return answer.json()["errorMessage"]

    refused = sentence("a=1&request_key=x%00&b=%ff")
    assert refused == "The field request_key holds characters that are no text."
    assert sentence("a%00%ff=1") == "The field a\ufffd\ufffd holds characters that are no text."
    files = encode_multipart("xx", {"a": "1", "token": "b\0"})
    with_files = sentence(files, "multipart/form-data; boundary=xx")
    assert with_files == "The field token holds characters that are no text."
    place = client.get("/buy/%ff/", headers=JSON).json()["errorMessage"]
    assert place == "This address holds characters that are no text."


@pytest.mark.parametrize("typed", ["-1", "ten", "9" * 500, ""])
def test_b12_a_form_that_only_its_page_sends_is_refused_naming_the_field(store, typed):
    client = store.signed_in()

    answer = client.post(URL, form_of(client) | {"price_micros": typed})

    assert answer.status_code == 400
    assert answer.content.decode().startswith("price_micros: ")


@pytest.mark.parametrize("path", ["/buy/nothing/", "/buy/../", "/numbers/zz/", "/icons/..svg"])
def test_unknown_things_are_404(store, path):
    assert store.signed_in().get(path).status_code == 404


def test_services_are_found_by_name_and_the_cheapest_price_is_shown(store):
    store.fill()
    client = store.signed_in()

    found = client.get("/buy/?q=gmail", headers=HTMX)

    assert "1 service for “gmail”" in words(found)
    assert "<html" not in found.content.decode()
    assert "from $0.08" in words(client.get("/buy/?q=telegram"))


def test_countries_are_found_by_code_and_ordered(store):
    store.fill()
    client = store.signed_in()

    by_name = words(client.get("/buy/telegram/?by=name", headers=HTMX))
    found = words(client.get("/buy/telegram/?q=%2B49", headers=HTMX))

    assert by_name.index("Brazil") < by_name.index("Germany") < by_name.index("United States")
    assert "Germany" in found
    assert "Brazil" not in found


def test_the_front_door_shows_prices_to_visitors_and_leads_customers_on(store):
    visitor, customer = store.visitor(), store.signed_in()

    page = visitor.get("/")

    assert "from $0.12" in words(page)
    assert "Sign up" in words(page)
    assert customer.get("/")["Location"] == "/buy/"
    store.order()
    assert customer.get("/")["Location"] == "/numbers/"


def test_a_low_balance_is_hinted_at(store):
    Wallet.objects.filter(customer=store.customer).update(low_balance_micros=200_000_000)

    assert "Your balance is running low" in words(store.signed_in().get("/wallet/"))

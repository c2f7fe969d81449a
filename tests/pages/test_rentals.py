"""The rental pages: renting at the price shown, messages, renewal, cancelling with the refund promised."""

import re
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from playwright.sync_api import expect

from activations.models import Rental
from activations.rental_queries import rental_row_by_rnt_id
from activations.services.rentals.checking import check_due_rentals
from activations.services.rentals.renewing import renew_due_rentals
from providers.sandbox.stock import rental_shelves
from tests.factories import CountryFactory, OfferFactory, ServiceFactory
from tests.pages.conftest import COUNTRIES, SWEEP
from tests.pages.test_buying import HTMX, form_in, words

pytestmark = pytest.mark.django_db(transaction=True)
RENT = "/rent/?service=full&hours=24"
TAKE = "/rent/full/us/"


class Desk:
    """Rentals at a store's counter."""

    def __init__(self, store):
        self.store = store
        self.client = store.signed_in()
        ServiceFactory(id="full", name="Any service")
        for country in ("us", "de", "br"):
            name, dial = COUNTRIES[country]
            CountryFactory(id=country, name=name, dial_codes=[dial])
            for hours, cost in rental_shelves()["full", country].items():
                OfferFactory(
                    provider=store.provider, service=ServiceFactory(id="full"), kind="rental",
                    country=CountryFactory(id=country), duration_hours=hours, cost_micros=cost,
                    upstream_ref="rent",
                )  # fmt: skip

    def form(self, hours=24):
        """The hidden fields of the first offer of the United States."""
        page = self.client.get(f"/rent/?hours={hours}&q=us").content.decode()
        return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]+)"', page))

    def rent(self, hours=24):
        self.client.post(TAKE, self.form(hours))
        return self.row()

    def row(self):
        rental = Rental.objects.latest("created_at")
        return rental_row_by_rnt_id(tenant_id=rental.tenant_id, rnt_id=rental.rnt_id)

    def deliver(self, text, **facts):
        """An SMS that the next check has found."""
        self.store.upstream.sms(Rental.objects.latest("created_at").upstream_ref, text, **facts)
        SWEEP.submit(check_soon).result(60)

    def choice(self, hours):
        """The form of the page that makes it longer, with one of its choices."""
        page = self.client.get(f"/rentals/{self.row().rnt_id}/longer/")
        values = re.findall(r'name="choice" value="(\d+:\d+)"', page.content.decode())
        picked = next(value for value in values if value.startswith(f"{hours}:"))
        return {**form_in(page), "choice": picked}


def check_soon():
    try:
        check_due_rentals(timezone.now() + timedelta(seconds=60))
    finally:
        connections.close_all()


@pytest.fixture
def desk(store):
    return Desk(store)


def test_the_window_shows_what_a_term_costs_everywhere(desk):
    day, week = words(desk.client.get(RENT)), words(desk.client.get("/rent/?hours=168&q=germ"))

    assert all(name in day for name in ("United States", "Germany", "Brazil", "Any service"))
    assert "Germany" in week
    assert "United States" not in week


@pytest.mark.parametrize("query", ["hours=5", "hours=x", "service=../x", "hours=999999999999999999999"])
def test_b12_what_does_not_fit_its_field_is_not_looked_at(desk, query):
    assert desk.client.get(f"/rent/?{query}").status_code == 200


def test_the_price_shown_is_the_price_charged(desk):
    form = desk.form()

    page = desk.client.post(TAKE, form)

    row = desk.row()
    assert (page.status_code, page["Location"]) == (302, f"/rentals/{row.rnt_id}/")
    assert row.customer_price_micros == int(form["price_micros"])
    assert desk.store.money()[:2] == (100_000_000 - row.customer_price_micros, 0)


def test_m2_a_double_click_rents_once(desk):
    form = desk.form()

    pages = [desk.client.post(TAKE, form) for _ in range(2)]

    assert [page.status_code for page in pages] == [302, 302]
    assert Rental.objects.count() == 1


@pytest.mark.parametrize("fields", [
    {"price_micros": ""}, {"hours": "5"}, {"request_key": "x"}, {"price_micros": "-1"}, {"hours": "\0"},
])  # fmt: skip
def test_a_form_that_was_tampered_with_is_refused(desk, fields):
    assert desk.client.post(TAKE, {**desk.form(), **fields}).status_code == 400
    assert not Rental.objects.exists()


def test_a_price_that_rose_is_asked_for_again(desk):
    form = desk.form()
    desk.store.provider.offers.filter(kind="rental").update(cost_micros=3_000_000)

    part = desk.client.post(TAKE, form, headers=HTMX)

    assert part.status_code == 409
    assert "The price is now $3.00" in words(part)
    assert "Rent at $3.00" in words(part)
    assert not Rental.objects.exists()


def test_too_little_money_says_so_beside_the_button(desk):
    desk.store.fund(-99_000_000)

    part = desk.client.post(TAKE, desk.form(168), headers=HTMX)

    assert part.status_code == 402
    assert "Your balance does not cover this price" in words(part)


def test_a_card_shows_the_messages_and_asks_again_while_open(desk):
    row = desk.rent()
    desk.deliver("Your code is 482913", sender="Telegram")
    url = f"/rentals/{row.rnt_id}/card/"

    card = desk.client.get(url).content.decode()
    seen = re.search(r"card/\?seen=(\w+)", card)[1]
    same = desk.client.get(f"{url}?seen={seen}")
    desk.client.post(f"/rentals/{row.rnt_id}/finish/")
    closed = desk.client.get(url).content.decode()

    assert "482913" in card
    assert "from" in card
    assert "Telegram" in card
    assert (same.status_code, same.content) == (204, b"")
    assert 'hx-trigger="every 5s, sse:sms"' in card
    assert "hx-trigger" not in closed
    assert "Ended early. Nothing came back." in closed


def test_b5_script_in_a_message_is_text(desk):
    row = desk.rent()
    desk.deliver("<script>alert(1)</script>", sender="<b>x</b>")

    page = desk.client.get(f"/rentals/{row.rnt_id}/").content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_cancelling_pays_back_what_the_button_promised(desk):
    row = desk.rent()
    page = desk.client.get(f"/rentals/{row.rnt_id}/")
    promised = re.search(r'name="refund_micros" value="(\d+)"', page.content.decode())[1]

    card = desk.client.post(f"/rentals/{row.rnt_id}/cancel/", {"refund_micros": promised}, headers=HTMX)

    assert f"Cancel, ${int(promised) / 1e6:.2f} back" in re.sub(r"\s+", " ", words(page)).replace(" ,", ",")
    assert "Cancelled." in words(card)
    assert desk.store.money()[:2] == (100_000_000, 0)


def test_a_promise_that_no_longer_holds_is_named_before_anything_happens(desk):
    row = desk.rent(168)
    desk.store.provider.rental_pays_days_back = True
    desk.store.provider.save()
    desk.deliver("Your code is 1234")

    part = desk.client.post(
        f"/rentals/{row.rnt_id}/cancel/", {"refund_micros": row.customer_price_micros}, headers=HTMX
    )

    assert part.status_code == 409
    assert "would come back by now" in words(part)
    assert desk.row().is_open


def test_longer_at_the_price_that_was_shown(desk):
    row = desk.rent()

    page = desk.client.post(f"/rentals/{row.rnt_id}/extend/", desk.choice(72))

    assert page.status_code == 302
    assert desk.row().hours == 96
    assert "72 h" in words(desk.client.get(f"/rentals/{row.rnt_id}/"))


def test_m2_a_double_click_makes_it_longer_once(desk):
    row = desk.rent()
    form = desk.choice(24)

    for _ in range(2):
        desk.client.post(f"/rentals/{row.rnt_id}/extend/", form)

    assert desk.row().hours == 48


def test_longer_at_a_price_that_rose_is_asked_for_again(desk):
    row = desk.rent()
    form = desk.choice(24)
    desk.store.provider.offers.filter(duration_hours=24).update(cost_micros=9_000_000)

    page = desk.client.post(f"/rentals/{row.rnt_id}/extend/", form)

    assert page.status_code == 409
    assert "The price is now $9.00" in words(page)
    assert desk.row().hours == 24


def test_renewal_is_switched_on_with_its_price_and_off(desk):
    row = desk.rent()
    renew = f"/rentals/{row.rnt_id}/renew/"

    desk.client.post(renew, desk.choice(24))
    on = words(desk.client.get(f"/rentals/{row.rnt_id}/"))
    renew_due_rentals(row.ends_at - timedelta(minutes=30))
    desk.client.post(renew, {"off": "1"})

    assert "Renews by 1 day before it ends, for at most" in on
    assert desk.row().hours == 48
    assert not desk.row().auto_renew


@pytest.mark.parametrize("form", [{}, {"choice": "24:0"}, {"choice": "x"}, {"choice": "24:99999999999999"}])
def test_a_form_for_longer_that_was_tampered_with_is_refused(desk, form):
    row = desk.rent()

    for verb in ("extend", "renew"):
        page = desk.client.post(f"/rentals/{row.rnt_id}/{verb}/", {"request_key": "k" * 20, **form})
        assert page.status_code == 400
    assert desk.row().hours == 24


def test_t2_nobody_else_sees_or_ends_it(desk):
    row = desk.rent()
    stranger = desk.store.stranger()
    here = f"/rentals/{row.rnt_id}/"

    for path in ("", "card/", "longer/"):
        assert stranger.get(here + path).status_code == 404
    for path in ("extend/", "renew/", "cancel/", "finish/"):
        assert stranger.post(here + path).status_code == 404
    assert row.rnt_id not in stranger.get("/rentals/").content.decode()
    assert desk.row().is_open


def test_t5_pages_with_phones_and_codes_are_kept_by_no_cache(desk):
    row = desk.rent()

    for path in ("/rentals/", f"/rentals/{row.rnt_id}/", f"/rentals/{row.rnt_id}/card/", "/rent/"):
        assert "no-store" in desk.client.get(path)["Cache-Control"]


def test_past_rentals_are_listed_with_what_they_cost(desk):
    row = desk.rent()
    desk.client.post(f"/rentals/{row.rnt_id}/finish/")

    page = words(desk.client.get("/rentals/"))

    assert "Past rentals" in page
    assert "Ended early" in page
    assert "Number rented" in words(desk.client.get("/wallet/"))


def test_pages_of_many_rentals_ask_no_more_questions(desk, django_assert_max_num_queries):
    for _ in range(6):
        desk.rent()

    with django_assert_max_num_queries(16):
        assert desk.client.get("/rentals/").status_code == 200


@pytest.mark.browser
def test_a_message_appears_by_itself_and_the_number_is_made_longer(desk, browsing):
    page = browsing.open("/buy/")
    page.get_by_role("link", name="Rent", exact=True).click()
    page.get_by_label("How long").select_option("24")
    expect(page).to_have_url(re.compile("hours=24"))
    page.get_by_role("button", name="Rent a number of United States").click()
    page.wait_for_url("**/rentals/rnt_*/")
    expect(page.get_by_text("No SMS yet")).to_be_visible()

    desk.deliver("Your Telegram code is 48-213", sender="Telegram")
    expect(page.get_by_text("48213", exact=True)).to_be_visible()
    page.get_by_role("link", name="Make it longer").click()
    page.get_by_label("3 days").check()
    page.get_by_role("button", name="Extend now").click()

    expect(page.get_by_text("Longer by 3 days.")).to_be_visible()
    assert desk.row().hours == 96
    assert page.complaints == []


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("size", "width"), [("narrow", 360), ("wide", 1280)])
def test_every_page_fits_its_window(desk, browsing, shot, size, width, scheme):
    row = desk.rent(168)
    desk.deliver("<#> Your code is 482913. " + "Averylongwordwithoutanend" * 8, sender="Telegram")
    ended = desk.rent()
    desk.client.post(f"/rentals/{ended.rnt_id}/finish/")
    page = browsing.open("/rentals/", viewport={"width": width, "height": 800}, color_scheme=scheme)

    for name, path in {
        "rentals": "/rentals/", "rental": f"/rentals/{row.rnt_id}/", "rent": "/rent/",
        "longer": f"/rentals/{row.rnt_id}/longer/",
    }.items():  # fmt: skip
        page.goto(path)
        shot(page, f"{name}-{size}-{scheme}")
        beyond = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert beyond <= 0, f"{name} scrolls sideways by {beyond} px"
    assert page.complaints == []

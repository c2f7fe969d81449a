"""Cards, history, wallet and account: what a customer sees, a stranger must not, and nobody may keep."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Customer
from activations.cards import MASK
from activations.models import Activation
from billing.models import Wallet
from tests.factories import CustomerFactory, UserFactory, fund
from tests.pages.conftest import Store
from tests.pages.test_buying import HTMX, words

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = "Your code is 482-913"
ACTIONS = ("cancel", "finish", "retry")


@pytest.fixture
def received(store):
    row = store.order()
    store.deliver(row, TEXT, sender="Telegram")
    return row


def test_a_received_card_shows_code_text_and_sender(store, received):
    page = words(store.signed_in().get("/numbers/"))

    assert "Code received" in page
    assert "482913" in page
    assert TEXT in page
    assert "from Telegram" in page


def test_a_card_asks_again_while_open_and_never_after(store, received):
    client = store.signed_in()
    url = f"/numbers/{received.hex_id}/card/"

    before = client.get(url, headers=HTMX).content.decode()
    closed = client.post(f"/numbers/{received.hex_id}/finish/", headers=HTMX).content.decode()

    assert 'hx-trigger="every 3s, sse:sms"' in before
    assert "Finished." in closed
    assert "hx-trigger" not in closed
    assert "hx-trigger" not in client.get(url, headers=HTMX).content.decode()


def test_a_card_without_news_is_answered_without_a_body(store, received):
    client = store.signed_in()
    text = client.get(f"/numbers/{received.hex_id}/card/").content.decode()
    seen = re.search(r"card/\?seen=(\w+)", text)[1]

    same = client.get(f"/numbers/{received.hex_id}/card/?seen={seen}")
    store.deliver(received, "again 1111")
    client.post(f"/numbers/{received.hex_id}/retry/")

    assert (same.status_code, same.content) == (204, b"")
    assert client.get(f"/numbers/{received.hex_id}/card/?seen={seen}").status_code == 200


def test_every_message_stays_on_the_card_and_the_newest_code_leads(store, received):
    client = store.signed_in()
    client.post(f"/numbers/{received.hex_id}/retry/")
    waiting = words(client.get("/numbers/"))

    store.deliver(received, "The next one is 777123")

    page = words(client.get("/numbers/"))
    assert "Waiting again" in waiting
    assert "777123" in page
    assert TEXT in page
    assert page.index("The next one is") < page.index(TEXT)


def test_an_order_whose_outcome_is_unknown_is_shown_as_checking(store):
    store.upstream.fault("order", "lost", after=True)
    client = store.signed_in()
    store.order()

    page = words(client.get("/numbers/"))

    assert "Checking" in page
    assert "We are getting your number" in page
    assert "Cancel" not in page


def test_u9_cancelling_too_early_says_from_when_on_it_works(store):
    store.upstream.settings(cancel_lock_seconds=60)
    row = store.order()
    Activation.objects.update(cancelable_after=timezone.now() - timedelta(seconds=1))

    answer = store.signed_in().post(f"/numbers/{row.hex_id}/cancel/", headers=HTMX)

    assert answer.status_code == 409
    assert "It is too early to cancel. You can" in words(answer)
    assert store.money()[1] > 0


def test_u10_a_lost_answer_to_cancel_is_shown_as_cancelling(store):
    row = store.order()
    store.upstream.fault("cancel", "lost", after=True)

    answer = store.signed_in().post(f"/numbers/{row.hex_id}/cancel/", headers=HTMX)

    assert "Cancelling" in words(answer)
    assert 'hx-trigger="every 3s' in answer.content.decode()


def test_m7_cancel_after_the_code_says_so_and_shows_the_card_as_it_is(store, received):
    answer = store.signed_in().post(f"/numbers/{received.hex_id}/cancel/", headers=HTMX)

    assert answer.status_code == 409
    assert "That is no longer possible" in words(answer)
    assert "482913" in words(answer)


# --- Tenants ----------------------------------------------------------------------------------------------
def addresses(row):
    return [
        ("get", f"/numbers/{row.hex_id}/"),
        ("get", f"/numbers/{row.hex_id}/card/"),
        *(("post", f"/numbers/{row.hex_id}/{action}/") for action in ACTIONS),
    ]


def test_t2_another_customers_number_does_not_exist_for_a_stranger(store, received, other_upstream):
    elsewhere = Store(other_upstream)
    for client in (store.stranger(), elsewhere.signed_in()):
        for method, path in addresses(received):
            theirs = getattr(client, method)(path)
            missing = getattr(client, method)(path.replace(received.hex_id, "f" * 24))
            assert (theirs.status_code, missing.status_code) == (404, 404)
            assert without_request_id(theirs) == without_request_id(missing)
    assert Activation.objects.get(hex_id=received.hex_id).activation_status == "active"


def without_request_id(response):
    return re.sub(rb"[0-9a-f]{32}", b"", response.content)


def test_t3_lists_and_searches_show_no_trace_of_others(store, received, other_upstream):
    row = Activation.objects.get()
    elsewhere = Store(other_upstream)
    for client in (store.stranger(), elsewhere.signed_in()):
        for path in (
            "/numbers/",
            "/history/",
            f"/history/?q={row.phone}",
            f"/history/?q={row.hex_id}",
            "/wallet/",
        ):
            page = client.get(path).content.decode()
            assert row.hex_id not in page.replace(f'value="{row.hex_id}"', "")
            assert "482913" not in page
            assert TEXT not in page


def test_t3_a_page_of_the_history_cannot_begin_at_anothers_order(store, received):
    assert store.stranger().get(f"/history/?before={received.hex_id}").status_code == 404


def test_t4_a_session_of_one_tenant_is_a_visitor_at_another(store, other_upstream):
    elsewhere = Store(other_upstream)
    client = store.signed_in()
    client.defaults["HTTP_HOST"] = elsewhere.host

    answer = client.get("/numbers/", headers={"host": elsewhere.host})

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/?next=/numbers/")


def test_t5_nothing_with_phones_codes_or_balances_may_be_stored(store, received):
    client = store.signed_in()
    paths = [
        "/", "/buy/", "/buy/telegram/", "/numbers/", f"/numbers/{received.hex_id}/",
        f"/numbers/{received.hex_id}/card/", "/history/", "/wallet/", "/account/", "/nothing/",
    ]  # fmt: skip
    for path in paths:
        for headers in ({}, HTMX):
            assert client.get(path, headers=headers)["Cache-Control"] == "no-store", path
    assert client.post("/buy/telegram/us/", {}).get("Cache-Control") == "no-store"


def test_an_ended_session_sends_a_partials_browser_to_the_login_page(store, received):
    here = {**HTMX, "HX-Current-URL": f"http://{store.host}/numbers/"}

    answer = store.visitor().get(f"/numbers/{received.hex_id}/card/", headers=here)

    assert answer["HX-Redirect"] == "/accounts/login/?next=%2Fnumbers%2F"
    assert answer.content == b""


def test_t6_a_login_that_was_switched_off_is_out_at_once(store):
    client = store.signed_in()
    type(store.customer.user).objects.update(is_active=False)

    assert client.get("/numbers/").status_code == 302


# --- Hostile text -----------------------------------------------------------------------------------------
def test_b5_markup_in_messages_and_names_is_shown_as_text(store):
    attack = "<script>alert(1)</script> code 482913"
    row = store.order()
    store.deliver(row, attack, sender="<img src=x>")
    store.offer.service.name = "<b>Telegram</b>"
    store.offer.service.save()
    store.offer.country.name = '"><script>'
    store.offer.country.save()
    store.tenant.name = "<i>Acme</i>"
    store.tenant.save()
    client = store.signed_in()

    for path in (
        "/",
        "/buy/",
        "/buy/telegram/",
        "/numbers/",
        f"/numbers/{row.hex_id}/",
        "/history/",
        "/wallet/",
        "/no/",
    ):
        page = client.get(path, follow=True).content.decode()
        assert not re.search(r"<script>|<img src=x|<b>Telegram|<i>Acme", page), path
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get("/numbers/").content.decode()


@pytest.mark.browser
def test_b7_odd_and_huge_messages_leave_the_layout_alone(store, browsing, shot):
    nasty = "\u202eright to left\u202c \u0000 👩‍👩‍👧‍👦 " + "W" * 900 + " code 482913 " + "🎉" * 300
    for text, sender in ((nasty, "\u202ecod.evil"), ("x" * 1_000_000 + " 55512", "S" * 500)):
        store.deliver(store.order(), text, sender=sender)
    page = browsing.open("/numbers/", viewport={"width": 360, "height": 740})

    shot(page, "hostile-narrow")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.get_by_text("482913", exact=True).is_visible()
    box = page.locator("article").first.bounding_box()
    assert box["height"] < 900


# --- Keeping ----------------------------------------------------------------------------------------------
def test_text_and_code_are_masked_a_day_after_the_end(store, received):
    client = store.signed_in()
    client.post(f"/numbers/{received.hex_id}/finish/")
    Activation.objects.update(ended_at=timezone.now() - timedelta(hours=25))

    page = words(client.get(f"/numbers/{received.hex_id}/"))

    assert MASK in page
    assert "482913" not in page
    assert TEXT not in page


def test_codes_are_not_in_titles_and_addresses(store, received):
    page = store.signed_in().get(f"/numbers/{received.hex_id}/").content.decode()

    assert "482913" not in re.search(r"<title>(.*?)</title>", page)[1]
    assert not re.search(r'(?:href|action|hx-get|hx-post)="[^"]*482913', page)


# --- History and wallet -----------------------------------------------------------------------------------
def test_the_history_is_paged_both_ways(store):
    Customer.objects.update(max_active=100)
    ids = [store.order().hex_id for _ in range(30)][::-1]
    client = store.signed_in()

    first = client.get("/history/").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', first)[1].replace("&amp;", "&")
    second = client.get(older).content.decode()
    newer = re.search(r'rel="prev" href="([^"]+)"', second)[1].replace("&amp;", "&")

    assert orders_in(first) == ids[:25]
    assert orders_in(second) == ids[25:]
    assert orders_in(client.get(newer).content.decode()) == ids[:25]
    assert 'rel="prev"' not in client.get(newer).content.decode()


def orders_in(page):
    return re.findall(r'class="row" href="/numbers/([0-9a-f]{24})/"', page)


def test_the_history_is_filtered_and_searched(store, received):
    row = Activation.objects.get()
    canceled = store.order()
    client = store.signed_in()
    client.post(f"/numbers/{canceled.hex_id}/cancel/")

    assert orders_in(client.get("/history/?status=paid").content.decode()) == [received.hex_id]
    assert orders_in(client.get("/history/?status=free").content.decode()) == [canceled.hex_id]
    assert orders_in(client.get("/history/?status=open").content.decode()) == [received.hex_id]
    assert orders_in(client.get(f"/history/?q={row.phone[-6:]}").content.decode()) == [received.hex_id]
    assert len(orders_in(client.get("/history/?q=united").content.decode())) == 2
    assert "Nothing matches" in words(client.get("/history/?q=zzz"))


def test_the_wallet_names_every_movement_and_what_is_set_aside(store, received):
    store.order()
    fund(tenant=store.tenant, customer=store.customer, micros=-1_500_000)

    page = words(store.signed_in().get("/wallet/"))

    assert "Available $98.26" in page
    assert "Set aside $0.12" in page
    assert "Total $98.38" in page
    assert "Money added" in page
    assert "Correction" in page
    assert "Code received Telegram, United States" in page
    assert "−$0.12" in page


def test_m13_a_balance_below_zero_is_shown_as_it_is(store):
    fund(tenant=store.tenant, customer=store.customer, micros=-101_000_000)

    assert "Available −$1.00" in words(store.signed_in().get("/wallet/"))


@pytest.mark.parametrize("query", ["before=0", "before=9223372036854775808", "after=x", "before=1e5"])
def test_b3_odd_page_edges_are_ignored(store, query):
    assert store.signed_in().get(f"/wallet/?{query}").status_code == 200


def test_the_low_balance_is_set_and_cleared_on_the_wallet_page_for_oneself_alone(store):
    client, neighbour = store.signed_in(), CustomerFactory(tenant=store.tenant)

    assert client.post("/wallet/low/", {"low_balance": "7.50"})["Location"] == "/wallet/"

    assert 'value="7.5"' in client.get("/wallet/").content.decode()
    assert low_balance(store.customer) == 7_500_000
    assert low_balance(neighbour) is None
    client.post("/wallet/low/", {"low_balance": ""})
    assert low_balance(store.customer) is None


@pytest.mark.parametrize("typed", ["-1", "100000.01", "five", "NaN", "Infinity", "1e99", "0.0000001"])
def test_b3_an_odd_low_balance_is_refused_beside_its_field(store, typed):
    Wallet.objects.filter(customer=store.customer).update(low_balance_micros=3_000_000)

    answer = store.signed_in().post("/wallet/low/", {"low_balance": typed})

    assert answer.status_code == 422
    assert 'id="id_low_balance_error"' in answer.content.decode()
    assert "Low balance: enter " in words(answer)
    assert low_balance(store.customer) == 3_000_000


@pytest.mark.parametrize("typed", ["0.005", "7.509", "1.000001", "5e-3"])
def test_a_low_balance_is_of_whole_cents(store, typed):
    answer = store.signed_in().post("/wallet/low/", {"low_balance": typed})

    assert answer.status_code == 422
    assert "Low balance: enter whole cents, with two digits after the point at most." in words(answer)
    assert low_balance(store.customer) is None


def low_balance(customer):
    return Wallet.objects.get(customer=customer).low_balance_micros


# --- Account ----------------------------------------------------------------------------------------------
def test_m12_closing_the_account_needs_the_password_and_lets_numbers_end(store, received):
    client = store.signed_in()

    wrong = client.post("/account/close/", {"password": "not-it"})
    right = client.post("/account/close/", {"password": "correct-horse-battery"})

    assert (wrong.status_code, right.status_code) == (422, 302)
    assert Customer.objects.get(pk=store.customer.pk).status == "markedForDeletion"
    assert "482913" in words(client.get("/numbers/"))
    assert "You asked us to close this account" in words(client.get("/account/"))


@pytest.mark.parametrize("status", ["disabled", "markedForDeletion"])
def test_who_is_on_hold_changes_nothing_and_who_is_switched_off_sees_nothing(store, received, status):
    client = store.signed_in()
    Customer.objects.filter(pk=store.customer.pk).update(status=status)
    readable = 403 if status == "disabled" else 200

    for path in ("/numbers/", "/history/", "/wallet/", "/webhooks/"):
        assert client.get(path).status_code == readable, path
    said = words(client.get("/numbers/"))
    assert ("Your account is switched off" in said) == (status == "disabled")
    for path in (f"/numbers/{received.hex_id}/finish/", "/webhooks/new/", "/account/close/"):
        assert client.post(path, {}).status_code == 403, path
    assert store.row(received.hex_id).activation_status == "active"
    assert client.get("/account/").status_code == 200


def test_staff_without_a_customer_get_no_customers_pages(store):
    member = UserFactory(tenant=store.tenant, is_staff=True)

    assert store.signed_in(member).get("/wallet/").status_code == 403


# --- The operator's test SMS ------------------------------------------------------------------------------
def test_a_test_sms_reaches_numbers_of_ones_own_tenant_only(store, other_upstream, member_of):
    row, elsewhere = store.order(), Store(other_upstream)
    form = {"number": row.formatted, "sender": "Test", "text": "Your code is 135790"}

    foreign = elsewhere.signed_in(member_of(elsewhere)).post("/operator/sandbox/", form)
    own = store.signed_in(member_of(store)).post("/operator/sandbox/", form)

    assert (foreign.status_code, own.status_code) == (404, 302)
    assert "No open sandbox number" in words(foreign)
    store.deliver(row, "and 2222")
    assert Activation.objects.get(hex_id=row.hex_id).sms_code == "135790"


def test_customers_and_viewers_send_no_test_sms(store, member_of):
    assert store.signed_in().get("/operator/sandbox/").status_code == 403
    assert store.signed_in(member_of(store, role="viewer")).get("/operator/sandbox/").status_code == 403
    assert store.visitor().get("/operator/sandbox/").status_code == 302


def test_another_customer_has_a_card_of_its_own(store):
    other = CustomerFactory(tenant=store.tenant, with_login=True, balance_micros=9_000_000)

    assert "No number is open" in words(store.signed_in(other.user).get("/numbers/"))

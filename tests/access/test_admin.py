"""The admin keeps secrets, codes and foreign text harmless, and changes nothing by a link."""

import json
import re

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts.keys import digest
from accounts.models import ApiKey, Customer
from activations.models import Activation, Check
from billing.models import PriceRule
from portal.admin import ScopedAdmin
from portal.dashboard import figures
from portal.navigation import SUBJECTS
from tests.access.matrix import DIALOGS, TABLES
from tests.access.walk import example
from tests.access.world import CODE, TEXT, fingerprint
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def operator(who):
    return who["operator"]


def pages_of(house):
    """Every list and every row's pages."""
    for table in TABLES:
        base = f"/admin/{table.replace('.', '/')}/"
        yield base
        if table != "activations.pricetoken":
            yield from (f"{base}{house.rows[table].pk}/{page}/" for page in ("change", "history"))


def history():
    return json.dumps(list(LogEntry.objects.values("object_repr", "change_message")))


def test_every_table_of_the_portal_has_a_page_with_filters_or_search():
    ours = {f"{m._meta.app_label}.{m._meta.model_name}" for m in admin.site._registry}

    rooms = ("accounts", "webhooks", "billing", "providers", "activations", "api")
    everything = {m._meta.label_lower for room in rooms for m in apps.get_app_config(room).get_models()}
    assert ours == set(TABLES) == everything
    for page in admin.site._registry.values():
        assert isinstance(page, ScopedAdmin)
        assert page.search_fields


def test_no_page_shows_a_code_a_text_or_a_secret(acme, operator):
    order = acme.rows["activations.activation"]
    assert (order.sms_code, order.sms_text) == (CODE, TEXT)
    hidden = [CODE, TEXT, "acme-secret-key", "acme-token", "acme-key"]

    for place in pages_of(acme):
        answer = operator.get(place)
        assert answer.status_code == 200, place
        assert [word for word in hidden if word in answer.content.decode()] == [], place


@pytest.mark.parametrize("query", [
    "activations/activation/?sms_code__startswith=9", "activations/message/?code__lt=5",
    "activations/message/?text__contains=s", "providers/provider/?secret_encrypted__gt=1",
    "accounts/apikey/?digest__gt=1", "accounts/user/?password__startswith=a",
    "accounts/customer/?user__password__startswith=a",
])  # fmt: skip
def test_lookups_that_would_guess_a_secret_are_refused(acme, operator, query):
    assert operator.get(f"/admin/{query}").status_code == 400


def test_s1_a_key_is_shown_once_and_stored_nowhere(acme):
    browser = acme.client("manager")
    place = "/admin/accounts/apikey/issue/"
    form = {"_form_submitted": "on", "name": "till", "customer_id": "acmebuyer"}

    answer = browser.post(place, form, headers={"hx-request": "true"})

    plaintext = answer.context["plaintext"]
    key = ApiKey.objects.get(digest=digest(plaintext))
    assert (key.customer.external_id, key.tenant) == ("acmebuyer", acme.tenant)
    assert plaintext in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    later = browser.get("/admin/accounts/apikey/").content.decode()
    assert plaintext not in history() + str(browser.cookies) + later
    assert plaintext not in str(dict(browser.session))


def test_keys_of_the_test_twin_are_test_keys(acme):
    answer = acme.client("owner").post(
        "/admin/accounts/apikey/issue/", {"_form_submitted": "on", "name": "trial", "test": "on"}
    )

    assert answer.context["plaintext"].startswith("pk_test_")
    assert answer.context["key"].tenant == acme.twin


def test_a_key_for_another_resellers_customer_is_not_issued(acme, globex):
    before = ApiKey.objects.count()

    acme.client("owner").post(
        "/admin/accounts/apikey/issue/", {"_form_submitted": "on", "name": "x", "customer_id": "globexbuyer"}
    )

    assert ApiKey.objects.count() == before


def test_a_wrong_option_of_a_provider_is_refused_naming_it(acme, operator):
    provider = acme.rows["providers.provider"]
    place = f"/admin/providers/provider/{provider.pk}/change/"
    form = {
        "display_name": "acme upstream", "protocol": "handler", "base_url": "http://127.0.0.1/",
        "priority": 7, "cancel_lock_seconds": 120, "life_seconds": 1200, "cancel_fee_micros": 0,
        "timeout_seconds": 8, "check_seconds": 5, "sync_seconds": 300, "option__handler__rate": "a lot",
    }  # fmt: skip

    answer = operator.post(place, form)

    assert "US dollars for one unit of the account" in answer.content.decode()
    assert list(answer.context["adminform"].form.errors) == ["option__handler__rate"]
    provider.refresh_from_db()
    assert provider.protocol == "sandbox"

    assert operator.post(place, {**form, "option__handler__rate": "0.0109"}).status_code == 302
    provider.refresh_from_db()
    assert (provider.protocol, provider.options) == ("handler", {"rate": "0.0109"})


def test_s1_a_providers_secret_is_written_and_never_shown(acme):
    provider = acme.rows["providers.provider"]
    browser, place = acme.client("owner"), f"/admin/providers/provider/{provider.pk}/"
    form = {"display_name": "acme upstream", "priority": "7", "base_url": "http://127.0.0.1/"}

    browser.post(f"{place}new_key/", {"_form_submitted": "on", "secret": "canary-secret", "untried": "on"})
    assert browser.post(f"{place}change/", {**form, "new_secret": "other-canary"}).status_code == 302

    provider.refresh_from_db()
    assert (provider.secret, provider.priority, provider.base_url) == (
        "canary-secret",
        7,
        "http://127.0.0.1:9",
    )
    assert "canary" not in history() + browser.get(f"{place}change/").content.decode()


def test_b10_a_link_changes_nothing(acme, operator):
    ours = [acme.tenant.pk, acme.twin.pk]
    before, log = fingerprint(ours), LogEntry.objects.count()
    sent = "_form_submitted=on&status=disabled&amount=5&transaction_id=x1&name=x&email=a@b.example&role=owner"

    for address, method, _ in DIALOGS:
        if method == "GET":
            operator.get(f"{example(address, acme)}?{sent}")

    assert (fingerprint(ours), LogEntry.objects.count()) == (before, log)


def test_b10_a_form_from_elsewhere_is_refused(acme):
    browser = Client(headers={"host": "acme.localhost"}, enforce_csrf_checks=True)
    browser.force_login(acme.logins["owner"])

    for address, method, _ in DIALOGS:
        if method == "POST":
            assert browser.post(example(address, acme), {"_form_submitted": "on"}).status_code == 403


def test_b1_nul_is_refused(acme, operator):
    places = ["accounts/customer/?q=a%00b", "providers/service/a%00b/change/",
              "autocomplete/?app_label=accounts&model_name=apikey&field_name=customer&term=%00"]  # fmt: skip

    assert [operator.get(f"/admin/{place}").status_code for place in places] == [400, 400, 400]
    assert operator.post("/admin/providers/service/add/", {"id": "a\x00"}).status_code == 400


@pytest.mark.parametrize("place", [
    f"accounts/customer/{2**70}/change/", "activations/activation/not-a-uuid/change/",
    "billing/wallet/-1/change/", "search/?s=a&page=x", f"search/?s=a&page={10**18}",
    "accounts/customer/%F0%9F%92%A9/change/",
])  # fmt: skip
def test_b3_ids_that_cannot_be_are_not_found(acme, operator, place):
    assert operator.get(f"/admin/{place}").status_code == 404


@pytest.mark.parametrize("query", [f"p={10**18}", "p=-1", "p=x", "tenant__id__exact=x",
                                   "created_at_from_0=x&created_at_from_1=y", "o=99.-99.x"])  # fmt: skip
def test_b3_pages_and_filters_that_cannot_be_are_ignored(acme, operator, query):
    assert operator.get(f"/admin/accounts/customer/?{query}").status_code in (200, 302)


def test_customers_are_found_by_the_day_they_came(acme, operator):
    place = "/admin/accounts/customer/?created_at_from_1=00:00:00&created_at_from_0="

    found = [operator.get(place + day).context["cl"].result_count for day in ("2020-01-01", "2999-01-01")]

    assert found == [4, 0]  # two customers of each reseller


def test_b5_script_is_text_on_every_page(acme, operator):
    rows, tables = acme.rows, {
        "providers.service": "name", "providers.country": "name", "activations.message": "sender",
        "activations.moneyatrisk": "note", "activations.check": "parked_reason", "accounts.tenant": "name",
        "activations.attempt": "reason", "webhooks.event": "type", "providers.provider": "display_name",
        "webhooks.inboxmessage": "outcome", "billing.pricerule": "customer_group", "accounts.apikey": "name",
    }  # fmt: skip
    for table, field in tables.items():
        rows[table].__class__.objects.filter(pk=rows[table].pk).update(**{field: SCRIPT})
    order = rows["activations.activation"]
    Activation.objects.filter(pk=order.pk).update(refusal=SCRIPT, routing={"why": SCRIPT})

    shown = [operator.get(place).content.decode() for place in ["/admin/", *pages_of(acme)]]

    assert [place for place in shown if SCRIPT in place] == []
    assert sum("&lt;script&gt;" in place for place in shown) > 15


def test_only_support_and_above_may_pause_a_customer(acme):
    customer = acme.rows["accounts.customer"]
    place = reverse("admin:accounts_customer_change_status", args=[customer.pk])

    answer = acme.client("support").post(
        place, {"_form_submitted": "on", "status": "paused"}, headers={"hx-request": "true"}
    )

    customer.refresh_from_db()
    assert (answer.status_code, customer.status) == (200, "paused")
    assert answer["HX-Redirect"] == f"/admin/accounts/customer/{customer.pk}/change/"


def test_the_dialog_of_a_customers_status_says_what_is_erased_when_and_begins_with_his_own(acme):
    customer = acme.rows["accounts.customer"]
    Customer.objects.filter(pk=customer.pk).update(status="disabled")
    place = reverse("admin:accounts_customer_change_status", args=[customer.pk])

    page = acme.client("owner").get(place).content.decode()

    assert "30 days after the mark his login, e-mail, keys, webhooks and messages are erased for good" in page
    assert re.search(r'<option value="disabled"\s+selected', page)


def test_the_account_of_a_marketplace_can_be_looked_at_and_not_changed(acme, globex):
    account = acme.rows["activations.contract"].customer
    ActivationFactory(customer=account, customer_price_micros=0)
    page, owner = f"/admin/accounts/customer/{account.pk}/change/", acme.client("owner")
    order = Activation.objects.get(customer=account)

    assert page in owner.get(f"/admin/activations/activation/{order.pk}/change/").content.decode()
    shown = owner.get(page)
    assert shown.status_code == 200
    assert 'name="_save"' not in shown.content.decode()
    assert "change_status" not in shown.content.decode()
    given = {"_form_submitted": "on", "status": "disabled"}
    for name in ("change_status", "end_pause"):
        place = reverse(f"admin:accounts_customer_{name}", args=[account.pk])
        assert owner.post(place, given).status_code == 403
    assert owner.post(page, {"group": "vip"}).status_code == 403
    account.refresh_from_db()
    assert (account.status, account.group) == ("active", "")

    assert account.external_id not in owner.get("/admin/accounts/customer/").content.decode()
    assert globex.client("owner").get(page).status_code == 404


@pytest.mark.django_db(transaction=True)
def test_m11_a_refund_happens_once(acme):
    order = acme.rows["activations.activation"]
    place = reverse("admin:activations_activation_give_back", args=[order.pk])
    browser = acme.client("manager")

    browser.post(place, {"_form_submitted": "on"})
    second = browser.post(place, {"_form_submitted": "on"}, follow=True)

    order.refresh_from_db()
    assert order.billing_status == "refunded"
    assert "already refunded" in second.content.decode().lower()


def test_members_do_not_see_what_the_platform_earns_and_pays(acme, operator):
    order = acme.rows["activations.activation"]
    place = f"/admin/activations/activation/{order.pk}/change/"
    entries = "/admin/billing/entry/"

    assert "provider charges" in operator.get(place).content.decode().lower()
    assert "provider charges" not in acme.client("owner").get(place).content.decode().lower()
    accounts = {role: {e.account for e in browser.get(entries).context["cl"].result_list}
                for role, browser in (("owner", acme.client("owner")), ("operator", operator))}  # fmt: skip
    assert accounts["operator"] - accounts["owner"] == {"provider", "platform_revenue"}


def test_the_overview_counts_ones_own_rows_only(acme, globex, rf):
    Activation.objects.filter(tenant=globex.tenant).update(lease_state="ordering")
    Check.objects.filter(tenant=globex.tenant).update(parked_reason="gone")
    request = rf.get("/admin/")
    request.user = acme.logins["owner"]

    shown = {figure.label: figure.value for figure in figures(request, now=order_time(acme))}

    assert shown == {
        "Open orders": "2",
        "Being found out": "0",
        "Oldest due check": "0 s",
        "Parked checks": "0",
        "Messages waiting": "1",
        "Providers in trouble": "0",
        "Reports waiting": "2",
        "Money at risk": "$0.000001",
    }


def order_time(house):
    return house.rows["activations.check"].due_at


def test_the_menu_leads_only_where_one_may_go(acme):
    for role in ("viewer", "support", "manager", "owner"):
        browser = acme.client(role)
        menu = [i["link"] for g in browser.get("/admin/").context["sidebar_navigation"] for i in g["items"]]
        assert [link for link in menu if browser.get(link).status_code != 200] == []


def test_the_account_menu_leads_members_to_the_workbench_of_webhooks(acme):
    browser = acme.client("owner")

    assert 'href="/webhooks/"' in browser.get("/admin/").content.decode()
    assert browser.get("/webhooks/").status_code == 200


def test_the_menu_has_every_table():
    assert sorted(table.lower() for tables in SUBJECTS.values() for table, _ in tables) == sorted(TABLES)


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_key_is_issued_in_a_dialog(live_server, page, acme):
    page.goto(f"{signed_in(live_server, page, acme)}/admin/accounts/apikey/")

    page.get_by_text("Issue a key").click()
    page.locator("#dialog input[name=name]").fill("till")
    page.locator("#dialog button[type=submit]").click()

    plaintext = page.get_by_label("API key", exact=True).input_value()
    assert ApiKey.objects.get(digest=digest(plaintext)).name == "till"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["activations.contract", "providers.provider"])
def test_addresses_of_machines_fit_a_narrow_page(live_server, page, acme, name):
    page.set_viewport_size({"width": 360, "height": 740})
    table, row = name.replace(".", "/"), acme.rows[name]

    page.goto(f"{signed_in(live_server, page, acme, login='manager')}/admin/{table}/{row.pk}/change/")

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    shown = page.locator("body").inner_text()
    assert (row.token if name == "activations.contract" else row.callback_token) in shown


def signed_in(live_server, page, house, login="owner"):
    """The reseller's address, where the browser is signed in."""
    address = re.sub(r"//[\w.]+", f"//{house.name}.localhost", live_server.url)
    session = house.client(login).cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    return address


def test_amounts_are_typed_in_dollars_and_percent(acme):
    client = acme.client("manager")
    place = reverse("admin:billing_pricerule_add")
    typed = {
        "tenant": acme.tenant.pk, "service_id": "telegram", "country_id": "", "customer_group": "",
        "percent_ppm": "2.5", "fixed_micros": "0.015", "floor_micros": "", "cap_micros": "3",
        "rounding_micros": "0.01", "valid_from_0": "", "valid_from_1": "", "valid_until_0": "",
        "valid_until_1": "",
    }  # fmt: skip

    answer = client.post(place, typed)

    assert answer.status_code == 302, answer.context["errors"]
    rule = PriceRule.objects.get(tenant=acme.tenant, service_id="telegram")
    assert (rule.percent_ppm, rule.fixed_micros, rule.floor_micros) == (25_000, 15_000, None)
    assert (rule.cap_micros, rule.rounding_micros) == (3_000_000, 10_000)
    page = client.get(reverse("admin:billing_pricerule_change", args=[rule.pk])).content.decode()
    assert 'value="0.015"' in page
    assert 'value="2.5"' in page
    assert "Fixed (USD)" in page
    assert 'name="rounding_micros" value="0.01"' in client.get(place).content.decode()
    refused = client.post(place, typed | {"fixed_micros": "0.0000001"})
    assert "no more than 6 decimal places" in refused.content.decode()

"""Another reseller's rows: never found, never changed, never seen (FAULTS T1–T7)."""

import re

import pytest
from django.contrib import admin

from accounts.models import Member, Tenant, User
from accounts.services import set_member_active, set_tenant_status
from billing.models import PriceRule
from tests.access.matrix import ROLES, rows
from tests.access.test_matrix import ask, letter_of
from tests.access.walk import example
from tests.access.world import fingerprint, sign_in

pytestmark = pytest.mark.django_db

STRANGERS = ["customer_b", "owner_b", "key_b", "customer_key_b"]
OURS = ["customer_a", "owner_a", "key_a"]  # lower roles see less than owners
NEVER_SAME = re.compile(r'csrfmiddlewaretoken" value="[^"]+"|[0-9a-f]{32}')


def outcome(letters, role):
    return letters[ROLES.index(role)]


def text_of(answer):
    """What was sent, files too."""
    return (answer.getvalue() if answer.streaming else answer.content).decode(errors="replace")


@pytest.mark.parametrize("role", STRANGERS)
def test_t1_t2_whatever_a_stranger_sends_changes_nothing(acme, globex, who, role):
    ours = [acme.tenant.pk, acme.twin.pk]
    before = fingerprint(ours)

    for address, method, _ in rows():
        if "<" in address:
            ask(who[role], method, example(address, acme), role, address, undo=False)

    assert fingerprint(ours) == before


@pytest.mark.parametrize("role", STRANGERS[:3])
def test_t1_t2_a_foreign_row_is_answered_like_a_missing_one(acme, globex, who, role):
    different = []

    for address, method, letters in rows():
        if outcome(letters, role) == "N" and "<" in address:
            foreign, missing = example(address, acme), example(address, acme, missing=True)
            answers = [ask(who[role], method, place, role, address) for place in (foreign, missing)]
            seen = [NEVER_SAME.sub("", text_of(a)) for a in answers]
            seen = [text.replace(place, "") for text, place in zip(seen, (foreign, missing), strict=True)]
            if seen[0] != seen[1] or answers[0].status_code != answers[1].status_code:
                different.append((method, address))

    assert different == []


@pytest.mark.parametrize("role", OURS)
def test_t3_no_page_shows_a_trace_of_another_reseller(acme, globex, who, role):
    found = []

    for address, method, letters in rows():
        if method == "GET" and outcome(letters, role) == "k":
            place = example(address, acme)
            for query in ("", "?q=lobex"):
                if "globex" in text_of(ask(who[role], "GET", place + query, role, address)):
                    found.append(place + query)

    assert found == []


@pytest.mark.parametrize("role", ["viewer", "owner_a"])
def test_t3_pickers_filters_and_lookups_offer_nothing_of_another_reseller(acme, globex, who, role):
    found, opened = [], 0

    for model, page in admin.site._registry.items():
        place = f"/admin/{model._meta.label_lower.replace('.', '/')}/"
        for field in (f for f in model._meta.fields if f.remote_field):
            address = (
                f"/admin/autocomplete/?app_label={model._meta.app_label}&model_name={model._meta.model_name}"
                f"&field_name={field.name}&term="
            )
            for query in (address, address + "lobex", f"{place}?{field.name}__id__exact={globex.tenant.pk}"):
                answer = ask(who[role], "GET", query, role, "")
                opened += answer.status_code == 200
                if "globex" in text_of(answer):
                    found.append((query, page))

    assert found == []
    assert opened > 20


def test_t4_a_session_is_worth_nothing_at_another_reseller(acme, globex):
    stranger = sign_in("globex.localhost", acme.logins["owner"])

    assert letter_of(stranger.get("/admin/")) == "L"


@pytest.mark.parametrize("host", ["evil.example", "acme.localhost.evil.example", "a\tb", "unknown.localhost"])
def test_t4_a_forged_host_is_refused(acme, host):
    assert sign_in(host, acme.logins["owner"]).get("/admin/").status_code == 400


@pytest.mark.parametrize("role", ["customer_a", "manager", "key_a"])
def test_t5_nothing_that_needs_a_login_is_stored(acme, globex, who, role):
    stored = []

    for address, method, letters in rows():
        needs_login = outcome(letters, "nobody") in "LU" and outcome(letters, role) == "k"
        if method == "GET" and needs_login:
            answer = ask(who[role], "GET", example(address, acme), role, address)
            kept_for_him = answer.headers.get("Cache-Control") == "private, no-cache" and "ETag" in answer
            if "no-store" not in answer.headers.get("Cache-Control", "") and not kept_for_him:
                stored.append(address)

    assert [address for address in stored if address != "admin/jsi18n/"] == []


def test_t6_a_member_who_was_switched_off_is_out_at_once(acme):
    browser = acme.client("manager")
    member = Member.objects.get(user=acme.logins["manager"])
    assert letter_of(browser.get("/admin/")) == "k"

    set_member_active(tenant=acme.tenant, member_id=member.pk, is_active=False)

    assert letter_of(browser.get("/admin/")) == "L"


def test_t6_a_lower_role_counts_at_once(acme):
    browser = acme.client("manager")
    assert letter_of(browser.get("/admin/accounts/apikey/")) == "k"

    Member.objects.filter(user=acme.logins["manager"]).update(role="support")

    assert letter_of(browser.get("/admin/accounts/apikey/")) == "F"


def test_t6_members_of_a_suspended_reseller_are_out_at_once(acme):
    browser = acme.client("owner")

    set_tenant_status(tenant=acme.tenant, status="suspended")

    assert letter_of(browser.get("/admin/")) == "L"


def test_t6_suspending_a_reseller_suspends_its_test_twin(acme, who):
    page = f"/admin/accounts/tenant/{acme.tenant.pk}/change/"
    form = {"name": "acme ltd", "slug": "acme", "status": "suspended", "brand_color": "#2557d6"}

    assert who["operator"].post(page, form).status_code == 302

    assert {*Tenant.objects.filter(slug__startswith="acme").values_list("status", flat=True)} == {"suspended"}


def test_t7_fields_that_no_form_has_are_not_applied(acme, globex):
    browser, owner = acme.client("owner"), acme.logins["owner"]
    extra = {"tenant": globex.tenant.pk, "is_staff": "on", "is_superuser": "on", "email": "evil@example.com"}
    page = f"/admin/accounts/user/{acme.logins['viewer'].pk}/change/"

    assert browser.post(page, {"is_active": "on", **extra}).status_code == 302

    user = User.objects.get(pk=acme.logins["viewer"].pk)
    assert (user.tenant_id, user.is_superuser, user.email) == (owner.tenant_id, False, "viewer@acme.example")


def test_t7_money_and_states_cannot_be_sent_along(acme):
    customer = acme.rows["accounts.customer"]
    page = f"/admin/accounts/customer/{customer.pk}/change/"

    sent = {
        "group": "gold",
        "status": "disabled",
        "external_id": "other",
        "balance_micros": "1",
        "wallet": "1",
    }
    assert acme.client("support").post(page, sent).status_code == 302

    customer.refresh_from_db()
    assert (customer.group, customer.status, customer.external_id) == ("gold", "active", "acmebuyer")


def test_t7_a_rule_is_made_for_ones_own_customers_only(acme, globex):
    browser, form = acme.client("manager"), {"percent_ppm": 1, "fixed_micros": 0, "rounding_micros": 10_000}
    before = PriceRule.objects.count()

    foreign = browser.post("/admin/billing/pricerule/add/", {**form, "tenant": globex.tenant.pk})
    nobodys = browser.post("/admin/billing/pricerule/add/", form)
    own = browser.post("/admin/billing/pricerule/add/",
                       {**form, "tenant": acme.tenant.pk, "layer": "platform"})  # fmt: skip

    assert [a.status_code for a in (foreign, nobodys, own)] == [200, 200, 302]
    assert PriceRule.objects.count() == before + 1
    assert PriceRule.objects.latest("pk").layer == "tenant"


def test_the_operator_alone_funds_a_reseller(acme, who):
    own = Tenant.objects.get(pk=acme.tenant.pk).wallets.get(customer=None)
    page = f"/admin/billing/wallet/{own.pk}/move/"
    form = {"_form_submitted": "on", "amount": "5", "transaction_id": "x1"}
    before = own.balance_micros

    assert acme.client("owner").post(page, form).status_code == 403
    assert who["operator"].post(page, form).status_code == 302

    own.refresh_from_db()
    assert own.balance_micros == before + 5_000_000


def test_a_manager_says_from_where_on_balances_are_low(acme):
    own = Tenant.objects.get(pk=acme.tenant.pk).wallets.get(customer=None)
    customers = acme.rows["accounts.customer"].wallet
    form = {"_form_submitted": "on", "low_balance": "12.34"}

    for wallet in (own, customers):
        page = f"/admin/billing/wallet/{wallet.pk}/tell_below/"
        assert acme.client("support").post(page, form).status_code == 403
        odd = acme.client("manager").post(page, {**form, "low_balance": "-5"})
        assert "Low balance: enter an amount from $0 up." in odd.content.decode()
        wallet.refresh_from_db()
        assert wallet.low_balance_micros is None

        assert acme.client("manager").post(page, form).status_code == 302
        wallet.refresh_from_db()
        assert wallet.low_balance_micros == 12_340_000

        acme.client("owner").post(page, {**form, "low_balance": ""})
        wallet.refresh_from_db()
        assert wallet.low_balance_micros is None


def test_a_reseller_keeps_an_owner(acme):
    member = Member.objects.get(user=acme.logins["owner"])
    page = f"/admin/accounts/member/{member.pk}/change/"

    answer = acme.client("owner").post(page, {"role": "viewer", "is_active": "on"})

    assert (answer.status_code, Member.objects.get(pk=member.pk).role) == (200, "owner")

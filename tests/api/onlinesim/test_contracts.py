"""Contracts in the admin: made by owners, checked, their secrets never shown."""

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from activations.marketplace_queries import figures_of
from activations.models import Contract, Sale
from activations.services.marketplace.contracts import digest_of
from tests.access.world import build
from tests.api.conftest import Partner, names
from tests.api.onlinesim.conftest import make_contract, sale_of
from tests.api.onlinesim.test_refusals import sold_to
from tests.factories import CountryFactory, ServiceFactory

pytestmark = pytest.mark.django_db
PLACE = "/admin/activations/contract/"


def form(tenant, **changes):
    lines = {f"{name}-{field}": 0 for name in ("prices", "codes")
             for field in ("INITIAL_FORMS", "MIN_NUM_FORMS")}  # fmt: skip
    return {
        "name": "OnlineSim", "tenant": tenant.pk, "is_active": "on", "currency": "RUB", "rub_per_usd": "81.5",
        "least_margin_micros": "0.05", "daily_cap": "", "countries": "us, DE", "rent_hours": 24,
        "push_url": "https://93.184.215.14/v1/PUSH_SMS", "rent_push_url": "", "phone_shape": "text",
        "new_push_key": "their-canary-key", "blocked_senders": "Bank", "stock_percent": 100, "stock_most": 10,
        "lists_any": "on", "prices-TOTAL_FORMS": 1, "codes-TOTAL_FORMS": 1, **lines,
        "prices-0-service": "telegram", "prices-0-country": "", "prices-0-least_sum": "12.5",
        "codes-0-kind": "service", "codes-0-code": "TG", "codes-0-canonical_id": "telegram", **changes,
    }  # fmt: skip


@pytest.fixture
def acme():
    ServiceFactory(id="telegram")
    CountryFactory(id="us")
    CountryFactory(id="de")
    return build("acme")


def test_an_owner_makes_a_contract(acme):
    answer = acme.client("owner").post(f"{PLACE}add/", form(acme.tenant))

    assert answer.status_code == 302
    contract = Contract.objects.get(name="OnlineSim")
    assert (contract.least_margin_micros, contract.countries) == (50_000, ["de", "us"])
    assert (contract.push_key, contract.tenant) == ("their-canary-key", acme.tenant)
    customer = contract.customer
    assert (customer.tenant, customer.user, customer.wallet.balance_micros) == (acme.tenant, None, 0)
    (price,), (code,) = contract.prices.all(), contract.codes.all()
    assert (price.service_id, price.least_sum, price.tenant) == ("telegram", 12.5, acme.tenant)
    assert (code.code, code.tenant) == ("tg", acme.tenant)


def test_the_account_of_a_contract_is_no_customer_and_its_money_is_found(acme):
    contract = acme.rows["activations.contract"]
    name, tenant = contract.customer.external_id, acme.tenant
    program = Partner(tenant, contract.customer)
    path = f"/admin/accounts/customer/{contract.customer_id}/change/"
    owner = acme.client("owner")

    listed = program.get("retail/m/customers")[1]["customers"]
    assert name not in {one["customer_id"] for one in listed}
    assert listed, "people are listed"
    disabled = program.put(f"retail/m/customer/{name}", {"status": "disabled"})
    assert names(program.get(program.a)) == names(disabled) == (404, "NotFoundException")
    assert name not in owner.get("/admin/accounts/customer/").content.decode()
    assert 'name="_save"' not in owner.get(path).content.decode(), "its orders lead to it; nobody changes it"
    form = {"_form_submitted": "on", "name": "mine", "customer_id": name}
    issued = owner.post("/admin/accounts/apikey/issue/", form, follow=True)
    assert "There is no such customer." in issued.content.decode()
    assert name in owner.get(f"/admin/billing/wallet/?q={name}").content.decode()
    assert name in owner.get(f"{PLACE}{contract.pk}/change/").content.decode()


def test_the_form_begins_without_a_margin(acme):
    page = acme.client("owner").get(f"{PLACE}add/").context["adminform"].form
    assert page["least_margin_micros"].value() == "0"


@pytest.mark.parametrize(
    ("changes", "at_fault"),
    [
        ({"push_url": "http://example.com/"}, "push_url"),
        ({"rent_push_url": "https://127.0.0.1/"}, "rent_push_url"),
        ({"countries": "us, atlantis"}, "countries"),
        ({"rub_per_usd": "0"}, "rub_per_usd"),
        ({"rub_per_usd": ""}, "rub_per_usd"),
        ({"least_margin_micros": "-1"}, "least_margin_micros"),
        ({"stock_percent": "0"}, "stock_percent"),
        ({"stock_percent": "101"}, "stock_percent"),
        ({"rent_hours": "721"}, "rent_hours"),
        ({"currency": "EUR"}, "currency"),
        ({"new_push_key": "ключ"}, "new_push_key"),
        ({"name": ""}, "name"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(acme, changes, at_fault):
    before = Contract.objects.count()
    answer = acme.client("owner").post(f"{PLACE}add/", form(acme.tenant, **changes))
    assert list(answer.context["adminform"].form.errors) == [at_fault]
    assert Contract.objects.count() == before


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"codes-0-canonical_id": "nothing"}, "There is no service"),
        ({"prices-0-least_sum": "-1"}, "greater than or equal to 0"),
    ],
)
def test_lines_are_checked_too(acme, changes, sentence):
    answer = acme.client("owner").post(f"{PLACE}add/", form(acme.tenant, **changes))
    assert sentence in answer.content.decode()
    assert not Contract.objects.filter(name="OnlineSim").exists()


def test_t3_a_contract_of_another_reseller_cannot_be_made(acme):
    globex = build("globex")
    answer = acme.client("owner").post(f"{PLACE}add/", form(globex.tenant))
    assert list(answer.context["adminform"].form.errors) == ["tenant"]


def test_s1_keys_are_written_and_never_shown(acme):
    browser, contract = acme.client("owner"), acme.rows["activations.contract"]
    page = f"{PLACE}{contract.pk}/"
    given = {"_form_submitted": "on", "key": "canary-key-of-theirs"}
    assert browser.post(f"{page}new_key/", given).status_code == 302
    contract.refresh_from_db()
    assert bytes(contract.key_digest) == digest_of("canary-key-of-theirs")

    browser.post(f"{page}new_key/", {"_form_submitted": "on", "key": "short"})
    contract.refresh_from_db()
    assert bytes(contract.key_digest) == digest_of("canary-key-of-theirs"), "a short one is refused"

    answer = browser.post(f"{page}new_key/", {"_form_submitted": "on"}, headers={"hx-request": "true"})
    contract.refresh_from_db()
    made = answer.context["plaintext"]
    assert bytes(contract.key_digest) == digest_of(made)
    assert made in answer.content.decode()
    shown = browser.get(f"{page}change/").content.decode()
    logged = str(list(LogEntry.objects.values_list("change_message", flat=True)))
    assert made not in shown + logged + str(dict(browser.session))
    assert "canary" not in shown + logged


def test_a_change_keeps_what_was_left_empty(acme):
    contract = acme.rows["activations.contract"]
    contract.push_key = "their-canary-key"
    contract.save()
    kept = {"new_push_key": "", "prices-TOTAL_FORMS": 0, "codes-TOTAL_FORMS": 0}
    answer = acme.client("owner").post(f"{PLACE}{contract.pk}/change/", form(acme.tenant, **kept))
    assert answer.status_code == 302
    token = contract.token
    contract.refresh_from_db()
    assert (contract.push_key, contract.token, contract.name) == ("their-canary-key", token, "OnlineSim")


def test_figures_tell_sales_and_losses(db, acme):
    marketplace = make_contract(acme.tenant, None)
    sold, lost, open_one = (sold_to(marketplace) for _ in range(3))
    marketplace.finish(sold, 3)
    marketplace.finish(lost, 4)
    order = sale_of(lost).activation
    order.sms_status, order.billing_status = "smsReceived", "billed"
    order.save()
    since = timezone.now() - timedelta(days=1)
    figures = figures_of(contract_id=marketplace.contract.pk, since=since)
    assert (figures.open, figures.sold, figures.canceled) == (1, 1, 1)
    assert (figures.expected_micros, figures.income_micros) == (500_000, 500_000)
    assert (figures.lost, figures.lost_micros) == (1, order.price_micros)
    page = f"{PLACE}{marketplace.contract.pk}/change/"
    assert "1, $0.25 lost" in acme.client("manager").get(page).content.decode()
    assert Sale.objects.get(number=open_one).is_open

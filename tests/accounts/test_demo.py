"""`manage.py demo`: what it makes, and that it makes it once."""

import json
import stat

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.keys import digest
from accounts.models import ApiKey, Customer, Domain, Member, Tenant, User
from activations.demo import seed
from activations.demo.addresses import Addresses
from billing.models import Entry, Wallet
from providers.models import Offer, Provider
from tests.accounts.conftest import sign_in
from tests.accounts.test_secrets import every_byte
from tests.upstream import sandbox_server  # noqa: F401  (fixture)

pytestmark = pytest.mark.django_db
DOLLAR = 1_000_000


@pytest.fixture
def run(tmp_path, sandbox_server):  # noqa: F811
    path = tmp_path / "state" / "demo.json"

    def demo(port=8000):
        seed(
            path=path,
            addresses=Addresses("http", port),
            sandbox_url=sandbox_server.url,
            now=timezone.now(),
        )
        return json.loads(path.read_text())

    demo.path = path
    return demo


def balance(**of):
    return Wallet.objects.get(**of).balance_micros


def test_the_file_has_the_shape_that_scripts_rely_on(run):
    demo = run()

    assert list(demo)[:3] == ["base_url", "admin", "tenants"]
    assert demo["base_url"] == "http://acme.localhost:8000"
    assert demo["admin"]["url"] == "http://acme.localhost:8000/admin/"
    assert set(demo["admin"]) == {"url", "email", "password"}
    assert [tenant["slug"] for tenant in demo["tenants"]] == ["acme", "globex"]
    for tenant in demo["tenants"]:
        assert list(tenant)[:6] == [
            "slug", "base_url", "retail_key", "retail_test_key", "owner", "customers",
        ]  # fmt: skip
        assert tenant["base_url"] == f"http://{tenant['slug']}.localhost:8000"
        assert set(tenant["owner"]) == {"email", "password"}
        for customer in tenant["customers"]:
            assert list(customer) == [
                "customer_id", "email", "password", "key", "test_key", "balance_micros",
            ]  # fmt: skip
    assert stat.S_IMODE(run.path.stat().st_mode) == 0o600


def test_money_is_as_the_demo_says_for_live_and_test(run):
    demo = run()

    for listed in demo["tenants"]:
        tenant = Tenant.objects.get(slug=listed["slug"])
        price = listed["cheapest"]["price_micros"]
        assert [customer["balance_micros"] for customer in listed["customers"]] == [1_000 * DOLLAR, price, 0]
        for owner in (tenant, tenant.test_tenant):
            assert balance(tenant=owner, customer=None) == 10_000 * DOLLAR
            for customer in listed["customers"]:
                found = balance(tenant=owner, customer__external_id=customer["customer_id"])
                assert found == customer["balance_micros"]


@pytest.mark.django_db(transaction=True)
def test_m15_the_ledger_agrees_with_the_demos_money(run):
    run()

    call_command("check_ledger")


def test_every_key_is_live_and_names_its_owner(run):
    demo = run()

    for tenant in demo["tenants"]:
        key, test_key = (
            ApiKey.objects.get(digest=digest(tenant[name])) for name in ("retail_key", "retail_test_key")
        )
        assert (key.tenant.slug, key.customer) == (tenant["slug"], None)
        assert test_key.tenant.live_tenant == key.tenant
        for customer in tenant["customers"]:
            own = ApiKey.objects.get(digest=digest(customer["key"]))
            double = ApiKey.objects.get(digest=digest(customer["test_key"]))
            assert own.customer.external_id == double.customer.external_id == customer["customer_id"]
            assert (own.tenant, double.tenant) == (key.tenant, test_key.tenant)


def test_every_login_opens_its_door(run):
    demo = run()

    assert lands(demo["tenants"][0], demo["admin"]) == "/admin/"
    for tenant in demo["tenants"]:
        for member in (tenant["owner"], *tenant["members"]):
            assert lands(tenant, member) == "/admin/"
        for customer in tenant["customers"]:
            assert lands(tenant, customer) == "/"


def lands(tenant, login):
    client = Client(headers={"host": f"{tenant['slug']}.localhost"})
    return sign_in(client, login["email"], login["password"]).get("Location")


def test_plain_localhost_is_the_first_tenant(run):
    run()

    hosts = Domain.objects.filter(tenant__slug="acme").values_list("host", flat=True)
    assert {"localhost", "127.0.0.1", "acme.localhost"} <= set(hosts)


def test_one_sandbox_account_serves_live_orders_and_one_test_orders(run, sandbox_server):  # noqa: F811
    run()

    live, test = Provider.objects.order_by("public_no")
    assert (live.serves_live, live.serves_test) == (True, False)
    assert (test.serves_live, test.serves_test) == (False, True)
    assert live.secret != test.secret
    assert live.base_url == sandbox_server.url
    for provider in (live, test):
        in_stock = Offer.objects.filter(provider=provider, count__gt=0)
        assert in_stock.values("service").distinct().count() >= 60
        assert in_stock.values("country").distinct().count() >= 60


def counts():
    models = (Tenant, Domain, User, Member, Customer, ApiKey, Wallet, Entry, Provider, Offer)
    return [model.objects.count() for model in models]


def test_a_second_run_changes_addresses_only(run):
    first, before = run(), counts()
    Provider.objects.update(base_url="http://127.0.0.1:1")

    second = run(port=9001)

    assert counts() == before
    assert second["base_url"] == "http://acme.localhost:9001"
    assert json.dumps(second) == json.dumps(first).replace(":8000", ":9001")
    assert not Provider.objects.filter(base_url="http://127.0.0.1:1").exists()


def test_a_second_run_tops_nothing_up(run):
    run()
    before = list(Entry.objects.values_list("id", flat=True))

    run()

    assert list(Entry.objects.values_list("id", flat=True)) == before


def test_a_lost_file_gets_new_secrets_and_the_old_ones_end(run):
    first = run()
    run.path.unlink()

    second = run()

    old, new = (demo["tenants"][0]["customers"][0] for demo in (first, second))
    assert not ApiKey.objects.filter(digest=digest(old["key"])).exists()
    assert lands(second["tenants"][0], old) is None
    assert lands(second["tenants"][0], new) == "/"
    assert new["balance_micros"] == old["balance_micros"]


def test_s1_nothing_that_the_demo_wrote_into_its_file_is_in_the_database(run):
    demo = run()
    provider_secrets = [provider.secret for provider in Provider.objects.all()]

    stolen = every_byte()

    given = {value for name, value in strings_of(demo) if "key" in name or name == "password"}
    assert len(given) > 30
    for secret in (*given, *provider_secrets):
        assert secret.encode() not in stolen


def strings_of(part, name=""):
    if isinstance(part, dict):
        return [found for key, value in part.items() for found in strings_of(value, key)]
    if isinstance(part, list):
        return [found for value in part for found in strings_of(value)]
    return [(name, part)]


def test_the_command_reads_the_port_and_works_without_a_sandbox(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PORT", "8123")

    call_command("demo", file=tmp_path / "demo.json")

    demo = json.loads((tmp_path / "demo.json").read_text())
    assert demo["base_url"] == "http://acme.localhost:8123"
    assert "nothing can be bought yet" in capsys.readouterr().out

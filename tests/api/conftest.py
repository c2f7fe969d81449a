"""A partner with his key, a customer with money, and the sandbox to buy from: all over HTTP."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import Tenant
from activations.models import Activation
from api.limits import limiter
from api.publishing import REST_SECONDS, publish_due
from api.retail.catalogue import CATALOGUE
from api.retail.prices import PRICES
from api.tasks import EDITIONS
from billing.models import Wallet
from providers.sandbox.stock import rental_shelves, shelves
from tests.factories import CountryFactory, CustomerFactory, OfferFactory, ServiceFactory, TenantFactory, fund
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401  (fixtures)

SERVICE, COUNTRY = "telegram", "us"


class Partner:
    """A tenant's own program: asks with its key and gives (status, body) back."""

    def __init__(self, tenant, customer, base="/api/v1"):
        self.tenant, self.customer, self.base = tenant, customer, base
        self.key = issue_key(tenant=tenant)[1]
        self.client = Client()
        self.last = None

    @property
    def a(self):
        return f"retail/a/customer/{self.customer.external_id}"

    def ask(self, method, path, body=None, *, key=None, host="localhost", **headers):
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"X-Api-Key": self.key if key is None else key, "Host": host, **headers}
        address = path if path.startswith("/") else f"{self.base}/{path}"
        kind = headers.pop("Content-Type", "application/json")
        self.last = self.client.generic(method, address, raw, kind, headers=headers)
        return self.last.status_code, self.last.json() if self.last.content else None

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body, **options):
        return self.ask("POST", path, body, **options)

    def put(self, path, body=None, **options):
        return self.ask("PUT", path, body, **options)

    def order(self, key=None, **fields):
        """A1 for what the shop sells; `key` is the Idempotency-Key."""
        wish = {"service_id": SERVICE, "country_id": COUNTRY, "customer_price": 80, **fields}
        return self.post(f"{self.a}/activation", wish, **({"Idempotency-Key": key} if key else {}))

    def money(self):
        wallet = Wallet.objects.get(customer=self.customer)
        return wallet.balance_micros, wallet.held_micros


def names(answer):
    """(status, errorName) of a refusal, whose sentence must be there."""
    status, body = answer
    assert body["errorMessage"]
    return status, body["errorName"]


@pytest.fixture(autouse=True)
def _full_permits():
    """Each test starts with fresh rates; Redis is emptied by tests/conftest.py."""
    limiter._leases.clear()
    limiter._away_until = 0.0


@pytest.fixture
def partner(db):
    customer = CustomerFactory(external_id="xDWxt7dd6efro3yWL4qfuEWjvAz1", balance_micros=100_000_000)
    return Partner(customer.tenant, customer)


@pytest.fixture
def stranger(db):
    """Another tenant's partner, whose customer has the same id as ours."""
    customer = CustomerFactory(external_id="xDWxt7dd6efro3yWL4qfuEWjvAz1", balance_micros=5_000_000)
    return Partner(customer.tenant, customer)


@pytest.fixture
def tester(db):
    """A partner on the test base."""
    tenant = TenantFactory(twin=True)
    twin = Tenant.objects.get(live_tenant=tenant)
    return Partner(twin, CustomerFactory(tenant=twin, balance_micros=100_000_000), base="/test/api/v1")


def publish():
    """Every list that is due after the rest between two writings."""
    publish_due(
        {shown.topic: shown.writer for shown in (PRICES, CATALOGUE)},
        {edition.kind: edition.writer for edition in EDITIONS},
        now=timezone.now() + timedelta(seconds=REST_SECONDS + 1),
    )


class Shop:
    """The sandbox as the only provider, with one offer: 20 cents at most."""

    def __init__(self, upstream):  # noqa: F811
        self.upstream = upstream
        ServiceFactory(id=SERVICE)
        CountryFactory(id=COUNTRY)
        self.provider = upstream.provider(serves_test=True)
        tier = min(shelves()[SERVICE, COUNTRY], key=lambda one: one.cost_micros)
        self.offer = OfferFactory(
            provider=self.provider,
            service=ServiceFactory(id=SERVICE),
            country=CountryFactory(id=COUNTRY),
            cost_micros=tier.cost_micros,
            upstream_ref=tier.ref,
        )

        for hours, cost in rental_shelves()["full", COUNTRY].items():
            OfferFactory(
                provider=self.provider,
                service=ServiceFactory(id="full"),
                country=self.offer.country,
                kind="rental",
                duration_hours=hours,
                cost_micros=cost,
                upstream_ref="rent",
            )

    def row(self, activation):
        return Activation.objects.get(hex_id=activation["activation_id"])

    def sms(self, activation, text, **facts):
        self.upstream.sms(self.row(activation).upstream_ref, text, **facts)


@pytest.fixture
def shop(db, upstream):  # noqa: F811
    """Its tests commit; whatever they did, the books are right at their end."""
    yield Shop(upstream)
    call_command("check_ledger", stdout=io.StringIO())


@pytest.fixture
def catalogue(db):
    ServiceFactory(id="netflix")
    CountryFactory(id="us")


__all__ = ["Partner", "fund", "names"]

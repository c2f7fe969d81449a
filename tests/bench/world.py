"""The tenants, customers, keys and orders that the rows work on."""

from __future__ import annotations

import hashlib
import json
import urllib.request
from dataclasses import dataclass

from django.db import connections
from django.utils import timezone

from accounts.identity import Buyer
from accounts.keys import issue_key
from accounts.models import Customer, Tenant
from activations.models import Activation
from activations.services.ordering import order_activation
from activations.wish import Wish
from billing.services import create_customer, create_tenant, move_money
from providers.catalogue import load_catalogue, sync_offers
from providers.models import Provider, ProviderHealth
from tests.bench import load
from tests.bench.load import http
from tests.bench.stack import Stack

SANDBOX_KEY = "sandbox_bench_000001"
SERVICE, COUNTRY = "telegram", "us"
HOST = "bench.localhost"


@dataclass
class Shop:
    """One tenant with its key and customers."""

    tenant: Tenant
    key: str
    customers: list[Customer]

    def call(self, method: str, path: str, body: str | None = None) -> str:
        """A raw request of the tenant's own client."""
        host = f"{self.tenant.slug}.localhost"
        return http(method, f"/api/v1/retail{path}", host=host, headers={"X-Api-Key": self.key}, body=body)

    def order(self, customer: Customer, *, service: str = SERVICE) -> str:
        body = json.dumps({"service_id": service, "country_id": COUNTRY, "customer_price": 100})
        return self.call("POST", f"/a/customer/{customer.external_id}/activation", body)


def open_provider(stack: Stack) -> Provider:
    """The catalogue, one sandbox account and its offers."""
    with connections["owner"].cursor() as cursor:  # ids that no other number in a recording equals
        cursor.execute("ALTER SEQUENCE accounts_tenant_id_seq RESTART 5000001")
        cursor.execute("ALTER SEQUENCE accounts_customer_id_seq RESTART 7000001")
    load_catalogue()
    provider = Provider(
        public_no=1,
        display_name="Bench",
        protocol="sandbox",
        base_url=f"http://127.0.0.1:{stack.sandbox}",
        sync_seconds=0,
    )
    provider.secret = SANDBOX_KEY
    provider.save()
    ProviderHealth.objects.create(provider=provider)
    sync_offers(provider, now=timezone.now())
    return provider


def open_shop(slug: str, *, customers: int, cents: int = 100_000_000) -> Shop:
    """A tenant, rich enough, with that many rich customers who may have any number of open orders."""
    tenant = create_tenant(slug=slug, name=slug.title(), hosts=[f"{slug}.localhost"])
    move_money(tenant_id=tenant.pk, customer_id=None, amount_micros=cents * 10_000, transaction_id="bench")
    people = [
        create_customer(tenant=tenant, external_id=f"c{n}", opening_micros=cents * 10_000)
        for n in range(customers)
    ]
    Customer.objects.filter(tenant=tenant).update(max_active=1_000_000)
    return Shop(tenant, issue_key(tenant=tenant)[1], list(Customer.objects.filter(tenant=tenant)) or people)


def gather_statistics() -> None:
    """What autovacuum would do a minute later."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def buy(customer: Customer, **wish: object) -> str:
    """One number, bought in this process; returns its hex id."""
    wanted = Wish(service_id=SERVICE, country_id=COUNTRY, customer_price_micros=1_000_000, **wish)  # type: ignore[arg-type]
    row = order_activation(buyer=Buyer.of(customer), wish=wanted, request_key=None, channel="retail")
    assert row.lease_state == "leased", row
    return row.hex_id


def fill(stack: Stack, shop: Shop, count: int) -> None:
    """Let the shop's customers have `count` open numbers, real ones, bought over HTTP."""
    have = Activation.objects.filter(
        tenant=shop.tenant, activation_status="active", sms_status="smsRequested"
    ).count()
    if have < count:
        orders = [shop.order(customer) for customer in shop.customers]
        load.fire(load.Plan(stack.web, 16, 300, orders, requests_in_all=count - have)).only(200)


def control(stack: Stack, name: str, *, key: str = SANDBOX_KEY, **order: object) -> dict[str, object]:
    """A control call to an account at the sandbox."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{stack.sandbox}/control/{name}",
        data=json.dumps(order).encode(),
        headers={"X-Api-Key": key, "Content-Type": "application/json"},
    )
    answer: dict[str, object] = json.load(urllib.request.urlopen(request, timeout=30))
    return answer


def digest(key: str) -> str:
    """How the key is stored, for pgbench's copy of the authentication query."""
    return hashlib.sha256(key.encode()).hexdigest()

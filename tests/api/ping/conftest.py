"""A customer with his own key and a client of the ping protocol."""

import json
from datetime import timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from activations.models import Activation, Rental
from activations.services.checking import check_due
from activations.services.rentals.checking import check_due_rentals
from billing.models import Wallet
from providers import product_list
from tests.factories import CustomerFactory

BASE = "/v1/nonvoip/"


class Pinger:
    """Asks with its key and gives (status, body) back."""

    def __init__(self, customer):
        self.customer = customer
        self.row, self.key = issue_key(tenant=customer.tenant, customer=customer)
        self.client = Client()
        self.last = None

    def ask(self, method, path, body=None, *, key=None, host="localhost", **headers):
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = {"X-Ping-Api-Key": self.key if key is None else key, "Host": host, **headers}
        kind = headers.pop("Content-Type", "application/json")
        self.last = self.client.generic(method, BASE + path, raw, kind, headers=headers)
        return self.last.status_code, self.last.json()

    def get(self, path, **options):
        return self.ask("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.ask("POST", path, body, **options)

    def product(self, kind="verification", **narrow):
        """The one service that there is of that type."""
        query = "&".join(f"{name}={value}" for name, value in narrow.items())
        _, found = self.get(f"services?service_type={kind}&{query}")
        [service] = found["services"]
        return service

    def order(self, repeat=None, **fields):
        """V1 of the one service; `repeat` is the Idempotency-Key."""
        body = {"serviceId": self.product()["public_id"], **fields}
        return self.post("orders/create", body, **({"Idempotency-Key": repeat} if repeat else {}))

    def rent(self, days=3, repeat=None, **fields):
        body = {"serviceId": self.product("rental")["public_id"], "days": days, **fields}
        return self.post("rentals/create", body, **({"Idempotency-Key": repeat} if repeat else {}))

    def bought(self):
        status, answer = self.order()
        assert (status, answer["result"]) == (201, "success")
        return answer["verification"]

    def rented(self, days=3):
        status, answer = self.rent(days)
        assert (status, answer["result"]) == (201, "success")
        return answer["rental"]

    def poll(self, order):
        return self.get(f"orders/{order['public_id']}/poll")[1]["verification"]

    def cancel(self, order):
        return self.post(f"orders/{order['public_id']}/cancel")

    def money(self):
        wallet = Wallet.objects.get(customer=self.customer)
        return wallet.balance_micros, wallet.held_micros


def refusal(answer):
    """(status, code) of a refusal, whose sentence must be there; "" where it has no code."""
    status, body = answer
    assert body["result"] == "failed"
    assert body["message"]
    return status, body.get("code", "")


def micros(dollars):
    return round(dollars * 1_000_000)


@pytest.fixture(autouse=True)
def _no_known_products():
    """Ids of one test's tenants mean nothing in the next."""
    product_list._known.clear()
    yield
    product_list._known.clear()


@pytest.fixture
def pinger(db):
    return Pinger(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def neighbour(pinger):
    """Another customer of the same reseller."""
    return Pinger(CustomerFactory(tenant=pinger.customer.tenant, balance_micros=100_000_000))


@pytest.fixture
def foreigner(db):
    """Another reseller's customer."""
    return Pinger(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def arrive(shop):
    """An SMS comes to an order's or a rental's number, and the next sweep finds it."""
    sweeps = count(1)

    def arrive(thing, text, **facts):
        rows = Rental.objects.filter(rnt_id=thing["public_id"])
        row = rows.first() or Activation.objects.get(ord_id=thing["public_id"])
        shop.upstream.sms(row.upstream_ref, text, **facts)
        now = timezone.now() + timedelta(seconds=30 * next(sweeps))
        check_due(now)
        check_due_rentals(now)

    return arrive


@pytest.fixture
def poor(pinger):
    """A customer without money."""
    return Pinger(CustomerFactory(tenant=pinger.customer.tenant, balance_micros=0))

"""A marketplace that buys from us: it calls our addresses and takes messages on a real server of its own."""

import itertools
import json
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from activations.marketplace_queries import find_contract
from activations.models import Contract, ContractPrice, Sale
from activations.services.checking import check_due
from activations.services.marketplace import issuing, leases
from activations.services.marketplace.contracts import new_key, open_contract
from activations.services.rentals.checking import check_due_rentals
from api.limits import per_second
from api.onlinesim.pushing import push_due
from billing.models import Entry
from providers.models import CodeMap
from providers.spellings import forget_spellings
from tests.factories import TenantFactory
from tests.webhooks.conftest import receivers  # noqa: F401  (a fixture)

RATE = Decimal(80)  # roubles per dollar


@dataclass
class Marketplace:
    """One contract, seen from the other side."""

    contract: Contract
    key: str
    receiver: object
    client: Client = field(default_factory=Client)
    last: object = None

    def ask(self, path, body, *, host="localhost", **headers):
        """(status, body) of a POST."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        kind = headers.pop("Content-Type", "application/json; charset=utf-8")
        address = f"/onlinesim/{self.contract.token}{path}"
        self.last = self.client.generic("POST", address, raw, kind, headers={"Host": host, **headers})
        return self.last.status_code, json.loads(self.last.content)

    def order(self, path="/getNumber", **members):
        wish = {
            "action": "GET_NUMBER", "key": self.key, "country": "usa", "operator": "any",
            "service": "telegram", "sum": 40, **members,
        }  # fmt: skip
        return self.ask(path, wish)[1]

    def rent(self, **members):
        wish = {"action": "GET_NUMBER", "key": self.key, "service": "rent", "sum": 1_000, **members}
        return self.ask("/getNumberRent", wish)[1]

    def finish(self, number, status, path="/finishActivation", **members):
        body = {"action": "FINISH_ACTIVATION", "key": self.key, "activationId": number, "status": status}
        return self.ask(path, {**body, **members})[1]

    def services(self, path="/getServices"):
        return self.ask(path, {"action": "GET_SERVICES", "key": self.key})[1]

    @property
    def got(self):
        """The messages that were passed on to it, as it read them."""
        return [orjson.loads(body) for _, body in self.receiver.got]

    @property
    def terms(self):
        return find_contract(token=self.contract.token, host="localhost", scheme="onlinesim").terms

    def income(self):
        """What it owes by the books."""
        owed = Entry.objects.filter(tenant=self.contract.tenant, account="marketplace")
        return -sum(owed.values_list("amount_micros", flat=True))


@pytest.fixture(autouse=True)
def _fresh(db):
    per_second._leases.clear()
    for kind, canonical_id, code in (
        ("service", "telegram", "telegram"), ("country", "us", "usa"), ("country", "de", "germany"),
    ):  # fmt: skip
        CodeMap.objects.create(scheme="onlinesim", kind=kind, canonical_id=canonical_id, code=code)
    forget_spellings()
    yield
    forget_spellings()


def make_contract(tenant, receiver, **fields):
    key = new_key()
    contract = Contract(
        tenant=tenant, rub_per_usd=RATE, push_url=receiver.url if receiver else "",
        **{"name": "OnlineSim", **fields},
    )  # fmt: skip
    contract.push_key = "their-key-for-our-messages"
    return Marketplace(open_contract(contract, key=key), key, receiver)


@pytest.fixture
def make_marketplace(db, receivers):  # noqa: F811
    """`make_marketplace(tenant=…, least_margin_micros=…)`, with a server that accepts messages."""

    def make(tenant=None, **fields):
        receiver = receivers(answer=b'{"status":"SUCCESS"}')
        return make_contract(tenant or TenantFactory(), receiver, **fields)

    return make


@pytest.fixture
def marketplace(make_marketplace):
    return make_marketplace()


@pytest.fixture
def clock():
    """Moments that go on, half a minute at a time."""
    steps = itertools.count(1)
    return lambda: timezone.now() + timedelta(seconds=30 * next(steps))


@pytest.fixture
def arrive(shop, clock):
    """An SMS comes to a number that was sold, is found, and passed on."""

    def arrive(number, text, *, sender="Telegram", push=True):
        sale = Sale.objects.select_related("activation", "rental").get(number=number)
        lease = sale.activation or sale.rental
        shop.upstream.sms(lease.upstream_ref, text, sender=sender)
        check_due(clock())
        check_due_rentals(clock())
        if push:
            push_due(now=clock())

    return arrive


@pytest.fixture
def attend(clock):
    """What is due at providers, some minutes later."""

    def attend():
        later = clock() + timedelta(minutes=3)
        issuing.write_off_strays(later)
        return leases.attend_due_sales(later)

    return attend


def sale_of(number):
    return Sale.objects.select_related("activation", "rental").get(number=number)


def price(marketplace, least, service=None, country=None):
    return ContractPrice.objects.create(
        tenant=marketplace.contract.tenant, contract=marketplace.contract, service_id=service,
        country_id=country, least_sum=least,
    )  # fmt: skip

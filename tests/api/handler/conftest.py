"""A customer with his own key and a client of the sms-activate family."""

from datetime import timedelta
from itertools import count

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from activations.models import Activation
from activations.services.checking import check_due
from billing.models import Wallet
from providers.models import CodeMap
from providers.spellings import forget_spellings
from tests.factories import CountryFactory, CustomerFactory, ServiceFactory

ADDRESS = "/stubs/handler_api.php"


class Family:
    """A client of the family: asks with its key and gives the body back, JSON read."""

    def __init__(self, customer, address=ADDRESS):
        self.customer, self.address = customer, address
        self.row, self.key = issue_key(tenant=customer.tenant, customer=customer)
        self.client = Client()
        self.last = None

    def ask(self, action, *, method="GET", key=None, host="localhost", **params):
        params = {"api_key": self.key if key is None else key, "action": action, **params}
        ask = self.client.get if method == "GET" else self.client.post
        self.last = ask(self.address, params, headers={"Host": host})
        is_json = self.last.headers["Content-Type"] == "application/json"
        return self.last.json() if is_json else self.last.content.decode()

    def order(self, **params):
        """The new number's id and phone."""
        words = self.ask("getNumber", service="tg", country="187", **params)
        word, number, phone = words.split(":")
        assert word == "ACCESS_NUMBER"
        return number, phone

    def step(self, number, status):
        return self.ask("setStatus", id=number, status=status)

    def status(self, number):
        return self.ask("getStatus", id=number)

    def money(self):
        wallet = Wallet.objects.get(customer=self.customer)
        return wallet.balance_micros, wallet.held_micros


@pytest.fixture(autouse=True)
def _codes(db):
    CodeMap.objects.create(scheme="handler", kind="service", canonical_id="telegram", code="tg")
    CodeMap.objects.create(scheme="handler", kind="country", canonical_id="us", code="187")
    forget_spellings()
    yield
    forget_spellings()


@pytest.fixture
def family(db):
    return Family(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def foreigner(db):
    """Somebody else's customer."""
    return Family(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def catalogue_of_one(db):
    """What the protocol's codes mean, with nothing on sale."""
    ServiceFactory(id="telegram")
    CountryFactory(id="us")


@pytest.fixture
def poor(db):
    return Family(CustomerFactory(balance_micros=0))


@pytest.fixture
def arrive(shop):
    """An SMS comes to an order's number, and the next sweep finds it."""
    sweeps = count(1)

    def arrive(order, text):
        shop.upstream.sms(order.upstream_ref, text)
        check_due(timezone.now() + timedelta(seconds=30 * next(sweeps)))

    return arrive


def row_of(number):
    return Activation.objects.get(num_id=number)

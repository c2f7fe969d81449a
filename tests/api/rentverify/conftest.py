"""A customer with a key of his own and a client of the RentVerify protocol."""

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
from tests.factories import CountryFactory, CustomerFactory, OfferFactory, ProviderFactory, ServiceFactory

BASE = "/api/v1"


class Verifier:
    """A client: asks with its token; gives the status and the body, JSON read."""

    def __init__(self, customer, base=BASE):
        self.customer, self.base = customer, base
        self.row, self.key = issue_key(tenant=customer.tenant, customer=customer)
        self.client = Client()
        self.last = None

    def ask(self, action, *, method="get", headers=None, host="localhost", **params):
        headers = {"X-API-Token": self.key} if headers is None else headers
        ask = getattr(self.client, method)
        self.last = ask(f"{self.base}/{action}", params, headers={"Host": host, **headers})
        is_json = self.last.content and self.last.headers["Content-Type"] == "application/json"
        return self.last.status_code, self.last.json() if is_json else self.last.content.decode()

    def order(self, **params):
        """The new number's id and phone."""
        status, words = self.ask("getNumber", service="tg", country="usa", **params)
        word, number, phone = words.split(":")
        assert (status, word) == (200, "ACCESS_NUMBER")
        return number, phone

    def status(self, number):
        return self.ask("getStatus", id=number)

    def cancel(self, number):
        return self.ask("setStatus", id=number, status="8")

    def price(self):
        """The entry of what the shop sells in the price list."""
        return self.ask("getPrices")[1]["usa"]["tg"]

    def money(self):
        wallet = Wallet.objects.get(customer=self.customer)
        return wallet.balance_micros, wallet.held_micros


@pytest.fixture(autouse=True)
def _codes(db):
    for scheme, service, country in (("rentverify", "tg", "usa"), ("handler", "tgram", "187")):
        CodeMap.objects.create(scheme=scheme, kind="service", canonical_id="telegram", code=service)
        CodeMap.objects.create(scheme=scheme, kind="country", canonical_id="us", code=country)
    forget_spellings()
    yield
    forget_spellings()


@pytest.fixture
def verifier(db):
    return Verifier(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def foreigner(db):
    """Somebody else's customer."""
    return Verifier(CustomerFactory(balance_micros=100_000_000))


@pytest.fixture
def shelf(verifier):
    """Two providers for one pair, a second service, and a second country."""
    telegram, us = ServiceFactory(id="telegram", name="Telegram"), CountryFactory(id="us", name="USA")
    whatsapp, india = ServiceFactory(id="whatsapp", name="WhatsApp"), CountryFactory(id="in", name="India")
    first, second = ProviderFactory(public_no=7), ProviderFactory(public_no=8)
    pair = {"service": telegram, "country": us}
    OfferFactory(provider=first, cost_micros=500_000, count=10, upstream_ref="a", **pair)
    OfferFactory(provider=first, cost_micros=300_000, count=5, upstream_ref="b", **pair)
    OfferFactory(provider=second, cost_micros=296_001, count=4, **pair)
    OfferFactory(provider=second, service=whatsapp, country=us, cost_micros=700_000, count=2)
    OfferFactory(provider=second, service=whatsapp, country=india, cost_micros=100_000, count=0)
    OfferFactory(provider=second, service=ServiceFactory(id="bad", prohibited=True), country=india)


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

"""A shop with one provider: `shop` orders through the real services from the sandbox over HTTP."""

import time
from datetime import timedelta
from functools import partial

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Customer
from activations.models import Activation
from activations.services import closing
from activations.services.ordering import order_activation
from activations.services.receiving import Target, receive
from activations.wish import PLAIN_TERMS, Wish
from billing.models import Wallet
from providers.adapters.sandbox import Sandbox
from providers.contract import Can, Sms
from providers.sandbox.actions import status_of
from providers.sandbox.callbacks import sign
from providers.sandbox.stock import shelves
from tests.factories import CountryFactory, CustomerFactory, OfferFactory, ServiceFactory, fund
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401  (fixtures)

SERVICE, COUNTRY = "telegram", "us"


class Shop:
    """One customer of one tenant, and the sandbox as the only provider."""

    def __init__(self, provider, *, balance_micros=100_000_000, **offer):
        self.upstream = provider
        self.customer = CustomerFactory(balance_micros=balance_micros)
        self.tenant = self.customer.tenant
        ServiceFactory(id=SERVICE)
        CountryFactory(id=COUNTRY)
        self.provider = provider.provider()
        self.offer = (
            provider.offer(self.provider, **offer) if provider.face else self.sell(self.provider, **offer)
        )

    def sell(self, provider, tier=0, **fields):
        """An offer row of one of the sandbox's tiers, the cheapest first."""
        tiers = sorted(shelves()[SERVICE, COUNTRY], key=lambda one: one.cost_micros)
        fields = {"cost_micros": tiers[tier].cost_micros, "upstream_ref": tiers[tier].ref, **fields}
        return OfferFactory(
            provider=provider,
            service=ServiceFactory(id=SERVICE),
            country=CountryFactory(id=COUNTRY),
            **fields,
        )

    @property
    def buyer(self):
        return Buyer.of(Customer.objects.select_related("tenant").get(pk=self.customer.pk))

    def order(self, *, key=None, digest=b"d" * 32, now=None, buyer=None, terms=PLAIN_TERMS, **wish):
        wish = Wish(**{"service_id": SERVICE, "country_id": COUNTRY, **wish})
        return order_activation(
            buyer=buyer or self.buyer,
            wish=wish,
            request_key=key,
            request_digest=digest,
            channel="retail",
            terms=terms,
            now=now,
        )

    def row(self, hex_id):
        return Activation.objects.get(hex_id=hex_id)

    def money(self, customer=None):
        """(balance, held) of the customer's wallet, then of the tenant's."""
        mine = Wallet.objects.get(customer=customer or self.customer)
        shop = Wallet.objects.get(tenant=self.tenant, customer=None)
        return mine.balance_micros, mine.held_micros, shop.balance_micros, shop.held_micros

    def sms(self, row, text, **facts):
        """A message comes at the provider; one that cannot be asked for it tells us at once."""
        ref = self.row(row.hex_id).upstream_ref
        sent = self.upstream.sms(ref, text, **facts)
        if Can.STATUS not in self.upstream.adapter().can:
            assert self.deliver(ref) == 200
        return sent

    def deliver(self, upstream_ref):
        """The callback of a lease as its provider sends it now; the portal's status."""
        body, headers = self.upstream.callback(upstream_ref)
        path = f"/callbacks/{self.provider.callback_token}/"
        return Client().post(path, body, content_type="application/json", headers=headers).status_code

    def price(self):
        """What the customer pays for the cheapest offer (no price rules: cost in whole cents)."""
        return -(-self.offer.cost_micros // 10_000) * 10_000

    def fund(self, micros):
        fund(tenant=self.tenant, customer=self.customer, micros=micros)

    def neighbour(self):
        """Another customer of the same tenant, with money."""
        return Buyer.of(CustomerFactory(tenant=self.tenant, balance_micros=100_000_000))

    def empty_the_till(self):
        fund(tenant=self.tenant, micros=-10_000_000_000)

    def buyer_of(self, customer):
        return Buyer.of(customer)

    def state(self, row, state):
        self.upstream.state(self.row(row.hex_id).upstream_ref, state)

    def take_later(self, row, text, **facts):
        """A message that comes a little later than the others of a race."""
        time.sleep(0.15)
        return self.take_sms(row, text, **facts)

    def callback(self, upstream_ref, *, at=None):
        """(body, headers) of the callback that the sandbox would send of this lease now."""
        account = self.upstream.account
        lease = account.find(upstream_ref)
        body = orjson.dumps({"id": str(lease.id), "ref": lease.ref, **dict(status_of(lease))})
        return body, self.signed(body, at=at or timezone.now())

    def signed(self, body, *, at):
        timestamp = int(at.timestamp())
        return {
            "X-Sandbox-Id": "one",
            "X-Sandbox-Timestamp": str(timestamp),
            "X-Sandbox-Signature": sign(self.upstream.key.encode(), "one", timestamp, body),
        }

    def confirm_cancel(self, row, *, now):
        """What follows when the provider has confirmed a cancel."""
        lease = {"provider": self.provider, "upstream_ref": self.row(row.hex_id).upstream_ref}
        return closing.close(row, to="canceled", upstream_state="canceled", **lease, now=now)

    def target(self, row):
        return Target(row.id, row.tenant_id, row.customer_id, row.hex_id, "")

    def take_sms(self, row, text, *, now, ref="", cost_micros=None, **facts):
        """A message as the provider's answer would bring it, without asking the provider."""
        sms = Sms(text=text, upstream_ref=ref, **facts)
        return receive(target=self.target(row), sms=sms, cost_micros=cost_micros, now=now)


@pytest.fixture
def make_shop(upstream):  # noqa: F811
    return partial(Shop, upstream)


@pytest.fixture
def shop(upstream):  # noqa: F811
    return Shop(upstream)


@pytest.fixture
def now():
    """A little ahead, so that a slow machine's sandbox, which has its own clock, is never later."""
    return timezone.now() + timedelta(seconds=20)


@pytest.fixture
def single(monkeypatch):
    """The sandbox without its list: what a provider that can only be asked one by one is like."""
    monkeypatch.setattr(Sandbox, "can", Sandbox.can - {Can.LIST_ACTIVE, Can.MESSAGES_IN_LIST})

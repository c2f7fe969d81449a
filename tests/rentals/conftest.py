"""A shop that rents: `desk` rents through the real services from the sandbox over HTTP."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Customer
from activations.models import Rental, RentalDue, RentalTerm
from activations.rental_queries import rental_messages, rental_row_by_rnt_id
from activations.services.rentals import cancel_rental, extend_rental, finish_rental, rent_number
from activations.services.rentals.checking import check_due_rentals, end_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from activations.services.rentals.renewing import remind_due_rentals, renew_due_rentals
from activations.wish import RentalWish
from billing.models import Transaction, Wallet
from providers.adapters.sandbox import Sandbox
from providers.contract import Can
from providers.sandbox.stock import rental_shelves
from tests.factories import CountryFactory, CustomerFactory, OfferFactory, ServiceFactory, fund
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401  (fixtures)

SERVICE, COUNTRY = "full", "us"
CENT = 10_000


class Desk:
    """One customer of one tenant, and the sandbox as the only provider."""

    def __init__(self, upstream, *, balance_micros=100_000_000, own=False, **provider):  # noqa: F811
        self.upstream = upstream
        self.customer = CustomerFactory(balance_micros=balance_micros)
        self.tenant = self.customer.tenant
        owner = {"tenant": self.tenant} if own else {}
        self.provider = upstream.provider(rental_pays_days_back=True, **owner, **provider)
        self.sell(self.provider)

    def sell(self, provider, hours=None, **fields):
        """The sandbox's lines for a number of any service in the United States."""
        for line, cost in rental_shelves()[SERVICE, COUNTRY].items():
            if hours in (None, line):
                OfferFactory(
                    provider=provider,
                    service=ServiceFactory(id=SERVICE),
                    country=CountryFactory(id=COUNTRY),
                    kind="rental",
                    duration_hours=line,
                    upstream_ref="rent",
                    **{"cost_micros": cost, **fields},
                )

    @property
    def buyer(self):
        return Buyer.of(Customer.objects.select_related("tenant").get(pk=self.customer.pk))

    def neighbour(self):
        """Another customer of the same tenant, with money."""
        return Buyer.of(CustomerFactory(tenant=self.tenant, balance_micros=100_000_000))

    def rent(self, hours=168, *, key=None, digest=b"d" * 32, now=None, buyer=None, **wish):
        wish = RentalWish(**{"service_id": SERVICE, "country_id": COUNTRY, "hours": hours, **wish})
        return rent_number(
            buyer=buyer or self.buyer, wish=wish, request_key=key, request_digest=digest, channel="ping",
            now=now,
        )  # fmt: skip

    def extend(self, row, hours=24, *, key=None, digest=b"e" * 32, now=None, **facts):
        return extend_rental(
            buyer=self.buyer, rnt_id=row.rnt_id, hours=hours, request_key=key, request_digest=digest, now=now,
            **facts,
        )  # fmt: skip

    def cancel(self, row, *, now=None, **facts):
        return cancel_rental(buyer=self.buyer, rnt_id=row.rnt_id, now=now, **facts)

    def finish(self, row, *, now=None):
        return finish_rental(buyer=self.buyer, rnt_id=row.rnt_id, now=now)

    def sms(self, row, text, **facts):
        return self.upstream.sms(self.stored(row).upstream_ref, text, **facts)

    def stored(self, row):
        return Rental.objects.get(pk=row.id)

    def now_is(self, row):
        """The rental as its owner reads it now."""
        return rental_row_by_rnt_id(tenant_id=row.tenant_id, customer_id=row.customer_id, rnt_id=row.rnt_id)

    def messages(self, row, **facts):
        return rental_messages(self.now_is(row), **facts)

    def texts(self, row, **facts):
        return [message.text for message in self.messages(row, **facts)]

    def terms(self, row):
        return RentalTerm.objects.filter(rental_id=row.id).order_by("number")

    def due(self, row):
        return set(RentalDue.objects.filter(rental_id=row.id).values_list("kind", flat=True))

    def money(self):
        """(balance, held) of the customer's wallet, then of the tenant's."""
        mine = Wallet.objects.get(customer=self.customer)
        shop = Wallet.objects.get(tenant=self.tenant, customer=None)
        return mine.balance_micros, mine.held_micros, shop.balance_micros, shop.held_micros

    def spent(self):
        return 100_000_000 - Wallet.objects.get(customer=self.customer).balance_micros

    def fund(self, micros):
        fund(tenant=self.tenant, customer=self.customer, micros=micros)

    def kinds(self):
        return list(Transaction.objects.exclude(kind="topup").order_by("id").values_list("kind", flat=True))

    def cost(self, hours=168):
        return rental_shelves()[SERVICE, COUNTRY][hours]

    def price(self, hours=168):
        """What the customer pays for a line (no price rules: cost in whole cents)."""
        return -(-self.cost(hours) // CENT) * CENT

    def sweep(self, now):
        """Everything that beat would start at that time."""
        check_due_rentals(now)
        reconcile_due_rentals(now)
        remind_due_rentals(now)
        renew_due_rentals(now)
        end_due_rentals(now)


@pytest.fixture
def make_desk(upstream):  # noqa: F811
    def make(**facts):
        return Desk(upstream, **facts)

    return make


@pytest.fixture
def desk(upstream):  # noqa: F811
    return Desk(upstream)


@pytest.fixture
def now():
    """A little ahead, so that a slow machine's sandbox, which has its own clock, is never later."""
    return timezone.now() + timedelta(seconds=20)


@pytest.fixture
def single(monkeypatch):
    """The sandbox without its list: what a provider that can only be asked one by one is like."""
    monkeypatch.setattr(Sandbox, "can", Sandbox.can - {Can.LIST_RENTALS, Can.RENTAL_MESSAGES_IN_LIST})

"""Rows for tests, legal from the start. Wallets are funded through the ledger, as in life."""

from __future__ import annotations

import itertools
import secrets
from datetime import timedelta

import factory
from django.db import connection
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import Customer, Domain, Member, Tenant, User
from activations.models import Activation, Rental, RentalTerm
from billing import ledger
from billing.models import PriceRule, Wallet
from providers.models import Country, Offer, Provider, ProviderHealth, Service

references = itertools.count(1)


def fund(*, tenant, customer=None, micros):
    """Book a top-up (or, below zero, a deduction) on a customer's wallet or the tenant's own."""
    ledger.move(
        tenant_id=tenant.pk,
        customer_id=customer and customer.pk,
        kind="topup" if micros > 0 else "adjust",
        micros=micros,
        external_id=f"factory{next(references)}{secrets.token_hex(4)}",
        gateway="factory",
        note="",
        now=timezone.now(),
    )


class TenantFactory(DjangoModelFactory):
    """A tenant with its wallet and, unless `host=None`, a host name `<slug>.localhost`."""

    class Meta:
        model = Tenant
        skip_postgeneration_save = True

    slug = factory.Sequence(lambda n: f"tenant{n}")
    name = factory.LazyAttribute(lambda tenant: tenant.slug.title())

    @factory.post_generation
    def balance_micros(self, create, micros, **kwargs):
        Wallet.objects.create(tenant=self)
        if micros is None:
            micros = 10_000_000_000
        if micros:
            fund(tenant=self, micros=micros)

    @factory.post_generation
    def host(self, create, host, **kwargs):
        Domain.objects.create(tenant=self, host=host or f"{self.slug}.localhost", is_primary=True)

    @factory.post_generation
    def twin(self, create, wanted, **kwargs):
        if wanted:
            test = Tenant.objects.create(
                slug=f"{self.slug}-test", name=f"{self.name} (test)", live_tenant=self
            )
            Wallet.objects.create(tenant=test)
            fund(tenant=test, micros=10_000_000_000)


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    email = factory.Sequence(lambda n: f"user{n}@example.com")

    @factory.post_generation
    def password(self, create, password, **kwargs):
        self.set_password(password or "correct-horse-battery")
        self.save(update_fields=["password"])


class MemberFactory(DjangoModelFactory):
    class Meta:
        model = Member

    tenant = factory.SubFactory(TenantFactory)
    user = factory.SubFactory(UserFactory, tenant=factory.SelfAttribute("..tenant"), is_staff=True)
    role = Member.Role.OWNER


class CustomerFactory(DjangoModelFactory):
    """A customer with a wallet; `balance_micros=` funds it, `user=` or `with_login=True` gives a login."""

    class Meta:
        model = Customer
        skip_postgeneration_save = True

    tenant = factory.SubFactory(TenantFactory)
    external_id = factory.Sequence(lambda n: f"customer{n}")

    class Params:
        with_login = factory.Trait(
            user=factory.SubFactory(UserFactory, tenant=factory.SelfAttribute("..tenant"))
        )

    @factory.post_generation
    def balance_micros(self, create, micros, **kwargs):
        Wallet.objects.create(tenant=self.tenant, customer=self)
        if micros:
            fund(tenant=self.tenant, customer=self, micros=micros)


class ServiceFactory(DjangoModelFactory):
    class Meta:
        model = Service
        django_get_or_create = ["id"]

    id = "netflix"
    name = factory.LazyAttribute(lambda service: service.id.title())


class CountryFactory(DjangoModelFactory):
    class Meta:
        model = Country
        django_get_or_create = ["id"]

    id = "us"
    name = "United States"
    iso2 = factory.LazyAttribute(lambda country: country.id[:2].upper())
    dial_codes = ["1"]


class ProviderFactory(DjangoModelFactory):
    """An account of the shared pool at a sandbox; `tenant=` makes it a tenant's own."""

    class Meta:
        model = Provider
        skip_postgeneration_save = True

    public_no = factory.Sequence(lambda n: n + 1)
    display_name = factory.LazyAttribute(lambda provider: f"Provider {provider.public_no}")
    protocol = "sandbox"
    base_url = "http://127.0.0.1:9"
    sync_seconds = 0

    @factory.post_generation
    def secret(self, create, secret, **kwargs):
        self.secret = secret or "test-secret"
        self.save(update_fields=["secret_encrypted"])

    @factory.post_generation
    def health(self, create, state, **kwargs):
        ProviderHealth.objects.create(provider=self, state=state or ProviderHealth.State.OK)


class OfferFactory(DjangoModelFactory):
    class Meta:
        model = Offer

    provider = factory.SubFactory(ProviderFactory)
    service = factory.SubFactory(ServiceFactory)
    country = factory.SubFactory(CountryFactory)
    cost_micros = 200_000
    count = 100
    capabilities = ["sms"]
    upstream_service = factory.SelfAttribute("service.id")
    upstream_country = factory.SelfAttribute("country.id")


class ActivationFactory(DjangoModelFactory):
    """A leased number that waits for its SMS, its money held through the ledger.

    `billed=True` (a code came), `refunded=True` and `canceled=True` take it further, money included.
    """

    class Meta:
        model = Activation
        skip_postgeneration_save = True

    customer = factory.SubFactory(CustomerFactory, balance_micros=1_000_000_000)
    tenant = factory.SelfAttribute("customer.tenant")
    offer = factory.SubFactory(OfferFactory)
    provider = factory.SelfAttribute("offer.provider")
    service = factory.SelfAttribute("offer.service")
    country = factory.SelfAttribute("offer.country")
    hex_id = factory.LazyFunction(lambda: secrets.token_hex(12))
    ord_id = factory.LazyFunction(lambda: f"ord_{secrets.token_hex(6)}")
    channel = "retail"
    phone = factory.Sequence(lambda n: f"1202555{n:04d}")
    upstream_ref = factory.Sequence(lambda n: f"lease{n}")
    lease_state = "leased"
    cost_micros = 200_000
    price_micros = 250_000
    customer_price_micros = 300_000
    due_price_micros = factory.SelfAttribute("price_micros")
    due_customer_price_micros = factory.SelfAttribute("customer_price_micros")
    max_price_micros = factory.SelfAttribute("price_micros")
    created_at = factory.LazyFunction(timezone.now)
    updated_at = factory.SelfAttribute("created_at")
    cancelable_after = factory.LazyAttribute(lambda order: order.created_at + timedelta(minutes=2))
    expire_at = factory.LazyAttribute(lambda order: order.created_at + timedelta(minutes=20))

    class Params:
        billed = factory.Trait(
            sms_status="smsReceived", billing_status="billed", sms_code="123456",
            sms_text="Your code: 123456", received_at=factory.SelfAttribute("created_at"),
        )  # fmt: skip
        refunded = factory.Trait(billed=True, billing_status="refunded")
        canceled = factory.Trait(
            activation_status="canceled", billing_status="released",
            ended_at=factory.SelfAttribute("created_at"),
        )  # fmt: skip

    @factory.post_generation
    def money(self, create, wanted, **kwargs):
        is_own = self.provider.tenant_id is not None
        hold = {"order_id": self.pk, "tenant_id": self.tenant_id}
        ledger.hold(**hold, customer_id=self.customer_id, micros=self.customer_price_micros)
        ledger.hold(**hold, customer_id=None, micros=0 if is_own else self.price_micros)
        if self.billing_status in ("billed", "refunded"):
            ledger.bill(
                order_id=self.pk,
                customer_micros=self.customer_price_micros,
                tenant_micros=self.price_micros,
                cost_micros=self.cost_micros,
                own_provider=is_own,
                now=self.created_at,
            )
        if self.billing_status == "refunded":
            ledger.refund(order_id=self.pk, now=self.created_at)
        if self.billing_status == "released":
            ledger.take_cancel_fee(order_id=self.pk, micros=self.cancel_fee_micros, now=self.created_at)
            ledger.release(order_id=self.pk, now=self.created_at)


class RentalFactory(DjangoModelFactory):
    """A rented number whose first term was charged through the ledger."""

    class Meta:
        model = Rental
        skip_postgeneration_save = True

    customer = factory.SubFactory(CustomerFactory, balance_micros=1_000_000_000)
    tenant = factory.SelfAttribute("customer.tenant")
    offer = factory.SubFactory(OfferFactory, kind="rental", service__id="full", duration_hours=168)
    provider = factory.SelfAttribute("offer.provider")
    service = factory.SelfAttribute("offer.service")
    country = factory.SelfAttribute("offer.country")
    rnt_id = factory.LazyFunction(lambda: f"rnt_{secrets.token_hex(6)}")
    channel = "ping"
    phone = factory.Sequence(lambda n: f"1202556{n:04d}")
    formatted = factory.LazyAttribute(lambda rental: f"+{rental.phone}")
    upstream_ref = factory.Sequence(lambda n: f"rental{n}")
    lease_state, billing_status = "leased", "billed"
    hours = 168
    cost_micros, price_micros, customer_price_micros = 3_000_000, 3_500_000, 4_200_000
    day_price_micros = 600_000
    can_cancel = can_extend = True
    created_at = factory.LazyFunction(timezone.now)
    updated_at = starts_at = factory.SelfAttribute("created_at")
    guard_until = factory.LazyAttribute(lambda rental: rental.created_at + timedelta(minutes=20))
    ends_at = factory.LazyAttribute(lambda rental: rental.created_at + timedelta(days=7))

    @factory.post_generation
    def money(self, create, wanted, **kwargs):
        is_own = self.provider.tenant_id is not None
        prices = {"cost_micros": self.cost_micros, "price_micros": self.price_micros}
        term = RentalTerm.objects.create(
            tenant=self.tenant, rental=self, number=1, state="billed", hours=self.hours,
            customer_price_micros=self.customer_price_micros, **prices,
        )  # fmt: skip
        hold = {"order_id": term.pk, "tenant_id": self.tenant_id}
        ledger.hold(**hold, customer_id=self.customer_id, micros=self.customer_price_micros)
        ledger.hold(**hold, customer_id=None, micros=0 if is_own else self.price_micros)
        charge = "SELECT ledger_charge('rental_charge', %s, %s, %s, %s, %s, %s)"
        amounts = [self.customer_price_micros, self.price_micros, self.cost_micros]
        with connection.cursor() as cursor:
            cursor.execute(charge, [term.pk, *amounts, is_own, self.created_at])


class PriceRuleFactory(DjangoModelFactory):
    class Meta:
        model = PriceRule

    layer = PriceRule.Layer.TENANT
    tenant = factory.SubFactory(TenantFactory)


def in_minutes(minutes):
    """A time from now."""
    return timezone.now() + timedelta(minutes=minutes)

"""Two resellers with one row of everything, and everybody who might come by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import ApiKey, Installation, Member, Tenant, User
from accounts.services import create_operator
from activations.evidence import Evidence, keep
from activations.models import (
    Activation,
    Attempt,
    Check,
    Contract,
    Ending,
    Exchange,
    HistoryCount,
    HistoryMark,
    ListCheck,
    Message,
    MoneyAtRisk,
    NumberRecord,
    PriceToken,
    Push,
    RefundCheck,
    RentalAttempt,
    RentalDue,
    RentalMessage,
    Report,
    RequestKey,
    Sale,
)
from activations.services.marketplace.contracts import open_contract
from api.models import DialectSettings, Publication, PublishedList, RequestLine
from billing.models import Entry, Hold, Transaction, Wallet
from providers.models import (
    CatalogueChange,
    CatalogueSync,
    CodeMap,
    Listing,
    OfferDay,
    ProviderAlert,
    ProviderSpend,
    RouteMark,
    RouteOutcome,
    RouteQuality,
    RouteSheet,
    RoutingPolicy,
    UnmappedCode,
)
from tests.factories import (
    ActivationFactory,
    CustomerFactory,
    MemberFactory,
    OfferFactory,
    PriceRuleFactory,
    ProviderFactory,
    RentalFactory,
    TenantFactory,
    UserFactory,
)
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event, InboxMessage

CODE, TEXT = "918273", "Your secret code: 918273"


@dataclass
class House:
    """A reseller named `name`; each of its rows carries the name where a row has words of its own."""

    name: str
    tenant: Tenant
    twin: Tenant
    keys: dict[str, str] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)
    logins: dict[str, User] = field(default_factory=dict)

    def client(self, login: str = "") -> Client:
        return sign_in(f"{self.name}.localhost", self.logins.get(login))


def build(name: str) -> House:
    """A reseller with a customer, his order with a code, and every kind of row there is."""
    tenant = TenantFactory(slug=name, name=f"{name} ltd", host=f"{name}.localhost", twin=True)
    house = House(name, tenant, tenant.test_tenant)
    for role in Member.Role.values:
        member = MemberFactory(tenant=tenant, role=role, user__email=f"{role}@{name}.example")
        house.logins[role] = member.user
    login = UserFactory(tenant=tenant, email=f"buyer@{name}.example")
    customer = CustomerFactory(
        tenant=tenant, external_id=f"{name}buyer", user=login, balance_micros=1_000_000_000
    )
    house.logins["customer"] = login
    tester = CustomerFactory(tenant=house.twin, external_id=f"{name}tester", balance_micros=1_000_000_000)
    provider = ProviderFactory(tenant=tenant, display_name=f"{name} upstream", secret=f"{name}-secret-key")
    order = ActivationFactory(
        customer=customer, offer=OfferFactory(provider=provider), billed=True, sms_code=CODE, sms_text=TEXT
    )
    trial = ActivationFactory(customer=tester, billed=True)
    _add_keys(house, customer, tester)
    _add_rows(house, order, member)
    Report.objects.create(tenant=house.twin, customer=tester, activation=trial, reason_id=7, snapshot={})
    trial_rental = RentalFactory(customer=tester, offer__provider=ProviderFactory(tenant=house.twin))
    house.rows |= {
        "tester": tester,
        "trial": trial,
        "trial_rental": trial_rental,
        "twin.endpoint": Endpoint.objects.create(
            tenant=house.twin, url="https://x.example/", event_types=["x"]
        ),
        "twin.apikey": ApiKey.objects.filter(tenant=house.twin, customer=None).first(),
    }
    return house


def _add_keys(house: House, customer: Any, tester: Any) -> None:
    house.keys["live"] = issue_key(tenant=house.tenant, name=f"{house.name} live")[1]
    house.keys["test"] = issue_key(tenant=house.twin, name=f"{house.name} test")[1]
    house.keys["customer"] = issue_key(tenant=house.tenant, customer=customer)[1]
    house.keys["tester"] = issue_key(tenant=house.twin, customer=tester)[1]


def _add_rows(house: House, order: Activation, member: Member) -> None:
    """One row of each table, under the table's lower-case label."""
    own = {"tenant": house.tenant}
    whose = {**own, "customer": order.customer}
    what = {**own, "activation": order, "provider": order.provider}
    when = timezone.now()
    rows = [
        house.tenant, house.tenant.domains.get(), member.user, member, order.customer, order, order.provider,
        order.provider.health, order.offer, order.service, order.country,
        ApiKey.objects.filter(tenant=house.tenant).first(),
        Wallet.objects.get(customer=order.customer),
        Hold.objects.filter(order_id=order.pk).first(),
        Transaction.objects.get(order_id=order.pk),
        Entry.objects.filter(transaction__order_id=order.pk, account="customer").get(),
        PriceRuleFactory(tenant=house.tenant, customer_group=f"{house.name}-group"),
        CodeMap.objects.create(scheme=house.name, kind="service", canonical_id="netflix", code="nf"),
        Listing.objects.create(**own, service=order.service, name=f"{house.name} listing"),
        Attempt.objects.create(**what, our_ref=f"{house.name}-ref", ceiling_micros=1),
        Exchange.objects.create(**what, our_ref=f"{house.name}-other", state="returned", upstream_ref="1"),
        rental := RentalFactory(customer=order.customer, offer__provider=order.provider),
        term := rental.terms.get(),
        RentalAttempt.objects.create(**own, rental=rental, term=term, provider=order.provider,
                                     our_ref=f"{house.name}-rented", ceiling_micros=1),
        RentalMessage.objects.create(**own, rental=rental, msg_id=f"{house.name}-smsg", text=TEXT, code=CODE,
                                     upstream_ref="1"),
        RentalDue.objects.create(**own, rental=rental, provider=order.provider, kind="status", due_at=when),
        Message.objects.create(**own, activation=order, msg_id=f"{house.name}-msg", text=TEXT, code=CODE,
                               upstream_ref="1"),
        Report.objects.create(**whose, activation=order, reason_id=3, message=f"{house.name} message",
                              snapshot={}, snapshot_code=CODE, snapshot_text=TEXT, evidence_kind="png",
                              evidence_name=keep(Evidence(house.name.encode(), "png"))),
        Check.objects.create(**what, kind="status", due_at=when),
        Ending.objects.create(**what, upstream_ref=f"{house.name}-lease"),
        ListCheck.objects.create(provider=order.provider, due_at=when),
        RefundCheck.objects.create(provider=order.provider, due_at=when),
        MoneyAtRisk.objects.create(**what, kind="orphan", amount_micros=1, note=f"{house.name} note"),
        contract := open_contract(Contract(**own, name=f"{house.name} contract", rub_per_usd=80)),
        contract.prices.create(**own, service=order.service, least_sum=1),
        contract.codes.create(**own, kind="service", code=f"{house.name}-code", canonical_id="netflix"),
        sale := Sale.objects.create(**own, contract=contract, activation=order, number=order.num_id, sum=1,
                                    phone=order.phone, service=order.service, country=order.country,
                                    currency="RUB", rub_per_usd=80, expected_micros=12_500),
        Push.objects.create(**own, contract=contract, sale=sale, message=order.messages.get(),
                            deliver_at=when, last_word=f"{house.name} word"),
        NumberRecord.objects.create(**own, contract=contract, phone=order.phone, service=order.service),
        HistoryMark.objects.create(**own, counted_until=when),
        HistoryCount.objects.create(**whose, day=when.date(), sms_status="smsRequested", count=1,
                                    activation_status="active", billing_status="reserved"),
        CatalogueChange.objects.create(**own, topic="prices"),
        CatalogueSync.objects.create(provider=order.provider, trouble=f"{house.name} trouble"),
        UnmappedCode.objects.create(provider=order.provider, kind="service", code=f"{house.name}-word"),
        OfferDay.objects.create(offer=order.offer, day=when.date(), low_micros=1, high_micros=3,
                                cost_micros=2, count=4),
        ProviderAlert.objects.create(provider=order.provider, subject="state", reason=f"{house.name} reason"),
        Installation.objects.get_or_create(number=1)[0],
        policy := RoutingPolicy.objects.create(**own, quality_factor=30),
        policy.rules.create(provider=order.provider, verdict="allow"),
        ProviderSpend.objects.create(**own, provider=order.provider, day=when.date(), cost_micros=1),
        RouteQuality.objects.create(provider=order.provider, service_id=house.name, due_at=when),
        RouteOutcome.objects.create(provider=order.provider, service_id=house.name, day=when.date(), wait=0,
                                    orders=1),
        RouteSheet.objects.create(service_id=house.name, figures="[]"),
        RouteMark.objects.get_or_create(id=1, defaults={"counted_until": when})[0],
        Publication.objects.create(**own, topic="prices", built_at=when),
        DialectSettings.objects.create(**own),
        RequestLine.objects.create(**own, customer=order.customer, minute=when, dialect="ping",
                                   route=f"{house.name} route", outcome="ok", status=200, count=1,
                                   last_at=when, request_id=f"{house.name}-request"),
        PublishedList.objects.create(**own, name=f"{house.name} list", etag=house.name, packed=b""),
        RequestKey.objects.create(**whose, key=f"{house.name}-key", digest=b"1", activation=order),
        PriceToken.objects.create(**whose, token=f"{house.name}-token", service=order.service,
                                  country=order.country, quality_factor=50, suggested_micros=1,
                                  expires_at=when),
        event := Event.objects.create(**whose, type=f"{house.name}.event"),
        endpoint := Endpoint.objects.create(**own, url=f"https://{house.name}.example/", event_types=["x"]),
        delivery := Delivery.objects.create(**own, endpoint=endpoint, event=event, type=f"{house.name}.type",
                                            deliver_at=when),
        DeliveryAttempt.objects.create(**own, delivery=delivery, sent_at=when, excerpt=f"{house.name} says"),
        InboxMessage.objects.create(**own, provider_id=order.provider_id, body=TEXT.encode(),
                                    outcome=f"{house.name} outcome"),
    ]  # fmt: skip
    house.rows |= {row._meta.label_lower: row for row in rows}


def operator() -> Client:
    """A platform operator at the first reseller's address."""
    return sign_in(
        "acme.localhost", create_operator(email="op@example.com", password="correct-horse-battery")
    )


def sign_in(host: str, user: User | None = None) -> Client:
    client = Client(headers={"host": host}, raise_request_exception=False)
    client.headers_given = {"host": host}
    if user:
        client.force_login(user)
    return client


def fingerprint(tenant_ids: list[int]) -> dict[str, str]:
    """Table → digest of the tenants' rows, for every table that has a tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'")
        tables = sorted(row[0] for row in cursor.fetchall())
        found = {}
        for table in tables:
            cursor.execute(
                f"SELECT md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {table} t"
                " WHERE tenant_id = ANY(%s)",
                [tenant_ids],
            )
            found[table] = cursor.fetchone()[0]
    return found

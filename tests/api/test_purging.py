"""The purge of customers who were marked for deletion: what goes, what stays, and who is left alone."""

import threading
from contextlib import suppress
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import ApiKey, Customer, User
from accounts.services import create_login, set_customer_status
from activations.evidence import Evidence, keep, store
from activations.models import Message, RentalMessage, Report
from api.models import RequestLine
from api.purging import purge_due
from billing.models import Entry, Wallet
from billing.services import double_of
from portal.errors import InvalidState
from tests.api.conftest import names
from tests.factories import ActivationFactory, CustomerFactory, RentalFactory, TenantFactory
from webhooks.models import Delivery, Endpoint, Event

pytestmark = pytest.mark.django_db

NOW = timezone.now()
LONG_AGO = NOW - timedelta(days=30, minutes=1)
SECRET = "Your code: 482913"
MAIL, PASSWORD = "kim@example.com", "correct-horse-battery"


def live(tenant, external_id="kim"):
    """A customer with everything that the purge erases, and an order and a rental that have ended."""
    user = create_login(tenant=tenant, email=MAIL, password=PASSWORD, is_confirmed=True)
    customer = CustomerFactory(
        tenant=tenant, external_id=external_id, user=user, balance_micros=1_000_000_000
    )
    give(customer)
    browser(tenant).force_login(user)
    kind = ContentType.objects.get_for_model(User)
    LogEntry.objects.create(
        user=user, content_type=kind, object_id=str(user.pk), object_repr=MAIL, action_flag=CHANGE
    )
    return customer


def give(customer):
    whose = {"tenant": customer.tenant, "customer": customer}
    order = ActivationFactory(
        customer=customer, billed=True, activation_status="finalized", ended_at=LONG_AGO, sms_text=SECRET
    )
    Message.objects.create(
        tenant=order.tenant, activation=order, msg_id=f"m{order.num_id}", text=SECRET, code="482913",
        upstream_ref="1",
    )  # fmt: skip
    Report.objects.create(
        **whose, activation=order, reason_id=3, snapshot={}, snapshot_text=SECRET, message=SECRET,
        evidence_kind="png", evidence_name=keep(Evidence(SECRET.encode(), "png")),
    )  # fmt: skip
    rental = RentalFactory(customer=customer, rental_status="finished", ended_at=LONG_AGO)
    RentalMessage.objects.create(
        tenant=order.tenant, rental=rental, msg_id=f"r{order.num_id}", text=SECRET, upstream_ref="1"
    )
    issue_key(**whose)
    endpoint = Endpoint.objects.create(**whose, url="https://kim.example/", event_types=["x"])
    event = Event.objects.create(**whose, type="customer.updated")
    Delivery.objects.create(tenant=order.tenant, endpoint=endpoint, event=event, type="x", deliver_at=NOW)
    RequestLine.objects.create(
        **whose, minute=NOW, dialect="ping", route="/order", outcome="ok", status=200, count=1, last_at=NOW,
        request_id="r1",
    )  # fmt: skip


def traces(customer):
    """How many rows still tell of him what the purge erases."""
    return {
        "messages": Message.objects.filter(activation__customer=customer).exclude(text="").count(),
        "rentals": RentalMessage.objects.filter(rental__customer=customer).exclude(text="").count(),
        "codes": customer.activations.exclude(sms_text=None).count(),
        "reports": customer.reports.exclude(message="", evidence_name="", snapshot_text=None).count(),
        "keys": ApiKey.objects.filter(customer=customer).count(),
        "endpoints": Endpoint.objects.filter(customer=customer).count(),
        "deliveries": Delivery.objects.filter(event__customer=customer).count(),
        "requests": RequestLine.objects.filter(customer=customer).count(),
        "logins": User.objects.filter(customer=customer).count(),
    }


ALL = {"messages": 1, "rentals": 1, "codes": 1, "reports": 1, "keys": 1, "endpoints": 1, "deliveries": 1,
       "requests": 1, "logins": 1}  # fmt: skip
NONE = dict.fromkeys(ALL, 0)


def mark(customer, at=LONG_AGO):
    assert set_customer_status(
        tenant=customer.tenant, external_id=customer.external_id, status="markedForDeletion", now=at
    )


def browser(tenant):
    return Client(headers={"host": f"{tenant.slug}.localhost"})


@pytest.mark.django_db(transaction=True)
def test_s4_a_purge_erases_the_person_and_keeps_id_orders_and_money():
    customer = live(TenantFactory())
    wallet, entries = Wallet.objects.filter(customer=customer).values().get(), Entry.objects.count()
    evidence = customer.reports.get().evidence_name
    mark(customer)
    assert traces(customer) == ALL

    assert purge_due(now=NOW) == 1

    customer.refresh_from_db()
    assert traces(customer) == NONE
    assert (customer.external_id, customer.status, customer.user) == ("kim", "markedForDeletion", None)
    assert (customer.marked_at, customer.purged_at) == (LONG_AGO, NOW)
    assert not User.objects.filter(email=MAIL).exists()
    assert not EmailAddress.objects.filter(email=MAIL).exists()
    assert not LogEntry.objects.filter(object_repr=MAIL).exists()
    assert not Session.objects.exists()
    assert not store().exists(evidence)
    assert (customer.activations.count(), customer.rentals.count(), customer.reports.count()) == (1, 1, 1)
    assert Wallet.objects.filter(customer=customer).values().get() == wallet
    assert Entry.objects.count() == entries
    call_command("check_ledger")


def test_s4_a_second_purge_changes_nothing():
    customer = live(TenantFactory())
    mark(customer)
    purge_due(now=NOW)

    assert purge_due(now=NOW + timedelta(days=1)) == 0

    customer.refresh_from_db()
    assert customer.purged_at == NOW


def test_s4_nobody_else_is_purged():
    """Another tenant's customer of the same id and e-mail, one whose time is not over, one who is paused."""
    tenant = TenantFactory()
    gone, stranger = live(tenant), live(TenantFactory())
    young, paused = (CustomerFactory(tenant=tenant, balance_micros=1_000_000_000) for _ in range(2))
    give(young), give(paused)
    mark(gone)
    mark(young, at=NOW - timedelta(days=29, hours=23))
    set_customer_status(tenant=tenant, external_id=paused.external_id, status="paused", now=LONG_AGO)

    assert purge_due(now=NOW) == 1

    assert traces(stranger) == ALL
    assert traces(young) == traces(paused) == {**ALL, "logins": 0}
    assert Session.objects.count() == 1


@pytest.mark.parametrize("factory", [ActivationFactory, RentalFactory])
def test_m12_who_has_something_open_waits_until_it_has_ended(factory):
    customer = live(TenantFactory())
    order = factory(customer=customer)
    mark(customer)

    assert purge_due(now=NOW) == 0
    assert traces(customer)["keys"] == 1
    assert Customer.objects.get(pk=customer.pk).purged_at is None

    if factory is RentalFactory:
        type(order).objects.filter(pk=order.pk).update(rental_status="finished", ended_at=NOW)
        assert purge_due(now=NOW) == 1


def test_marking_again_does_not_begin_anew_and_whoever_is_made_active_stays():
    tenant = TenantFactory()
    customer, saved = live(tenant), CustomerFactory(tenant=tenant)
    mark(customer), mark(customer, at=NOW), mark(saved)
    assert set_customer_status(tenant=tenant, external_id=saved.external_id, status="active")

    assert purge_due(now=NOW) == 1

    saved.refresh_from_db()
    assert (saved.status, saved.marked_at, saved.purged_at) == ("active", None, None)


def test_the_double_in_the_test_twin_goes_along():
    customer = live(TenantFactory(twin=True))
    double = double_of(customer, opening_micros=1_000_000_000)
    give(double)
    mark(customer)

    assert purge_due(now=NOW) == 1

    double.refresh_from_db()
    assert traces(double) == NONE
    assert (double.status, double.purged_at) == ("markedForDeletion", NOW)


def test_what_works_for_the_reseller_keeps_its_login():
    customer = live(TenantFactory())
    User.objects.filter(pk=customer.user_id).update(is_staff=True)
    mark(customer)

    purge_due(now=NOW)

    assert User.objects.filter(email=MAIL, customer=None).exists()


def test_after_the_purge_a_status_is_refused_and_every_other_call_knows_nobody(partner):
    customer, path = partner.customer, f"retail/m/customer/{partner.customer.external_id}"
    mark(customer, at=timezone.now() - timedelta(days=31))
    assert names(partner.get(f"{partner.a}/balance")) == (403, "AccountOnHoldException")

    purge_due(now=timezone.now())

    for status in ("active", "paused", "markedForDeletion"):
        assert names(partner.put(path, {"status": status})) == (409, "ConflictException")
    assert "erased" in str(partner.put(path, {"status": "active"})[1])
    assert partner.order()[0] == partner.get(partner.a)[0] == partner.get(f"{partner.a}/balance")[0] == 404
    assert partner.post(f"{path}/transaction", {"transaction_id": "t1", "amount": 5})[0] == 404
    assert names(partner.post("retail/m/customer", {"customer_id": customer.external_id})) == (
        409, "ConflictException",
    )  # fmt: skip
    listed = partner.get(f"retail/m/customers?customer_id={customer.external_id}")[1]["customers"]
    assert [one["status"] for one in listed] == ["markedForDeletion"]


def test_before_the_purge_he_can_be_made_active_again(partner):
    path = f"retail/m/customer/{partner.customer.external_id}"

    assert partner.put(path, {"status": "markedForDeletion"})[0] == 200
    assert partner.put(path, {"status": "active"})[0] == 200
    assert partner.get(f"{partner.a}/balance")[0] == 200
    assert partner.put("retail/m/customer/nobody", {"status": "active"})[0] == 404


def test_his_e_mail_is_free_and_his_password_opens_nothing():
    tenant = TenantFactory()
    customer = live(tenant)
    mark(customer)
    purge_due(now=NOW)

    answer = browser(tenant).post("/accounts/login/", {"login": MAIL, "password": PASSWORD})

    assert answer.status_code == 200
    assert not hasattr(create_login(tenant=tenant, email=MAIL, password=PASSWORD), "customer")


def test_the_database_itself_keeps_a_purged_customer_marked():
    customer = live(TenantFactory())
    mark(customer)
    purge_due(now=NOW)

    with pytest.raises(IntegrityError, match="customer_purged_is_marked"), transaction.atomic():
        Customer.objects.filter(pk=customer.pk).update(status="active")
    with pytest.raises(InvalidState, match="erased"):
        set_customer_status(tenant=customer.tenant, external_id="kim", status="active")


@pytest.mark.django_db(transaction=True)
def test_s4_two_purges_at_once_erase_each_once_and_a_change_of_status_in_between_is_refused():
    """Whoever comes second waits for the row, or passes it over, and then sees what was done."""
    customer = live(TenantFactory())
    mark(customer)
    purged, refused, barrier = [], [], threading.Barrier(3)

    def purge():
        barrier.wait()
        purged.append(purge_due(now=NOW))
        connection.close()

    def change():
        barrier.wait()
        try:
            set_customer_status(tenant=customer.tenant, external_id="kim", status="active")
        except InvalidState:
            refused.append(True)
        connection.close()

    threads = [threading.Thread(target=run) for run in (purge, purge, change)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    customer.refresh_from_db()
    if refused:
        assert (sum(purged), traces(customer)) == (1, NONE)
    else:  # the change came first
        assert (sum(purged), customer.status, customer.marked_at) == (0, "active", None)


@pytest.mark.django_db(transaction=True)
def test_s4_a_purge_that_breaks_off_leaves_a_customer_whole_for_the_next():
    """All but his sessions and evidence, which go first and are missed by nobody."""
    customer = live(TenantFactory())
    mark(customer)

    with suppress(ZeroDivisionError), transaction.atomic():
        purge_due(now=NOW)
        raise ZeroDivisionError

    assert traces(customer) == ALL
    assert purge_due(now=NOW) == 1
    assert traces(customer) == NONE

"""Which events there are, whom they are told and in which words (docs/protocols/retail.md 15)."""

import json
from datetime import UTC, datetime

import pytest
from django.db import transaction

from accounts.services import set_customer_status
from activations.models import Contract
from activations.rental_models import RentalMessage
from activations.services.marketplace.contracts import open_contract
from billing.models import Wallet
from tests.certificates import self_signed
from tests.factories import ActivationFactory, RentalFactory, fund
from tests.webhooks.conftest import Receiver, make_endpoint, serve
from webhooks import payloads
from webhooks.models import Delivery, Event
from webhooks.sending import trusted
from webhooks.services.delivering import deliver_due
from webhooks.services.dispatching import dispatch_due

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
EVERYTHING = list(payloads.dialect().types)


def types_of(rows):
    return sorted(rows.values_list("type", flat=True))


def lows():
    return Event.objects.filter(type="wallet.low_balance").count()


def test_low_balance_is_told_once_per_fall_and_again_after_a_rise(customer):
    Wallet.objects.filter(customer=customer).update(low_balance_micros=4_000_000)
    fall = {"tenant": customer.tenant, "customer": customer}

    fund(**fall, micros=-500_000)
    assert lows() == 0
    fund(**fall, micros=-600_000)
    assert lows() == 1
    fund(**fall, micros=-600_000)
    fund(**fall, micros=100_000)
    assert lows() == 1
    fund(**fall, micros=5_000_000)
    fund(**fall, micros=-5_000_000)
    assert lows() == 2


def test_a_hold_counts_for_low_balance_and_the_tenants_wallet_has_its_own(customer, tenant):
    Wallet.objects.filter(tenant=tenant, customer=None).update(low_balance_micros=9_999_900_000)
    Wallet.objects.filter(customer=customer).update(low_balance_micros=4_800_000)

    ActivationFactory(customer=customer)

    assert list(Event.objects.filter(type="wallet.low_balance").values_list("customer", flat=True)) == [
        customer.pk,
        None,
    ]


def test_low_balance_goes_with_the_transaction_that_made_it_true(customer):
    Wallet.objects.filter(customer=customer).update(low_balance_micros=4_800_000)

    with transaction.atomic():
        fund(tenant=customer.tenant, customer=customer, micros=-1_000_000)
        assert lows() == 1
        transaction.set_rollback(True)

    assert lows() == 0


def test_a_change_of_status_is_an_event_and_the_same_status_again_is_none(customer, tenant):
    for status in ("paused", "paused", "active"):
        set_customer_status(tenant=tenant, external_id="buyer", status=status)

    assert Event.objects.filter(type="customer.updated", customer=customer).count() == 2


def happened(customer, type_, **fields):
    return Event.objects.create(tenant=customer.tenant, customer=customer, type=type_, **fields)


def told(endpoint):
    return types_of(endpoint.deliveries)


def test_f18_each_side_gets_its_own_name_for_a_message(tenant, customer):
    ours = make_endpoint(tenant, "https://8.8.8.8/", event_types=EVERYTHING)
    his = make_endpoint(tenant, "https://8.8.8.8/", customer=customer)
    for channel in ("handler", "retail"):
        order = ActivationFactory(customer=customer, billed=True, channel=channel)
        happened(customer, "activation.sms_received", order_id=order.pk)

    dispatch_due(now=NOW)

    assert told(ours) == ["customer.activation.updated", "customer.activation.updated"]
    assert told(his) == ["alternative.activation.updated", "customer.activation.updated"]


def test_f18_a_reseller_who_asked_for_the_handlers_name_alone_is_told_by_it(tenant, customer):
    ours = make_endpoint(tenant, "https://8.8.8.8/", event_types=["alternative.activation.updated"])
    for channel in ("handler", "retail"):
        order = ActivationFactory(customer=customer, billed=True, channel=channel)
        happened(customer, "activation.sms_received", order_id=order.pk)

    dispatch_due(now=NOW)

    assert told(ours) == ["alternative.activation.updated"]


def test_of_an_account_that_is_nobodys_customer_a_message_is_told_without_it_and_nothing_else(tenant):
    account = open_contract(Contract(tenant=tenant, name="OnlineSim", rub_per_usd=90)).customer
    ours = make_endpoint(tenant, "https://8.8.8.8/", event_types=EVERYTHING)
    order = ActivationFactory(customer=account, customer_price_micros=0, billed=True, channel="onlinesim")
    rental = RentalFactory(customer=account, customer_price_micros=0)
    for type_ in ("activation.sms_received", "activation.finalized", "activation.number_replaced"):
        happened(account, type_, order_id=order.pk)
    happened(account, "rental.created", order_id=rental.pk)
    happened(account, "wallet.low_balance")

    dispatch_due(now=NOW)

    assert told(ours) == ["activation.updated"]
    data = data_of(Event.objects.get(type="activation.sms_received", order_id=order.pk), "activation.updated")
    assert (data["sms_code"], data.get("customer_id")) == ("123456", None)


def test_what_nobody_asked_for_is_told_to_nobody(tenant, customer):
    usual = make_endpoint(tenant, "https://8.8.8.8/")
    eager = make_endpoint(tenant, "https://8.8.8.8/", event_types=["customer.activation.closed"])
    short = make_endpoint(tenant, "https://8.8.8.8/", event_types=["activation_report.updated"])
    order = ActivationFactory(customer=customer, canceled=True)
    for type_ in (
        "activation.created",
        "activation.canceled",
        "report.updated",
        "activation.retry_requested",
    ):
        happened(customer, type_, order_id=order.pk)

    dispatch_due(now=NOW)

    assert told(usual) == ["customer.activation_report.updated"]
    assert told(eager) == ["customer.activation.closed"]
    assert told(short) == ["activation_report.updated"]


def data_of(event, name, *, is_customer=False):
    return payloads.data_of(event, name, is_customer=is_customer)


def test_a_customer_does_not_learn_what_his_reseller_pays(tenant, customer):
    order = ActivationFactory(customer=customer, billed=True)
    event = happened(customer, "activation.sms_received", order_id=order.pk)

    ours, his = (
        data_of(event, "customer.activation.updated", is_customer=is_his) for is_his in (False, True)
    )

    assert (ours["price"], ours["customer_price"]) == (25, 30)
    assert (his["price"], his["customer_price"]) == (30, 30)


def test_each_type_has_words_data_and_a_sample_of_the_same_members(tenant, customer):
    order = ActivationFactory(customer=customer, billed=True)
    event = happened(customer, "activation.sms_received", order_id=order.pk)
    account = Event.objects.create(tenant=tenant, type="wallet.low_balance")

    rental = RentalFactory(customer=customer)
    sms = RentalMessage.objects.create(
        tenant=tenant, rental=rental, msg_id="msg_one", text="Your code: 4829", code="4829", upstream_ref="1"
    )
    events = {"account.low_balance": account}
    for name in (one for one in EVERYTHING if one.startswith("rental.")):
        events[name] = happened(customer, name, order_id=rental.pk, payload={"message": sms.msg_id})

    for name in EVERYTHING:
        data = data_of(events.get(name, event), name)
        assert data.keys() == payloads.dialect().sample(name, False).keys(), name


def test_the_data_says_what_is_true_when_it_is_sent(tenant, customer):
    order = ActivationFactory(customer=customer, billed=True, channel="handler")
    event = happened(customer, "activation.sms_received", order_id=order.pk)
    low = happened(customer, "wallet.low_balance")

    assert data_of(event, "alternative.activation.updated") == {
        "activation_id": data_of(event, "alternative.activation.updated")["activation_id"],
        "phone": order.phone, "service": "netflix", "country": "us", "status": "STATUS_OK",
        "code": "123456", "text": "Your code: 123456",
    }  # fmt: skip
    assert data_of(low, "customer.low_balance") == {"customer_id": "buyer", "balance": 470}
    full = data_of(event, "customer.activation.updated")
    assert (full["customer_price"], full["price"], full["sms_code"]) == (30, 25, "123456")
    assert payloads.masked(full)["sms_code"] == payloads.HIDDEN


@pytest.fixture
def secure(tmp_path, settings):
    """A receiver behind TLS, and its certificate."""
    context, certificate = self_signed(tmp_path, name="127.0.0.1", kind="IP")
    receiver = Receiver()
    server = serve(receiver, context)
    settings.ADDRESS_EXCEPTIONS = [f"127.0.0.1:{receiver.port}"]
    yield receiver, certificate
    server.shutdown()
    server.server_close()


def send_a_code(tenant, customer, receiver):
    make_endpoint(tenant, f"https://127.0.0.1:{receiver.port}/")
    order = ActivationFactory(customer=customer, billed=True)
    happened(customer, "activation.sms_received", order_id=order.pk)
    deliver_due(now=NOW)
    return order


def test_the_code_travels_over_https(tenant, customer, secure, monkeypatch):
    receiver, certificate = secure
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    trusted.cache_clear()

    order = send_a_code(tenant, customer, receiver)

    trusted.cache_clear()
    data = json.loads(receiver.got[0][1])["data"]
    assert (data["activation_id"], data["sms_code"]) == (order.hex_id, "123456")


def test_a_bad_certificate_stops_it(tenant, customer, secure):
    receiver, _ = secure

    send_a_code(tenant, customer, receiver)

    assert receiver.got == []
    assert Delivery.objects.get().last_error == "the certificate is not valid"

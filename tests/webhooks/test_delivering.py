"""Deliveries to real receivers: the schedule, failures, rotation, fairness (W6 to W8, W11)."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from portal.backlog import backlog
from tests.activations.races import together
from tests.factories import ActivationFactory, CustomerFactory, MemberFactory, TenantFactory
from tests.webhooks.conftest import make_endpoint
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event
from webhooks.services.delivering import PAUSES, claim, deliver_due
from webhooks.services.dispatching import dispatch_due
from webhooks.services.endpoints import rotate_secret, switch_on
from webhooks.services.mails import mail_due
from webhooks.services.replaying import replay, resend, send_sample

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def changed(customer, *, at=NOW, times=1):
    return [
        Event.objects.create(
            tenant=customer.tenant, customer=customer, type="customer.updated", created_at=at
        )
        for _ in range(times)
    ]


def the_delivery(**having):
    return Delivery.objects.get(**having)


def test_an_event_arrives_signed_for_both_kinds_of_receivers(endpoint, receiver, customer):
    changed(customer)

    assert deliver_due(now=timezone.now()) == 1
    [(headers, body)] = receiver.got
    told = json.loads(body)
    assert told == Webhook(endpoint.secret).verify(body, headers)
    assert (told["id"], told["type"], told["api_version"]) == (
        headers["webhook-id"],
        "customer.updated",
        "1.0",
    )
    assert told["data"]["customer_id"] == "buyer"
    assert headers["x-webhook-id"] == endpoint.public_id
    assert the_delivery().state == "delivered"
    assert deliver_due(now=timezone.now()) == 0


def test_only_those_whom_it_concerns_are_told(tenant, customer, receivers):
    own, his, others, strangers, deaf = (receivers() for _ in range(5))
    make_endpoint(tenant, own.url)
    make_endpoint(tenant, his.url, customer=customer)
    make_endpoint(tenant, others.url, customer=CustomerFactory(tenant=tenant))
    make_endpoint(TenantFactory(), strangers.url)
    make_endpoint(tenant, deaf.url, event_types=["account.low_balance"])
    changed(customer)

    deliver_due(now=NOW)

    assert [len(each.got) for each in (own, his, others, strangers, deaf)] == [1, 1, 0, 0, 0]
    assert own.ids == his.ids


def test_w6_a_receiver_that_was_down_for_a_day_gets_every_event_under_its_id(endpoint, receiver, customer):
    receiver.status = 503
    changed(customer, times=3)
    moment = NOW
    while moment < NOW + timedelta(hours=24):
        deliver_due(now=moment)
        moment = Delivery.objects.order_by("deliver_at").first().deliver_at + timedelta(seconds=1)
    assert Delivery.objects.filter(state="pending").count() == 3
    tried = set(receiver.ids)
    receiver.status, receiver.got = 200, []

    deliver_due(now=moment + timedelta(hours=26))

    assert set(receiver.ids) == tried
    assert len(receiver.ids) == 3
    assert Delivery.objects.filter(state="delivered").count() == 3
    assert Endpoint.objects.get().failing_since is None


def test_w6_the_schedule_of_f4_then_parked_then_replayed_by_hand(endpoint, receiver, customer, mailoutbox):
    MemberFactory(tenant=customer.tenant, user__email="owner@acme.example")
    receiver.status = 500
    changed(customer)
    moment, pauses = NOW, []
    while deliver_due(now=moment) and the_delivery().state == "pending":
        pauses.append((the_delivery().deliver_at - moment).total_seconds())
        moment = the_delivery().deliver_at
    parked = the_delivery()

    planned = [pause.total_seconds() for pause in PAUSES]
    assert planned == [10, 30, 60, 300, 900, 3600, 10800, 21600, 43200, 86400, 86400]
    assert len(pauses) == len(planned)
    assert all(plan <= pause <= 1.11 * plan + 1 for plan, pause in zip(planned, pauses, strict=True))
    assert (parked.state, parked.tries, parked.attempts.count()) == ("parked", 12, 12)
    assert mail_due() == 1
    assert [mail.bcc for mail in mailoutbox] == [["owner@acme.example"]]
    receiver.status = 200
    assert replay(endpoint=endpoint, start=NOW, end=moment, with_delivered=False, now=moment) == 1
    deliver_due(now=moment)
    assert len(set(receiver.ids)) == 1
    assert the_delivery().state == "delivered"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_w7_a_receiver_that_hangs_is_cut_off_and_delays_nobody(tenant, customer, receivers):
    hanging, quick = receivers(delay=12), receivers()
    make_endpoint(tenant, hanging.url)
    changed(customer, times=6)
    started = time.monotonic()
    late = []

    def sweep():
        deliver_due(now=timezone.now())
        return time.monotonic() - started

    def others():
        time.sleep(1)
        make_endpoint(tenant, quick.url)
        changed(customer, times=3)
        while len(quick.got) < 3 and time.monotonic() - started < 8:
            time.sleep(0.05)
        late.append(time.monotonic() - started)
        hanging.delay = 0  # whoever is sent later need not wait: one time limit is enough for the test
        return len(quick.got)

    took, arrived = together(sweep, others)

    assert arrived == 3
    assert late[0] < 2.5
    assert 10 <= took < 16
    failed = DeliveryAttempt.objects.filter(status=None)
    assert {attempt.error for attempt in failed} == {"no answer in time"}
    assert all(9_900 < attempt.milliseconds < 11_500 for attempt in failed)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_w7_more_hanging_receivers_than_a_sweep_holds_leave_room_for_others(tenant, customer, receivers):
    hanging, quick = receivers(delay=12), receivers()
    since = timezone.now() - timedelta(hours=1)
    for _ in range(60):
        make_endpoint(tenant, hanging.url, failing_since=since)
    changed(customer)
    started, late = time.monotonic(), []

    def others():
        time.sleep(1)
        make_endpoint(tenant, quick.url)
        changed(customer, times=8)
        while len(quick.got) < 8 and time.monotonic() - started < 9:
            time.sleep(0.05)
        late.append(time.monotonic() - started)
        hanging.delay = 0

    together(lambda: deliver_due(now=timezone.now()), others)

    assert len(quick.got) == 8
    assert late[0] < 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_w8_a_redirect_is_a_failure_and_is_not_followed(endpoint, receiver, receivers, customer, status):
    elsewhere = receivers()
    receiver.status, receiver.headers = status, {"location": elsewhere.url}
    changed(customer)

    deliver_due(now=NOW)

    assert (the_delivery().state, the_delivery().last_status) == ("pending", status)
    assert elsewhere.connections == 0


def test_w8_gone_switches_the_endpoint_off_and_tells_its_owner(endpoint, receiver, customer, mailoutbox):
    MemberFactory(tenant=customer.tenant, user__email="owner@acme.example")
    receiver.status = 410
    changed(customer, times=2)

    deliver_due(now=NOW)
    changed(customer)
    deliver_due(now=NOW + timedelta(days=1))

    endpoint.refresh_from_db()
    assert (endpoint.is_enabled, endpoint.off_reason) == (False, "gone")
    assert set(Delivery.objects.values_list("state", flat=True)) == {"parked"}
    assert mail_due() == 1
    assert mail_due() == 0
    [mail] = mailoutbox
    assert "410 Gone" in mail.body
    assert endpoint.secret not in mail.body
    switch_on(endpoint=endpoint)
    endpoint.refresh_from_db()
    receiver.status, receiver.got = 200, []
    later = timezone.now() + timedelta(hours=1)
    assert replay(endpoint=endpoint, start=NOW, end=later, with_delivered=False, now=later) == 3
    deliver_due(now=later)
    assert len(set(receiver.ids)) == 3


@pytest.mark.parametrize("wish", ["120", format_datetime(NOW + timedelta(seconds=120), usegmt=True)])
def test_w8_retry_after_is_obeyed_by_all_deliveries_of_the_endpoint(endpoint, receiver, customer, wish):
    receiver.status, receiver.headers = 429, {"retry-after": wish}
    changed(customer)
    deliver_due(now=NOW)
    receiver.status = 200
    changed(customer)

    deliver_due(now=NOW + timedelta(seconds=115))
    assert len(receiver.got) == 1
    deliver_due(now=NOW + timedelta(seconds=123))
    assert len(receiver.got) == 3
    assert Delivery.objects.filter(state="delivered").count() == 2


def test_seven_days_of_failure_switch_the_endpoint_off(endpoint, receiver, customer):
    receiver.status = 500
    changed(customer)
    deliver_due(now=NOW)
    changed(customer)
    deliver_due(now=NOW + timedelta(days=6, hours=23))
    endpoint.refresh_from_db()
    assert endpoint.is_enabled

    deliver_due(now=NOW + timedelta(days=7, minutes=10))

    endpoint.refresh_from_db()
    assert (endpoint.off_reason, endpoint.mail_due) == ("failing", "off")


def test_w6_an_endpoint_that_was_given_up_and_is_mended_gets_its_tries_again(endpoint, receiver, customer):
    receiver.status = 500
    changed(customer)
    deliver_due(now=NOW)
    while waiting := Delivery.objects.filter(state="pending").first():
        deliver_due(now=waiting.deliver_at)
    late = NOW + timedelta(days=10)
    changed(customer)
    deliver_due(now=late)
    endpoint.refresh_from_db()
    assert endpoint.is_enabled, "one failure after a silence is the first of a new count"

    receiver.status = 200
    deliver_due(now=late + timedelta(minutes=10))

    assert Delivery.objects.filter(state="delivered").count() == 1


def test_w11_both_secrets_sign_for_a_day_after_a_rotation(endpoint, receiver, customer):
    old = endpoint.secret
    now = timezone.now()
    new = rotate_secret(endpoint=endpoint, now=now)
    changed(customer)
    deliver_due(now=now)
    changed(customer)
    deliver_due(now=now + timedelta(hours=24, seconds=1))

    (during, body), (after, _) = receiver.got
    assert Webhook(new).verify(body, during)["id"] == Webhook(old).verify(body, during)["id"]
    assert len(during["x-signature"].split(",")) == 2
    assert len(after["x-signature"].split(",")) == 1
    assert len(after["webhook-signature"].split()) == 1


def test_plain_http_and_the_log_get_neither_text_nor_code(endpoint, receiver, customer, caplog):
    order = ActivationFactory(customer=customer, billed=True, sms_code="918273", sms_text="Secret: 918273")
    Event.objects.create(
        tenant=customer.tenant, customer=customer, type="activation.sms_received", order_id=order.pk
    )
    receiver.answer = b"saw 918273 and Secret: 918273 and " + b"x" * 10_000
    with caplog.at_level(logging.DEBUG):
        deliver_due(now=NOW)

    data = json.loads(receiver.got[0][1])["data"]
    assert (data["activation_id"], data["sms_code"], data["sms_text"]) == (order.hex_id, None, None)
    attempt = DeliveryAttempt.objects.get()
    assert "918273" not in attempt.excerpt + caplog.text
    assert len(attempt.excerpt) <= 500


@pytest.mark.django_db(transaction=True)
def test_o3_sweeps_side_by_side_send_each_delivery_once(endpoint, receiver, customer):
    changed(customer, times=40)

    together(lambda: deliver_due(now=NOW), lambda: deliver_due(now=NOW), lambda: deliver_due(now=NOW))

    assert len(set(receiver.ids)) == len(receiver.ids) == 40


def test_one_again_and_a_sample(endpoint, receiver, customer):
    sample = send_sample(endpoint=endpoint, type_="customer.activation.updated", now=NOW)
    deliver_due(now=NOW)
    sample.refresh_from_db()
    resend(delivery=sample, now=NOW)
    deliver_due(now=NOW)

    first, second = receiver.ids
    assert first == second == sample.event.public_id
    assert json.loads(receiver.got[0][1])["data"]["customer_id"] == "shop7user42"


def test_what_a_delivery_told_of_is_gone(endpoint, receiver, customer):
    Event.objects.create(tenant=customer.tenant, customer=customer, type="activation.sms_received")

    deliver_due(now=NOW)

    assert receiver.got == []
    assert (the_delivery().state, the_delivery().last_error) == ("parked", "what it told of is gone")


def test_a_killed_sweeps_deliveries_come_back(endpoint, receiver, customer):
    changed(customer)
    dispatch_due(now=NOW)
    assert len(claim(now=NOW, busy=[], room=10, share=4)) == 1

    assert deliver_due(now=NOW + timedelta(seconds=30)) == 0
    assert deliver_due(now=NOW + timedelta(seconds=61)) == 1


def test_o9_a_delivery_that_waits_is_late_work_but_a_receiver_that_fails_is_not_ours(endpoint, customer):
    now = timezone.now()
    changed(customer)
    dispatch_due(now=now - timedelta(seconds=500))
    assert backlog(now=now).oldest_due_seconds == 500

    Endpoint.objects.update(failing_since=now)

    assert backlog(now=now).oldest_due_seconds == 0


def test_s5_a_secret_that_cannot_be_read_sends_nothing_and_stays(endpoint, receiver, customer):
    Endpoint.objects.update(secret_encrypted=b"written with another key")
    changed(customer)

    deliver_due(now=NOW)

    assert receiver.got == []
    assert "rotate it" in the_delivery().last_error
    assert bytes(Endpoint.objects.get().secret_encrypted) == b"written with another key"


def test_s1_the_secret_is_not_in_the_database(endpoint):
    assert endpoint.secret.encode() not in bytes(Endpoint.objects.get().secret_encrypted)

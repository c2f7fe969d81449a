"""The workbench: whose endpoints, the secret shown once, codes covered, state changed by POST only."""

import re
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.services import create_operator
from tests.factories import ActivationFactory, CustomerFactory, MemberFactory, UserFactory
from tests.webhooks.conftest import make_endpoint
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event
from webhooks.services.delivering import deliver_due
from webhooks.services.dispatching import dispatch_due
from webhooks.services.mails import mail_due
from webhooks.signing import headers_for

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CONFIRMED = {"_form_submitted": "on"}
CHOSEN = ["customer.updated", "customer.activation.updated"]


def browser(tenant, user):
    client = Client(headers={"host": f"{tenant.slug}.localhost"})
    client.force_login(user)
    return client


@pytest.fixture
def member(tenant):
    return browser(tenant, MemberFactory(tenant=tenant, role="manager").user)


@pytest.fixture
def buyer(tenant, customer):
    customer.user = UserFactory(tenant=tenant)
    customer.save()
    return browser(tenant, customer.user)


def text(answer):
    return answer.content.decode()


def secret_on(answer):
    return re.search(r"whsec_[A-Za-z0-9+/=]+", text(answer))[0]


def test_a_member_makes_an_endpoint_and_sees_its_secret_once(member, receiver):
    answer = member.post("/webhooks/new/", {"url": receiver.url, "event_types": CHOSEN})

    endpoint = Endpoint.objects.get()
    assert secret_on(answer) == endpoint.secret
    assert (endpoint.customer, sorted(endpoint.event_types)) == (None, sorted(CHOSEN))
    assert answer["Cache-Control"] == "no-store"
    for page in ("/webhooks/", f"/webhooks/{endpoint.public_id}/"):
        assert "whsec_" not in text(member.get(page))


def test_a_customer_has_endpoints_of_his_own(buyer, member, customer, tenant, receiver):
    buyer.post("/webhooks/new/", {"url": receiver.url, "event_types": CHOSEN})

    endpoint = Endpoint.objects.get()
    assert endpoint.customer == customer
    assert buyer.get(f"/webhooks/{endpoint.public_id}/").status_code == 200
    assert member.get(f"/webhooks/{endpoint.public_id}/").status_code == 404
    other = browser(tenant, CustomerFactory(tenant=tenant, with_login=True).user)
    assert other.get(f"/webhooks/{endpoint.public_id}/").status_code == 404
    assert "account.low_balance" not in text(buyer.get("/webhooks/"))


def test_a_member_makes_an_endpoint_of_test_mode_and_a_customer_cannot(member, buyer, tenant, receiver):
    wanted = {"url": receiver.url, "event_types": CHOSEN, "is_test": "on"}

    assert buyer.post("/webhooks/new/", wanted).status_code == 422
    member.post("/webhooks/new/", wanted)

    assert Endpoint.objects.get().tenant == tenant.test_tenant


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "10.0.0.1", "169.254.1.1", "localhost", "2130706433"])
def test_w9_the_page_refuses_an_internal_address(member, host):
    answer = member.post("/webhooks/new/", {"url": f"https://{host}/", "event_types": CHOSEN})

    assert answer.status_code == 422
    assert "public internet" in text(answer) or "four numbers" in text(answer)
    assert Endpoint.objects.count() == 0


def test_w9_a_change_to_an_internal_address_is_refused(member, endpoint):
    before = endpoint.url
    answer = member.post(
        f"/webhooks/{endpoint.public_id}/change/", {"url": "https://10.0.0.1/", "event_types": CHOSEN}
    )

    endpoint.refresh_from_db()
    assert (answer.status_code, endpoint.url) == (422, before)


def test_t7_fields_that_are_not_asked_for_are_refused(member, receiver, tenant):
    answer = member.post(
        "/webhooks/new/", {"url": receiver.url, "event_types": CHOSEN, "tenant": str(tenant.pk)}
    )

    assert (answer.status_code, Endpoint.objects.count()) == (422, 0)


def test_w11_rotating_shows_a_new_secret_once(member, endpoint):
    old = endpoint.secret

    new = secret_on(member.post(f"/webhooks/{endpoint.public_id}/rotate/"))

    endpoint.refresh_from_db()
    assert (endpoint.secret, endpoint.previous_secret) == (new, old)
    assert endpoint.previous_until - timezone.now() > timedelta(hours=23)


def test_switching_off_parks_what_waits_and_on_allows_a_replay(member, endpoint, receiver, customer):
    here = f"/webhooks/{endpoint.public_id}"
    Event.objects.create(tenant=customer.tenant, customer=customer, type="customer.updated")
    dispatch_due(now=timezone.now())
    member.post(f"{here}/off/")
    assert Delivery.objects.get().state == "parked"
    window = {"start": (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M"),
              "end": (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")}  # fmt: skip
    assert "Switch it on first" in text(member.post(f"{here}/replay/", window))

    member.post(f"{here}/on/")
    assert member.post(f"{here}/replay/", window).status_code == 302
    deliver_due(now=timezone.now())

    assert Delivery.objects.get().state == "delivered"


def test_what_an_operator_switched_off_only_an_operator_switches_on(member, endpoint, mailoutbox):
    login = create_operator(email="op@example.com", password="correct-horse-battery")
    operator = browser(endpoint.tenant, login)
    admin = f"/admin/webhooks/endpoint/{endpoint.pk}"

    def is_on():
        endpoint.refresh_from_db()
        return endpoint.is_enabled, endpoint.off_reason

    operator.get(f"{admin}/turn_off/")
    assert is_on() == (True, "")  # B10: reading the dialog changes nothing
    operator.post(f"{admin}/turn_off/", CONFIRMED)
    assert is_on() == (False, "operator")
    answer = member.post(f"/webhooks/{endpoint.public_id}/on/", follow=True)
    assert "Please contact support" in text(answer)
    assert is_on() == (False, "operator")
    MemberFactory(tenant=endpoint.tenant, role="owner")
    assert mail_due() == 1
    assert "by the operator of the platform" in mailoutbox[0].body

    operator.post(f"{admin}/turn_on/", CONFIRMED)
    assert is_on() == (True, "")


def test_s3_a_delivery_is_shown_with_text_and_code_covered(member, endpoint, receiver, customer):
    order = ActivationFactory(customer=customer, billed=True, sms_code="918273", sms_text="Secret 918273")
    Event.objects.create(
        tenant=customer.tenant, customer=customer, type="activation.sms_received", order_id=order.pk
    )
    receiver.answer = b"thanks for 918273"
    deliver_due(now=timezone.now())

    delivery = Delivery.objects.get()
    page = text(member.get(f"/webhooks/{endpoint.public_id}/{delivery.pk}/"))
    assert "918273" not in page
    assert order.hex_id in page
    assert "thanks for •••" in page
    assert delivery.event.public_id in page


def test_a_sample_is_sent_and_can_be_sent_again(member, endpoint, receiver):
    here = f"/webhooks/{endpoint.public_id}"
    answer = member.post(f"{here}/sample/", {"type": "customer.updated"})
    deliver_due(now=timezone.now())
    member.post(f"{answer.url}resend/")
    deliver_due(now=timezone.now())

    assert len(receiver.ids) == 2
    assert len(set(receiver.ids)) == 1
    assert DeliveryAttempt.objects.count() == 2
    assert "HTTP 200" in text(member.get(answer.url))


def test_b10_nothing_changes_by_get(member, endpoint):
    here = f"/webhooks/{endpoint.public_id}"

    for action in ("change", "rotate", "on", "off", "delete", "sample", "replay", "verify"):
        assert member.get(f"{here}/{action}/").status_code == 405, action
    assert member.get("/webhooks/new/").status_code == 405


@pytest.mark.parametrize("own_headers", [True, False])
def test_a_signature_is_verified_by_hand(member, endpoint, own_headers):
    stamp, body = int(time.time()), '{"id":"evt_1",\n"data":{}}'
    headers = headers_for(
        body=body.encode(), endpoint_id=endpoint.public_id, event_id="evt_1", timestamp=stamp,
        secrets_=[endpoint.secret],
    )  # fmt: skip
    given = {
        "webhook_id": headers["x-webhook-id" if own_headers else "webhook-id"],
        "signature": headers["x-signature" if own_headers else "webhook-signature"],
        "timestamp": stamp,
        "body": body.replace("\n", "\r\n"),
    }
    ask = f"/webhooks/{endpoint.public_id}/verify/"

    assert "Signed with the present secret." in text(member.post(ask, given))
    assert "No match" in text(member.post(ask, {**given, "body": body + " "}))
    assert "No match" in text(member.post(ask, {**given, "timestamp": stamp - 400}))


def test_deleting_takes_the_deliveries_along_and_keeps_the_events(member, endpoint, customer):
    Event.objects.create(tenant=customer.tenant, customer=customer, type="customer.updated")
    dispatch_due(now=NOW)

    member.post(f"/webhooks/{endpoint.public_id}/delete/")

    assert (Endpoint.objects.count(), Delivery.objects.count(), Event.objects.count()) == (0, 0, 1)


def test_pages_of_deliveries(member, endpoint, customer):
    Event.objects.bulk_create(
        Event(tenant=customer.tenant, customer=customer, type="customer.updated") for _ in range(30)
    )
    dispatch_due(now=NOW)

    first = member.get(f"/webhooks/{endpoint.public_id}/?state=pending")
    second = member.get(f"/webhooks/{endpoint.public_id}/{first.context['older_url']}")

    assert [len(page.context["rows"]) for page in (first, second)] == [25, 5]
    assert not {row.pk for row in first.context["rows"]} & {row.pk for row in second.context["rows"]}
    assert (
        member.get(f"/webhooks/{endpoint.public_id}/?state=x&before=99999999999999999999").status_code == 200
    )


def test_the_list_of_endpoints_costs_a_few_queries(member, tenant, django_assert_max_num_queries):
    for _ in range(10):
        make_endpoint(tenant, "https://8.8.8.8/")

    with django_assert_max_num_queries(10):
        member.get("/webhooks/")

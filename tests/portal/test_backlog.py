"""O9: the health page tells how late the work is, names no secret, and stays cheap."""

from datetime import timedelta

import pytest
from django.conf import settings as portal
from django.utils import timezone

from activations.models import Check, Contract, Message, Push, Sale
from activations.services.marketplace.contracts import open_contract
from portal.backlog import backlog
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db

NOW = timezone.now()


def due(seconds_ago, *, kind="status", **fields):
    order = ActivationFactory(
        created_at=NOW - timedelta(seconds=seconds_ago), expire_at=NOW + timedelta(minutes=20)
    )
    at = NOW - timedelta(seconds=seconds_ago)
    Check.objects.create(
        activation=order, tenant=order.tenant, provider=order.provider, kind=kind, due_at=at, **fields
    )
    return order


def test_o9_with_nothing_to_do_nothing_is_late(client):
    state = client.get("/readyz").json()

    assert state == {
        "database": "ok", "redis": "ok", "work": "ok", "oldest_due_seconds": 0,
        "oldest_unknown_order_seconds": 0, "parked_checks": 0,
    }  # fmt: skip


def test_o9_the_oldest_due_item_and_unknown_order_are_told(client):
    due(500)
    due(30)
    due(900, parked_reason="always fails")
    due(700, kind="reconcile")

    work = backlog(now=NOW)
    answer = client.get("/readyz")

    assert (work.oldest_due_seconds, work.oldest_unknown_seconds, work.parked) == (700, 700, 1)
    assert (answer.status_code, answer.json()["work"]) == (200, "late")
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("ago", "is_late"), [(120, False), (121, True)])
def test_o9_the_limit_is_a_setting(ago, is_late):
    due(ago)

    assert backlog(now=NOW).is_late is is_late


def test_o9_a_number_past_its_time_is_a_due_item():
    ActivationFactory(created_at=NOW - timedelta(hours=1), expire_at=NOW - timedelta(seconds=200))

    assert backlog(now=NOW).oldest_due_seconds == 200


def make_sale(order, **fields):
    contract = open_contract(Contract(tenant=order.tenant, name=f"for {order.pk}", rub_per_usd=80))
    return Sale.objects.create(
        tenant=order.tenant, contract=contract, number=order.num_id, activation=order, phone=order.phone,
        service=order.service, country=order.country, sum=40, currency="RUB", rub_per_usd=80,
        expected_micros=500_000, **fields,
    )  # fmt: skip


def make_push(order, *, late, tries=0):
    message = Message.objects.create(
        tenant=order.tenant, activation=order, msg_id=f"msg_{late}", upstream_ref=str(late)
    )
    sale = Sale.objects.filter(activation=order).first() or make_sale(order)
    return Push.objects.create(
        tenant=order.tenant, contract=sale.contract, sale=sale, message=message, tries=tries,
        deliver_at=timezone.now() - timedelta(seconds=late),
    )  # fmt: skip


def test_o9_what_marketplaces_were_not_told_yet_is_due(client):
    push = make_push(ActivationFactory(), late=400)
    assert 400 <= backlog(now=timezone.now()).oldest_due_seconds < 460
    assert client.get("/readyz").json()["work"] == "late"

    push.state, push.ended_at = "accepted", NOW
    push.save()
    assert backlog(now=timezone.now()).oldest_due_seconds == 0


def test_o9_a_marketplace_that_takes_nothing_is_not_our_lateness_while_it_is_tried():
    order = ActivationFactory()
    make_push(order, late=3600)
    tried = make_push(order, late=-10, tries=3)
    assert backlog(now=timezone.now()).oldest_due_seconds == 0

    Push.objects.filter(pk=tried.pk).update(deliver_at=timezone.now() - timedelta(minutes=10))
    assert backlog(now=timezone.now()).oldest_due_seconds >= 3600, "nobody tries any more"


def test_o9_a_sold_number_that_waits_for_its_end_at_the_provider_is_due():
    make_sale(ActivationFactory(), lease_due_at=NOW - timedelta(seconds=300))

    assert backlog(now=NOW).oldest_due_seconds == 300


def test_o9_one_query_and_no_secret(client, django_assert_num_queries):
    order = due(10)

    with django_assert_num_queries(1):
        answer = client.get("/readyz")

    text = answer.content.decode()
    for word in (order.hex_id, order.tenant.slug, portal.SECRET_KEY, portal.REDIS_URL):
        assert word not in text


def test_o9_the_figures_are_in_the_metrics_too(client, settings):
    settings.METRICS_TOKEN = "scraper"
    due(333, kind="reconcile")

    text = client.get("/metrics", headers={"authorization": "Bearer scraper"}).content.decode()

    told = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("portal_"))
    for name in ("portal_oldest_due_seconds", "portal_oldest_unknown_order_seconds"):
        assert 333 <= float(told[name]) < 933  # the suite may have run for minutes since NOW
    assert told["portal_parked_checks"] == "0.0"

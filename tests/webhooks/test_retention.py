"""Deliveries and events are kept for a while, and go with their tries."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.factories import TenantFactory
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event
from webhooks.retention import forget_deliveries

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)


@pytest.fixture
def endpoint():
    tenant = TenantFactory()
    return Endpoint.objects.create(
        tenant=tenant, url="https://example.com/", event_types=["customer.updated"]
    )


def event(endpoint, at, *, dispatched_at=NOW):
    return Event.objects.create(
        tenant=endpoint.tenant, type="customer.updated", created_at=at, dispatched_at=dispatched_at
    )


def delivery(endpoint, told, at, **fields):
    made = Delivery.objects.create(
        tenant=endpoint.tenant, endpoint=endpoint, event=told, type=told.type, deliver_at=at, created_at=at,
        **fields,
    )  # fmt: skip
    DeliveryAttempt.objects.create(tenant=endpoint.tenant, delivery=made, sent_at=at, status=200)
    return made


def test_what_is_past_its_time_goes_and_the_rest_stays(endpoint):
    delivery(endpoint, event(endpoint, OLD), OLD, state="delivered")
    delivery(endpoint, event(endpoint, OLD), OLD, state="parked")
    young = delivery(endpoint, event(endpoint, YOUNG), YOUNG, state="delivered")

    assert forget_deliveries(before=NOW - timedelta(days=30)) == (2, 2)

    assert [row.pk for row in Delivery.objects.all()] == [young.pk]
    assert [row.delivery_id for row in DeliveryAttempt.objects.all()] == [young.pk]
    assert [row.pk for row in Event.objects.all()] == [young.event_id]
    assert forget_deliveries(before=NOW - timedelta(days=30)) == (0, 0)


def test_an_old_event_stays_while_it_waits_or_was_replayed(endpoint):
    waiting, replayed = event(endpoint, OLD, dispatched_at=None), event(endpoint, OLD)
    delivery(endpoint, replayed, YOUNG)

    assert forget_deliveries(before=NOW - timedelta(days=30)) == (0, 0)
    assert set(Event.objects.values_list("pk", flat=True)) == {waiting.pk, replayed.pk}

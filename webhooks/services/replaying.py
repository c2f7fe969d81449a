"""Deliveries made by hand: one again, a window again, a sample."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from portal.errors import InvalidState, ValidationError
from webhooks import payloads
from webhooks.models import Delivery, Endpoint, Event
from webhooks.queries import deliveries_of
from webhooks.services.dispatching import add_deliveries, pairs_of

MAX_REPLAYED = 10_000


def resend(*, delivery: Delivery, now: datetime) -> None:
    """Send it again now, under the same event id, with all its tries before it."""
    _need_enabled(delivery.endpoint)
    _arm(Delivery.objects.filter(pk=delivery.pk), now=now)


@transaction.atomic
def replay(*, endpoint: Endpoint, start: datetime, end: datetime, with_delivered: bool, now: datetime) -> int:
    """Deliver every event of the window that this endpoint wants; how many. `with_delivered`: also those that
    arrived before. Events that it missed while it was off are among them. Raises InvalidState when the
    endpoint is off, ValidationError for a window that is empty or holds too much.
    """
    _need_enabled(endpoint)
    if end <= start:
        raise ValidationError({"end": "The end must come after the beginning."})
    events = Event.objects.filter(
        tenant=endpoint.tenant_id, created_at__gte=start, created_at__lt=end, dispatched_at__isnull=False
    ).exclude(type=payloads.SAMPLE)
    if endpoint.customer_id is not None:
        events = events.filter(customer=endpoint.customer_id)
    found = list(events.order_by("id")[: MAX_REPLAYED + 1])
    if len(found) > MAX_REPLAYED:
        raise ValidationError({"end": f"The window holds more than {MAX_REPLAYED:,} events."})
    wanted = list(pairs_of(found, {endpoint.tenant_id: [endpoint]}))
    again = deliveries_of(endpoint).filter(event__in=[event for event, _, _ in wanted])
    if not with_delivered:
        again = again.exclude(state=Delivery.State.DELIVERED)
    known = set(deliveries_of(endpoint).filter(event__in=found).values_list("event_id", flat=True))
    count = _arm(Delivery.objects.filter(pk__in=again.values("pk")), now=now)
    return count + add_deliveries([pair for pair in wanted if pair[0].pk not in known], now=now)


@transaction.atomic
def send_sample(*, endpoint: Endpoint, type_: str, now: datetime) -> Delivery:
    """A delivery with invented data. Raises InvalidState when the endpoint is off, ValidationError (type)."""
    _need_enabled(endpoint)
    if type_ not in payloads.dialect().types_for(is_customer=endpoint.customer_id is not None):
        raise ValidationError({"type": "There is no such event."})
    event = Event.objects.create(
        tenant_id=endpoint.tenant_id, customer_id=endpoint.customer_id, type=payloads.SAMPLE,
        payload={"type": type_}, created_at=now, dispatched_at=now,
    )  # fmt: skip
    add_deliveries([(event, endpoint, type_)], now=now)
    return deliveries_of(endpoint).get(event=event)


def _arm(rows: object, *, now: datetime) -> int:
    assert hasattr(rows, "update")
    return int(rows.update(state=Delivery.State.PENDING, tries=0, deliver_at=now, delivered_at=None))


def _need_enabled(endpoint: Endpoint) -> None:
    if not endpoint.is_enabled:
        raise InvalidState("This endpoint is off. Switch it on first.")

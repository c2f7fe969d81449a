"""Handing events on: each becomes one delivery per endpoint that wants it, in the transaction that marks it
as handed on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Q

from webhooks import payloads
from webhooks.models import Delivery, Endpoint, Event, public_id

BATCH = 500

CLAIM = """
UPDATE webhooks_event SET dispatched_at = %(now)s
WHERE id IN (
    SELECT id FROM webhooks_event WHERE dispatched_at IS NULL
    ORDER BY id LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
RETURNING id, tenant_id, customer_id
"""


def dispatch_due(*, now: datetime) -> int:
    """Hand every waiting event on; returns how many. Any number of sweeps may run side by side."""
    handed = 0
    while True:
        with transaction.atomic():
            claimed = _claim(now)
            _deliver_to_endpoints(claimed, now=now)
        handed += len(claimed)
        if len(claimed) < BATCH:
            return handed


def _claim(now: datetime) -> list[tuple[int, int, int | None]]:
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, {"now": now, "batch": BATCH})
        return list(cursor.fetchall())


def _deliver_to_endpoints(claimed: Sequence[tuple[int, int, int | None]], *, now: datetime) -> None:
    if not claimed:
        return
    tenants = {tenant_id for _, tenant_id, _ in claimed}
    concerned = Q(customer=None) | Q(customer_id__in={customer_id for _, _, customer_id in claimed})
    listening = Endpoint.objects.filter(concerned, tenant_id__in=tenants, is_enabled=True)
    endpoints: defaultdict[int, list[Endpoint]] = defaultdict(list)
    for endpoint in listening:
        endpoints[endpoint.tenant_id].append(endpoint)
    if endpoints:
        heard = [event_id for event_id, tenant_id, _ in claimed if tenant_id in endpoints]
        events = list(Event.objects.filter(pk__in=heard).order_by("id"))
        add_deliveries(pairs_of(events, endpoints), now=now)


def pairs_of(
    events: Sequence[Event], endpoints: dict[int, list[Endpoint]]
) -> Iterable[tuple[Event, Endpoint, str]]:
    """Which endpoint (by tenant) is told of which event, and what the event is called there."""
    names = payloads.dialect().names(events)
    for event in events:
        called = names.get(event.pk, payloads.Names())
        for endpoint in endpoints.get(event.tenant_id, ()):
            if endpoint.customer_id is None:
                wanted = called.tenant
            else:
                wanted = called.customer if endpoint.customer_id == event.customer_id else ()
            if name := next((name for name in wanted if name in endpoint.event_types), ""):
                yield event, endpoint, name


def add_deliveries(pairs: Iterable[tuple[Event, Endpoint, str]], *, now: datetime) -> int:
    """Make the deliveries that do not exist yet, due now; events get their public id with the first."""
    pairs = list(pairs)
    nameless = list({event.pk: event for event, _, _ in pairs if event.public_id is None}.values())
    for event in nameless:
        event.public_id = public_id("evt_")
    Event.objects.bulk_update(nameless, ["public_id"], batch_size=BATCH)
    Delivery.objects.bulk_create(
        (
            Delivery(tenant_id=event.tenant_id, endpoint=endpoint, event=event, type=name, deliver_at=now)
            for event, endpoint, name in pairs
        ),
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    return len(pairs)

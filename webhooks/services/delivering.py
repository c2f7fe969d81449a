"""Sending what is due, and what each try comes to (docs/protocols/README.md F4).

A sweep keeps sending to others while a slow receiver makes it wait, and each receiver has a small share of
what it takes at once; one that fails gets single tries.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Coalesce

from portal import addresses
from portal.encryption import SecretUnreadable
from webhooks import payloads
from webhooks.models import Delivery, DeliveryAttempt, Endpoint
from webhooks.sending import Outcome, Parcel, Sender
from webhooks.services.dispatching import dispatch_due
from webhooks.services.endpoints import switch_off
from webhooks.signing import headers_for

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
PAUSES = (
    10 * SECOND, 30 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    24 * HOUR, 24 * HOUR,
)  # fmt: skip
JITTER = 0.1  # of the pause, so that what failed together does not come back together
LONGEST_WISH = 24 * HOUR  # of a Retry-After
GIVE_UP_AFTER = timedelta(days=7)
LEASE = timedelta(seconds=60)  # a delivery whose sweep was killed comes back after this

AT_ONCE = 200  # under way in one sweep
FAILING_AT_ONCE = 50  # of endpoints that failed last time: however many there are, others have room
SHARE = 8  # of one endpoint among them
ROUND_SECONDS = 0.2
LONGEST_SWEEP_SECONDS = 20.0

log = structlog.get_logger(__name__)

CLAIM = """
WITH due AS (
    SELECT d.id FROM webhooks_endpoint e
    CROSS JOIN LATERAL (
        SELECT id FROM webhooks_delivery
        WHERE endpoint_id = e.id AND state = 'pending' AND deliver_at <= %(now)s
        ORDER BY deliver_at
        LIMIT %(share)s
        FOR UPDATE SKIP LOCKED
    ) d
    WHERE e.is_enabled AND (e.failing_since IS NOT NULL) = %(failing)s
        AND coalesce(e.paused_until <= %(now)s, true) AND e.id <> ALL (%(busy)s::bigint[])
    LIMIT %(room)s
)
UPDATE webhooks_delivery d SET deliver_at = %(lease_ends)s FROM due WHERE d.id = due.id
RETURNING d.id
"""

ARRIVED = """
WITH told AS (
    SELECT * FROM
        unnest(%(ids)s::bigint[], %(statuses)s::int[], %(excerpts)s::text[], %(milliseconds)s::int[])
        AS t (id, status, excerpt, milliseconds)
), done AS (
    UPDATE webhooks_delivery d SET state = 'delivered', tries = d.tries + 1, last_status = told.status,
        last_error = '', delivered_at = %(now)s
    FROM told WHERE d.id = told.id
    RETURNING d.id, d.tenant_id, d.endpoint_id, told.status, told.excerpt, told.milliseconds
), well AS (
    UPDATE webhooks_endpoint SET failing_since = NULL, was_told = false, mail_due = ''
    WHERE id IN (
        SELECT id FROM webhooks_endpoint
        WHERE id IN (SELECT endpoint_id FROM done) AND failing_since IS NOT NULL AND is_enabled
        ORDER BY id FOR UPDATE
    )
)
INSERT INTO webhooks_deliveryattempt (tenant_id, delivery_id, sent_at, milliseconds, status, error, excerpt)
SELECT tenant_id, id, %(now)s, milliseconds, status, '', excerpt FROM done
"""


def deliver_due(*, now: datetime) -> int:
    """Hand on waiting events and send every delivery that is due; how many were tried. Any number of sweeps
    may run side by side.
    """
    started, tried = time.monotonic(), 0
    with Sender() as sender:
        while True:
            ran = time.monotonic() - started
            if ran < LONGEST_SWEEP_SECONDS:
                parcels = _next_parcels(sender, now=now + timedelta(seconds=ran))
                sender.start(parcels)
                tried += len(parcels)
            if not sender.count:
                return tried
            let_go_of_database()
            ended = sender.wait(ROUND_SECONDS)
            note_all(ended, now=now + timedelta(seconds=time.monotonic() - started))


def _next_parcels(sender: Sender, *, now: datetime) -> list[Parcel]:
    dispatch_due(now=now)
    busy, room = sender.busy_endpoints(), AT_ONCE - sender.count
    due = claim(now=now, busy=busy, room=room, share=SHARE)
    few = min(room - len(due), FAILING_AT_ONCE - sender.count_failing)
    due += claim(now=now, busy=busy, room=few, share=1, failing=True)
    return [parcel for delivery in due if (parcel := pack(delivery, now=now))]


def claim(
    *, now: datetime, busy: Sequence[int], room: int, share: int, failing: bool = False
) -> list[Delivery]:
    """Take due deliveries, `share` of each endpoint that has none under way here; of endpoints that are well,
    or of those that are failing.
    """
    if room <= 0:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            CLAIM,
            {
                "now": now,
                "share": share,
                "failing": failing,
                "busy": list(busy),
                "room": room,
                "lease_ends": now + LEASE,
            },
        )
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    rows = Delivery.objects.filter(pk__in=ids).select_related("endpoint", "event__tenant", "event__customer")
    return list(rows.order_by("id"))


def pack(delivery: Delivery, *, now: datetime) -> Parcel | None:
    """The try to send, made of the rows as they are now and signed anew; None when there is nothing to send:
    its subject is gone, or the secret cannot be read.
    """
    endpoint, event = delivery.endpoint, delivery.event
    data = payloads.data_of(event, delivery.type, is_customer=endpoint.customer_id is not None)
    if data is None:
        _end(delivery, Delivery.State.PARKED, error="what it told of is gone")
        return None
    hidden = payloads.secrets_in(data)
    try:
        secrets = secrets_of(endpoint, now=now)
        is_secret = addresses.check(endpoint.url).is_secret
    except SecretUnreadable:
        note(Outcome(_unsent(delivery), error="the secret cannot be read: rotate it"), now=now)
        return None
    except addresses.AddressRefused as error:
        note(Outcome(_unsent(delivery), error=f"blocked: {error}"[:80]), now=now)
        return None
    body = payloads.body_of(event, delivery.type, data if is_secret else payloads.without_secrets(data))
    headers = headers_for(
        body=body,
        endpoint_id=endpoint.public_id,
        event_id=event.public_id or "",
        timestamp=int(now.timestamp()),
        secrets_=secrets,
    )
    headers["Content-Type"] = "application/json"
    is_failing = endpoint.failing_since is not None
    return Parcel(delivery.pk, endpoint.pk, endpoint.url, body, headers, tuple(hidden), is_failing)


def secrets_of(endpoint: Endpoint, *, now: datetime) -> list[str]:
    """The secrets that sign now, the newest first (W11). Raises SecretUnreadable."""
    found = [str(endpoint.secret)]
    if endpoint.previous_until is not None and endpoint.previous_until > now and endpoint.previous_secret:
        found.append(str(endpoint.previous_secret))
    return found


def note_all(outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Write down what came of each try: those that arrived in one statement, the others one by one."""
    arrived = [outcome for outcome in outcomes if outcome.is_success]
    if arrived:
        columns: dict[str, Any] = {
            "now": now,
            "ids": [outcome.parcel.delivery_id for outcome in arrived],
            "statuses": [outcome.status for outcome in arrived],
            "excerpts": [outcome.excerpt for outcome in arrived],
            "milliseconds": [outcome.milliseconds for outcome in arrived],
        }
        with connection.cursor() as cursor:
            cursor.execute(ARRIVED, columns)
    for outcome in outcomes:
        if not outcome.is_success:
            note(outcome, now=now)


@transaction.atomic
def note(outcome: Outcome, *, now: datetime) -> None:
    """Write down a try that failed, and when the next one is due."""
    parcel = outcome.parcel
    delivery = Delivery.objects.select_for_update().filter(pk=parcel.delivery_id).first()
    if delivery is None:  # its endpoint was deleted meanwhile
        return
    DeliveryAttempt.objects.create(
        tenant_id=delivery.tenant_id, delivery=delivery, sent_at=now, milliseconds=outcome.milliseconds,
        status=outcome.status, error=outcome.error, excerpt=outcome.excerpt,
    )  # fmt: skip
    delivery.tries += 1
    delivery.last_status, delivery.last_error = outcome.status, outcome.error
    _postpone(delivery, outcome, now=now)
    # Given up with nothing left to try: whether it still fails is not known until there is something new.
    is_silent = delivery.state == Delivery.State.PARKED and not _has_pending(parcel.endpoint_id)
    since = None if is_silent else Coalesce("failing_since", now)
    Endpoint.objects.filter(pk=parcel.endpoint_id).update(failing_since=since)
    _judge(parcel.endpoint_id, outcome, now=now)


def _has_pending(endpoint_id: int) -> bool:
    return Delivery.objects.filter(endpoint_id=endpoint_id, state=Delivery.State.PENDING).exists()


def _postpone(delivery: Delivery, outcome: Outcome, *, now: datetime) -> None:
    if delivery.state != Delivery.State.PENDING:
        delivery.save(update_fields=["tries", "last_status", "last_error"])
    elif delivery.tries > len(PAUSES):
        _end(delivery, Delivery.State.PARKED)
        told = Endpoint.objects.filter(pk=delivery.endpoint_id, was_told=False, mail_due="")
        told.update(mail_due=Endpoint.Mail.PARKED)
    else:
        pause = PAUSES[delivery.tries - 1] * (1 + JITTER * random.random())  # noqa: S311 - no secret
        delivery.deliver_at = now + max(pause, wish_of(outcome, now=now))
        delivery.save(update_fields=["tries", "last_status", "last_error", "deliver_at"])


def _judge(endpoint_id: int, outcome: Outcome, *, now: datetime) -> None:
    """What a failure means for the whole endpoint: 410 and seven days end it, Retry-After lets it rest."""
    if outcome.status == 410:
        switch_off(endpoint_id=endpoint_id, reason=Endpoint.Off.GONE, now=now)
        return
    if wish := wish_of(outcome, now=now):
        rested = Q(paused_until=None) | Q(paused_until__lt=now + wish)
        Endpoint.objects.filter(rested, pk=endpoint_id).update(paused_until=now + wish)
    if Endpoint.objects.filter(pk=endpoint_id, failing_since__lte=now - GIVE_UP_AFTER).exists():
        switch_off(endpoint_id=endpoint_id, reason=Endpoint.Off.FAILING, now=now)


def wish_of(outcome: Outcome, *, now: datetime) -> timedelta:
    """How long the receiver asked us to wait (429, 503): seconds or a date in Retry-After, a day at most."""
    text = outcome.retry_after.strip()
    if outcome.status not in (429, 503) or not text:
        return timedelta(0)
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WISH)
    try:
        wish = parsedate_to_datetime(text) - now
    except (ValueError, TypeError):
        return timedelta(0)
    return min(max(wish, timedelta(0)), LONGEST_WISH)


def _end(delivery: Delivery, state: str, *, error: str = "") -> None:
    delivery.state = state
    delivery.last_error = error or delivery.last_error
    delivery.save(update_fields=["state", "tries", "last_status", "last_error", "delivered_at"])


def _unsent(delivery: Delivery) -> Parcel:
    return Parcel(delivery.pk, delivery.endpoint_id, delivery.endpoint.url, b"", {})


def let_go_of_database() -> None:
    """A pooled connection goes back while we wait for receivers (B6)."""
    if not connection.in_atomic_block and connection.settings_dict["OPTIONS"].get("pool"):
        connection.close()

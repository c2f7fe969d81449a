"""Messages for marketplaces as due rows: one per message, offered every ten seconds until it is accepted or
makes no sense any more. How a message is spelled and sent is its dialect's affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import connection, transaction

from activations.blocked_senders import is_blocked
from activations.database import run
from activations.models import Contract, Push, Sale

EVERY = timedelta(seconds=10)
GIVE_UP_AFTER = timedelta(minutes=30)
CLAIMED_FOR = timedelta(seconds=30)  # a message whose sweep was killed comes back after this

# Each message of an open operation, wherever it came from: callbacks and sweeps store them without asking
# whether the number was sold on.
COLLECT = """
INSERT INTO activations_push (tenant_id, contract_id, sale_id, {column}, state, deliver_at, created_at, tries,
    last_word)
SELECT s.tenant_id, s.contract_id, s.id, m.id, 'pending', %(now)s, %(now)s, 0, ''
FROM activations_sale s JOIN {table} m ON m.{order} = s.{order}
WHERE s.ended_at IS NULL AND NOT EXISTS (SELECT 1 FROM activations_push p WHERE p.{column} = m.id)
ORDER BY m.id
ON CONFLICT DO NOTHING
"""
SOURCES = (
    ("activations_message", "message_id", "activation_id"),
    ("activations_rentalmessage", "rental_message_id", "rental_id"),
)
CLAIM = """
WITH due AS (
    SELECT p.id FROM activations_contract c
    CROSS JOIN LATERAL (
        SELECT id FROM activations_push
        WHERE contract_id = c.id AND state = 'pending' AND deliver_at <= %(now)s
        ORDER BY deliver_at, id LIMIT %(share)s FOR UPDATE SKIP LOCKED
    ) p
    WHERE c.id <> ALL (%(busy)s::bigint[])
    LIMIT %(room)s
)
UPDATE activations_push p SET deliver_at = %(until)s FROM due WHERE p.id = due.id RETURNING p.id
"""


class Reply(Enum):
    """What a marketplace made of a message."""

    ACCEPTED = "accepted"
    UNWANTED = "unwanted"  # it never wants it
    AGAIN = "again"  # anything else


@dataclass(frozen=True, slots=True)
class Passing:
    """A message to send now. What it says is in no representation (S3)."""

    push_id: int
    contract: Contract
    is_rental: bool
    phone: str = field(repr=False)
    sender: str = field(repr=False)
    text: str = field(repr=False)


def collect_messages(now: datetime) -> int:
    """Make a row of each message that has none yet; how many."""
    return sum(
        run(COLLECT.format(table=table, column=column, order=order), {"now": now})
        for table, column, order in SOURCES
    )


def claim_due(*, now: datetime, room: int, share: int, busy: Sequence[int] = ()) -> list[Passing]:
    """Take what is due, `share` of each contract that is not `busy`. Rows that have become pointless end
    here.
    """
    facts: dict[str, Any] = {
        "now": now,
        "room": room,
        "share": share,
        "busy": list(busy),
        "until": now + CLAIMED_FOR,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, facts)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    found = Push.objects.filter(pk__in=ids).order_by("id")
    due = found.select_related("contract", "sale__service", "message", "rental_message")
    return [passing for push in due if (passing := _passing(push, now=now))]


def _passing(push: Push, *, now: datetime) -> Passing | None:
    message = push.message or push.rental_message
    assert message is not None
    ordered = "" if push.sale.rental_id else push.sale.service.name
    if not push.sale.is_open:
        _end(push.pk, Push.State.GIVEN_UP, word="the operation was closed", now=now)
    elif push.created_at <= now - GIVE_UP_AFTER:
        _end(push.pk, Push.State.GIVEN_UP, word="not accepted in time", now=now)
    elif is_blocked(message.sender, names=push.contract.blocked_senders, ordered_service=ordered):
        _end(push.pk, Push.State.BLOCKED, word="", now=now)
    else:
        return Passing(
            push_id=push.pk,
            contract=push.contract,
            is_rental=push.sale.rental_id is not None,
            phone=push.sale.phone,
            sender=message.sender,
            text=message.text or message.code or "",  # some providers tell the code alone
        )
    return None


@transaction.atomic
def note_reply(push_id: int, reply: Reply, *, status: int | None, word: str, now: datetime) -> None:
    """Write down what came of a try. Acceptance makes the operation `receiving`."""
    push = Push.objects.select_for_update().get(pk=push_id)
    if push.state != Push.State.PENDING:
        return
    push.tries += 1
    push.last_status, push.last_word = status, word[:80]
    if reply is Reply.AGAIN:
        push.deliver_at = now + EVERY
    else:
        push.ended_at = now
        push.state = Push.State.ACCEPTED if reply is Reply.ACCEPTED else Push.State.REFUSED
    push.save(update_fields=["tries", "last_status", "last_word", "deliver_at", "ended_at", "state"])
    if reply is Reply.ACCEPTED:
        issued = Sale.objects.filter(pk=push.sale_id, ended_at=None)
        issued.update(state=Sale.State.RECEIVING, lease_due_at=now)  # perhaps there is more to come


def _end(push_id: int, state: Push.State, *, word: str, now: datetime) -> None:
    Push.objects.filter(pk=push_id, state=Push.State.PENDING).update(
        state=state, last_word=word, ended_at=now
    )

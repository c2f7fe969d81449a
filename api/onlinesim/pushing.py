"""PUSH_SMS: messages passed on to marketplaces (onlinesim.md 7).

A sweep goes on with other marketplaces while a slow one makes it wait. Only words of the protocol are kept of
an answer: whatever else it says may quote the message (S3).
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import orjson
import structlog

from activations.models import Contract
from activations.services.marketplace.passing_on import (
    Passing,
    Reply,
    claim_due,
    collect_messages,
    note_reply,
)
from portal.encryption import SecretUnreadable
from webhooks.sending import Outcome, Parcel, Sender
from webhooks.services.delivering import let_go_of_database

log = structlog.get_logger(__name__)

AT_ONCE = 100
SHARE = 20  # of one marketplace among them
ROUND_SECONDS = 0.2
LONGEST_SWEEP_SECONDS = 15.0

# What stands for a sender that the provider does not name: the protocol wants one, and anything else, such as
# the service that was ordered, would vouch for what nobody knows.
UNNAMED = "unknown"

# Words that end it, as `status` or beside the status ERROR.
UNWANTED = frozenset({"NO_OPERATION", "NO_OP", "BAD_SERVICE", "IGNORED", "SERVICE_BAN"})
OTHERS = frozenset({"ERROR", "BAD_KEY", "NO_KEY", "BAD_ACTION"})


def push_due(*, now: datetime) -> int:
    """Send every message that is due; how many tries. Any number of sweeps may run side by side."""
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
            for outcome in sender.wait(ROUND_SECONDS):
                _note(outcome, now=now + timedelta(seconds=time.monotonic() - started))


def _next_parcels(sender: Sender, *, now: datetime) -> list[Parcel]:
    collect_messages(now)
    room = AT_ONCE - sender.count
    due = claim_due(now=now, room=room, share=SHARE, busy=sender.busy_endpoints()) if room else []
    return [parcel for passing in due if (parcel := _packed(passing, now=now))]


def _packed(passing: Passing, *, now: datetime) -> Parcel | None:
    """None when it cannot be sent as things are; the row comes again until it is given up."""
    contract = passing.contract
    url = (passing.is_rental and contract.rent_push_url) or contract.push_url
    try:
        key = str(contract.push_key)
    except SecretUnreadable:
        note_reply(passing.push_id, Reply.AGAIN, status=None, word="the key cannot be read", now=now)
        return None
    if not url:
        note_reply(passing.push_id, Reply.AGAIN, status=None, word="there is no address", now=now)
        return None
    headers = {
        "Authorization": f"Bearer {key}",
        "Content-Type": "application/json; charset=utf-8",
    }
    return Parcel(passing.push_id, contract.pk, url, body_of(passing, key=key), headers)


def body_of(passing: Passing, *, key: str) -> bytes:
    """The same for every try."""
    is_number = passing.contract.phone_shape == Contract.PhoneShape.NUMBER
    body = {
        "action": "PUSH_SMS",
        "key": key,
        "smsId": passing.push_id,
        "phone": int(passing.phone) if is_number else passing.phone,
        "phoneFrom": passing.sender or UNNAMED,
        "text": passing.text,
    }
    return orjson.dumps({**body, "service": "rent"} if passing.is_rental else body)


def _note(outcome: Outcome, *, now: datetime) -> None:
    reply, word = read_reply(outcome)
    note_reply(outcome.parcel.delivery_id, reply, status=outcome.status, word=word, now=now)
    if reply is Reply.AGAIN:
        log.info("message_not_accepted", push=outcome.parcel.delivery_id, status=outcome.status, word=word)


def read_reply(outcome: Outcome) -> tuple[Reply, str]:
    """What an answer means, and the word of the protocol in it (or our own words for what hindered us)."""
    try:
        body = orjson.loads(outcome.answer)
    except orjson.JSONDecodeError:
        body = None
    said = [body.get("status"), body.get("error")] if isinstance(body, dict) else []
    words = {str(one).strip().upper() for one in said}
    if ending := sorted(words & UNWANTED):
        return Reply.UNWANTED, ending[0]
    if outcome.status == 200 and words & {"SUCCESS"}:
        return Reply.ACCEPTED, "SUCCESS"
    return Reply.AGAIN, outcome.error or next(iter(sorted(words & OTHERS)), "not understood")

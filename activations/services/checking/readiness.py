"""Telling providers that a buyer has sent for his code: a hint that some want, and that changes nothing.

It is due on the number's check and told by a sweep, so that nobody waits for a provider to take note.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import NamedTuple
from uuid import UUID

from activations import policy
from activations.database import rows, run
from activations.services.apart import Unaskable, apart, ask_all
from providers.contract import Adapter, Can, Refused
from providers.models import Provider
from providers.registry import adapter_for

GIVEN_UP_AFTER = timedelta(minutes=2)  # of a code that comes within minutes

CLAIM = """
WITH due AS (
    SELECT activation_id FROM activations_check WHERE ready_due_at <= %(now)s
    ORDER BY ready_due_at LIMIT %(batch)s FOR UPDATE SKIP LOCKED
)
UPDATE activations_check c
SET ready_due_at = CASE WHEN a.ready_at > %(old)s AND a.sms_status = 'smsRequested'
    THEN %(until)s::timestamptz END
FROM due JOIN activations_activation a ON a.id = due.activation_id
WHERE c.activation_id = due.activation_id
RETURNING a.id, a.provider_id, a.upstream_ref, c.ready_due_at IS NOT NULL AS is_wanted
"""
TOLD = """
UPDATE activations_check SET ready_due_at = NULL WHERE activation_id IN (
    SELECT activation_id FROM activations_check WHERE activation_id = ANY(%(ids)s) FOR UPDATE SKIP LOCKED)
"""


class Hint(NamedTuple):
    id: UUID
    provider_id: int
    upstream_ref: str
    is_wanted: bool


def tell_ready(now: datetime) -> None:
    """Tell what is due; what did not get through is told again while it is fresh."""
    claim = {
        "now": now,
        "old": now - GIVEN_UP_AFTER,
        "until": now + policy.CLAIM,
        "batch": policy.CHECK_BATCH,
    }
    hints = [hint for row in rows(CLAIM, claim) if (hint := Hint(**row)).is_wanted]
    adapters = _adapters({hint.provider_id for hint in hints})
    told = [hint.id for hint in hints if hint.provider_id not in adapters]
    calls = [
        (hint, partial(adapters[hint.provider_id].ready, upstream_ref=hint.upstream_ref))
        for hint in hints
        if hint.provider_id in adapters
    ]
    for hint, _, error in ask_all(calls):
        if error is None or isinstance(error, Refused | Unaskable):
            told.append(hint.id)
    if told:
        run(TOLD, {"ids": told})


def _adapters(provider_ids: set[int]) -> dict[int, Adapter]:
    """Of the providers that want to hear it."""
    found = {}
    for provider in Provider.objects.filter(pk__in=provider_ids):
        with apart("provider_not_asked", provider=provider.pk):
            adapter = adapter_for(provider)
            if Can.READY in adapter.can:
                found[provider.pk] = adapter
    return found

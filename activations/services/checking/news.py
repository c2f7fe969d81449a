"""What a provider's word on one number means for us. States only move forward (U13)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.db.models import Q

from activations import policy
from activations.database import move
from activations.hints import tell_browser
from activations.models import Activation
from activations.services.checking.claims import Due
from activations.services.receiving import receive_all
from portal.errors import AlreadyRefunded, InvalidState
from portal.sqlstates import sql_refusals
from providers.contract import Sms, UpstreamState

log = structlog.get_logger(__name__)

ENDED = {
    UpstreamState.FINISHED,
    UpstreamState.CANCELED,
    UpstreamState.EXPIRED,
    UpstreamState.REFUNDED,
    UpstreamState.GONE,
}
OPEN = {UpstreamState.WAITING, UpstreamState.RECEIVED, UpstreamState.RETRYING}


def apply(
    row: Due, *, state: UpstreamState, messages: Sequence[Sms], cost_micros: int | None, now: datetime
) -> bool:
    """Do what the provider's answer asks for; True when anything here changed."""
    fresh = row.news_of(messages)
    words = receive_all(target=row.target, messages=fresh, cost_micros=cost_micros, now=now)
    if any(word in {"billed", "again"} for word in words):
        return True
    if row.is_former:
        return bool(words)  # how it ends is seen by whoever gives it back
    if row.awaits_first and state in ENDED:
        return _ended_there(row, state=state, now=now)
    if row.awaits_first and row.expire_at <= now and state in OPEN | {UpstreamState.UNKNOWN}:
        close_due(row, to="expired", upstream_state=state.value, now=now)
        return True
    was_refunded = row.sms_status != "smsRequested" and state is UpstreamState.REFUNDED
    is_refunded = was_refunded and _refunded_there(row, now=now)
    if row.awaits_any and not row.awaits_first and row.expire_at <= now:
        close_due(row, to="expired", upstream_state=state.value, now=now)
        return True
    if was_refunded:
        return is_refunded
    if not row.awaits_first and state in {UpstreamState.CANCELED, UpstreamState.WAITING}:
        _disagreement(row, state=state, now=now)
    return bool(words)


def _ended_there(row: Due, *, state: UpstreamState, now: datetime) -> bool:
    """Closed upstream without a message: K5 when we asked for it, else K6. One `gone` may be a slip of
    theirs: the number stays until it was said often enough or its time is up.
    """
    is_sure = row.gone + 1 >= policy.GONE_ANSWERS_NEEDED or row.expire_at <= now
    if state is UpstreamState.GONE and not row.cancel_requested_at and not is_sure:
        return False
    to = "canceled" if row.cancel_requested_at else "expired"
    close_due(row, to=to, upstream_state=state.value, now=now)
    return True


def _refunded_there(row: Due, *, now: datetime) -> bool:
    """K10: the provider gave the money back, so the customer gets his. Done before: no news."""
    try:
        with sql_refusals():
            move("activation_refund", id=row.id, now=now)
    except (AlreadyRefunded, InvalidState):
        return False
    return True


def close_due(row: Due, *, to: str, upstream_state: str, now: datetime) -> None:
    """K5 or K6 for a number of a sweep; nothing when a code was first (M8), or it was exchanged meanwhile."""
    closed = move(
        "activation_close",
        id=row.id,
        to=to,
        upstream_state=upstream_state,
        now=now,
        lease_provider=row.provider_id,
        lease=row.upstream_ref,
    )
    if closed and not closed.is_open:
        tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.hex_id)


def _disagreement(row: Due, *, state: UpstreamState, now: datetime) -> None:
    """We have a message and they say that there is none: our state stays, and it is said once."""
    changed = Activation.objects.filter(~Q(upstream_state=state.value), pk=row.id, activation_status="active")
    if row.sms_status == "retryRequested" and state is UpstreamState.WAITING:
        return  # waiting for the next one: no disagreement
    if changed.update(upstream_state=state.value):
        log.warning("provider_disagrees", activation=row.hex_id, ours=row.sms_status, theirs=state.value)


def cancel_is_old(row: Due, *, now: datetime) -> bool:
    """A cancel that the provider seems not to have heard is sent again after ten seconds."""
    return row.cancel_requested_at is not None and row.cancel_requested_at < now - timedelta(seconds=10)

"""The ends of a lease: cancel (K5), finalize (K8), ask for another message (K3), refund (K10).

The provider is asked first, with no transaction open; the move itself is one transaction that checks the
state again under the row's lock. Whoever locks first wins (M7).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import Tenant
from activations.database import move, rows, run
from activations.hints import tell_browser
from activations.models import Activation
from activations.queries import ActivationRow, find_row
from activations.services.judging import judge
from activations.services.kept_fees import note_kept_fee
from portal import errors
from portal.encryption import SecretUnreadable
from portal.sqlstates import sql_refusals
from providers import health
from providers.contract import (
    Adapter,
    Call,
    Can,
    OutcomeUnknown,
    ProviderError,
    Refused,
    T,
    TooEarly,
    UnknownToUpstream,
    WrongState,
)
from providers.http import send
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)

TRY_AGAIN_AFTER = timedelta(seconds=30)
CODE_CAME = "The code was already received."
MARK_READY = """
WITH marked AS (  -- used below, so that the activation is locked before its check, as everywhere
    UPDATE activations_activation SET ready_at = %(now)s, updated_at = %(now)s
    WHERE id = %(id)s AND ready_at IS NULL RETURNING id
)
UPDATE activations_check c SET ready_due_at = %(now)s FROM marked
WHERE c.activation_id = marked.id AND c.kind = 'status'
"""


def cancel(
    *, buyer: Buyer, hex_id: str, at_any_age: bool = False, now: datetime | None = None
) -> ActivationRow:
    """Cancel an unused number: upstream first, then the hold goes back, less the fee that was agreed on.

    The row is `canceled`, or still active with `is_cancelling` when the provider's answer was lost (U10).
    `at_any_age`: the buyer's protocol knows no lock; if the tenant defers cancels, the number is closed here
    at once and at the provider when it allows that (E-13).
    Raises UnknownActivation, EarlyCancel(at), NotCancellable, UpstreamUnavailable.
    """
    now = now or timezone.now()
    row = _own_row(buyer, hex_id)
    try:
        return _cancel(row, now=now)
    except errors.EarlyCancel as refusal:
        at = refusal.extra["at"]
        if not at_any_age or not defers_cancels(row.tenant_id) or not isinstance(at, datetime):
            raise
        return _cancel_later(row, at=at, now=now)


def _cancel(row: ActivationRow, *, now: datetime) -> ActivationRow:
    _check_cancellable(row, now=now)
    provider, adapter, upstream_ref = lease_of(row)
    if Can.CANCEL not in adapter.can:
        raise errors.NotCancellable()
    refunded = None
    try:
        if Can.TELL_END not in adapter.can:  # there it is ours to decide; the provider is told afterwards
            refunded = _ask_to_cancel(row, provider, adapter.cancel(upstream_ref=upstream_ref), now=now)
    except TooEarly as error:
        raise _too_early(row, error, upstream_ref=upstream_ref, now=now) from error
    except (WrongState, UnknownToUpstream) as error:
        check_now(row, now=now)  # it ended, or a message is there: the provider's status will say
        raise errors.NotCancellable() from error
    except OutcomeUnknown:
        return _cancelling(row, now=now)
    except ProviderError as error:
        raise errors.UpstreamUnavailable() from error
    closed = close(
        row, to="canceled", upstream_state="canceled", provider=provider, upstream_ref=upstream_ref, now=now
    )
    if closed.activation_status != "canceled":  # a code was first (M7), or it has another number by now
        return _cancel(closed, now=now)
    note_kept_fee(row.id, refunded_micros=refunded, now=now)
    return closed


def _ask_to_cancel(
    row: ActivationRow, provider: Provider, question: Call[int | None], *, now: datetime
) -> int | None:
    """What a cancel brings back. Where it costs a fee it is noted beforehand: were we killed after it, the
    number would seem to have ended by itself, and the fee would be on no list.
    """
    if not provider.cancel_fee_micros:
        return _ask(provider, question, now=now)
    _note_cancel(row, at=now, now=now)
    try:
        return _ask(provider, question, now=now)
    except OutcomeUnknown:
        raise
    except ProviderError:
        _note_cancel(row, at=None, now=now)
        raise


def _cancel_later(row: ActivationRow, *, at: datetime, now: datetime) -> ActivationRow:
    """K5 here; a sweep cancels at the provider from `at` on. Raises NotCancellable when a code was first."""
    closed = move("activation_close", id=row.id, to="canceled", upstream_state="", now=now, cancel_at=at)
    closed = _announced(closed, now=now)
    if closed.activation_status != "canceled":
        raise errors.NotCancellable(CODE_CAME)
    return closed


def defers_cancels(tenant_id: int) -> bool:
    """Whether this tenant, or the one whose test twin it is, gives money back before the provider does."""
    return Tenant.objects.filter(
        Q(pk=tenant_id, live_tenant=None) | Q(test_tenant=tenant_id), deferred_cancel=True
    ).exists()


def close(
    row: ActivationRow, *, to: str, upstream_state: str, provider: Provider, upstream_ref: str, now: datetime
) -> ActivationRow:
    """K5, K6 or K7 as far as still legal and the order still has this lease; the row as it then is. Announces
    and judges what changed.
    """
    closed = move(
        "activation_close",
        id=row.id,
        to=to,
        upstream_state=upstream_state,
        now=now,
        lease_provider=provider.pk,
        lease=upstream_ref,
    )
    return _announced(closed, now=now)


def _announced(closed: ActivationRow | None, *, now: datetime) -> ActivationRow:
    assert closed is not None
    if not closed.is_open:
        tell_browser(tenant_id=closed.tenant_id, customer_id=closed.customer_id, hex_id=closed.hex_id)
        if not closed.has_code:
            judge([closed.customer_id], now=now)
    return closed


def finalize(*, buyer: Buyer, hex_id: str, now: datetime | None = None) -> ActivationRow:
    """K8: no more messages are wanted. The provider is told afterwards; its answer changes nothing here.

    Raises UnknownActivation, InvalidState.
    """
    now = now or timezone.now()
    row = _own_row(buyer, hex_id)
    closed = move("activation_finalize", id=row.id, now=now)
    if closed is None:
        raise errors.InvalidState()
    tell_browser(tenant_id=closed.tenant_id, customer_id=closed.customer_id, hex_id=closed.hex_id)
    _tell_provider_finished(closed, now=now)
    return closed


def mark_ready(*, buyer: Buyer, hex_id: str, now: datetime | None = None) -> ActivationRow:
    """Note that the customer has asked the service for its SMS; it changes nothing else. A sweep tells the
    provider, where it wants to know.

    Raises UnknownActivation, InvalidState (the number has ended).
    """
    row = _own_row(buyer, hex_id)
    if not row.is_open:
        raise errors.InvalidState()
    if row.ready_at is None and not row.has_code:
        now = now or timezone.now()
        run(MARK_READY, {"id": row.id, "now": now})
    return row


def request_retry(*, buyer: Buyer, hex_id: str, now: datetime | None = None) -> ActivationRow:
    """K3: ask for one more message on the same number, free of charge.

    Raises UnknownActivation, InvalidState, UpstreamUnavailable (nothing changed).
    """
    now = now or timezone.now()
    row = _own_row(buyer, hex_id)
    if not (
        row.is_open
        and row.is_retriable
        and row.sms_status in {"smsReceived", "retryReceived"}
        and row.billing_status == "billed"
        and row.expire_at > now
    ):
        raise errors.InvalidState()
    provider, adapter, upstream_ref = lease_of(row)
    last = rows(
        "SELECT coalesce(max(id), 0) AS id FROM activations_message WHERE activation_id = %(id)s",
        {"id": row.id},
    )[0]["id"]
    try:
        if (question := adapter.retry(upstream_ref=upstream_ref)) is not None:
            _ask(provider, question, now=now)
    except (WrongState, UnknownToUpstream, TooEarly) as error:
        raise errors.InvalidState() from error
    except ProviderError as error:
        raise errors.UpstreamUnavailable() from error
    check_at = now + timedelta(seconds=provider.check_seconds)
    changed = move("activation_retry", id=row.id, last=last, check_at=check_at, now=now)
    if changed is None or changed.sms_status not in {"retryRequested", "retryReceived"}:
        raise errors.InvalidState()
    return changed


def refund(*, tenant_id: int, hex_id: str, now: datetime | None = None) -> ActivationRow:
    """K10: give a billed order's money back to both wallets, once; what its provider keeps is at risk.

    Raises UnknownActivation, AlreadyRefunded, InvalidState (nothing was billed).
    """
    row = find_row(tenant_id=tenant_id, hex_id=hex_id)
    if row is None:
        raise errors.UnknownActivation()
    refunded = pay_back(row, note="refunded by staff; the provider was paid", now=now or timezone.now())
    tell_browser(tenant_id=refunded.tenant_id, customer_id=refunded.customer_id, hex_id=refunded.hex_id)
    return refunded


@transaction.atomic
def pay_back(row: ActivationRow, *, note: str, now: datetime) -> ActivationRow:
    """K10 at our own cost: the provider was paid and keeps it. Raises AlreadyRefunded, InvalidState."""
    with sql_refusals():
        refunded = move("activation_refund", id=row.id, now=now)
    assert refunded is not None
    note_risk(row, "refund", note, now=now)
    return refunded


def note_risk(row: ActivationRow, kind: str, note: str, *, now: datetime) -> None:
    """The order's cost is money at risk, once of each kind; nothing if it cost nothing."""
    run(
        """
        SELECT activation_at_risk(id, tenant_id, provider_id, %(kind)s, cost_micros, %(note)s, %(now)s)
        FROM activations_activation WHERE id = %(id)s AND cost_micros > 0
        """,
        {"id": row.id, "kind": kind, "note": note, "now": now},
    )


def check_now(row: ActivationRow, *, now: datetime) -> None:
    """Let the next sweep ask the provider about this number."""
    run(
        "UPDATE activations_check SET due_at = %(now)s, parked_reason = '' WHERE activation_id = %(id)s",
        {"id": row.id, "now": now},
    )


def _own_row(buyer: Buyer, hex_id: str) -> ActivationRow:
    row = find_row(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, hex_id=hex_id)
    if row is None:
        raise errors.UnknownActivation()
    return row


def _check_cancellable(row: ActivationRow, *, now: datetime) -> None:
    if row.has_code:
        raise errors.NotCancellable(CODE_CAME)
    if row.is_checking or not row.is_open or row.cancelable_after is None:
        raise errors.NotCancellable()
    if row.cancelable_after > now:
        raise errors.EarlyCancel(at=row.cancelable_after)


def _too_early(
    row: ActivationRow, error: TooEarly, *, upstream_ref: str, now: datetime
) -> errors.EarlyCancel:
    """The provider's word on when it works is kept, for the page's countdown (U9)."""
    at = error.at or now + TRY_AGAIN_AFTER
    Activation.objects.filter(pk=row.id, upstream_ref=upstream_ref).update(
        cancelable_after=at, updated_at=now
    )
    return errors.EarlyCancel(at=at)


def _cancelling(row: ActivationRow, *, now: datetime) -> ActivationRow:
    """Mark that a cancel is under way and let the sweep find out; a code that came meanwhile stays first."""
    _note_cancel(row, at=now, now=now)
    check_now(row, now=now)
    current = find_row(tenant_id=row.tenant_id, hex_id=row.hex_id)
    assert current is not None
    return current


def _note_cancel(row: ActivationRow, *, at: datetime | None, now: datetime) -> None:
    waiting = Activation.objects.filter(pk=row.id, activation_status="active", sms_status="smsRequested")
    waiting.update(cancel_requested_at=at, updated_at=now)


def lease_of(row: ActivationRow) -> tuple[Provider, Adapter, str]:
    """Who sold the number, how he is spoken to, and his name for it. Raises SecretUnreadable."""
    lease = Activation.objects.select_related("provider").get(pk=row.id)
    assert lease.provider is not None
    return lease.provider, adapter_for(lease.provider), lease.upstream_ref


def _ask(provider: Provider, question: Call[T], *, now: datetime) -> T:
    try:
        return send(question)
    except ProviderError as error:
        health.note_failure(provider.pk, error, now)
        raise


def cancel_at_provider(row: ActivationRow, *, now: datetime) -> bool:
    """Give back a number that is closed here already; whether the provider confirmed it."""
    try:
        provider, adapter, upstream_ref = lease_of(row)
        if Can.TELL_END in adapter.can:
            return True  # it is told of every end anyway
        if Can.CANCEL not in adapter.can:
            return False
        _ask(provider, adapter.cancel(upstream_ref=upstream_ref), now=now)
    except (ProviderError, SecretUnreadable) as error:
        log.info("cancel_not_taken", activation=row.hex_id, reason=type(error).__name__)
        return False
    return True


def _tell_provider_finished(row: ActivationRow, *, now: datetime) -> None:
    provider, adapter, upstream_ref = lease_of(row)
    if Can.FINISH not in adapter.can:
        return
    try:
        _ask(provider, adapter.finish(upstream_ref=upstream_ref), now=now)
    except (ProviderError, Refused) as error:
        log.info("finish_not_taken", activation=row.hex_id, reason=type(error).__name__)

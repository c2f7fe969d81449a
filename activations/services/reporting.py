"""Reports (K9): filed by the customer, decided by staff, the money given back at most once.

Each move is one transaction that locks the activation first; files and providers stay outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.utils import timezone

from accounts.identity import Buyer
from accounts.models import User
from activations import evidence as files
from activations.database import move
from activations.evidence import Evidence
from activations.hints import tell_browser
from activations.models import Activation, Report
from activations.queries import ActivationRow, find_row, row_by_id
from activations.reasons import instant_decline, reasons_for
from activations.services.closing import cancel_at_provider, note_risk, pay_back
from portal import errors
from providers.contract import Can
from providers.models import Provider
from providers.registry import ADAPTERS
from webhooks.models import Event

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Filed:
    """The answer to a report: taken for review, or declined on the spot with the reason's number."""

    is_accepted: bool
    decline_id: int | None = None


def file_report(
    *,
    buyer: Buyer,
    hex_id: str,
    reason_id: int,
    message: str = "",
    evidence: Evidence | None = None,
    now: datetime | None = None,
) -> Filed:
    """Report a number. One declined on the spot is only logged and may be followed by another.

    Raises UnknownActivation, ReportExists, ReportDeadlinePassed, ValidationError (reason_id, evidence).
    """
    now = now or timezone.now()
    row = find_row(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, hex_id=hex_id)
    if row is None:
        raise errors.UnknownActivation()
    _check(row, reason_id=reason_id, has_evidence=evidence is not None, now=now)
    decline_id = instant_decline(row, reason_id)
    if decline_id is not None:
        log.info("report_declined_at_once", activation=hex_id, reason=reason_id, decline=decline_id)
        return Filed(is_accepted=False, decline_id=decline_id)
    name = files.keep(evidence) if evidence else ""
    try:
        _add(row, reason_id=reason_id, message=message, evidence=evidence, name=name, now=now)
    except BaseException:
        files.forget(name)
        raise
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=hex_id)
    return Filed(is_accepted=True)


def approve(*, report_id: int, by: User | None = None, now: datetime | None = None) -> str:
    """Grant a report: what was billed is refunded to both wallets, what is still held goes back at once.

    Returns what that meant: `refunded`, `canceled` or `nothing`. Raises AlreadyRefunded (the other of two
    people was first), InvalidState (declined, or approved without money).
    """
    now = now or timezone.now()
    with transaction.atomic():
        report, row = _locked(report_id)
        if report.status == Report.Status.APPROVED and row.billing_status == "refunded":
            raise errors.AlreadyRefunded()
        _check_undecided(report)
        outcome = _give_back(row, now=now)
        _decide(report, Report.Status.APPROVED, decline_id=None, by=by, now=now)
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.hex_id)
    if outcome == "canceled" and not cancel_at_provider(row, now=now):
        note_risk(row, "kept_fee", "given back on a report; the provider did not confirm", now=now)
    return outcome


def decline(*, report_id: int, decline_id: int, by: User | None = None, now: datetime | None = None) -> None:
    """Reject a report: 1 = take another number, 2 = ask again on the same one. Raises InvalidState,
    AlreadyRefunded.
    """
    now = now or timezone.now()
    with transaction.atomic():
        report, row = _locked(report_id)
        _check_undecided(report)
        _decide(report, Report.Status.DECLINED, decline_id=decline_id, by=by, now=now)
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.hex_id)


def _check(row: ActivationRow, *, reason_id: int, has_evidence: bool, now: datetime) -> None:
    if row.report_status is not None:
        raise errors.ReportExists()
    offered = {one.reason_id: one for one in reasons_for(row, now=now)}
    if reason_id not in offered:
        known = ", ".join(map(str, offered)) or "none"
        raise errors.ValidationError({"reason_id": f"must be a reason that applies now ({known})."})
    if offered[reason_id].evidence_required and not has_evidence:
        raise errors.ValidationError({"evidence": "is required for this reason."})


@transaction.atomic
def _add(
    row: ActivationRow, *, reason_id: int, message: str, evidence: Evidence | None, name: str, now: datetime
) -> None:
    row = _lock_activation(row)
    _check(row, reason_id=reason_id, has_evidence=evidence is not None, now=now)
    is_told = row.provider_id is not None and _takes_reports(row.provider_id)
    report = Report.objects.create(
        tenant_id=row.tenant_id,
        customer_id=row.customer_id,
        activation_id=row.id,
        reason_id=reason_id,
        message=message,
        evidence_name=name,
        evidence_kind=evidence.kind if evidence else "",
        evidence_bytes=len(evidence.content) if evidence else 0,
        snapshot=_snapshot(row),
        snapshot_code=row.sms_code,
        snapshot_text=row.sms_text,
        upstream_state=Report.UpstreamState.DUE if is_told else Report.UpstreamState.NONE,
        upstream_due_at=now if is_told else None,
        created_at=now,
        updated_at=now,
    )
    _show(report, now=now)


def _takes_reports(provider_id: int) -> bool:
    protocol = Provider.objects.values_list("protocol", flat=True).get(pk=provider_id)
    return protocol in ADAPTERS and Can.REPORT in ADAPTERS[protocol].can


def _snapshot(row: ActivationRow) -> dict[str, Any]:
    return {
        "activation_status": row.activation_status,
        "sms_status": row.sms_status,
        "billing_status": row.billing_status,
        "updated_at": int(row.updated_at.timestamp()),
    }


def _lock_activation(row: ActivationRow) -> ActivationRow:
    Activation.objects.select_for_update(no_key=True).only("pk").get(pk=row.id)
    locked = row_by_id(tenant_id=row.tenant_id, activation_id=row.id)
    assert locked is not None
    return locked


def _locked(report_id: int) -> tuple[Report, ActivationRow]:
    """Both rows, the activation locked first, as everywhere."""
    named = Report.objects.only("activation_id", "tenant_id").get(pk=report_id)
    row = row_by_id(tenant_id=named.tenant_id, activation_id=named.activation_id)
    assert row is not None
    row = _lock_activation(row)
    return Report.objects.select_for_update(no_key=True).get(pk=report_id), row


def _check_undecided(report: Report) -> None:
    if report.status != Report.Status.IN_REVIEW:
        raise errors.InvalidState(f"This report was {report.status} already.")


def _give_back(row: ActivationRow, *, now: datetime) -> str:
    if row.billing_status == "billed":
        pay_back(row, note="refunded on a report; the provider was paid", now=now)
        return "refunded"
    if row.billing_status == "reserved":
        move("activation_close", id=row.id, to="canceled", upstream_state="", is_free=True, now=now)
        return "canceled"
    return "nothing"


def _decide(report: Report, status: str, *, decline_id: int | None, by: User | None, now: datetime) -> None:
    report.status, report.decline_id = status, decline_id
    report.decided_by, report.decided_at, report.updated_at = by, now, now
    report.save(update_fields=["status", "decline_id", "decided_by", "decided_at", "updated_at"])
    _show(report, now=now)


def _show(report: Report, *, now: datetime) -> None:
    """The report's state on the activation, and the event that tells it."""
    Activation.objects.filter(pk=report.activation_id).update(report_status=report.status, updated_at=now)
    Event.objects.create(
        tenant_id=report.tenant_id,
        customer_id=report.customer_id,
        type="report.updated",
        order_id=report.activation_id,
        payload={},
        created_at=now,
    )

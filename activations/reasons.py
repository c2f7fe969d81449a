"""Which reasons for a report apply to an activation now (docs/protocols/retail.md 12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from activations.queries import ActivationRow
from activations.report_models import Report
from portal.errors import ReportDeadlinePassed

REPORT_WITHIN = timedelta(hours=1)  # of the order

# Reasons by state, and which of them ask for evidence.
WAITING = ((1, 3, 4, 7), {1, 3, 4, 7})
RECEIVED = ((2, 3, 4, 5, 6, 7), {3, 4, 5, 7})
ENDED = ((2, 3, 4, 5, 6, 7), {3, 4, 5, 6, 7})


@dataclass(frozen=True, slots=True)
class Offered:
    """A reason that can be given now."""

    reason_id: int
    name: str
    evidence_required: bool


def reasons_for(row: ActivationRow, *, now: datetime) -> list[Offered]:
    """The reasons that apply; none when nothing can be reported (any more). Raises ReportDeadlinePassed."""
    if now > row.created_at + REPORT_WITHIN:
        raise ReportDeadlinePassed()
    if row.report_status is not None or row.lease_state != "leased" or row.billing_status == "refunded":
        return []
    ids, with_evidence = _of_state(row)
    return [Offered(one, Report.Reason(one).label, one in with_evidence) for one in ids]


def can_report(row: ActivationRow, *, now: datetime) -> bool:
    """Whether the page offers a report at all."""
    return now <= row.created_at + REPORT_WITHIN and bool(reasons_for(row, now=now))


def instant_decline(row: ActivationRow, reason_id: int) -> int | None:
    """The decline_id with which a report is answered on the spot, or None.

    Before an SMS nothing was charged, so another number costs nothing; a wrong SMS on a number that can be
    asked again is a retry.
    """
    if reason_id == Report.Reason.NOT_COMING and not row.has_code:
        return Report.Decline.OTHER_NUMBER
    if reason_id == Report.Reason.WRONG_SMS and row.is_open and row.is_retriable:
        return Report.Decline.SAME_NUMBER
    return None


def _of_state(row: ActivationRow) -> tuple[tuple[int, ...], set[int]]:
    match row.activation_status, row.has_code:
        case "active", False:
            return WAITING
        case "active" | "finalized", True:
            return RECEIVED
        case "expired", True:
            return ENDED
    return (), set()

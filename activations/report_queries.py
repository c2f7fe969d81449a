"""Reads of reports, each starting from a tenant and a customer."""

from __future__ import annotations

from typing import NamedTuple

from activations.masking import MASK
from activations.models import Activation, Report
from activations.queries import ActivationRow, row_from


class ReportRow(NamedTuple):
    """A report and its activation as the owner may see them."""

    report: Report
    row: ActivationRow

    @property
    def snapshot(self) -> dict[str, object]:
        """The state when it was reported; the SMS in it is masked when the activation's own is."""
        hidden = self.row.sms_text == MASK or self.row.sms_code == MASK
        code, text = self.report.snapshot_code, self.report.snapshot_text
        return {
            **self.report.snapshot,
            "sms_code": MASK if hidden and code else code,
            "sms_text": MASK if hidden and text else text,
        }


def report_of(*, tenant_id: int, customer_id: int, row: ActivationRow) -> ReportRow | None:
    """The report of one activation."""
    found = Report.objects.filter(tenant_id=tenant_id, customer_id=customer_id, activation_id=row.id).first()
    return ReportRow(found, row) if found else None


def reports_page(*, tenant_id: int, customer_id: int, page: int, limit: int) -> tuple[list[ReportRow], int]:
    """Page `page` (from 1) of a customer's reports, the newest first, and how many there are in all."""
    mine = Report.objects.filter(tenant_id=tenant_id, customer_id=customer_id)
    start = (page - 1) * limit
    found = list(mine.order_by("-id")[start : start + limit])
    named = Activation.objects.filter(tenant_id=tenant_id, pk__in=[one.activation_id for one in found])
    rows = {row.id: row for row in map(row_from, named.values_list(*ActivationRow._fields))}
    return [ReportRow(one, rows[one.activation_id]) for one in found], mine.count()

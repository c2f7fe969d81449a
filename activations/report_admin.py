"""The queue of reports: approve gives the money back, decline says what to do instead; both ask first."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import path, reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSelectWidget

from activations import evidence
from activations.models import Report
from activations.services import reporting
from portal.admin import SUPPORT, OwnRelated, ReadOnlyAdmin
from portal.dialogs import dialog, go_to
from portal.errors import PortalError

STATUS_COLORS = {"in review": "warning", "approved": "success", "declined": "info"}
APPROVED = {
    "refunded": "Approved. The money is back in both wallets.",
    "canceled": "Approved. Nothing was billed: the number is closed and what was set aside is free again.",
    "nothing": "Approved. No money had to move.",
}


class DeclineForm(BaseDialogForm):
    decline_id = forms.TypedChoiceField(
        label="What the customer is told",
        coerce=int,
        choices=Report.Decline.choices,
        widget=UnfoldAdminSelectWidget,
    )


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ["activation", "created_at", "customer", "show_reason", "show_status", "tenant"]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("reason_id", ChoicesDropdownFilter),
        ("tenant", OwnRelated),
    ]
    search_fields = ["=activation__hex_id", "=customer__external_id"]
    search_help_text = "An order's or a customer's id."
    ordering = ["-id"]
    list_select_related = ["activation", "customer", "tenant"]
    fields = readonly_fields = [
        "activation", "customer", "tenant", "show_reason", "message", "show_evidence", "show_snapshot",
        "show_status", "decline_id", "decided_by", "decided_at", "upstream_state", "created_at", "erased_at",
    ]  # fmt: skip
    actions_detail = ["approve", "decline"]

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.evidence_view)
        return [
            path("<path:object_id>/evidence/", view, name="activations_report_evidence"),
            *super().get_urls(),
        ]

    @display(description="reason")
    def show_reason(self, report: Report) -> str:
        return report.get_reason_id_display()

    @display(description="status", label=STATUS_COLORS)
    def show_status(self, report: Report) -> str:
        return str(report.get_status_display()).lower()

    @display(description="state when reported")
    def show_snapshot(self, report: Report) -> str:
        return ", ".join(str(report.snapshot[name]) for name in sorted(report.snapshot) if "_status" in name)

    @display(description="evidence")
    def show_evidence(self, report: Report) -> str:
        if not report.evidence_name:
            return "–"
        where = reverse("admin:activations_report_evidence", args=[report.pk])
        return format_html(
            '<a href="{}">Download ({}, {} KB)</a>',
            where,
            report.evidence_kind,
            report.evidence_bytes // 1000,
        )

    def evidence_view(self, request: HttpRequest, object_id: str) -> HttpResponseBase:
        """The file, as a download to whoever may see the report (B8)."""
        report = self.get_object(request, object_id)
        if report is None or not report.evidence_name:
            raise Http404
        try:
            return evidence.download(
                report.evidence_name, kind=report.evidence_kind, called=f"report-{report.activation.hex_id}"
            )
        except FileNotFoundError:
            raise Http404 from None

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, SUPPORT)

    @dialog(
        "Approve",
        permission="decide",
        form=BaseDialogForm,
        text="Gives back what was billed, or closes the number and frees what was set aside. It is final.",
    )
    def approve(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        report = self.get_queryset(request).get(pk=object_id)
        try:
            outcome = reporting.approve(report_id=report.pk, by=request.user)  # type: ignore[arg-type]
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, report, "Approved.")
            messages.success(request, APPROVED[outcome])
        return go_to(request, Report, object_id)

    @dialog(
        "Decline", permission="decide", form=DeclineForm, text="The customer keeps paying for the number."
    )
    def decline(self, request: HttpRequest, form: DeclineForm, object_id: str) -> HttpResponse:
        report = self.get_queryset(request).get(pk=object_id)
        try:
            reporting.decline(
                report_id=report.pk,
                decline_id=form.cleaned_data["decline_id"],
                by=request.user,  # type: ignore[arg-type]
            )
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, report, "Declined.")
            messages.success(request, "Declined.")
        return go_to(request, Report, object_id)

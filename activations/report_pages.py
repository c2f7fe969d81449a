"""The customer's pages about reports: say what was wrong with a number, and get one's own evidence back."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import CustomerRequest, customer_required
from accounts.identity import Buyer
from activations import evidence
from activations.cards import card_of
from activations.evidence import Evidence
from activations.forms import ReportForm
from activations.pages import own_row
from activations.queries import ActivationRow
from activations.reasons import can_report, reasons_for
from activations.report_queries import report_of
from activations.services.reporting import file_report
from portal import errors
from portal.uploads import was_cut

TAKEN = "Thank you. We are looking at it; you see the outcome here."
DECLINED = {
    1: "There is nothing to give back: you pay only for a code. Please try another number.",
    2: "Please ask for the next SMS on the same number first; it costs nothing.",
}
STATUS = {"payload_too_large": 413, "unsupported_media_type": 415}
TOO_LATE = "This number can no longer be reported."


@require_http_methods(["GET", "POST"])
@customer_required
def report(request: CustomerRequest, hex_id: str) -> HttpResponse:
    """The form with the reasons that apply, and what became of it."""
    row, now = own_row(request, hex_id), timezone.now()
    if not can_report(row, now=now):
        messages.warning(request, TOO_LATE)
        return redirect("activations:detail", hex_id)
    reasons = reasons_for(row, now=now)
    form = ReportForm(reasons, request.POST or None, request.FILES or None)
    status = 200
    if request.method == "POST":
        status = _file(request, row, form)
        if status == 200:
            return redirect("activations:detail", hex_id)
    card = card_of(request.customer, row, now=now)
    return render(request, "activations/report.html", {"card": card, "form": form}, status=status)


@require_GET
@customer_required
def own_evidence(request: CustomerRequest, hex_id: str) -> HttpResponseBase:
    """The file that the customer sent, as a download (B8)."""
    customer, row = request.customer, own_row(request, hex_id)
    found = report_of(tenant_id=customer.tenant_id, customer_id=customer.pk, row=row)
    if found is None or not found.report.evidence_name:
        raise Http404
    file = found.report
    try:
        return evidence.download(file.evidence_name, kind=file.evidence_kind, called=f"report-{hex_id}")
    except FileNotFoundError:
        raise Http404 from None


def _file(request: CustomerRequest, row: ActivationRow, form: ReportForm) -> int:
    """Send the form in; the status of the answer, 200 when it is done. What is wrong stands in the form."""
    if was_cut(request):
        form.add_error("evidence", evidence.too_large().text)
        return 413
    if not form.is_valid():
        return 422
    fields = form.cleaned_data
    try:
        filed = file_report(
            buyer=Buyer.of(request.customer),
            hex_id=row.hex_id,
            reason_id=fields["reason_id"],
            message=fields["message"],
            evidence=_evidence(form),
        )
    except errors.ValidationError as refusal:
        for field, sentence in refusal.details.items():
            form.add_error(field, f"This {sentence}")
        return 422
    except (errors.PayloadTooLarge, errors.UnsupportedMediaType) as refusal:
        form.add_error("evidence", refusal.text)
        return STATUS[refusal.code]
    except (errors.ReportExists, errors.ReportDeadlinePassed) as refusal:
        form.add_error(None, refusal.text)
        return 409
    if filed.is_accepted:
        messages.success(request, TAKEN)
    else:
        messages.info(request, DECLINED[filed.decline_id or 1])
    return 200


def _evidence(form: forms.Form) -> Evidence | None:
    file = form.cleaned_data["evidence"]
    return evidence.accept(file.read()) if file else None

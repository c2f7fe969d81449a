"""Reports over the retail dialect: R1 to R4 (docs/protocols/retail.md 12)."""

from __future__ import annotations

import re
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from rest_framework.request import Request

from accounts.identity import Buyer
from activations import evidence
from activations.evidence import Evidence
from activations.models import Report
from activations.queries import ActivationRow, find_row
from activations.reasons import reasons_for
from activations.report_queries import ReportRow, report_of, reports_page
from activations.services.reporting import file_report
from api.input import Integer, Text, check_length, json_object, query_fields, read_fields, read_text_fields
from api.retail import lists, wire
from api.retail.entry import Gate
from api.retail.management import RetailView
from portal import errors
from portal.uploads import LARGEST_FILE_BYTES, was_cut

JSON_BYTES = evidence.LONGEST_TEXT + 16_384
FORM_BYTES = LARGEST_FILE_BYTES + 65_536
FORM_TYPE = re.compile(r"multipart/form-data\s*;.*", re.IGNORECASE)
FIELDS = {
    "reason_id": Integer(1, 1_000),
    "message": Text(0, 1_000, default=""),
}
FILE = {"evidence": Text(1, JSON_BYTES, default="")}
LIST = lists.OF_ONE


class ReportView(RetailView):
    """An address of one customer, perhaps of one of his activations."""

    @property
    def buyer(self) -> Buyer:
        assert self.caller.buyer is not None
        return self.caller.buyer

    def row(self, activation_id: str) -> ActivationRow:
        """The customer's own activation. Raises UnknownActivation."""
        buyer = self.buyer
        row = find_row(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, hex_id=activation_id)
        if row is None:
            raise errors.UnknownActivation()
        return row


class Reasons(ReportView):
    """R1: the reasons that can be given now."""

    gates = (Gate("GET", scope="read", rate="report"),)

    def get(self, request: Request, *, activation_id: str, **ids: object) -> HttpResponse:
        offered = reasons_for(self.row(activation_id), now=timezone.now())
        return wire.json_response(
            [
                {
                    "reason_id": one.reason_id,
                    "reason_name": one.name,
                    "evidence_required": one.evidence_required,
                }
                for one in offered
            ]
        )


class OneReport(ReportView):
    """R2: report an activation. R3: read the report."""

    gates = (Gate("POST", scope="order", rate="report"), Gate("GET", scope="read", rate="report"))

    def post(self, request: Request, *, activation_id: str, **ids: object) -> HttpResponse:
        self.row(activation_id)  # what does not exist is not worth reading five megabytes
        fields, file = read_report(request._request)
        filed = file_report(buyer=self.buyer, hex_id=activation_id, evidence=file, **fields)
        word = "accepted" if filed.is_accepted else "declined"
        return wire.json_response({"status": word, "decline_id": filed.decline_id})

    def get(self, request: Request, *, activation_id: str, **ids: object) -> HttpResponse:
        row = self.row(activation_id)
        buyer = self.buyer
        found = report_of(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, row=row)
        if found is None:
            raise errors.UnknownActivation("This activation was not reported.")
        return wire.json_response(written(found, buyer.customer_external_id))


class Reports(ReportView):
    """R4: all reports of the customer."""

    gates = (Gate("GET", scope="read", rate="report"),)

    def get(self, request: Request, **ids: object) -> HttpResponse:
        fields, buyer = query_fields(request._request, LIST), self.buyer
        found, total = reports_page(
            tenant_id=buyer.tenant_id,
            customer_id=buyer.customer_id,
            page=fields["page"],
            limit=fields["limit"],
        )
        rows = [written(one, buyer.customer_external_id) for one in found]
        return wire.json_response(lists.listed("reports", rows, total=total, fields=fields))


def written(found: ReportRow, customer_id: str) -> dict[str, Any]:
    """A report; the state when it was made is a JSON string, as the dialect has it."""
    report = found.report
    return {
        "reason_id": report.reason_id,
        "reason_name": Report.Reason(report.reason_id).label,
        "message": report.message,
        "activation_state_snapshot": orjson.dumps(found.snapshot).decode(),
        "updated_at": wire.unix(report.updated_at),
        "created_at": wire.unix(report.created_at),
        "activation": wire.activation(found.row, customer_id),
    }


def read_report(request: HttpRequest) -> tuple[dict[str, Any], Evidence | None]:
    """R2's fields and file, sent as JSON (base64 or a data: URL) or as a form with a file.

    Raises ValidationError, PayloadTooLarge (before the body is read), UnsupportedMediaType.
    """
    if FORM_TYPE.fullmatch(request.META.get("CONTENT_TYPE", "")):
        return _read_form(request)
    body = json_object(request, limit=JSON_BYTES)
    fields = read_fields(body, {**FIELDS, **FILE})
    text = fields.pop("evidence")
    return fields, evidence.from_text(text) if text else None


def _read_form(request: HttpRequest) -> tuple[dict[str, Any], Evidence | None]:
    check_length(request, limit=FORM_BYTES)
    try:
        given, files = request.POST, request.FILES
    except MultiPartParserError:
        raise errors.ValidationError({"body": "is not a well-formed multipart body."}) from None
    if was_cut(request):
        raise evidence.too_large()
    if any(len(sent.getlist(name)) > 1 for sent in (given, files) for name in sent):
        raise errors.ValidationError({"body": "names the same field twice."})
    fields = read_text_fields(given.dict(), FIELDS)
    file = files.get("evidence")
    if file is not None:
        return fields, evidence.accept(file.read())
    text = str(given.get("evidence", ""))
    return fields, evidence.from_text(text) if text else None

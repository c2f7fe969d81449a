"""Money at risk: the cases, their age, what they come to per provider, and the three ways on."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, CharField, Count, F, QuerySet, Sum, Value, When
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from activations.models import MoneyAtRisk
from activations.services import risks
from portal.admin import MANAGERS, OPERATOR, OwnRelated, ReadOnlyAdmin, dollars, money, role_of
from portal.dialogs import dialog, go_to
from portal.errors import PortalError
from providers.admin import UnnamedProviders

BUCKETS = [("up to a day", 1), ("up to a week", 7), ("up to 30 days", 30), ("older", None)]
COLORS = {"open": "danger", "claimed": "warning", "recovered": "success"}


class NoteForm(BaseDialogForm):
    note = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget,
                           help_text="For instance the ticket's number at the provider.")  # fmt: skip


class ReasonForm(BaseDialogForm):
    reason = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget)


class RecoverForm(NoteForm):
    amount = forms.DecimalField(
        max_digits=14, decimal_places=6, min_value=Decimal("0.000001"), widget=UnfoldAdminDecimalFieldWidget,
        help_text="US dollars that the provider paid back.",
    )  # fmt: skip


@admin.register(MoneyAtRisk)
class MoneyAtRiskAdmin(UnnamedProviders, ReadOnlyAdmin):
    """What a provider keeps, or may keep, for something no customer paid for."""

    list_display = [
        "activation",
        "tenant",
        "provider",
        "kind",
        "amount",
        "show_state",
        "show_age",
        "created_at",
    ]
    list_filter = [("state", ChoicesDropdownFilter), ("kind", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=activation__hex_id"]
    search_help_text = "An order's id."
    ordering = ["-created_at", "-id"]
    list_select_related = ["activation", "tenant", "provider"]
    list_before_template = "admin/activations/_risk_totals.html"
    fields = readonly_fields = [
        "activation", "tenant", "provider", "kind", "amount", "note", "show_customer", "show_state",
        "recovered", "reason", "changed_by", "changed_at", "created_at",
    ]  # fmt: skip
    actions_detail = ["claim", "recover", "write_off"]
    amount = money("amount_micros")
    recovered = money("recovered_micros", "provider paid back")

    @display(description="state", label=COLORS)
    def show_state(self, risk: MoneyAtRisk) -> str:
        return risk.state

    @display(description="age", ordering="-created_at")
    def show_age(self, risk: MoneyAtRisk) -> str:
        return f"{(timezone.now() - risk.created_at).days} d"

    @display(description="customer")
    def show_customer(self, risk: MoneyAtRisk) -> str:
        words = {"released": "paid nothing", "refunded": "got his money back", "billed": "paid"}
        return words.get(risk.activation.billing_status, "has not paid yet")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        context = {"risk_heads": [name for name, _ in BUCKETS]}
        if self.has_view_permission(request):
            rows = self.get_queryset(request).filter(state__in=risks.OPEN)
            is_operator = role_of(request) == OPERATOR
            context["risk_totals"] = totals(rows, names=is_operator, now=timezone.now())
        return super().changelist_view(request, {**(extra_context or {}), **context})

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, MANAGERS)

    @dialog("Claim", permission="settle", form=NoteForm, text="The provider was asked for the money.")
    def claim(self, request: HttpRequest, form: NoteForm, object_id: str) -> HttpResponse:
        return self._settle(request, object_id, risks.claim, note=form.cleaned_data["note"])

    @dialog(
        "Recovered", permission="settle", form=RecoverForm, text="The provider paid. It settles the case."
    )
    def recover(self, request: HttpRequest, form: RecoverForm, object_id: str) -> HttpResponse:
        micros = int(form.cleaned_data["amount"] * 1_000_000)
        return self._settle(request, object_id, risks.recover, micros=micros, note=form.cleaned_data["note"])

    @dialog("Write off", permission="settle", form=ReasonForm, text="The money is lost. It settles the case.")
    def write_off(self, request: HttpRequest, form: ReasonForm, object_id: str) -> HttpResponse:
        return self._settle(request, object_id, risks.write_off, reason=form.cleaned_data["reason"])

    def _settle(self, request: HttpRequest, object_id: str, how: Any, **facts: Any) -> HttpResponse:
        risk = self.get_queryset(request).get(pk=object_id)
        try:
            risk = how(risk.pk, by=request.user, now=timezone.now(), **facts)
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, risk, f"{risk.get_state_display()}.")
            messages.success(request, f"The case is {risk.get_state_display().lower()}.")
        return go_to(request, MoneyAtRisk, object_id)


def totals(rows: QuerySet[MoneyAtRisk], *, names: bool, now: datetime) -> list[list[str]]:
    """Per provider: its name, its cases, the amount in each bucket of age, and in all. One query."""
    ages = [
        When(created_at__gt=now - timedelta(days=days), then=Value(name)) for name, days in BUCKETS if days
    ]
    bucket = Case(*ages, default=Value(BUCKETS[-1][0]), output_field=CharField())
    found: dict[tuple[Any, Any], dict[str, int]] = {}
    counts: dict[tuple[Any, Any], int] = {}
    whose = ("provider__public_no", "provider__display_name", "bucket")
    grouped = rows.order_by().annotate(bucket=bucket).values(*whose)
    for row in grouped.annotate(cases=Count("pk"), micros=Sum(F("amount_micros") - F("recovered_micros"))):
        key = row["provider__public_no"], row["provider__display_name"]
        found.setdefault(key, {})[row["bucket"]] = row["micros"]
        counts[key] = counts.get(key, 0) + row["cases"]
    ranked = sorted(found.items(), key=lambda item: -sum(item[1].values()))
    return [
        [
            "–" if number is None else f"{number} · {name}" if names else f"no. {number}",
            str(counts[number, name]),
            *(dollars(micros.get(head, 0)) for head, _ in BUCKETS),
            dollars(sum(micros.values())),
        ]
        for (number, name), micros in ranked
    ]

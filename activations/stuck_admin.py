"""Numbers that a provider keeps waiting, on the provider's page, and the action that asks for them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from activations.models import Check
from activations.rental_models import RentalDue
from activations.services.rechecking import check_again, do_again
from portal.admin import MANAGERS
from portal.dialogs import go_to
from providers.desk_admin import panels
from providers.models import Provider

LATE = timedelta(minutes=1)
SHOWN = 20  # of each kind, the oldest


@dataclass(frozen=True, slots=True)
class Row:
    pk: Any
    name: str
    link: str
    kind: str
    due_at: datetime
    tries: int
    reason: str


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    place: str
    rows: Sequence[Row]


class ChecksAgain:
    """The action of the pages of due work. From a provider's page it leads back there."""

    actions = ("check_now",)

    def has_recheck_permission(self, request: HttpRequest) -> bool:
        return self._may(request, MANAGERS)  # type: ignore[attr-defined, no-any-return]

    @admin.action(description="Check again now", permissions=["recheck"])
    def check_now(self, request: HttpRequest, rows: QuerySet[Any]) -> HttpResponse | None:
        ids = list(rows.values_list("pk", flat=True))
        now = timezone.now()
        if rows.model is Check:
            count = check_again(activation_ids=ids, now=now)
        else:
            count = do_again(due_ids=ids, now=now)
        messages.success(request, f"Asked for again within seconds: {count}.")
        provider = request.POST.get("provider", "")
        return (
            go_to(request, Provider, int(provider)) if provider.isdecimal() and len(provider) < 19 else None
        )


def stuck(request: HttpRequest, provider: Provider, now: datetime) -> str:
    """A panel of a provider's page: what was given up, and what is late; nothing where all is well."""
    tables = [table for table in (_orders(request, provider, now), _rentals(request, provider, now)) if table]
    if not tables:
        return ""
    may_act = admin.site.get_model_admin(Check).has_recheck_permission(request)  # type: ignore[attr-defined]
    context = {"tables": tables, "provider": provider, "may_act": may_act}
    return render_to_string("admin/activations/_stuck.html", context, request=request)


def _late(request: HttpRequest, model: Any, provider: Provider, now: datetime) -> QuerySet[Any]:
    mine = admin.site.get_model_admin(model).get_queryset(request).filter(provider=provider)
    return mine.filter(~Q(parked_reason="") | Q(due_at__lt=now - LATE)).order_by("due_at")


def _orders(request: HttpRequest, provider: Provider, now: datetime) -> Table | None:
    rows = _late(request, Check, provider, now).select_related("activation")[:SHOWN]
    found = [
        Row(row.pk, row.activation.hex_id, reverse("admin:activations_activation_change", args=[row.pk]),
            row.get_kind_display(), row.due_at, row.tries, row.parked_reason)
        for row in rows
    ]  # fmt: skip
    place = reverse("admin:activations_check_changelist")
    return Table("Orders that are stuck", place, found) if found else None


def _rentals(request: HttpRequest, provider: Provider, now: datetime) -> Table | None:
    rows = _late(request, RentalDue, provider, now).select_related("rental")[:SHOWN]
    found = [
        Row(row.pk, row.rental.rnt_id, reverse("admin:activations_rental_change", args=[row.rental_id]),
            row.get_kind_display(), row.due_at, row.tries, row.parked_reason)
        for row in rows
    ]  # fmt: skip
    place = reverse("admin:activations_rentaldue_changelist")
    return Table("Rentals that are stuck", place, found) if found else None


panels.append(stuck)

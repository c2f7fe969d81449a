"""The admin's first page: the few numbers an operator wants at 3 a.m., each one cheap query over the rows the
person may see.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Count, F, Min, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from activations.models import Activation, Check, MoneyAtRisk, Push, Report
from portal.admin import Figure, dollars, span, visible
from providers.models import Provider, ProviderHealth

LATE_SECONDS, CHECKING_SECONDS, REPORT_SECONDS = 60, 300, 24 * 3600


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Unfold's DASHBOARD_CALLBACK: adds `figures` for templates/admin/index.html."""
    context["figures"] = figures(request, now=timezone.now())
    return context


def figures(request: HttpRequest, *, now: datetime) -> list[Figure]:
    """At most ten queries, all on partial or narrow indexes."""
    shown = [_open_orders(request), _ordering(request, now), _due(request, now), _parked(request)]
    shown += [*_messages(request, now), *_providers(request)]
    return [*shown, _reports(request, now), _at_risk(request)]


def _rows(request: HttpRequest, model: Any) -> Any:
    return visible(admin.site, request, model).order_by()


def _list(model: Any, **filters: object) -> str:
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return reverse(name) + ("?" + urlencode(filters) if filters else "")


def _open_orders(request: HttpRequest) -> Figure:
    count = _rows(request, Activation).filter(activation_status="active").count()
    link = _list(Activation, activation_status__exact="active")
    return Figure("Open orders", f"{count:,}", "numbers that are being used now", link)


def _ordering(request: HttpRequest, now: datetime) -> Figure:
    """Orders whose outcome is not known yet."""
    waiting = _rows(request, Activation).filter(activation_status="active", lease_state="ordering")
    found = waiting.aggregate(count=Count("pk"), oldest=Min("created_at"))
    seconds = _age(found["oldest"], now)
    note = f"the oldest for {span(seconds)}" if found["count"] else "every order's outcome is known"
    link = _list(Activation, lease_state__exact="ordering")
    return Figure("Being found out", f"{found['count']:,}", note, link, seconds > CHECKING_SECONDS)


def _due(request: HttpRequest, now: datetime) -> Figure:
    oldest = _rows(request, Check).filter(parked_reason="", due_at__lte=now).aggregate(at=Min("due_at"))["at"]
    seconds = _age(oldest, now)
    note = "how long the oldest check has been due" if oldest else "no check is due"
    return Figure("Oldest due check", span(seconds), note, _list(Check), seconds > LATE_SECONDS)


def _parked(request: HttpRequest) -> Figure:
    count = _rows(request, Check).exclude(parked_reason="").count()
    note = "failed again and again; see the reason" if count else "nothing was given up"
    return Figure("Parked checks", f"{count:,}", note, _list(Check, parked_reason__isempty=0), count > 0)


def _messages(request: HttpRequest, now: datetime) -> list[Figure]:
    """Messages that marketplaces have not accepted yet; nothing where none waits."""
    waiting = _rows(request, Push).filter(state="pending")
    found = waiting.aggregate(count=Count("pk"), oldest=Min("created_at"))
    if not found["count"]:
        return []
    seconds, link = _age(found["oldest"], now), _list(Push, state__exact="pending")
    note = f"not accepted by marketplaces; the oldest for {span(seconds)}"
    return [Figure("Messages waiting", f"{found['count']:,}", note, link, seconds > LATE_SECONDS)]


def _providers(request: HttpRequest) -> list[Figure]:
    """Providers that are not asked for numbers; nothing for those who see no providers."""
    if not admin.site.get_model_admin(Provider).has_view_permission(request):
        return []
    unwell = list(
        _rows(request, ProviderHealth)
        .exclude(state="ok")
        .filter(provider__is_enabled=True)
        .values_list("provider__display_name", "state")[:4]
    )
    names = ", ".join(f"{name}: {state.replace('_', ' ')}" for name, state in unwell[:3])
    value = "3+" if len(unwell) > 3 else str(len(unwell))
    return [
        Figure("Providers in trouble", value, names or "all are well", _list(ProviderHealth), bool(unwell))
    ]


def _reports(request: HttpRequest, now: datetime) -> Figure:
    """Reports that wait for a decision."""
    found = (
        _rows(request, Report)
        .filter(status="inReview")
        .aggregate(count=Count("pk"), oldest=Min("created_at"))
    )
    seconds = _age(found["oldest"], now)
    note = f"the oldest for {span(seconds)}" if found["count"] else "every report is decided"
    link = _list(Report, status__exact="inReview")
    return Figure("Reports waiting", f"{found['count']:,}", note, link, seconds > REPORT_SECONDS)


def _at_risk(request: HttpRequest) -> Figure:
    rows = _rows(request, MoneyAtRisk).filter(state="open")
    micros = Sum(F("amount_micros") - F("recovered_micros"))
    found = rows.aggregate(count=Count("pk"), micros=micros)
    note = f"open cases: {found['count']:,}" if found["count"] else "no open case"
    link = _list(MoneyAtRisk, state__exact="open")
    return Figure("Money at risk", dollars(found["micros"] or 0), note, link, found["count"] > 0)


def _age(since: datetime | None, now: datetime) -> int:
    return max(0, int((now - since).total_seconds())) if since else 0

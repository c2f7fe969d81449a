"""Admin of what the router knows of routes: how good they have proven to be."""

from __future__ import annotations

from django.contrib import admin
from unfold.decorators import display

from portal.admin import MANAGERS, OPERATORS, OwnRelated, ReadOnlyAdmin
from providers.routing_models import RouteMark, RouteOutcome, RouteQuality, RouteSheet


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


@admin.register(RouteQuality)
class RouteQualityAdmin(ReadOnlyAdmin):
    """Success and speed of routes by our own orders of seven days. Members see their own accounts' only."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "service_id", "country_id", "operator", "orders", "show_success",
                    "show_at_least", "median_seconds", "p90_seconds"]  # fmt: skip
    list_filter = [("provider", OwnRelated)]
    search_fields = ["=service_id", "=country_id", "=operator"]
    search_help_text = "A service's or country's id, or an operator."
    ordering = ["-orders", "-id"]
    list_select_related = ["provider"]
    fields = readonly_fields = [*list_display, "codes", "due_at"]

    @display(description="success", ordering="codes")
    def show_success(self, route: RouteQuality) -> str:
        return percent(route.success)

    @display(description="at least (95 %)")
    def show_at_least(self, route: RouteQuality) -> str:
        return percent(route.at_least)


@admin.register(RouteOutcome)
class RouteOutcomeAdmin(ReadOnlyAdmin):
    """The counts that the figures of routes are added up from."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "service_id", "country_id", "operator", "day", "wait", "orders"]
    list_filter = [("provider", OwnRelated)]
    search_fields = ["=service_id", "=country_id"]
    search_help_text = "A service's or country's id."
    ordering = ["-id"]
    list_select_related = ["provider"]


@admin.register(RouteSheet)
class RouteSheetAdmin(ReadOnlyAdmin):
    """The figures as the router reads them."""

    tenant_path = None
    visible_to = OPERATORS
    list_display = ["id", "service_id", "country_id"]
    search_fields = ["=service_id", "=country_id"]
    search_help_text = "A service's or country's id."
    ordering = ["-id"]


@admin.register(RouteMark)
class RouteMarkAdmin(ReadOnlyAdmin):
    """Up to when ended numbers are counted."""

    tenant_path = None
    visible_to = OPERATORS
    list_display = ["id", "counted_until"]
    search_fields = ["=id"]
    ordering = ["id"]

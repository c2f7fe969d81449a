"""Admin of what the router knows: what each tenant wants, and how good routes have proven to be."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from portal.admin import (
    MANAGERS,
    OPERATOR,
    OPERATORS,
    OwnRelated,
    ReadOnlyAdmin,
    Scope,
    ScopedAdmin,
    money,
    own_tenants,
    percent,
    role_of,
)
from providers.queries import providers_for
from providers.routing_models import (
    ProviderSpend,
    RouteMark,
    RouteOutcome,
    RouteQuality,
    RouteSheet,
    RoutingPolicy,
    RoutingRule,
)


class ProviderChoice(forms.ModelChoiceField):
    """Members know the shared pool's providers by number only; their own have no tenant's name to hide."""

    shows_names = False

    def label_from_instance(self, provider: Any) -> str:
        is_named = self.shows_names or provider.tenant_id is not None
        return f"{provider.public_no} · {provider.display_name}" if is_named else f"no. {provider.public_no}"


class RuleInline(Scope, TabularInline):
    """The rules of a policy; the cap in micro-USD."""

    model = RoutingRule
    tenant_path = "policy__tenant"
    deletable_by = MANAGERS
    fields = ["provider", "service", "country", "verdict", "boost_percent", "min_success_percent",
              "daily_cap_micros"]  # fmt: skip
    extra = 0

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if field.name != "provider":
            return super().formfield_for_foreignkey(field, request, **kwargs)
        is_operator = role_of(request) == OPERATOR
        choice = ProviderChoice(
            providers_for(None if is_operator else own_tenants(request)),
            required=False,
            empty_label="all providers",
            widget=UnfoldAdminSelectWidget,
        )
        choice.shows_names = is_operator
        return choice


@admin.register(RoutingPolicy)
class RoutingPolicyAdmin(ScopedAdmin):
    """How a reseller's orders are routed: the default weight, the least success, and rules for providers."""

    visible_to = MANAGERS
    deletable_by = OPERATORS
    list_display = ["tenant", "quality_factor", "min_success_percent", "replaces_silent", "shows_decisions"]
    search_fields = ["=tenant__slug"]
    search_help_text = "A reseller's short name."
    ordering = ["tenant"]
    list_select_related = ["tenant"]
    fields = ["tenant", "quality_factor", "min_success_percent", "replaces_silent", "shows_decisions"]
    inlines = [RuleInline]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = ("tenant",) if obj else ()
        return fixed if role_of(request) == OPERATOR else (*fixed, "shows_decisions")


@admin.register(RoutingRule)
class RoutingRuleAdmin(ReadOnlyAdmin):
    """All rules; they are changed on their policy's page."""

    tenant_path = "policy__tenant"
    visible_to = MANAGERS
    list_display = ["policy", "provider_no", "service", "country", "verdict", "boost_percent",
                    "min_success_percent", "daily_cap", "spent_until"]  # fmt: skip
    list_filter = ["verdict", ("service", OwnRelated), ("country", OwnRelated)]
    search_fields = ["=service__id", "=country__id", "=policy__tenant__slug"]
    search_help_text = "A service's or country's id, or a reseller's short name."
    ordering = ["-id"]
    list_select_related = ["policy__tenant", "provider", "service", "country"]
    fields = readonly_fields = list_display
    daily_cap = money("daily_cap_micros")

    @display(description="provider")
    def provider_no(self, rule: RoutingRule) -> str:
        return f"no. {rule.provider.public_no}" if rule.provider else "all"


@admin.register(ProviderSpend)
class ProviderSpendAdmin(ReadOnlyAdmin):
    """What numbers that ended on a day cost at a provider. The platform's own figures."""

    visible_to = OPERATORS
    list_display = ["day", "provider", "tenant", "cost"]
    list_filter = [("provider", OwnRelated), ("tenant", OwnRelated)]
    search_fields = ["=tenant__slug", "=provider__public_no"]
    search_help_text = "A reseller's short name or a provider's number."
    ordering = ["-day", "-id"]
    list_select_related = ["provider", "tenant"]
    exclude = ["cost_micros"]
    readonly_fields = ["cost"]
    cost = money("cost_micros")


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

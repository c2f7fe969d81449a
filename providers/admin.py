"""Admin of the catalogue, providers, their health, offers and code maps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from portal.admin import (
    MANAGERS,
    OPERATOR,
    OPERATORS,
    OwnRelated,
    ReadOnlyAdmin,
    ScopedAdmin,
    money,
    role_of,
)
from providers import routing_admin
from providers.codes import leads_somewhere
from providers.listing_admin import InShop, ListingAdmin
from providers.mapping_admin import UnmappedCodeAdmin
from providers.models import (
    CatalogueChange,
    CatalogueSync,
    CodeMap,
    Country,
    Offer,
    OfferDay,
    ProviderAlert,
    ProviderHealth,
    Service,
)
from providers.provider_admin import HEALTH_COLORS, ProviderAdmin


class UnnamedProviders:
    """Members see the shared pool's providers by number only: whose accounts they are is the operator's
    secret.
    """

    def get_list_display(self, request: HttpRequest) -> list[str]:
        return _unnamed(request, super().get_list_display(request))  # type: ignore[misc]

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return _unnamed(request, super().get_fields(request, obj))  # type: ignore[misc]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return _unnamed(request, super().get_readonly_fields(request, obj))  # type: ignore[misc]

    @display(description="provider")
    def provider_no(self, row: Any) -> str:
        return f"no. {row.provider.public_no}" if row.provider else "–"


def _unnamed(request: HttpRequest, names: Any) -> list[str]:
    is_operator = role_of(request) == OPERATOR
    return [name if is_operator or name != "provider" else "provider_no" for name in names]


@admin.register(Service)
class ServiceAdmin(InShop, ScopedAdmin):
    kind = "service"
    tenant_path = None
    changeable_by = addable_by = OPERATORS
    list_display = ["name", "id", "popular_rank", "prohibited", "is_other"]
    list_filter = ["prohibited", "is_other"]
    search_fields = ["id", "name"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("id",) if obj else ()


@admin.register(Country)
class CountryAdmin(InShop, ScopedAdmin):
    kind = "country"
    tenant_path = None
    changeable_by = addable_by = OPERATORS
    list_display = ["name", "id", "iso2", "is_virtual"]
    list_filter = ["is_virtual"]
    search_fields = ["id", "name", "iso2"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("id",) if obj else ()


class CodeMapForm(forms.ModelForm):
    """A code that leads nowhere would hide what it names."""

    class Meta:
        model = CodeMap
        fields = ["scheme", "kind", "code", "canonical_id", "source"]

    def clean(self) -> Any:
        cleaned = super().clean() or self.cleaned_data
        kind, canonical_id = cleaned.get("kind"), cleaned.get("canonical_id")
        if kind and canonical_id and not leads_somewhere(kind, canonical_id):
            self.add_error("canonical_id", f"There is no {kind} {canonical_id!r}.")
        return cleaned


@admin.register(CodeMap)
class CodeMapAdmin(ScopedAdmin):
    """How upstreams and dialects spell services, countries and operators."""

    form = CodeMapForm
    tenant_path = None
    visible_to = changeable_by = addable_by = deletable_by = OPERATORS
    list_display = ["code", "scheme", "kind", "canonical_id", "source"]
    list_filter = ["scheme", ("kind", ChoicesDropdownFilter), ("source", ChoicesDropdownFilter)]
    search_fields = ["=code", "=canonical_id"]
    search_help_text = "A whole code or canonical id."
    ordering = ["scheme", "kind", "code"]


@admin.register(ProviderHealth)
class ProviderHealthAdmin(ReadOnlyAdmin):
    """What stops providers from being asked; the provider's page resumes them."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "show_state", "reason", "failures", "blocked_until", "updated_at"]
    list_filter = [("state", ChoicesDropdownFilter)]
    search_fields = ["provider__display_name", "=provider__public_no"]
    ordering = ["-updated_at"]
    list_select_related = ["provider"]

    @display(description="state", label=HEALTH_COLORS)
    def show_state(self, health: ProviderHealth) -> str:
        return health.state


@admin.register(Offer)
class OfferAdmin(ReadOnlyAdmin):
    """What providers sell. Cost is the platform's secret, so members see only their own providers' offers."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["service", "country", "operator", "provider", "cost", "count", "quality", "changed_at"]
    list_filter = [("provider", OwnRelated), ("kind", ChoicesDropdownFilter)]
    search_fields = ["=service__id", "=country__id", "=upstream_ref"]
    search_help_text = "A service's or country's id, or the upstream's own reference."
    ordering = ["-id"]
    list_select_related = ["service", "country", "provider"]
    exclude = ["cost_micros"]
    readonly_fields = ["cost"]
    cost = money("cost_micros")


@admin.register(OfferDay)
class OfferDayAdmin(ReadOnlyAdmin):
    """Days on which an offer changed, as charts show them. Cost, so members see their own accounts only."""

    tenant_path = "offer__provider__tenant"
    visible_to = MANAGERS
    list_display = ["day", "offer", "low", "high", "cost", "count"]
    list_filter = ["day"]
    search_fields = ["=offer__id"]
    search_help_text = "An offer's number."
    ordering = ["-id"]
    list_select_related = ["offer"]
    exclude = ["low_micros", "high_micros", "cost_micros"]
    readonly_fields = ["low", "high", "cost"]
    low, high, cost = money("low_micros"), money("high_micros"), money("cost_micros")


@admin.register(CatalogueSync)
class CatalogueSyncAdmin(ReadOnlyAdmin):
    """When price lists are read, and why one was not."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "next_sync_at", "asked", "synced_at", "offers", "tries", "trouble"]
    list_filter = ["trouble"]
    search_fields = ["provider__display_name", "=provider__public_no"]
    ordering = ["next_sync_at"]
    list_select_related = ["provider"]


@admin.register(ProviderAlert)
class ProviderAlertAdmin(ReadOnlyAdmin):
    """What people were told of providers, and what they are told next."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "subject", "told", "current", "reason", "told_at", "due_at"]
    list_filter = [("subject", ChoicesDropdownFilter)]
    search_fields = ["provider__display_name", "=provider__public_no"]
    ordering = ["-told_at"]
    list_select_related = ["provider"]


@admin.register(CatalogueChange)
class CatalogueChangeAdmin(ReadOnlyAdmin):
    """What price lists wait for; the sweep that writes them removes it."""

    visible_to = MANAGERS
    list_display = ["id", "topic", "tenant"]
    list_filter = [("topic", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=topic", "=tenant__slug"]
    search_help_text = "A topic or a reseller's short name."
    ordering = ["-id"]
    list_select_related = ["tenant"]


__all__ = ["ListingAdmin", "ProviderAdmin", "UnmappedCodeAdmin", "routing_admin"]

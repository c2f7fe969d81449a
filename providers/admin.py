"""Admin of the catalogue, providers, their health, offers and code maps."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from portal.admin import (
    MANAGERS,
    OPERATOR,
    OPERATORS,
    OWNERS,
    OwnRelated,
    ReadOnlyAdmin,
    ScopedAdmin,
    money,
    role_of,
)
from portal.dialogs import dialog, go_to
from portal.encryption import SecretUnreadable
from providers import health, routing_admin
from providers.capabilities import capabilities_of
from providers.catalogue.due import ask_for_sync
from providers.codes import leads_somewhere
from providers.contract import BadOptions
from providers.mapping_admin import UnmappedCodeAdmin
from providers.models import (
    CatalogueChange,
    CatalogueSync,
    CodeMap,
    Country,
    Offer,
    OfferDay,
    Provider,
    ProviderHealth,
    Service,
)
from providers.registry import ADAPTERS, check_options

HEALTH_COLORS = {
    "ok": "success",
    "degraded": "warning",
    "out_of_funds": "danger",
    "bad_credentials": "danger",
    "banned": "danger",
    "paused": "warning",
    "spent": "warning",
}


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
class ServiceAdmin(ScopedAdmin):
    tenant_path = None
    changeable_by = addable_by = OPERATORS
    list_display = ["name", "id", "popular_rank", "prohibited", "is_other"]
    list_filter = ["prohibited", "is_other"]
    search_fields = ["id", "name"]
    ordering = ["name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("id",) if obj else ()


@admin.register(Country)
class CountryAdmin(ScopedAdmin):
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


class PauseForm(BaseDialogForm):
    """For how long, and why."""

    minutes = forms.IntegerField(
        min_value=1, max_value=60 * 24 * 30, required=False, widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: until somebody resumes it.",
    )  # fmt: skip
    reason = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


def _secret_field(label: str, hint: str = "") -> forms.CharField:
    return forms.CharField(
        required=False,
        label=label,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=f"{hint}Stored encrypted and never shown. Leave empty to keep the present one.",
    )


class ProviderForm(forms.ModelForm):
    """Secrets are written here and never shown; leaving one empty keeps the stored one."""

    new_secret = _secret_field("API key at the provider")
    new_callback_secret = _secret_field(
        "Secret of its callbacks",
        "For providers that sign them with another secret; without it they are only a reason to ask. ",
    )

    class Meta:
        model = Provider
        fields: list[str] = []
        widgets = {"protocol": UnfoldAdminSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "protocol" in self.fields:
            self.fields["protocol"] = forms.ChoiceField(
                choices=[(name, kind.label) for name, kind in sorted(ADAPTERS.items())],
                widget=UnfoldAdminSelectWidget,
            )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if "options" in cleaned and cleaned.get("protocol") in ADAPTERS:
            try:
                check_options(cleaned["protocol"], cleaned["options"])
            except BadOptions as error:
                self.add_error("options", f"{error}.")
        return cleaned

    def save(self, commit: bool = True) -> Any:
        if secret := self.cleaned_data.get("new_secret"):
            self.instance.secret = secret
        if secret := self.cleaned_data.get("new_callback_secret"):
            self.instance.callback_secret = secret
        return super().save(commit)


def _state_of(provider: Provider, secret: str) -> str:
    try:
        return "stored" if getattr(provider, secret) else "none"
    except SecretUnreadable:
        return "cannot be read with the configured encryption keys: enter it again"


@admin.register(Provider)
class ProviderAdmin(ScopedAdmin):
    """Accounts at upstreams. Members see their own and may change its key and whether it sells; addresses are
    typed by the operator alone, for the portal connects to them.
    """

    form = ProviderForm
    visible_to = MANAGERS
    changeable_by = OWNERS
    addable_by = OPERATORS
    list_display = [
        "display_name",
        "public_no",
        "protocol",
        "tenant",
        "is_enabled",
        "show_health",
        "priority",
    ]
    list_filter = ["protocol", "is_enabled", ("tenant", OwnRelated)]
    search_fields = ["display_name", "=public_no"]
    ordering = ["priority", "public_no"]
    list_select_related = ["tenant", "health"]
    readonly_fields = [
        "secret_state",
        "callback_secret_state",
        "show_health",
        "callback_path",
        "abilities",
        "created_at",
    ]
    fieldsets = [
        (None, {"fields": ["display_name", "public_no", "protocol", "base_url", "tenant", "options"]}),
        ("Account", {"fields": ["new_secret", "secret_state", "callback_path", "new_callback_secret",
                               "callback_secret_state", "show_health"]}),
        ("Selling", {"fields": ["is_enabled", "serves_live", "serves_test", "priority", "daily_cap_micros"]}),
        ("Rules", {"fields": ["cancel_lock_seconds", "life_seconds", "cancel_fee_micros", "timeout_seconds",
                              "check_seconds", "sync_seconds", "rental_pays_days_back", "rental_ends_unused",
                              "created_at"]}),
        ("What it can do", {"fields": ["abilities"]}),
    ]  # fmt: skip
    actions = ["resume", "sync_now", "sync_and_accept"]
    actions_detail = ["pause"]
    OPERATORS_ONLY = ("public_no", "protocol", "base_url", "tenant", "options", "serves_live", "serves_test",
                      "cancel_lock_seconds", "life_seconds", "cancel_fee_micros", "timeout_seconds",
                      "check_seconds", "sync_seconds")  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = tuple(self.readonly_fields)
        return fixed if role_of(request) == OPERATOR else (*fixed, *self.OPERATORS_ONLY)

    @display(description="health", label=HEALTH_COLORS)
    def show_health(self, provider: Provider) -> str:
        health = getattr(provider, "health", None)
        return health.state if health else "ok"

    @display(description="stored key")
    def secret_state(self, provider: Provider) -> str:
        return _state_of(provider, "secret")

    @display(description="stored callback secret")
    def callback_secret_state(self, provider: Provider) -> str:
        return _state_of(provider, "callback_secret")

    @display(description="by its protocol and options")
    def abilities(self, provider: Provider) -> str:
        lines = (
            ("✓" if has else "–", line.name, line.has if has else line.has_not)
            for line, has in capabilities_of(provider.protocol, provider.options)
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}: {}</li>", lines)) or "–"

    @display(description="callback address")
    def callback_path(self, provider: Provider) -> str:
        return f"/callbacks/{provider.callback_token}/" if provider.pk else "–"

    @dialog(
        "Pause",
        permission="change",
        form=PauseForm,
        text="Nothing new is ordered there; numbers that are open go on. Resume ends it sooner.",
    )
    def pause(self, request: HttpRequest, form: PauseForm, object_id: str) -> HttpResponse:
        provider = self.get_queryset(request).get(pk=object_id)
        now, minutes = timezone.now(), form.cleaned_data["minutes"]
        until = now + timedelta(minutes=minutes) if minutes else None
        health.pause(provider.pk, until=until, reason=form.cleaned_data["reason"], now=now)
        self.log_change(request, provider, "Paused.")
        messages.success(request, f"{provider} is paused.")
        return go_to(request, Provider, object_id)

    @admin.action(description="Resume: forget blocks and failures", permissions=["change"])
    def resume(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = list(providers.values_list("pk", flat=True))
        for provider_id in asked:
            health.resume(provider_id)
        messages.success(request, f"Providers that are asked again: {len(asked)}.")

    @admin.action(description="Sync now: read the price list", permissions=["change"])
    def sync_now(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = list(providers.values_list("pk", flat=True))
        ask_for_sync(asked, now=timezone.now())
        messages.success(request, f"Price lists that are read within seconds: {len(asked)}.")

    @admin.action(description="Sync now, and accept a list however short it is", permissions=["change"])
    def sync_and_accept(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = list(providers.values_list("pk", flat=True))
        ask_for_sync(asked, now=timezone.now(), accept_short=True)
        messages.success(request, f"Price lists that are read within seconds and believed: {len(asked)}.")

    def save_model(self, request: HttpRequest, provider: Provider, form: Any, change: bool) -> None:
        super().save_model(request, provider, form, change)
        ProviderHealth.objects.get_or_create(provider=provider)


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


__all__ = ["UnmappedCodeAdmin", "routing_admin"]

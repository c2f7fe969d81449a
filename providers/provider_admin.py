"""Admin of providers: accounts at upstreams, the options of their protocols, and what can be done to them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from portal.admin import (
    MANAGERS,
    OPERATOR,
    OPERATORS,
    OWNERS,
    OwnRelated,
    ScopedAdmin,
    breakable,
    dollars,
    percent,
    role_of,
)
from portal.dialogs import dialog, go_to
from portal.encryption import SecretUnreadable
from portal.errors import ValidationError
from providers import health
from providers.capabilities import capabilities_of
from providers.catalogue.due import ask_for_sync
from providers.contract import Option
from providers.desk import days_left, with_funds
from providers.desk_admin import days_text, desk_of
from providers.models import Provider
from providers.option_fields import field_of
from providers.registry import ADAPTERS
from providers.services import accounts
from providers.services.accounts import check_account_options, check_address
from providers.services.federation import LABEL, PORTAL, PREFERRED, draft_portal
from providers.trial import Trial, try_account

OPTIONS = "Options of the protocol"
STATE_COLORS = {"selling": "success", "draining": "warning", "off": "danger"}
# What is known of an account once it is there.
FACTS = {
    "abilities",
    "public_no",
    "secret_state",
    "callback_secret_state",
    "show_health",
    "callback_path",
    "show_state",
    "created_at",
}
PAUSE_TEXT = "Nothing new is ordered there; numbers that are open go on. Resume ends it sooner."
DRAIN_TEXT = "Nothing new is ordered there, and you are told when its last running number has ended."
RESUME_TEXT = "Orders go there again at once. Blocks and failures are forgotten, the price list is read."
HEALTH_COLORS = {
    "ok": "success",
    "degraded": "warning",
    "out_of_funds": "danger",
    "bad_credentials": "danger",
    "banned": "danger",
    "paused": "warning",
    "spent": "warning",
}


def _secret_field(label: str, hint: str = "") -> forms.CharField:
    return forms.CharField(
        required=False,
        label=label,
        max_length=accounts.SECRET_LENGTH,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=f"{hint}Stored encrypted and never shown.",
    )


class ProviderForm(forms.ModelForm):
    """The secret is written here and never shown. Of the options' fields (`option__<protocol>__<name>`) those
    of the chosen protocol count.
    """

    portal_refusal: ClassVar[Mapping[str, str] | None] = None
    new_secret = _secret_field("API key at the provider")
    new_callback_secret = _secret_field(
        "Secret of its callbacks",
        "For providers that sign them with another secret; without it they are only a reason to ask."
        " Leave it empty to keep the present one. ",
    )

    class Meta:
        model = Provider
        fields: list[str] = []
        widgets = {"protocol": UnfoldAdminSelectWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "protocol" in self.fields:
            known = [(name, kind.label) for name, kind in sorted(ADAPTERS.items())]
            self.fields["protocol"] = forms.ChoiceField(
                choices=[(PORTAL, LABEL), *known] if self.instance._state.adding else known,
                initial=known[0][0],
                widget=UnfoldAdminSelectWidget,
            )
        for field, protocol, name, option in each_option():
            if field in self.fields and protocol == self.instance.protocol and name in self.instance.options:
                self.initial[field] = option.write(self.instance.options[name])

    def clean_new_secret(self) -> str:
        secret = str(self.cleaned_data["new_secret"])
        if self.instance._state.adding:
            try:
                accounts.check_secret(secret)
            except ValidationError as error:
                raise forms.ValidationError(error.details["secret"]) from error
        return secret

    def clean_base_url(self) -> str:
        base_url = str(self.cleaned_data["base_url"])
        try:
            check_address(base_url)
        except ValidationError as error:
            raise forms.ValidationError(error.details["base_url"]) from error
        return base_url

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("tenant") and "base_url" in cleaned:
            try:
                check_address(cleaned["base_url"], is_own=True)
            except ValidationError as error:
                self.add_error("base_url", error.details["base_url"])
        protocol = cleaned.get("protocol")
        if protocol == PORTAL:
            self._say_why()
        if protocol in ADAPTERS:
            if self.instance._state.adding:
                untouched = set(ADAPTERS[protocol].new_account) & set(cleaned) - set(self.changed_data)
                cleaned |= {name: ADAPTERS[protocol].new_account[name] for name in untouched}
            cleaned["options"] = _options_of(protocol, cleaned)
            try:
                check_account_options(protocol, cleaned["options"])
            except ValidationError as error:
                for name, sentence in error.details.items():
                    self.add_error(f"option__{protocol}__{name.removeprefix('options.')}", sentence)
        return cleaned

    def _say_why(self) -> None:
        """Another portal was meant, and it could not be found out what it speaks (ProviderAdmin.add_view)."""
        refusal = self.portal_refusal or {"protocol": "It can only be found out where an account is added."}
        for name, sentence in refusal.items():
            option = f"option__{PREFERRED[0]}__{name.removeprefix('options.')}"
            field = {"secret": "new_secret"}.get(name, name)
            if field not in self.errors:
                self.add_error(field if field in self.fields else option, sentence)

    def save(self, commit: bool = True) -> Any:
        if self.instance._state.adding:
            self.instance.secret = self.cleaned_data["new_secret"]
        if secret := self.cleaned_data.get("new_callback_secret"):
            self.instance.callback_secret = secret
        if "options" in self.cleaned_data:
            self.instance.options = self.cleaned_data["options"]
        return super().save(commit)


class PauseForm(BaseDialogForm):
    """For how long, and why."""

    minutes = forms.IntegerField(
        min_value=1, max_value=60 * 24 * 30, required=False, widget=UnfoldAdminIntegerFieldWidget,
        help_text="Empty: until somebody resumes it.",
    )  # fmt: skip
    reason = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)


class NewKeyForm(BaseDialogForm):
    """Another key for the account."""

    secret = forms.CharField(
        label="New key",
        max_length=accounts.SECRET_LENGTH,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
    )
    untried = forms.BooleanField(
        label="Store it without trying it", required=False, widget=UnfoldBooleanSwitchWidget
    )

    @property
    def given(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("secret", "untried")}


def each_option() -> Iterator[tuple[str, str, str, Option]]:
    """The form's field, protocol, name and option of everything that protocols can be told."""
    for protocol, kind in sorted(ADAPTERS.items()):
        for name, option in kind.options.items():
            yield f"option__{protocol}__{name}", protocol, name, option


def _options_of(protocol: str, cleaned: Mapping[str, Any]) -> dict[str, object]:
    return {
        name: option.read(cleaned[field])
        for field, of, name, option in each_option()
        if of == protocol and cleaned.get(field)
    }


OPTION_FIELDS = {
    field: field_of(name, option, select=UnfoldAdminSelectWidget, text=UnfoldAdminTextInputWidget)
    for field, _, name, option in each_option()
}
ProviderAdminForm = type("ProviderAdminForm", (ProviderForm,), dict(OPTION_FIELDS))


@admin.register(Provider)
class ProviderAdmin(ScopedAdmin):
    """Accounts at upstreams. Members see their own and may change its key and whether it sells; addresses are
    typed by the operator alone, for the portal connects to them.
    """

    form = ProviderAdminForm
    conditional_fields: ClassVar = {
        field: f"protocol == '{of}'" + (f" || protocol == '{PORTAL}'" if of == PREFERRED[0] else "")
        for field, of, _, _ in each_option()
    }
    visible_to = MANAGERS
    changeable_by = OWNERS
    addable_by = OPERATORS
    change_form_outer_before_template = "admin/providers/_desk.html"
    list_display = [
        "display_name",
        "public_no",
        "tenant",
        "show_state",
        "show_health",
        "show_funds",
        "show_days",
        "show_success",
        "show_offers",
    ]
    list_filter = ["protocol", "is_enabled", ("tenant", OwnRelated)]
    search_fields = ["display_name", "=public_no"]
    ordering = ["priority", "public_no"]
    list_select_related = ["tenant", "health", "sync"]
    readonly_fields = [
        "public_no", "show_state", "show_options", "secret_state", "callback_secret_state", "show_health",
        "callback_path", "abilities", "created_at",
    ]  # fmt: skip
    fieldsets = [
        (None, {"fields": ["display_name", "public_no", "protocol", "base_url", "tenant"]}),
        (OPTIONS, {"fields": list(OPTION_FIELDS)}),
        ("Account", {"fields": ["new_secret", "secret_state", "callback_path", "new_callback_secret",
                                "callback_secret_state", "show_health"]}),
        ("What it can do", {"fields": ["abilities"]}),
        ("Selling", {"fields": ["show_state", "serves_live", "serves_test", "priority", "daily_cap_micros"]}),
        ("Rules", {"fields": ["cancel_lock_seconds", "life_seconds", "cancel_fee_micros", "timeout_seconds",
                              "check_seconds", "checks_per_minute", "sync_seconds", "rental_pays_days_back",
                              "rental_ends_unused", "created_at"]}),
    ]  # fmt: skip
    actions = ["pause_all", "drain_all", "resume_all", "sync_now", "sync_and_accept"]
    actions_detail: ClassVar = ["try_out", "new_key", "pause", "drain", "resume"]
    OPERATORS_ONLY = ("protocol", "base_url", "tenant", "serves_live", "serves_test",
                      "rental_pays_days_back", "rental_ends_unused", "cancel_lock_seconds",
                      "life_seconds", "cancel_fee_micros", "timeout_seconds", "check_seconds",
                      "checks_per_minute", "sync_seconds")  # fmt: skip

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """What another portal speaks is found out before the form is read: that happens in a transaction,
        and nobody is asked in one.
        """
        if request.POST.get("protocol") == PORTAL and self.has_add_permission(request):
            _find_out(request)
        answer: HttpResponse = super().add_view(request, form_url, extra_context)
        return answer

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, **kwargs)
        form.portal_refusal = getattr(request, "portal_refusal", None)
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        fixed = tuple(self.readonly_fields)
        return fixed if role_of(request) == OPERATOR else (*fixed, *self.OPERATORS_ONLY)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The key is typed where an account is added; later it is exchanged in a dialog, which tries it."""
        fieldsets = super().get_fieldsets(request, obj)
        left_out = {"new_secret"} if obj else FACTS
        is_operator = role_of(request) == OPERATOR
        return [
            (title, {"fields": [name for name in parts["fields"] if name not in left_out]})
            if is_operator or title != OPTIONS
            else (title, {"fields": ["show_options"]})
            for title, parts in fieldsets
            if not set(parts["fields"]) <= left_out
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provider]:
        return with_funds(super().get_queryset(request), now=timezone.now())

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        context = dict(extra_context or {})
        if object_id and request.method == "GET" and (provider := self.get_object(request, object_id)):
            context["desk"] = desk_of(request, provider, now=timezone.now())
        return super().changeform_view(request, object_id, form_url, context)

    @display(description="funds there")
    def show_funds(self, provider: Provider) -> str:
        return dollars(provider.sync.balance_micros) if hasattr(provider, "sync") else "–"

    @display(description="they last")
    def show_days(self, provider: Provider) -> str:
        left = days_left(provider, now=timezone.now())
        return "–" if left is None else days_text(left)

    @display(description="success", ordering="measured_success")
    def show_success(self, provider: Any) -> str:
        return percent(provider.measured_success)

    @display(description="offers", ordering="sync__offers")
    def show_offers(self, provider: Provider) -> str:
        return f"{provider.sync.offers:,}" if hasattr(provider, "sync") else "–"

    @display(description="selling", label=STATE_COLORS)
    def show_state(self, provider: Provider) -> str:
        if provider.is_enabled:
            return "selling"
        return "draining" if provider.draining_since else "off"

    @display(description="by its protocol and options")
    def abilities(self, provider: Provider) -> str:
        lines = (
            ("✓" if has else "–", line.name, line.has if has else line.has_not)
            for line, has in capabilities_of(provider.protocol, provider.options)
        )
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{} {}: {}</li>", lines)) or "–"

    @display(description="options")
    def show_options(self, provider: Provider) -> str:
        return ", ".join(f"{name}: {value}" for name, value in sorted(provider.options.items())) or "–"

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

    @display(description="callback address")
    def callback_path(self, provider: Provider) -> str:
        return breakable(f"/callbacks/{provider.callback_token}/")

    @admin.action(description="Pause: order nothing new", permissions=["change"])
    def pause_all(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = _ids(providers)
        for provider_id in asked:
            health.pause(provider_id, until=None, reason="", now=timezone.now())
        messages.success(request, f"Paused: {len(asked)}. Their running numbers go on.")

    @admin.action(description="Drain: pause, and say when the last number ended", permissions=["change"])
    def drain_all(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        count = accounts.drain(provider_ids=_ids(providers), now=timezone.now())
        messages.success(request, f"Draining: {count}.")

    @admin.action(description="Resume: sell again, forget blocks and failures", permissions=["change"])
    def resume_all(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        count = accounts.resume(provider_ids=_ids(providers), now=timezone.now())
        messages.success(request, f"Providers that are asked again: {count}.")

    @admin.action(description="Sync now: read the price list", permissions=["change"])
    def sync_now(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = _ids(providers)
        ask_for_sync(asked, now=timezone.now())
        messages.success(request, f"Price lists that are read within seconds: {len(asked)}.")

    @admin.action(description="Sync now, and accept a list however short it is", permissions=["change"])
    def sync_and_accept(self, request: HttpRequest, providers: QuerySet[Provider]) -> None:
        asked = _ids(providers)
        ask_for_sync(asked, now=timezone.now(), accept_short=True)
        messages.success(request, f"Price lists that are read within seconds and believed: {len(asked)}.")

    @dialog(
        "Test",
        permission="change",
        form=BaseDialogForm,
        text="Asks for its balance and price list. Nothing is bought, and nothing changes here.",
        icon="network_check",
    )
    def try_out(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        _tell(request, try_account(self._found(request, object_id)))
        return go_to(request, Provider, object_id)

    @dialog(
        "New key",
        permission="change",
        form=NewKeyForm,
        text="Numbers that are open go on with it. It is tried first, and not stored when it is refused.",
        submit="Store",
        icon="key",
    )
    def new_key(self, request: HttpRequest, form: NewKeyForm, object_id: str) -> HttpResponse:
        provider = self._found(request, object_id)
        try:
            trial = accounts.rotate_key(provider=provider, now=timezone.now(), **form.given)
        except ValidationError as error:
            messages.error(request, error.details["secret"])
        else:
            if not trial.refusal:
                self.log_change(request, provider, "Key replaced.")
                messages.success(request, "The new key is stored.")
            _tell(request, trial)
        return go_to(request, Provider, object_id)

    @dialog("Pause", permission="change", form=PauseForm, text=PAUSE_TEXT, icon="pause")
    def pause(self, request: HttpRequest, form: PauseForm, object_id: str) -> HttpResponse:
        provider = self._found(request, object_id)
        now, minutes = timezone.now(), form.cleaned_data["minutes"]
        until = now + timedelta(minutes=minutes) if minutes else None
        health.pause(provider.pk, until=until, reason=form.cleaned_data["reason"], now=now)
        self.log_change(request, provider, "Paused.")
        messages.success(request, f"{provider} is paused.")
        return go_to(request, Provider, object_id)

    @dialog("Drain", permission="change", form=BaseDialogForm, text=DRAIN_TEXT, icon="water_drop")
    def drain(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        provider = self._found(request, object_id)
        accounts.drain(provider_ids=[provider.pk], now=timezone.now())
        self.log_change(request, provider, "Draining.")
        return go_to(request, Provider, object_id)

    @dialog("Resume", permission="change", form=BaseDialogForm, text=RESUME_TEXT, icon="play_arrow")
    def resume(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        provider = self._found(request, object_id)
        accounts.resume(provider_ids=[provider.pk], now=timezone.now())
        self.log_change(request, provider, "Resumed.")
        return go_to(request, Provider, object_id)

    def _found(self, request: HttpRequest, object_id: str) -> Provider:
        provider: Provider = self.get_queryset(request).get(pk=object_id)
        return provider

    def save_model(self, request: HttpRequest, provider: Provider, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, provider, form, change)
        else:
            accounts.open_provider(provider, now=timezone.now())


def _find_out(request: HttpRequest) -> None:
    """Put the protocol and base of another portal into what was typed, or the reasons why not beside it."""
    typed = request.POST.copy()
    try:
        drafted = draft_portal(
            url=typed.get("base_url", ""),
            secret=typed.get("new_secret", ""),
            name=typed.get("display_name", ""),
            options=_options_of(PREFERRED[0], typed),
            is_test="serves_test" in typed and "serves_live" not in typed,
        )
    except ValidationError as refusal:
        request.portal_refusal = refusal.details  # type: ignore[attr-defined]
    else:
        typed["protocol"], typed["base_url"] = drafted.protocol, drafted.base_url
        request.POST = typed  # type: ignore[assignment]


def _state_of(provider: Provider, secret: str) -> str:
    try:
        return "stored" if getattr(provider, secret) else "none"
    except SecretUnreadable:
        return "cannot be read with the configured encryption keys: enter it again"


def _ids(providers: QuerySet[Provider]) -> list[int]:
    return list(providers.values_list("pk", flat=True))


def _tell(request: HttpRequest, trial: Trial) -> None:
    if trial.refusal:
        messages.error(request, trial.refusal)
    elif trial.can:
        messages.success(request, trial.sentence)

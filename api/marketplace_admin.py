"""Admin of contracts with marketplaces, of what was sold under them, and of the messages passed on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from activations.marketplace_queries import Figures, figures_of
from activations.models import Contract, ContractCode, ContractPrice, NumberRecord, Push, Sale
from activations.services.marketplace import contracts
from portal import addresses
from portal.admin import (
    MANAGERS,
    OWNERS,
    OwnRelated,
    Period,
    ReadOnlyAdmin,
    Scope,
    ScopedAdmin,
    breakable,
    dollars,
    money,
)
from portal.dialogs import dialog, go_to, show
from portal.encryption import SecretUnreadable
from portal.errors import ValidationError
from providers.codes import leads_somewhere

FIGURES_DAYS = 30
STATE_COLORS = {"issued": "info", "receiving": "info", "finished": "success", "canceled": "warning",
                "refunded": "danger"}  # fmt: skip
PUSH_COLORS = {"pending": "info", "accepted": "success", "refused": "warning", "given_up": "danger"}


def _password(label: str, hint: str) -> forms.CharField:
    return forms.CharField(
        label=label,
        required=False,
        max_length=contracts.LONGEST_KEY,
        widget=UnfoldAdminPasswordWidget(render_value=False, attrs={"autocomplete": "new-password"}),
        help_text=hint,
    )


class ContractForm(forms.ModelForm):
    """Countries as a list of ids; keys are written and never shown."""

    countries = forms.CharField(
        required=False, widget=UnfoldAdminTextInputWidget,
        help_text="Our ids, commas between (us, de). Empty: every country.",
    )  # fmt: skip
    new_push_key = _password(
        "Key for messages",
        "The marketplace’s key, sent along with each message. Empty: it stays as it is. Stored encrypted.",
    )

    class Meta:
        model = Contract
        fields: list[str] = []
        widgets: ClassVar = {"blocked_senders": UnfoldAdminTextareaWidget}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["countries"] = ", ".join(self.instance.countries)
        self.initial["least_margin_micros"] = self.instance.least_margin_micros

    def clean_countries(self) -> list[str]:
        found = [one.strip().lower() for one in self.cleaned_data["countries"].split(",") if one.strip()]
        if unknown := [one for one in found if not leads_somewhere("country", one)]:
            raise forms.ValidationError(f"There is no country {unknown[0]!r}.")
        return sorted(set(found))

    def clean_push_url(self) -> str:
        return _checked(self.cleaned_data["push_url"])

    def clean_rent_push_url(self) -> str:
        return _checked(self.cleaned_data["rent_push_url"])

    def clean_new_push_key(self) -> str:
        key = str(self.cleaned_data["new_push_key"])
        if not key.isascii() or not key.isprintable():
            raise forms.ValidationError("A key has letters, digits and signs only.")
        return key

    def save(self, commit: bool = True) -> Any:
        if key := self.cleaned_data.get("new_push_key"):
            self.instance.push_key = key
        return super().save(commit)


def _checked(url: str) -> str:
    """The address as typed, when messages may be sent there."""
    try:
        if url:
            addresses.check_saved(url)
    except addresses.AddressRefused as error:
        raise forms.ValidationError(str(error)) from error
    return url


class CodeForm(forms.ModelForm):
    """A spelling that leads nowhere would hide what it names."""

    class Meta:
        model = ContractCode
        fields = ["kind", "code", "canonical_id"]

    def clean_code(self) -> str:
        return str(self.cleaned_data["code"]).strip().lower()

    def clean(self) -> Any:
        cleaned = super().clean() or self.cleaned_data
        kind, canonical_id = cleaned.get("kind"), cleaned.get("canonical_id")
        if kind and canonical_id and not leads_somewhere(kind, canonical_id):
            self.add_error("canonical_id", f"There is no {kind} {canonical_id!r}.")
        return cleaned


class OfContract(Scope, TabularInline):
    """Lines of a contract, its tenant's."""

    tenant_path = "contract__tenant"
    changeable_by = addable_by = deletable_by = OWNERS
    visible_to = MANAGERS
    extra = 0


class PriceInline(OfContract):
    model = ContractPrice
    fields = ["service", "country", "least_sum"]


class CodeInline(OfContract):
    model = ContractCode
    form = CodeForm
    fields = ["kind", "code", "canonical_id"]


class KeyForm(BaseDialogForm):
    key = _password("Key", "The key that the marketplace gave you. Empty: one is made and shown once.")


KEY_TEXT = "What the marketplace calls with. The key before stops working with its next request."


@admin.register(Contract)
class ContractAdmin(ScopedAdmin):
    """What was agreed with marketplaces. Owners make and change contracts."""

    form = ContractForm
    visible_to = MANAGERS
    changeable_by = addable_by = OWNERS
    list_display = ["name", "tenant", "show_active", "currency", "rub_per_usd", "daily_cap", "created_at"]
    list_filter = ["is_active", ("tenant", OwnRelated)]
    search_fields = ["name", "=tenant__slug"]
    ordering = ["tenant", "name"]
    list_select_related = ["tenant"]
    readonly_fields = ["show_address", "show_customer", "show_push_key", "show_figures", "created_at"]
    inlines = [PriceInline, CodeInline]
    actions_detail: ClassVar = ["new_key"]
    fieldsets = [
        (None, {"fields": ["name", "tenant", "is_active"]}),
        ("Figures", {"fields": ["show_figures"]}),
        ("How it calls us", {"fields": ["show_address", "show_customer", "created_at"]}),
        ("Messages", {"fields": ["push_url", "rent_push_url", "new_push_key", "show_push_key", "phone_shape",
                                 "blocked_senders"]}),
        ("Terms", {"fields": ["currency", "rub_per_usd", "least_margin_micros", "daily_cap", "countries",
                              "rent_hours"]}),
        ("Stock that is shown", {"fields": ["stock_percent", "stock_most", "lists_any"]}),
    ]  # fmt: skip
    AT_WORK = frozenset({"Figures", "How it calls us"})

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        parts = [part for part in self.fieldsets if obj or part[0] not in self.AT_WORK]
        hidden = {"show_push_key"} if not obj else set()
        return [
            (title, {"fields": [field for field in facts["fields"] if field not in hidden]})
            for title, facts in parts
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "tenant") if obj else tuple(self.readonly_fields)

    @display(description="selling", label={"on": "success", "off": "danger"})
    def show_active(self, contract: Contract) -> str:
        return "on" if contract.is_active else "off"

    @display(description="address")
    def show_address(self, contract: Contract) -> str:
        return breakable(f"/onlinesim/{contract.token}")

    @display(description="account")
    def show_customer(self, contract: Contract) -> str:
        return f"{contract.customer.external_id} (orders are placed with it; it has no money and no login)"

    @display(description="stored key for messages")
    def show_push_key(self, contract: Contract) -> str:
        try:
            return "stored" if contract.push_key else "none"
        except SecretUnreadable:
            return "cannot be read with the configured encryption keys: enter it again"

    @display(description=f"last {FIGURES_DAYS} days")
    def show_figures(self, contract: Contract) -> str:
        since = timezone.now() - timedelta(days=FIGURES_DAYS)
        lines = _lines(figures_of(contract_id=contract.pk, since=since))
        return format_html("<ul>{}</ul>", format_html_join("", "<li>{}: {}</li>", lines))

    def save_model(self, request: HttpRequest, contract: Contract, form: Any, change: bool) -> None:
        if change:
            super().save_model(request, contract, form, change)
        else:
            contracts.open_contract(contract)
            messages.success(request, "The contract is there. Give it a key next: “Key it calls with”.")

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for line in formset.save(commit=False):
            line.tenant_id = form.instance.tenant_id
        super().save_formset(request, form, formset, change)

    @dialog("Key it calls with", permission="change", form=KeyForm, text=KEY_TEXT, submit="Store", icon="key")
    def new_key(self, request: HttpRequest, form: KeyForm, object_id: str) -> HttpResponse:
        """A key that is made here goes into this answer and nowhere else: messages would store it (S1)."""
        contract: Contract = self.get_queryset(request).get(pk=object_id)
        given = str(form.cleaned_data["key"])
        key = given or contracts.new_key()
        try:
            contracts.change_key(contract=contract, key=key)
        except ValidationError as error:
            messages.error(request, error.details["key"])
            return go_to(request, Contract, object_id)
        self.log_change(request, contract, "Key replaced.")
        if given:
            messages.success(request, "The key is stored.")
            return go_to(request, Contract, object_id)
        page = reverse("admin:activations_contract_change", args=[object_id])
        shown = {"key": contract, "plaintext": key, "list_url": page}
        return show(request, "admin/key_issued.html", shown)


def _lines(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("Open", f"{figures.open}, {dollars(figures.expected_micros)} expected"),
        ("Open for too long", str(figures.flagged)),
        ("Sold", f"{figures.sold} for {dollars(figures.income_micros)}, at a cost of "
                 f"{dollars(figures.paid_micros)}"),
        ("Cancelled", str(figures.canceled)),
        ("Refunded", str(figures.refunded)),
        ("Paid for and not sold", f"{figures.lost}, {dollars(figures.lost_micros)} lost"),
    ]  # fmt: skip


@admin.register(Sale)
class SaleAdmin(ReadOnlyAdmin):
    """Every operation of a marketplace, and those that it should have ended."""

    list_display = ["number", "contract", "show_state", "ending", "phone", "service", "country", "sum",
                    "currency", "income", "created_at", "ended_at", "flagged_at"]  # fmt: skip
    list_filter = [
        ("state", ChoicesDropdownFilter),
        ("ending", ChoicesDropdownFilter),
        ("flagged_at", admin.EmptyFieldListFilter),
        ("contract", OwnRelated),
        ("tenant", OwnRelated),
        ("created_at", Period),
    ]
    search_fields = ["=number", "=phone"]
    search_help_text = "A number's id at the marketplace, or a whole phone number."
    ordering = ["-created_at", "-id"]
    list_select_related = ["contract", "service", "country"]
    fields = readonly_fields = [
        "number", "contract", "tenant", "activation", "rental", "phone", "service", "country", "show_state",
        "ending", "sum", "currency", "rub_per_usd", "expected", "paid_sum", "income", "created_at",
        "ended_at", "flagged_at", "lease_due_at",
    ]  # fmt: skip
    expected, income = money("expected_micros"), money("income_micros")

    @display(description="state", label=STATE_COLORS)
    def show_state(self, sale: Sale) -> str:
        return sale.state


@admin.register(Push)
class PushAdmin(ReadOnlyAdmin):
    """Messages passed on, and what marketplaces made of them; what they say stays hidden."""

    list_display = ["id", "sale", "contract", "show_state", "tries", "last_status", "last_word", "created_at",
                    "deliver_at", "ended_at"]  # fmt: skip
    list_filter = [
        ("state", ChoicesDropdownFilter), ("contract", OwnRelated), ("tenant", OwnRelated),
        ("created_at", Period),
    ]  # fmt: skip
    search_fields = ["=id", "=sale__number"]
    search_help_text = "A message's or a number's id at the marketplace."
    ordering = ["-id"]
    list_select_related = ["sale", "contract"]
    fields = readonly_fields = list_display

    @display(description="state", label=PUSH_COLORS)
    def show_state(self, push: Push) -> str:
        return push.state


@admin.register(NumberRecord)
class NumberRecordAdmin(ReadOnlyAdmin):
    """Numbers that a marketplace does not want (again), or that are hidden from it for a day."""

    list_display = ["phone", "contract", "service", "is_excluded", "offers_left", "silent_rents",
                    "hidden_until"]  # fmt: skip
    list_filter = ["is_excluded", ("contract", OwnRelated), ("tenant", OwnRelated)]
    search_fields = ["=phone", "=service__id"]
    search_help_text = "A whole phone number or a service's id."
    ordering = ["-id"]
    list_select_related = ["contract", "service"]
    fields = readonly_fields = [*list_display, "silent_at"]


@admin.register(ContractPrice)
class ContractPriceAdmin(ReadOnlyAdmin):
    """All agreed prices; they are changed on their contract's page."""

    visible_to = MANAGERS
    list_display = ["contract", "service", "country", "least_sum"]
    list_filter = [("contract", OwnRelated), ("tenant", OwnRelated)]
    search_fields = ["=service__id", "=country__id"]
    search_help_text = "A service's or country's id."
    ordering = ["-id"]
    list_select_related = ["contract", "service", "country"]
    fields = readonly_fields = list_display


@admin.register(ContractCode)
class ContractCodeAdmin(ReadOnlyAdmin):
    """All spellings of marketplaces; they are changed on their contract's page."""

    visible_to = MANAGERS
    list_display = ["contract", "kind", "code", "canonical_id"]
    list_filter = [("kind", ChoicesDropdownFilter), ("contract", OwnRelated), ("tenant", OwnRelated)]
    search_fields = ["=code", "=canonical_id"]
    search_help_text = "A whole code or one of our ids."
    ordering = ["-id"]
    list_select_related = ["contract"]
    fields = readonly_fields = list_display

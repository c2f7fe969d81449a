"""Admin of money: read-only, but for price rules, and one action that tops a wallet up or corrects it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextInputWidget

from billing.forms import LowBalanceField
from billing.models import Entry, Hold, PriceRule, Transaction, Wallet
from billing.services import move_money, set_low_balance
from portal.admin import (
    MANAGERS,
    OPERATOR,
    OwnRelated,
    Period,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ScopedAdmin,
    dollars,
    money,
    role_of,
)
from portal.dialogs import dialog, go_to
from portal.errors import PortalError

# What the platform earns and pays; a tenant's members do not see it.
PLATFORMS_OWN = (Entry.Account.PLATFORM_REVENUE, Entry.Account.PROVIDER)


class MoveForm(BaseDialogForm):
    """An amount in dollars; below zero it deducts."""

    amount = forms.DecimalField(
        max_digits=12, decimal_places=2, widget=UnfoldAdminDecimalFieldWidget,
        min_value=Decimal("-100000"), max_value=Decimal("100000"),
        help_text="US dollars; a negative amount deducts.",
    )  # fmt: skip
    transaction_id = forms.RegexField(
        r"^[a-zA-Z0-9]{1,80}$", widget=UnfoldAdminTextInputWidget,
        help_text="Your own reference; the same one is never booked twice.",
    )  # fmt: skip
    note = forms.CharField(max_length=200, required=False, widget=UnfoldAdminTextInputWidget)

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if not amount:
            raise forms.ValidationError("Enter an amount other than zero.")
        return amount


class LowBalanceForm(BaseDialogForm):
    """A limit in dollars, or none."""

    low_balance = LowBalanceField(
        label="Low balance (USD)", widget=UnfoldAdminDecimalFieldWidget,
        help_text="Told once each time when what is available falls below it. Empty: never told.",
    )  # fmt: skip


@admin.register(Wallet)
class WalletAdmin(ReadOnlyAdmin):
    """Balances. The operator funds tenants; a tenant's owners and managers fund their customers and say from
    where on a balance is low, their own and each customer's.
    """

    list_display = ["owner", "tenant", "balance", "held", "available"]
    list_filter = [("tenant", OwnRelated)]
    search_fields = ["customer__external_id", "tenant__slug", "customer__user__email"]
    search_help_text = "A customer id, an e-mail or a reseller's short name."
    ordering = ["-id"]
    list_select_related = ["tenant", "customer"]
    fields = ["owner", "tenant", "balance", "held", "available", "low_balance"]
    readonly_fields = fields
    actions_detail = ["move", "tell_below"]

    @display(description="owner")
    def owner(self, wallet: Wallet) -> str:
        return wallet.customer.external_id if wallet.customer else "the tenant itself"

    balance = money("balance_micros")
    held = money("held_micros")
    low_balance = money("low_balance_micros", "low below")

    @display(description="available")
    def available(self, wallet: Wallet) -> str:
        return dollars(wallet.available_micros)

    def has_move_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """A tenant cannot print its own money: its wallet is funded by the operator."""
        role = role_of(request)
        if role == OPERATOR:
            return True
        wallet = self.get_queryset(request).filter(pk=object_id).first() if object_id else None
        return role in MANAGERS and wallet is not None and wallet.customer_id is not None

    @dialog(
        "Top up or deduct",
        permission="move",
        form=MoveForm,
        text="Books one transaction, which only another one can correct.",
        submit="Book",
    )
    def move(self, request: HttpRequest, form: MoveForm, object_id: str) -> HttpResponse:
        wallet = self.get_queryset(request).get(pk=object_id)
        micros = int(form.cleaned_data["amount"] * 1_000_000)
        try:
            move_money(
                tenant_id=wallet.tenant_id, customer_id=wallet.customer_id, amount_micros=micros,
                transaction_id=form.cleaned_data["transaction_id"], gateway="admin",
                note=form.cleaned_data["note"],
            )  # fmt: skip
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, wallet, f"Booked {dollars(micros)}.")
            messages.success(request, f"{dollars(micros)} booked.")
        return go_to(request, Wallet, object_id)

    def has_tell_below_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return role_of(request) in MANAGERS | {OPERATOR}

    @dialog(
        "Low balance",
        permission="tell_below",
        form=LowBalanceForm,
        text="Sends the webhook customer.low_balance, or account.low_balance for the reseller's own wallet.",
        submit="Set",
    )
    def tell_below(self, request: HttpRequest, form: LowBalanceForm, object_id: str) -> HttpResponse:
        wallet = self.get_queryset(request).get(pk=object_id)
        micros = form.cleaned_data["low_balance"]
        set_low_balance(tenant=wallet.tenant, customer=wallet.customer, micros=micros)
        below = "never told" if micros is None else f"told below {dollars(micros)}"
        self.log_change(request, wallet, f"Low balance: {below}.")
        messages.success(request, f"A low balance is {below}.")
        return go_to(request, Wallet, object_id)


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    list_display = ["id", "owner", "amount", "billed", "show_state", "order_id", "created_at", "tenant"]
    list_filter = [("state", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=order_id"]
    ordering = ["-id"]
    search_help_text = "An order's UUID."
    list_select_related = ["tenant", "wallet__customer"]
    fields = readonly_fields = ["owner", "wallet", "tenant", "order_id", "amount", "billed", "state",
                                "created_at", "ended_at"]  # fmt: skip
    amount = money("amount_micros", "held")

    @display(description="owner")
    def owner(self, hold: Hold) -> str:
        return hold.wallet.customer.external_id if hold.wallet.customer else "the tenant itself"

    @display(description="state", label={"open": "info", "billed": "success", "released": "warning"})
    def show_state(self, hold: Hold) -> str:
        return hold.state

    billed = money("billed_micros")


class OwnEntries:
    """A member sees the lines of customers' and tenant's money, not what the platform earns by them."""

    def get_queryset(self, request: HttpRequest) -> Any:
        entries = super().get_queryset(request)  # type: ignore[misc]
        return entries if role_of(request) == OPERATOR else entries.exclude(account__in=PLATFORMS_OWN)


class EntryInline(OwnEntries, ReadOnlyInline):
    model = Entry
    fields = ["account", "wallet", "amount", "balance_after"]
    readonly_fields = fields
    amount = money("amount_micros")
    balance_after = money("balance_after_micros")


@admin.register(Transaction)
class TransactionAdmin(ReadOnlyAdmin):
    list_display = ["id", "kind", "tenant", "customer", "external_id", "gateway", "order_id", "created_at"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("tenant", OwnRelated),
        ("created_at", Period),
    ]
    search_fields = ["=external_id", "=order_id", "=customer__external_id"]
    search_help_text = "A transaction's own id, an order's UUID or a customer id."
    ordering = ["-created_at", "-id"]
    list_select_related = ["tenant", "customer"]
    inlines = [EntryInline]


@admin.register(Entry)
class EntryAdmin(OwnEntries, ReadOnlyAdmin):
    list_display = ["id", "transaction", "tenant", "account", "wallet", "amount", "balance_after"]
    list_filter = [("account", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=transaction__external_id", "=transaction__order_id"]
    search_help_text = "A transaction's own id or an order's UUID."
    ordering = ["-id"]
    list_select_related = ["transaction", "tenant", "wallet"]
    fields = readonly_fields = ["transaction", "tenant", "account", "wallet", "amount", "balance_after"]
    amount = money("amount_micros")
    balance_after = money("balance_after_micros")


class PriceRuleForm(forms.ModelForm):
    """A price rule in dollars and percent."""

    class Meta:
        help_texts: ClassVar = {
            "percent_ppm": "Markup; 25 adds a quarter.",
            "rounding_micros": "Rounded up to a multiple of this; 0.01 is one cent.",
        }


@admin.register(PriceRule)
class PriceRuleAdmin(ScopedAdmin):
    """Price rules. Tenants set their own layer; the layer above cost is the operator's."""

    deletable_by = MANAGERS
    form = PriceRuleForm
    list_display = ["rule", "layer", "tenant", "percent", "fixed", "valid_from", "valid_until"]
    list_filter = [("layer", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=service_id", "=country_id", "=customer_group"]
    ordering = ["layer", "tenant", "service_id", "country_id"]
    list_select_related = ["tenant"]
    fixed = money("fixed_micros")

    @display(description="rule")
    def rule(self, rule: PriceRule) -> str:
        particulars = [rule.service_id, rule.country_id, rule.customer_group]
        return " · ".join(filter(None, particulars)) or "everything"

    @display(description="markup", ordering="percent_ppm")
    def percent(self, rule: PriceRule) -> str:
        return f"{rule.percent_ppm / 10_000:g} %"

    def get_queryset(self, request: HttpRequest) -> Any:
        rules = super().get_queryset(request)
        return rules if role_of(request) == OPERATOR else rules.filter(layer=PriceRule.Layer.TENANT)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if role_of(request) == OPERATOR else ("layer",)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if role_of(request) != OPERATOR and "tenant" in form.base_fields:
            form.base_fields["tenant"].required = True
        return form

    def save_model(self, request: HttpRequest, rule: PriceRule, form: Any, change: bool) -> None:
        if role_of(request) != OPERATOR:
            rule.layer = PriceRule.Layer.TENANT
        super().save_model(request, rule, form, change)

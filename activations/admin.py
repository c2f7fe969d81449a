"""Admin of orders: to look at everything that happened to one, codes and texts masked."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm

from activations.decision_admin import decision_table
from activations.decisions import decision_of
from activations.ending_admin import EndingAdmin
from activations.exchange_admin import ExchangeAdmin, ExchangeInline
from activations.history_admin import HistoryCountAdmin
from activations.models import (
    Activation,
    Attempt,
    Check,
    ListCheck,
    Message,
    PriceToken,
    RefundCheck,
    RequestKey,
)
from activations.rental_admin import RentalAdmin
from activations.report_admin import ReportAdmin
from activations.risk_admin import MoneyAtRiskAdmin
from activations.services.closing import refund
from activations.stuck_admin import ChecksAgain
from portal.admin import (
    MANAGERS,
    OPERATOR,
    OwnRelated,
    Period,
    ReadOnlyAdmin,
    ReadOnlyInline,
    masked,
    money,
    role_of,
)
from portal.dialogs import dialog, go_to
from portal.errors import PortalError
from providers.admin import UnnamedProviders
from providers.queries import provider_names, shows_decisions

STATUS_COLORS = {"active": "info", "finalized": "success", "expired": "warning", "canceled": "warning"}
OUTCOME_COLORS = {"leased": "success", "refused": "warning", "unknown": "danger", "unreachable": "warning",
                  "exchanged": "info"}  # fmt: skip
AN_ORDER = "An order's id."


class ShowsMessages:
    """Columns of a message; what it says stays hidden."""

    @display(description="code")
    def show_code(self, message: Message) -> str:
        return masked(message.code)

    @display(description="text")
    def show_text(self, message: Message) -> str:
        return masked(message.text)


class AttemptInline(UnnamedProviders, ReadOnlyInline):
    model = Attempt
    fields = readonly_fields = ["provider", "outcome", "reason", "our_ref", "started_at", "ended_at"]
    verbose_name_plural = "attempts"


class MessageInline(ShowsMessages, ReadOnlyInline):
    model = Message
    fields = readonly_fields = [
        "msg_id",
        "kind",
        "sender",
        "show_code",
        "show_text",
        "visible",
        "is_cut",
        "received_at",
    ]


@admin.register(Activation)
class ActivationAdmin(UnnamedProviders, ReadOnlyAdmin):
    """Orders, also those that nobody could fill (unsold)."""

    list_display = [
        "hex_id",
        "created_at",
        "customer",
        "service",
        "country",
        "phone",
        "show_status",
        "billing_status",
        "lease_state",
        "customer_price",
        "tenant",
    ]
    list_filter = [
        ("activation_status", ChoicesDropdownFilter),
        ("lease_state", ChoicesDropdownFilter),
        ("billing_status", ChoicesDropdownFilter),
        ("tenant", OwnRelated),
        ("created_at", Period),
    ]
    search_fields = ["=hex_id", "=ord_id", "=phone", "=customer__external_id"]
    search_help_text = "An id, a whole phone number or a customer id."
    ordering = ["-created_at", "-id"]
    list_select_related = ["tenant", "customer", "service", "country"]
    inlines = [AttemptInline, ExchangeInline, MessageInline]
    actions_detail = ["give_back"]
    fields = [
        ("hex_id", "ord_id"),
        ("num_id", "channel"),
        ("tenant", "customer"),
        ("service", "country"),
        ("phone", "operator"),
        ("show_status", "sms_status"),
        ("billing_status", "lease_state"),
        ("customer_price", "price"),
        ("due_customer_price", "due_price"),
        ("max_price", "billing_mode"),
        ("show_code", "refusal"),
        ("created_at", "expire_at"),
        ("received_at", "ended_at"),
        ("cancelable_after", "cancel_requested_at"),
        ("ready_at", "replaced_at"),
        ("upstream_ref", "upstream_state"),
    ]
    readonly_fields = [
        *(name for pair in fields for name in pair),
        "cost",
        "provider",
        "show_decision",
        "show_choice",
    ]
    customer_price = money("customer_price_micros", "customer pays")
    price = money("price_micros", "tenant pays")
    due_customer_price = money("due_customer_price_micros", "next message bills the customer")
    due_price = money("due_price_micros", "next message bills the tenant")
    max_price = money("max_price_micros", "ceiling")
    cost = money("cost_micros", "provider charges")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """What the platform pays, and to whom, is only the operator's business. How an order was routed is
        its tenant's too, where the routing policy says so.
        """
        if _is_operator(request):
            return [*self.fields, ("cost", "provider"), "show_decision"]
        return [*self.fields, "show_choice"] if obj and shows_decisions(obj.tenant_id) else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.readonly_fields

    @display(description="status", label=STATUS_COLORS)
    def show_status(self, activation: Activation) -> str:
        return activation.activation_status

    @display(description="code")
    def show_code(self, activation: Activation) -> str:
        return masked(activation.sms_code or activation.sms_text)

    @display(description="routing decision")
    def show_decision(self, activation: Activation) -> str:
        decision = decision_of(activation.routing)
        names = provider_names(decision.providers if decision else ())
        return decision_table(decision, names=names, shows_cost=True)

    @display(description="routing decision")
    def show_choice(self, activation: Activation) -> str:
        return decision_table(decision_of(activation.routing), names={}, shows_cost=False)

    def has_refund_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return self._may(request, MANAGERS)

    @dialog(
        "Refund",
        permission="refund",
        form=BaseDialogForm,
        text="Gives the customer and the tenant back what this order billed. It cannot be undone.",
    )
    def give_back(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        activation = self.get_queryset(request).get(pk=object_id)
        try:
            refund(tenant_id=activation.tenant_id, hex_id=activation.hex_id)
        except PortalError as error:
            messages.error(request, error.text)
        else:
            self.log_change(request, activation, "Refunded.")
            messages.success(request, "The money is back in both wallets.")
        return go_to(request, Activation, object_id)


def _is_operator(request: HttpRequest) -> bool:
    return role_of(request) == OPERATOR


@admin.register(Attempt)
class AttemptAdmin(UnnamedProviders, ReadOnlyAdmin):
    """Every order call to a provider and what became of it."""

    list_display = ["activation", "tenant", "provider", "show_outcome", "reason", "started_at", "ended_at"]
    list_filter = [("outcome", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=activation__hex_id", "=our_ref"]
    search_help_text = "An order's id, or our reference at the provider."
    ordering = ["-id"]
    list_select_related = ["activation", "tenant", "provider"]
    fields = readonly_fields = [
        "activation",
        "tenant",
        "provider",
        "outcome",
        "reason",
        "our_ref",
        "upstream_ref",
        "empty_lists",
        "started_at",
        "ended_at",
    ]

    @display(description="outcome", label=OUTCOME_COLORS)
    def show_outcome(self, attempt: Attempt) -> str:
        return attempt.outcome or "sent"


@admin.register(Message)
class MessageAdmin(ShowsMessages, ReadOnlyAdmin):
    """Messages that came, late ones too; what they say stays hidden."""

    list_display = ["msg_id", "activation", "tenant", "kind", "show_code", "visible", "is_cut", "received_at"]
    list_filter = ["visible", "is_cut", ("tenant", OwnRelated), ("received_at", Period)]
    search_fields = ["=msg_id", "=activation__hex_id"]
    search_help_text = "A message's or an order's id."
    ordering = ["-id"]
    list_select_related = ["activation", "tenant"]
    fields = readonly_fields = ["msg_id", "activation", "tenant", "kind", "sender", "show_code", "show_text",
                                "visible", "is_cut", "received_at", "erased_at"]  # fmt: skip


@admin.register(Check)
class CheckAdmin(ChecksAgain, UnnamedProviders, ReadOnlyAdmin):
    """What is due, and what was parked with its reason."""

    list_display = ["activation", "tenant", "provider", "kind", "due_at", "tries", "parked_reason"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("parked_reason", admin.EmptyFieldListFilter),
        ("tenant", OwnRelated),
    ]
    search_fields = ["=activation__hex_id"]
    search_help_text = AN_ORDER
    ordering = ["due_at"]
    list_select_related = ["activation", "tenant", "provider"]
    fields = readonly_fields = list_display


@admin.register(ListCheck)
class ListCheckAdmin(ReadOnlyAdmin):
    """When a provider is asked for the list of all its open numbers."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "due_at", "compared_at", "tries"]
    search_fields = ["provider__display_name", "=provider__public_no"]
    ordering = ["due_at"]
    list_select_related = ["provider"]


@admin.register(RefundCheck)
class RefundCheckAdmin(ReadOnlyAdmin):
    """Whether expired numbers were paid back, where that is not promised; what was not is money at risk."""

    tenant_path = "provider__tenant"
    visible_to = MANAGERS
    list_display = ["provider", "due_at", "read_at", "balance_micros"]
    search_fields = ["provider__display_name", "=provider__public_no"]
    ordering = ["due_at"]
    list_select_related = ["provider"]


@admin.register(RequestKey)
class RequestKeyAdmin(ReadOnlyAdmin):
    """Requests that may be repeated safely; the keys themselves belong to their senders."""

    visible_to = MANAGERS
    list_display = ["id", "tenant", "customer", "activation", "created_at"]
    list_filter = [("tenant", OwnRelated)]
    search_fields = ["=activation__hex_id", "=customer__external_id"]
    search_help_text = "An order's or a customer's id."
    ordering = ["-id"]
    list_select_related = ["tenant", "customer", "activation"]
    exclude = ["key", "digest"]


@admin.register(PriceToken)
class PriceTokenAdmin(ReadOnlyAdmin):
    """Offers to go on at a higher price. The token is a credential, so no page has it in its address."""

    visible_to = MANAGERS
    list_display = ["customer", "tenant", "service", "country", "suggested", "expires_at", "used_at"]
    list_display_links = None
    list_filter = [("tenant", OwnRelated)]
    search_fields = ["=customer__external_id", "=service__id"]
    search_help_text = "A customer's or a service's id."
    ordering = ["-expires_at"]
    list_select_related = ["tenant", "customer", "service", "country"]
    exclude = ["token"]
    suggested = money("suggested_micros")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> None:
        return None


__all__ = [
    "ActivationAdmin",
    "EndingAdmin",
    "ExchangeAdmin",
    "HistoryCountAdmin",
    "MoneyAtRiskAdmin",
    "RentalAdmin",
    "ReportAdmin",
]

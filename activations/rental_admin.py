"""Admin of rentals: to look at everything that happened to one, codes and texts masked."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from activations.models import Rental, RentalAttempt, RentalDue, RentalMessage, RentalTerm
from activations.stuck_admin import ChecksAgain
from portal.admin import OPERATOR, OwnRelated, Period, ReadOnlyAdmin, ReadOnlyInline, masked, money, role_of
from providers.admin import UnnamedProviders

STATUS_COLORS = {"active": "info", "finished": "success", "expired": "success", "canceled": "warning"}
OUTCOME_COLORS = {"leased": "success", "refused": "warning", "unknown": "danger", "unreachable": "warning"}
A_RENTAL = "A rental's id."


class ShowsRentalMessages:
    """Columns of a message; what it says stays hidden."""

    @display(description="code")
    def show_code(self, message: RentalMessage) -> str:
        return masked(message.code)

    @display(description="text")
    def show_text(self, message: RentalMessage) -> str:
        return masked(message.text)


class TermInline(ReadOnlyInline):
    model = RentalTerm
    fields = readonly_fields = ["number", "state", "is_renewal", "hours", "customer_price", "customer_refund",
                                "extends_from", "created_at", "settled_at"]  # fmt: skip
    customer_price = money("customer_price_micros", "customer pays")
    customer_refund = money("customer_refund_micros", "paid back")


class RentalMessageInline(ShowsRentalMessages, ReadOnlyInline):
    model = RentalMessage
    fields = readonly_fields = ["msg_id", "kind", "sender", "show_code", "show_text", "visible", "is_cut",
                                "received_at"]  # fmt: skip


class RentalDueInline(UnnamedProviders, ReadOnlyInline):
    model = RentalDue
    fields = readonly_fields = ["kind", "due_at", "tries", "parked_reason"]


@admin.register(Rental)
class RentalAdmin(UnnamedProviders, ReadOnlyAdmin):
    """Rented numbers, also those that nobody could fill (unsold)."""

    list_display = ["rnt_id", "created_at", "customer", "service", "country", "phone", "show_status",
                    "billing_status", "ends_at", "messages_count", "customer_price", "tenant"]  # fmt: skip
    list_filter = [
        ("rental_status", ChoicesDropdownFilter),
        ("lease_state", ChoicesDropdownFilter),
        ("billing_status", ChoicesDropdownFilter),
        "auto_renew",
        ("tenant", OwnRelated),
        ("created_at", Period),
    ]
    search_fields = ["=rnt_id", "=phone", "=customer__external_id"]
    search_help_text = "An id, a whole phone number or a customer id."
    ordering = ["-created_at", "-id"]
    list_select_related = ["tenant", "customer", "service", "country"]
    inlines = [TermInline, RentalMessageInline, RentalDueInline]
    fields = [
        ("rnt_id", "num_id"),
        ("tenant", "customer"),
        ("service", "country"),
        ("phone", "channel"),
        ("show_status", "billing_status"),
        ("lease_state", "refusal"),
        ("hours", "messages_count"),
        ("customer_price", "price"),
        ("customer_refund", "refund"),
        ("starts_at", "ends_at"),
        ("guard_until", "ended_at"),
        ("auto_renew", "renew_hours"),
        ("renew_cap", "renew_refusal"),
        ("cancel_requested_at", "extending"),
        ("upstream_ref", "upstream_state"),
    ]
    readonly_fields = [name for pair in fields for name in pair] + ["cost", "provider", "show_decision"]
    customer_price = money("customer_price_micros", "customer pays")
    price = money("price_micros", "tenant pays")
    customer_refund = money("customer_refund_micros", "customer got back")
    refund = money("refund_micros", "tenant got back")
    renew_cap = money("renew_max_price_micros", "renewal costs at most")
    cost = money("cost_micros", "provider charges")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        """What the platform pays, and to whom, is only the operator's business."""
        if role_of(request) == OPERATOR:
            return [*self.fields, ("cost", "provider"), "show_decision"]
        return self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return self.readonly_fields

    @display(description="status", label=STATUS_COLORS)
    def show_status(self, rental: Rental) -> str:
        return rental.rental_status

    @display(description="routing decision")
    def show_decision(self, rental: Rental) -> str:
        return format_html("<pre>{}</pre>", json.dumps(rental.routing, indent=2, sort_keys=True))


@admin.register(RentalTerm)
class RentalTermAdmin(ReadOnlyAdmin):
    """What was paid for rentals: the rent itself and each extension."""

    list_display = ["rental", "number", "tenant", "state", "is_renewal", "hours", "customer_price", "price",
                    "customer_refund", "created_at"]  # fmt: skip
    list_filter = [("state", ChoicesDropdownFilter), "is_renewal", ("tenant", OwnRelated)]
    search_fields = ["=rental__rnt_id"]
    search_help_text = A_RENTAL
    ordering = ["-created_at", "-id"]
    list_select_related = ["rental", "tenant"]
    fields = readonly_fields = [*list_display, "refund", "extends_from", "settled_at"]
    customer_price = money("customer_price_micros", "customer pays")
    price = money("price_micros", "tenant pays")
    customer_refund = money("customer_refund_micros", "customer got back")
    refund = money("refund_micros", "tenant got back")


@admin.register(RentalAttempt)
class RentalAttemptAdmin(UnnamedProviders, ReadOnlyAdmin):
    """Every call that rented or extended, and what became of it."""

    list_display = ["rental", "tenant", "provider", "show_outcome", "reason", "started_at", "ended_at"]
    list_filter = [("outcome", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=rental__rnt_id", "=our_ref"]
    search_help_text = "A rental's id, or our reference at the provider."
    ordering = ["-id"]
    list_select_related = ["rental", "tenant", "provider"]
    fields = readonly_fields = ["rental", "tenant", "provider", "outcome", "reason", "our_ref",
                                "upstream_ref", "empty_lists", "started_at", "ended_at"]  # fmt: skip

    @display(description="outcome", label=OUTCOME_COLORS)
    def show_outcome(self, attempt: RentalAttempt) -> str:
        return attempt.outcome or "sent"


@admin.register(RentalMessage)
class RentalMessageAdmin(ShowsRentalMessages, ReadOnlyAdmin):
    """Messages of rentals, late ones too; what they say stays hidden."""

    list_display = ["msg_id", "rental", "tenant", "kind", "show_code", "visible", "is_cut", "received_at"]
    list_filter = ["visible", "is_cut", ("tenant", OwnRelated), ("received_at", Period)]
    search_fields = ["=msg_id", "=rental__rnt_id"]
    search_help_text = "A message's or a rental's id."
    ordering = ["-id"]
    list_select_related = ["rental", "tenant"]
    fields = readonly_fields = ["msg_id", "rental", "tenant", "kind", "sender", "show_code", "show_text",
                                "visible", "is_cut", "received_at", "erased_at"]  # fmt: skip


@admin.register(RentalDue)
class RentalDueAdmin(ChecksAgain, UnnamedProviders, ReadOnlyAdmin):
    """What is due for rentals, and what was parked with its reason."""

    list_display = ["rental", "tenant", "provider", "kind", "due_at", "tries", "parked_reason"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("parked_reason", admin.EmptyFieldListFilter),
        ("tenant", OwnRelated),
    ]
    search_fields = ["=rental__rnt_id"]
    search_help_text = A_RENTAL
    ordering = ["due_at"]
    list_select_related = ["rental", "tenant", "provider"]
    fields = readonly_fields = list_display

"""Admin of exchanged numbers: what each order gave up, whom it asked instead and why."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display

from activations.decision_admin import decision_table
from activations.decisions import decision_of
from activations.models import Exchange
from portal.admin import OPERATOR, OwnRelated, ReadOnlyAdmin, ReadOnlyInline, money, role_of
from providers.admin import UnnamedProviders
from providers.queries import provider_names, shows_decisions

STATE_COLORS = {"buying": "warning", "returning": "warning", "returned": "success", "kept": "danger"}


class ShowsExchange(UnnamedProviders):
    """Columns of an exchange. What its number costs, and how it was chosen, is the operator's business; the
    choice is its tenant's too, where his routing policy says so.
    """

    cost = money("cost_micros", "provider charges")

    @display(description="state", label=STATE_COLORS)
    def show_state(self, exchange: Exchange) -> str:
        return exchange.state

    @display(description="routing decision")
    def show_decision(self, exchange: Exchange) -> str:
        decision = decision_of(exchange.routing)
        names = provider_names(decision.providers if decision else ())
        return decision_table(decision, names=names, shows_cost=True)

    @display(description="routing decision")
    def show_choice(self, exchange: Exchange) -> str:
        if not shows_decisions(exchange.tenant_id):
            return "–"
        return decision_table(decision_of(exchange.routing), names={}, shows_cost=False)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [_for(request, name) for name in super().get_fields(request, obj) if _is_shown(request, name)]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [*super().get_readonly_fields(request, obj), "show_choice"]


def _is_shown(request: HttpRequest, name: str) -> bool:
    return name != "cost" or role_of(request) == OPERATOR


def _for(request: HttpRequest, name: str) -> str:
    return "show_choice" if name == "show_decision" and role_of(request) != OPERATOR else name


class ExchangeInline(ShowsExchange, ReadOnlyInline):
    model = Exchange
    fields = readonly_fields = ["started_at", "show_state", "reason", "provider", "phone", "cost",
                                "swapped_at", "due_at", "ended_at", "show_decision"]  # fmt: skip
    verbose_name_plural = "exchanged numbers"


@admin.register(Exchange)
class ExchangeAdmin(ShowsExchange, ReadOnlyAdmin):
    """Silent numbers that were exchanged. A row shows the number that its order does not: until the swap the
    one that was bought, after it the former one, until it was given back.
    """

    list_display = ["activation", "tenant", "provider", "show_state", "reason", "started_at", "swapped_at",
                    "due_at", "ended_at"]  # fmt: skip
    list_filter = [("state", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=activation__hex_id", "=our_ref", "=phone"]
    search_help_text = "An order's id, a whole phone number, or our reference at the provider."
    ordering = ["-id"]
    list_select_related = ["activation", "tenant", "provider"]
    fields = readonly_fields = [
        "activation",
        "tenant",
        "provider",
        "show_state",
        "reason",
        "phone",
        "cost",
        "our_ref",
        "upstream_ref",
        "started_at",
        "swapped_at",
        "due_at",
        "ended_at",
        "show_decision",
    ]

"""Admin of ends that providers must be told: what was told, what waits, what was given up."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from activations.models import Ending
from activations.services.endings import tell_again
from portal.admin import MANAGERS, OwnRelated, ReadOnlyAdmin
from providers.admin import UnnamedProviders


@admin.register(Ending)
class EndingAdmin(UnnamedProviders, ReadOnlyAdmin):
    """A row per lease of a provider that learns of its end from us. No time: it runs, or all is told."""

    visible_to = MANAGERS
    list_display = [
        "upstream_ref", "activation", "rental", "tenant", "provider", "told", "due_at", "tries",
        "parked_reason",
    ]  # fmt: skip
    list_filter = [
        ("told", ChoicesDropdownFilter),
        ("parked_reason", admin.EmptyFieldListFilter),
        ("tenant", OwnRelated),
    ]
    search_fields = ["=upstream_ref", "=activation__hex_id", "=rental__rnt_id"]
    search_help_text = "The id of an order or rental, or the provider's of its lease."
    ordering = ["-id"]
    list_select_related = ["activation", "rental", "tenant", "provider"]
    fields = readonly_fields = [*list_display, "native_amount", "native_currency", "fx_rate"]
    actions = ["tell_now"]

    def has_tell_permission(self, request: HttpRequest) -> bool:
        return self._may(request, MANAGERS)

    @admin.action(description="Tell the provider again", permissions=["tell"])
    def tell_now(self, request: HttpRequest, endings: QuerySet[Ending]) -> None:
        count = tell_again(ending_ids=list(endings.values_list("pk", flat=True)), now=timezone.now())
        messages.success(request, f"Ends that are told within seconds: {count}.")

"""Admin of the outbox, its deliveries and the inbox: to look, never to edit. Owners change their endpoints on
pages of their own; operators can switch one off. Bodies hold codes; only their size is shown.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.db.models.functions import Length
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import display
from unfold.forms import BaseDialogForm

from portal.admin import MANAGERS, OPERATOR, OwnRelated, Period, ReadOnlyAdmin, role_of
from portal.dialogs import dialog, go_to
from webhooks.models import Delivery, DeliveryAttempt, Endpoint, Event, InboxMessage
from webhooks.services.endpoints import switch_off, switch_on

STATE_COLORS = {"pending": "info", "delivered": "success", "parked": "danger"}


@admin.register(Event)
class EventAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "tenant", "customer", "order_id", "created_at", "dispatched_at"]
    list_filter = ["type", ("tenant", OwnRelated), ("created_at", Period)]
    search_fields = ["=type", "=order_id", "=customer__external_id"]
    search_help_text = "A type, an order's UUID or a customer id."
    ordering = ["-id"]
    list_select_related = ["tenant", "customer"]


@admin.register(Endpoint)
class EndpointAdmin(ReadOnlyAdmin):
    list_display = ["public_id", "url", "tenant", "customer", "is_enabled", "failing_since", "created_at"]
    list_filter = ["is_enabled", ("off_reason", ChoicesDropdownFilter), ("tenant", OwnRelated)]
    search_fields = ["=public_id", "url", "=customer__external_id"]
    search_help_text = "An endpoint's id, a part of its address or a customer id."
    ordering = ["-id"]
    list_select_related = ["tenant", "customer"]
    fields = ["public_id", "tenant", "customer", "url", "event_types", "is_enabled", "off_reason", "off_at",
              "failing_since", "paused_until", "previous_until", "created_at"]  # fmt: skip
    readonly_fields = fields
    actions_detail = ["turn_off", "turn_on"]

    def has_switch_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        return role_of(request) == OPERATOR

    @dialog(
        "Switch off",
        permission="switch",
        form=BaseDialogForm,
        text="Nothing is delivered to it any more, and what waits is parked."
        " Its owner hears of it by mail and cannot switch it on.",
    )
    def turn_off(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        endpoint = self.get_queryset(request).get(pk=object_id)
        switch_off(endpoint_id=endpoint.pk, reason=Endpoint.Off.OPERATOR, now=timezone.now())
        return self._switched(request, endpoint, "Switched off.")

    @dialog("Switch on", permission="switch", form=BaseDialogForm, text="Events are delivered to it again.")
    def turn_on(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        endpoint = self.get_queryset(request).get(pk=object_id)
        switch_on(endpoint=endpoint, is_operator=True)
        return self._switched(request, endpoint, "Switched on.")

    def _switched(self, request: HttpRequest, endpoint: Endpoint, word: str) -> HttpResponse:
        self.log_change(request, endpoint, word)
        messages.success(request, word)
        return go_to(request, Endpoint, endpoint.pk)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ["id", "type", "endpoint", "show_state", "tries", "deliver_at", "last_status", "tenant"]
    list_filter = [("state", ChoicesDropdownFilter), ("tenant", OwnRelated), ("created_at", Period)]
    search_fields = ["=event__public_id", "=endpoint__public_id", "=type"]
    search_help_text = "An event's or an endpoint's id, or a type."
    ordering = ["-id"]
    list_select_related = ["tenant", "endpoint"]

    @display(description="state", label=STATE_COLORS)
    def show_state(self, delivery: Delivery) -> str:
        return delivery.state


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    list_display = ["id", "delivery", "sent_at", "status", "error", "milliseconds", "tenant"]
    list_filter = [("tenant", OwnRelated), ("sent_at", Period)]
    search_fields = ["=delivery__event__public_id", "=delivery__endpoint__public_id"]
    search_help_text = "An event's or an endpoint's id."
    ordering = ["-id"]
    list_select_related = ["tenant", "delivery"]


@admin.register(InboxMessage)
class InboxMessageAdmin(ReadOnlyAdmin):
    visible_to = MANAGERS
    list_display = ["id", "provider_id", "tenant", "size", "received_at", "processed_at", "outcome"]
    list_filter = [("tenant", OwnRelated), ("received_at", Period)]
    search_fields = ["=provider_id", "=outcome"]
    search_help_text = "A provider's number or an outcome."
    ordering = ["-id"]
    list_select_related = ["tenant"]
    fields = readonly_fields = [
        "id",
        "provider_id",
        "tenant",
        "size",
        "received_at",
        "processed_at",
        "outcome",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return rows.defer("body", "headers").annotate(bytes=Length("body"))  # type: ignore[no-any-return]

    @display(description="size")
    def size(self, message: Any) -> str:
        return f"{message.bytes:,} bytes"

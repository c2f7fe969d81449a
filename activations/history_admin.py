"""Admin of the stored counts that totals of the history are added up from."""

from __future__ import annotations

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateFilter

from activations.models import HistoryCount, HistoryMark
from portal.admin import MANAGERS, OwnRelated, ReadOnlyAdmin


@admin.register(HistoryMark)
class HistoryMarkAdmin(ReadOnlyAdmin):
    """Until when each reseller's orders are counted."""

    visible_to = MANAGERS
    list_display = ["tenant", "counted_until"]
    search_fields = ["=tenant__slug"]
    search_help_text = "A reseller's short name."
    ordering = ["tenant"]
    list_select_related = ["tenant"]


@admin.register(HistoryCount)
class HistoryCountAdmin(ReadOnlyAdmin):
    """Orders of a day by state, of a customer or (customer empty) of the whole reseller."""

    visible_to = MANAGERS
    list_display = ["day", "tenant", "customer", "sms_status", "activation_status", "billing_status", "count"]
    list_filter = [("day", RangeDateFilter), ("tenant", OwnRelated)]
    search_fields = ["=customer__external_id"]
    search_help_text = "A customer's id."
    ordering = ["-id"]
    list_select_related = ["tenant", "customer"]

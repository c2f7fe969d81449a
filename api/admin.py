"""Admin of the lists that callers fetch whole (when they were written, not what stands in them), of how each
reseller's dialects sound, and of what customers' programs asked for.
"""

from __future__ import annotations

from django.contrib import admin

from api import marketplace_admin
from api.models import DialectSettings, Publication, PublishedList, RequestLine
from portal.admin import MANAGERS, OWNERS, SUPPORT, OwnRelated, Period, ReadOnlyAdmin, ScopedAdmin


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    """When a reseller's lists are written next."""

    visible_to = MANAGERS
    list_display = ["topic", "tenant", "due_at", "built_at"]
    list_filter = [("tenant", OwnRelated)]
    search_fields = ["=topic", "=tenant__slug"]
    search_help_text = "A topic or a reseller's short name."
    ordering = ["-id"]
    list_select_related = ["tenant"]


@admin.register(PublishedList)
class PublishedListAdmin(ReadOnlyAdmin):
    """Which lists stand ready; the packed bodies are large and shown by the API."""

    visible_to = MANAGERS
    list_display = ["name", "tenant", "etag"]
    list_filter = [("tenant", OwnRelated)]
    search_fields = ["=name", "=etag", "=tenant__slug"]
    search_help_text = "A list's name, its ETag or a reseller's short name."
    ordering = ["-id"]
    list_select_related = ["tenant"]
    fields = ["name", "tenant", "etag"]


@admin.register(DialectSettings)
class DialectSettingsAdmin(ScopedAdmin):
    """One row per reseller who wants something else than the defaults."""

    visible_to = MANAGERS
    changeable_by = addable_by = deletable_by = OWNERS
    list_display = ["tenant", "handler_style", "rentverify_cancel_fee_micros", "ping_extensions"]
    list_filter = ["handler_style"]
    search_fields = ["=tenant__slug"]
    search_help_text = "A reseller's short name."
    ordering = ["tenant"]
    list_select_related = ["tenant"]


@admin.register(RequestLine)
class RequestLineAdmin(ReadOnlyAdmin):
    """What customers' programs asked for within the last day: help for those who ask for help."""

    visible_to = SUPPORT
    list_display = ["last_at", "customer", "dialect", "route", "outcome", "status", "count", "order_ref"]
    list_filter = ["dialect", ("tenant", OwnRelated), ("minute", Period)]
    search_fields = ["=customer__external_id", "=order_ref", "=request_id", "=outcome"]
    search_help_text = "A customer id, an order's or a request's id, or a refusal's code."
    ordering = ["-minute", "-id"]
    list_select_related = ["customer", "tenant"]


__all__ = ["marketplace_admin"]

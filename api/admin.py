"""Admin of the lists that callers fetch whole: when they were written, not what stands in them."""

from __future__ import annotations

from django.contrib import admin

from api.models import Publication, PublishedList
from portal.admin import MANAGERS, OwnRelated, ReadOnlyAdmin


@admin.register(Publication)
class PublicationAdmin(ReadOnlyAdmin):
    """When a reseller's lists are written next; without a reseller: those of everybody."""

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

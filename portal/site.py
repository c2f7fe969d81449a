"""The admin site: only scoped tables, no page without a role, and no login of its own."""

from __future__ import annotations

from typing import Any

from django.core.paginator import InvalidPage
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver
from unfold.sites import UnfoldAdminSite

from portal.admin import ScopedAdmin, role_of

# Django's redirect to objects' pages on the site knows no tenants and has nowhere to lead.
LEFT_OUT = {"view_on_site"}


class PortalAdminSite(UnfoldAdminSite):
    """Unfold's site, closed to whoever has no role here."""

    index_title = "Overview"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Libraries bring admin pages of their own (groups, e-mail addresses, second factors) that know no
        tenant; they are left out.
        """
        if admin_class is not None and issubclass(admin_class, ScopedAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def get_urls(self) -> list[Any]:
        pages: list[URLPattern | URLResolver] = super().get_urls()
        return [page for page in pages if getattr(page, "name", None) not in LEFT_OUT]

    def has_permission(self, request: HttpRequest) -> bool:
        return bool(role_of(request))

    def search(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """Unfold's search over the names of tables (never over rows), which trusts its page number (B3)."""
        try:
            return super().search(request, extra_context)
        except (ValueError, InvalidPage) as error:
            raise Http404("page") from error

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Passwords are changed where everybody changes theirs."""
        return redirect("account_change_password")

    def password_change_done(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return redirect("account_change_password")

"""The admin's menu, by subject. A table that a person may not see has no entry."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

from portal.admin import MANAGERS, role_of

# Subject → (table, icon) in the order in which they are needed.
SUBJECTS: dict[str, list[tuple[str, str]]] = {
    "Orders": [
        ("activations.Activation", "sms"),
        ("activations.Report", "flag"),
        ("activations.Message", "mark_email_unread"),
        ("activations.Attempt", "call_made"),
        ("activations.Exchange", "swap_horiz"),
        ("activations.Check", "schedule"),
        ("activations.MoneyAtRisk", "warning"),
    ],
    "Rentals": [
        ("activations.Rental", "key_vertical"),
        ("activations.RentalMessage", "mark_email_unread"),
        ("activations.RentalTerm", "receipt"),
        ("activations.RentalAttempt", "call_made"),
        ("activations.RentalDue", "schedule"),
    ],
    "Marketplaces": [
        ("activations.Contract", "handshake"),
        ("activations.Sale", "storefront"),
        ("activations.Push", "forward_to_inbox"),
        ("activations.NumberRecord", "phone_disabled"),
    ],
    "People": [
        ("accounts.Customer", "group"),
        ("accounts.ApiKey", "key"),
        ("accounts.Member", "badge"),
        ("accounts.User", "login"),
    ],
    "Money": [
        ("billing.Wallet", "account_balance_wallet"),
        ("billing.Transaction", "receipt_long"),
        ("billing.Entry", "list_alt"),
        ("billing.Hold", "lock_clock"),
        ("billing.PriceRule", "sell"),
    ],
    "Supply": [
        ("providers.Provider", "cell_tower"),
        ("providers.ProviderHealth", "monitor_heart"),
        ("providers.RoutingPolicy", "alt_route"),
        ("providers.RouteQuality", "speed"),
        ("providers.Offer", "inventory_2"),
        ("providers.Service", "apps"),
        ("providers.Country", "public"),
        ("providers.Listing", "visibility_off"),
        ("providers.CodeMap", "translate"),
        ("providers.UnmappedCode", "help"),
    ],
    "Reseller": [
        ("accounts.Tenant", "storefront"),
        ("accounts.Domain", "dns"),
    ],
    "Machinery": [
        ("webhooks.Event", "campaign"),
        ("webhooks.Endpoint", "webhook"),
        ("webhooks.Delivery", "send"),
        ("webhooks.DeliveryAttempt", "call_made"),
        ("webhooks.InboxMessage", "inbox"),
        ("activations.ContractPrice", "sell"),
        ("activations.ContractCode", "translate"),
        ("api.RequestLine", "receipt_long"),
        ("activations.ListCheck", "checklist"),
        ("activations.RefundCheck", "currency_exchange"),
        ("activations.Ending", "assignment_turned_in"),
        ("activations.RequestKey", "repeat"),
        ("activations.PriceToken", "confirmation_number"),
        ("activations.HistoryCount", "calculate"),
        ("activations.HistoryMark", "bookmark"),
        ("providers.CatalogueSync", "sync"),
        ("providers.OfferDay", "show_chart"),
        ("providers.ProviderAlert", "notifications"),
        ("providers.CatalogueChange", "change_circle"),
        ("providers.RoutingRule", "rule"),
        ("providers.ProviderSpend", "payments"),
        ("providers.RouteOutcome", "bar_chart"),
        ("providers.RouteSheet", "table_view"),
        ("providers.RouteMark", "bookmark"),
        ("accounts.Installation", "fingerprint"),
        ("api.DialectSettings", "tune"),
        ("api.Publication", "event_repeat"),
        ("api.PublishedList", "description"),
    ],
}
FOLDED = {"Machinery"}
NAMES = {"accounts.ApiKey": "API keys", "accounts.User": "Logins", "billing.Entry": "Entries"}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Unfold's SIDEBAR.navigation."""
    overview = {"title": "Overview", "icon": "dashboard", "link": reverse("admin:index")}
    groups: list[dict[str, Any]] = [{"items": [overview]}]
    for subject, tables in SUBJECTS.items():
        items = [item for table, icon in tables if (item := _item(request, table, icon))]
        if items:
            groups.append(
                {"title": subject, "items": items, "collapsible": subject in FOLDED, "separator": True}
            )
    return groups


def _item(request: HttpRequest, table: str, icon: str) -> dict[str, Any] | None:
    model = apps.get_model(table)
    if not admin.site.get_model_admin(model).has_view_permission(request):
        return None
    link = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    title = NAMES.get(table) or str(model._meta.verbose_name_plural).capitalize()
    return {"title": title, "icon": icon, "link": link}


def site_header(request: HttpRequest) -> str:
    """A member works for his reseller and should see whose rows these are; an operator sees all."""
    user: Any = request.user
    if user.is_authenticated and user.tenant_id is not None:
        return str(request.tenant.name)  # type: ignore[attr-defined]
    return "Portal"


def site_subheader(request: HttpRequest) -> str:
    user: Any = request.user
    if not user.is_authenticated:
        return ""
    return (
        "All resellers" if user.tenant_id is None else str(getattr(user, "member", None) and user.member.role)
    )


def account_links(request: HttpRequest) -> list[dict[str, str]]:
    """The menu under the person's letter."""
    links = [
        {"title": "Change password", "link": reverse("account_change_password")},
        {"title": "Second factor", "link": reverse("mfa_index")},
        {"title": "Send a test SMS", "link": reverse("activations:sandbox")},
    ]
    if getattr(request.user, "member", None):
        links.append({"title": "Webhooks", "link": reverse("webhooks:index")})
    if role_of(request) in MANAGERS:
        links.append({"title": "Own provider accounts", "link": reverse("providers:index")})
    return links

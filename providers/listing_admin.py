"""Admin of what each reseller lists: columns, filters and actions beside services and countries, and the
lines themselves, where things are renamed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin import SimpleListFilter
from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, Value
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from unfold.contrib.filters.admin import DropdownFilter
from unfold.decorators import display

from accounts.models import Tenant
from portal.admin import MANAGERS, OPERATOR, OwnRelated, ScopedAdmin, role_of, visible
from providers.models import Listing
from providers.services.listing import switch_off, switch_on

SHOP = "shop"
STATE_COLORS = {"sold": "success", "switched off": "danger"}
CHOOSE = "Choose a reseller with the filter first: what is switched off is switched off for him."


def shops_of(site: Any, request: HttpRequest) -> QuerySet[Tenant]:
    """The resellers whose catalogue the person may see; twins have none of their own."""
    return visible(site, request, Tenant).filter(live_tenant=None)


def shop_of(site: Any, request: HttpRequest) -> Tenant | None:
    """Whose shop a list of services or countries is about: a member's own, for operators the one chosen.
    One query per request.
    """
    if not hasattr(request, "_shop"):
        shops = shops_of(site, request)
        if role_of(request) == OPERATOR:
            chosen = request.GET.get(SHOP, "")
            is_number = chosen.isdecimal() and len(chosen) < 19
            shops = shops.filter(pk=int(chosen)) if is_number else shops.none()
        request._shop = shops.first()  # type: ignore[attr-defined]
    return request._shop  # type: ignore[attr-defined, no-any-return]


class ShopFilter(DropdownFilter):
    """Chooses the reseller that the columns and actions are about; it hides no row."""

    title = "reseller"
    parameter_name = SHOP

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        shops = shops_of(model_admin.admin_site, request).order_by("name")
        return [(str(pk), name) for pk, name in shops.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset


class ShopStateFilter(SimpleListFilter):
    """What the reseller did with it."""

    title = "in the shop"
    parameter_name = "listed"
    states: dict[str, Callable[[QuerySet[Any]], QuerySet[Any]]] = {
        "sold": lambda rows: rows.exclude(shop_is_off=True),
        "off": lambda rows: rows.filter(shop_is_off=True),
        "renamed": lambda rows: rows.exclude(shop_name=None).exclude(shop_name=""),
    }

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("sold", "sold"), ("off", "switched off"), ("renamed", "renamed")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        narrow = self.states.get(self.value() or "")
        return narrow(queryset) if narrow else queryset


class InShop:
    """For the pages of services and countries: what a reseller does with them. `kind`: the column."""

    kind: str
    shop_columns = ("shop_state", "own_name")
    actions = ("list_again", "list_no_more")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        shop = shop_of(self.admin_site, request)  # type: ignore[attr-defined]
        lines = Listing.objects.filter(tenant=shop, **{self.kind: OuterRef("pk")})
        return rows.annotate(  # type: ignore[no-any-return]
            shop_is_off=Subquery(lines.values("is_off")[:1]),
            shop_name=Subquery(lines.values("name")[:1]),
            shop_line=Subquery(lines.values("pk")[:1]),
            shop_id=Value(shop.pk if shop else None, IntegerField()),
        )

    def get_list_display(self, request: HttpRequest) -> list[str]:
        columns = list(super().get_list_display(request))  # type: ignore[misc]
        shop = shop_of(self.admin_site, request)  # type: ignore[attr-defined]
        return [*columns, *self.shop_columns] if shop else columns

    def get_list_filter(self, request: HttpRequest) -> list[Any]:
        shop = [ShopFilter] if role_of(request) == OPERATOR else []
        return [*shop, ShopStateFilter, *super().get_list_filter(request)]  # type: ignore[misc]

    def has_listing_permission(self, request: HttpRequest) -> bool:
        return self._may(request, MANAGERS)  # type: ignore[attr-defined, no-any-return]

    @display(description="in the shop", label=STATE_COLORS)
    def shop_state(self, row: Any) -> str:
        return "switched off" if row.shop_is_off else "sold"

    @display(description="own name")
    def own_name(self, row: Any) -> str:
        if row.shop_line:
            place = reverse("admin:providers_listing_change", args=[row.shop_line])
        else:
            asked = urlencode({self.kind: row.pk, "tenant": row.shop_id})
            place = f"{reverse('admin:providers_listing_add')}?{asked}"
        return format_html('<a href="{}">{}</a>', place, row.shop_name or "rename")

    @admin.action(description="Sell again", permissions=["listing"])
    def list_again(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._switch(request, rows, switch_on, "Sold again: {}.")

    @admin.action(description="Switch off: neither list nor sell", permissions=["listing"])
    def list_no_more(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        self._switch(request, rows, switch_off, "Switched off: {}. Numbers that are open go on.")

    def _switch(
        self, request: HttpRequest, rows: QuerySet[Any], write: Callable[..., int], sentence: str
    ) -> None:
        shop = shop_of(self.admin_site, request)  # type: ignore[attr-defined]
        if shop is None:
            messages.error(request, CHOOSE)
            return
        count = write(tenant=shop, kind=self.kind, ids=list(rows.values_list("pk", flat=True)))
        messages.success(request, f"{shop.name}: {sentence.format(count)}")


@admin.register(Listing)
class ListingAdmin(ScopedAdmin):
    """What resellers switched off or call otherwise. Services and countries without a line are sold as they
    are.
    """

    deletable_by = MANAGERS
    list_display = ["thing", "kind", "tenant", "is_off", "name"]
    list_display_links = ["thing"]
    list_editable = ["is_off", "name"]
    list_filter = ["is_off", ("tenant", OwnRelated)]
    search_fields = ["service__id", "service__name", "country__id", "country__name", "name", "=tenant__slug"]
    search_help_text = "A service or country, shared or own name; a reseller's short name."
    ordering = ["tenant", "service__name", "country__name"]
    list_select_related = ["tenant", "service", "country"]
    fields = ["tenant", "service", "country", "is_off", "name"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("tenant", "service", "country") if obj else ()

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        found = super().formfield_for_foreignkey(field, request, **kwargs)
        if field.name == "tenant" and found is not None:
            found.queryset = shops_of(self.admin_site, request)
        return found

    @display(description="service or country", ordering="service__name")
    def thing(self, line: Listing) -> str:
        return str(line)

    @display(description="kind")
    def kind(self, line: Listing) -> str:
        return "service" if line.service_id else "country"

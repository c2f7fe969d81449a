"""What all admin pages share: whose rows a person sees, what their role lets them do, and paging over large
tables.

A platform operator (superuser, no tenant) sees everything; a member sees the rows of their tenant and its
test twin. Another tenant's row does not exist: it answers 404 like an id that nobody has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.paginator import InfinitePaginator
from unfold.utils import parse_datetime_str

from accounts.models import Tenant
from portal.amount_fields import amount_field

OPERATOR = "operator"
OPERATORS = frozenset({OPERATOR})
OWNERS = frozenset({"owner"})
MANAGERS = OWNERS | {"manager"}
SUPPORT = MANAGERS | {"support"}
EVERYONE = SUPPORT | {"viewer"}
NOBODY: frozenset[str] = frozenset()

RANGE_ENDS = re.compile(r"_(?:from|to)(?:_[01])?$")  # what Unfold's filters by time add to a field's name


def role_of(request: HttpRequest) -> str:
    """`operator`, a member's role, or nothing for anybody else. Read afresh with each request (T6)."""
    user: Any = request.user
    if not user.is_authenticated or not user.is_active or not user.is_staff:
        return ""
    if user.is_superuser and user.tenant_id is None:
        return OPERATOR
    member = getattr(user, "member", None)
    return member.role if member and member.is_active and member.tenant_id == user.tenant_id else ""


def own_tenants(request: HttpRequest) -> list[int]:
    """A member's tenant and its test twin; nothing for anybody without a role. One query per request."""
    if not hasattr(request, "_own_tenants"):
        tenant_id = getattr(request.user, "tenant_id", None) if role_of(request) else None
        rows = Tenant.objects.filter(Q(pk=tenant_id) | Q(live_tenant=tenant_id)) if tenant_id else []
        request._own_tenants = [tenant.pk for tenant in rows]  # type: ignore[attr-defined]
    return request._own_tenants  # type: ignore[attr-defined, no-any-return]


def own_rows(request: HttpRequest, tenant_path: str) -> Q:
    """The rows a person may see, as a condition: `tenant_path` leads from the row to its tenant."""
    return Q() if role_of(request) == OPERATOR else Q(**{f"{tenant_path}__in": own_tenants(request)})


class Scope:
    """Row scope and role permissions, for pages and inlines alike."""

    tenant_path: str | None = "tenant"  # None: the platform's own table
    visible_to = EVERYONE
    changeable_by = MANAGERS
    addable_by = MANAGERS
    deletable_by = NOBODY

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)  # type: ignore[misc]
        if not self._may(request, self.visible_to):
            return rows.none()  # type: ignore[no-any-return]
        return rows if self.tenant_path is None else rows.filter(own_rows(request, self.tenant_path))  # type: ignore[no-any-return]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.visible_to)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.changeable_by)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.addable_by)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, self.deletable_by)

    def _may(self, request: HttpRequest, roles: frozenset[str]) -> bool:
        """Whether the person has one of the roles; where anybody may, the operator may."""
        return bool(roles) and role_of(request) in roles | OPERATORS

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Amounts are typed in dollars, shares in percent."""
        amount = amount_field(db_field, help_text=kwargs.get("help_text", ""))
        return amount or super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]

    def formfield_for_foreignkey(self, field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer, and accept, only what the person may see."""
        kwargs["queryset"] = visible(self.admin_site, request, field.remote_field.model)  # type: ignore[attr-defined]
        return super().formfield_for_foreignkey(field, request, **kwargs)  # type: ignore[misc]


def visible(site: Any, request: HttpRequest, model: type[models.Model]) -> QuerySet[Any]:
    """The rows of a table that its own page would list for this person."""
    if not site.is_registered(model):
        return model._default_manager.none()
    return site.get_model_admin(model).get_queryset(request)  # type: ignore[no-any-return]


class ScopedAdmin(Scope, ModelAdmin):
    """A table's pages. Counting a large table costs more than showing it, so the whole is not counted."""

    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    compressed_fields = True
    warn_unsaved_form = True

    def lookup_allowed(self, lookup: str, value: str, request: Any = None) -> bool:
        """Only what a filter offers: free lookups would let codes and digests be guessed letter by letter."""
        offered = {_name_of(entry) for entry in self.get_list_filter(request)}
        field = RANGE_ENDS.sub("", lookup.split("__")[0])
        return field in offered and super().lookup_allowed(lookup, value, request)

    def _get_obj_does_not_exist_redirect(self, request: HttpRequest, opts: Any, object_id: str) -> Any:
        raise Http404(opts.verbose_name)


def _name_of(entry: Any) -> str:
    """What a filter is called in an address: a field, or the word of a filter of its own."""
    if isinstance(entry, str):
        return entry
    return str(entry[0] if isinstance(entry, tuple) else entry.parameter_name)


class ReadOnly(Scope):
    """Rows that only services change."""

    changeable_by = addable_by = deletable_by = NOBODY

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, ScopedAdmin):
    """A table that grows without end and is never edited by hand: its pages are endless, not numbered."""

    paginator = InfinitePaginator


class ReadOnlyInline(ReadOnly, TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False
    tab = True


class OwnRelated(RelatedDropdownFilter):
    """A filter by another table, offering only its rows that the person may see (T3)."""

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        rows = visible(model_admin.admin_site, request, field.remote_field.model)
        return [(row.pk, str(row)) for row in rows]


class Period(RangeDateTimeFilter):
    """A filter by time (UTC). A day alone will do: from its first second, or to its last."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, lookup, time in (("from", "gte", "00:00:00"), ("to", "lte", "23:59:59")):
            day = self.used_parameters.get(f"{self.field_path}_{end}_0")
            typed = self.used_parameters.get(f"{self.field_path}_{end}_1") or time
            at = parse_datetime_str(f"{day} {typed}") if day else None
            if at is not None:
                aware = timezone.make_aware(at) if timezone.is_naive(at) else at
                queryset = queryset.filter(**{f"{self.field_path}__{lookup}": aware})
        return queryset


@dataclass(frozen=True)
class Figure:
    """One tile of templates/admin/_figures.html. `is_bad`: somebody should look."""

    label: str
    value: str
    note: str
    link: str = ""
    is_bad: bool = False


def span(seconds: int) -> str:
    """A length of time in its two largest units."""
    minutes, hours = seconds // 60, seconds // 3600
    if seconds < 120:
        return f"{seconds} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h {minutes % 60} min"


def dollars(micros: int | None) -> str:
    """An amount for people: two decimals, up to six when it has them."""
    if micros is None:
        return "–"
    sign, micros = ("−", -micros) if micros < 0 else ("", micros)
    fraction = f"{micros % 1_000_000:06d}".rstrip("0").ljust(2, "0")
    return f"{sign}${micros // 1_000_000:,}.{fraction}"


def percent(share: float | None) -> str:
    """A share for people, in whole percent."""
    return "–" if share is None else f"{share:.0%}"


def money(field: str, label: str = "") -> Any:
    """A read-only column showing `field` (micro-USD) in dollars."""

    def column(self: Any, row: Any) -> str:
        return dollars(getattr(row, field))

    column.short_description = label or field.removesuffix("_micros").replace("_", " ")  # type: ignore[attr-defined]
    column.admin_order_field = field  # type: ignore[attr-defined]
    column.__name__ = f"show_{field}"
    return column


def breakable(text: str) -> SafeString:
    """A long word that goes on in the next line where the page is narrow; who copies it gets it whole."""
    return format_html_join("", "<wbr>{}", ((text[at : at + 8],) for at in range(0, len(text), 8)))


def masked(text: str | None) -> str:
    """A code or text as an operator may see it: that it is there, not what it says."""
    return "–" if not text else f"••• ({len(text)} characters)"

"""Who may open a page: decorators for views.

They set `request.customer` or `request.member`, send anonymous visitors to the login page (a partial with
`HX-Redirect`, so that no login form lands inside a card) and forbid caching, for these pages show phone
numbers, codes and balances.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.http import urlencode

from accounts.models import Customer, Member, Tenant, User

P = ParamSpec("P")
SAFE = {"GET", "HEAD"}


class TenantRequest(HttpRequest):
    """A page request after TenantMiddleware."""

    tenant: Tenant
    htmx: Any


class CustomerRequest(TenantRequest):
    customer: Customer


class MemberRequest(TenantRequest):
    member: Member


ONLY_CUSTOMERS = "This page is for customers. Your login works in the administration."


ON_HOLD = {
    Customer.Status.DISABLED: "Your account is switched off. Please ask whoever gave it to you.",
    Customer.Status.MARKED_FOR_DELETION: "Your account is being closed, so nothing can be changed any more.",
}


def customer_required(
    view: Callable[Concatenate[CustomerRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Let the tenant's customers in; others who are logged in get 403, and so does who is on hold."""

    @wraps(view)
    def unless_on_hold(request: CustomerRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        refuse_on_hold(request.customer, request)
        return view(request, *args, **kwargs)

    return any_customer_required(unless_on_hold)


def refuse_on_hold(customer: Customer, request: HttpRequest) -> None:
    """Raises PermissionDenied for who is switched off, and for changes by whose account is being closed: what
    he has already paid for he may still read.
    """
    status = Customer.Status(customer.status)
    is_closing = status == Customer.Status.MARKED_FOR_DELETION
    if status in ON_HOLD and not (is_closing and request.method in SAFE):
        raise PermissionDenied(ON_HOLD[status])


def any_customer_required(
    view: Callable[Concatenate[CustomerRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """The same for what those on hold may do as well."""

    @wraps(view)
    def guarded(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return ask_to_log_in(request)
        customer = getattr(request.user, "customer", None)
        if customer is None or customer.tenant_id != request.tenant.pk:
            raise PermissionDenied(ONLY_CUSTOMERS)
        customer.tenant = request.tenant
        request.customer = customer
        return not_stored(view(request, *args, **kwargs))

    return guarded


def member_required(
    *roles: str,
) -> Callable[
    [Callable[Concatenate[MemberRequest, P], HttpResponseBase]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Let members with one of these roles in, owners always; no roles: every member. Others get 403."""

    def decorate(
        view: Callable[Concatenate[MemberRequest, P], HttpResponseBase],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: Any, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return ask_to_log_in(request)
            member = active_member(request.user, request.tenant)
            if member is None or (roles and member.role not in {Member.Role.OWNER, *roles}):
                raise PermissionDenied
            request.member = member
            return not_stored(view(request, *args, **kwargs))

        return guarded

    return decorate


def active_member(user: User, tenant: Tenant) -> Member | None:
    """This login as a member of the tenant, or None when it is none or has been switched off."""
    member: Member | None = getattr(user, "member", None)
    return member if member and member.tenant_id == tenant.pk and member.is_active else None


def ask_to_log_in(request: Any) -> HttpResponse:
    """To the login page and back here; a partial's browser comes back to the page that holds the partial,
    and one that sent a form to the start, for the form's own address shows nothing."""
    if not getattr(request, "htmx", False):
        is_page = request.method in SAFE
        return redirect_to_login(request.get_full_path() if is_page else "/")
    page = request.htmx.current_url_abs_path or "/"
    response = HttpResponse(status=204)
    response["HX-Redirect"] = resolve_url("account_login") + "?" + urlencode({"next": page})
    return response


def not_stored(response: HttpResponseBase) -> HttpResponseBase:
    """Forbid every cache to keep the answer (T5)."""
    response["Cache-Control"] = "no-store"
    return response

"""Whose endpoints a visitor of the workbench has before him, and what he may do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from accounts.access import TenantRequest, active_member, ask_to_log_in, not_stored, refuse_on_hold
from accounts.models import Customer, Member, Tenant
from webhooks.models import Endpoint
from webhooks.queries import endpoints_of

P = ParamSpec("P")
CHANGING = {Member.Role.OWNER, Member.Role.MANAGER}


@dataclass(frozen=True, slots=True)
class Desk:
    """`tenants`: the reseller, and for its members its test twin. `customer`: set for a customer's desk."""

    tenants: tuple[Tenant, ...]
    customer: Customer | None
    may_change: bool

    def endpoints(self) -> list[Endpoint]:
        return [endpoint for tenant in self.tenants for endpoint in endpoints_of(tenant, self.customer)]

    def find(self, public_id: str) -> Endpoint:
        """One of the desk's endpoints; another's does not exist (404)."""
        for tenant in self.tenants:
            if endpoint := endpoints_of(tenant, self.customer).filter(public_id=public_id).first():
                return endpoint
        raise Http404("endpoint")

    @property
    def test_tenant(self) -> Tenant | None:
        """The twin, where endpoints for it can be made."""
        return self.tenants[1] if len(self.tenants) > 1 else None


class DeskRequest(TenantRequest):
    desk: Desk


def workbench(
    *, changes: bool = False
) -> Callable[
    [Callable[Concatenate[DeskRequest, P], HttpResponse]],
    Callable[Concatenate[HttpRequest, P], HttpResponseBase],
]:
    """Let customers and members in, each to his own desk. `changes`: of members only owners and managers."""

    def decorate(
        view: Callable[Concatenate[DeskRequest, P], HttpResponse],
    ) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: DeskRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return ask_to_log_in(request)
            request.desk = desk_of(request)
            if changes and not request.desk.may_change:
                raise PermissionDenied
            return not_stored(view(request, *args, **kwargs))

        return guarded  # type: ignore[return-value]

    return decorate


def desk_of(request: DeskRequest) -> Desk:
    """Raises PermissionDenied for logins that are neither a customer nor a member here."""
    tenant, user = request.tenant, request.user
    customer: Customer | None = getattr(user, "customer", None)
    if customer is not None and customer.tenant_id == tenant.pk:
        refuse_on_hold(customer, request)
        return Desk((tenant,), customer, may_change=True)
    member = active_member(user, tenant)  # type: ignore[arg-type]
    if member is None:
        raise PermissionDenied("Webhooks belong to a reseller or a customer. Sign in as one of them.")
    twin: Tenant | None = getattr(tenant, "test_tenant", None)
    return Desk((tenant, twin) if twin else (tenant,), None, may_change=member.role in CHANGING)

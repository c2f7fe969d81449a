"""Which tenant a page request is for, and whether its session may be used there."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.middleware import get_user
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from accounts.hosts import host_of
from accounts.models import Tenant, User
from accounts.queries import domain_at
from portal import pages

# What stays open at a suspended tenant's address, to the platform's operators only.
OPERATOR_PATHS = ("/admin/", "/accounts/")

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class TenantMiddleware:
    """Sets `request.tenant` from the host name, read afresh for each page so that a change counts at once.

    A session is good only on its own tenant's hosts; elsewhere its bearer is anonymous (T4). Platform
    operators are known on every host. Key paths (accounts.hosts) do not come this far: portal.machines
    answers them.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        domain = domain_at(host_of(request))
        if domain is None or domain.dialect:
            return pages.unknown_host(request)
        tenant = domain.tenant
        request.tenant = tenant  # type: ignore[attr-defined]
        request.user = SimpleLazyObject(lambda: _resident(request, tenant))  # type: ignore[assignment]
        if tenant.status != Tenant.Status.ACTIVE and not request.path_info.startswith(OPERATOR_PATHS):
            return pages.suspended(request)
        return self.get_response(request)


def _resident(request: HttpRequest, tenant: Tenant) -> User | AnonymousUser:
    """The session's user, if the session belongs here."""
    user = get_user(request)
    if not isinstance(user, User) or is_at_home(user, tenant):
        return user
    request._cached_user = AnonymousUser()  # type: ignore[attr-defined]
    return request._cached_user  # type: ignore[attr-defined, no-any-return]


def is_at_home(user: User, tenant: Tenant | None) -> bool:
    """Whether this login counts on the tenant's hosts: an operator always, others while their tenant is
    active.
    """
    if user.tenant_id is None:
        return True
    return tenant is not None and user.tenant_id == tenant.pk and tenant.status == Tenant.Status.ACTIVE

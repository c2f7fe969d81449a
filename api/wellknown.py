"""`/.well-known/number-portal`: what this portal speaks, so that another one can buy here by address and key.

Public and without secrets. On a host of nobody's (the portal's own API host) it is the same without a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import Resolver404, resolve
from django.views.decorators.http import require_safe

from accounts.hosts import host_of
from accounts.models import Tenant
from accounts.queries import domain_at
from api.nowhere import nowhere
from portal.version import VERSION

FORMAT = 1
# By dialect: its base for clients, the same for test keys, and an address that is there when it is spoken.
DIALECTS: Mapping[str, tuple[str, str, str]] = {
    "retail": ("/api/v1", "/test/api/v1", "/api/v1/user/balance"),
    "handler": ("/stubs/handler_api.php", "", "/stubs/handler_api.php"),
    "rentverify": ("/api/v1", "", "/api/v1/getBalance"),
    "ping": ("/v1/nonvoip", "", "/v1/nonvoip/services"),
}


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The document of this host; 404 for a reseller that is suspended."""
    domain = domain_at(host_of(request))
    tenant = domain.tenant if domain else None
    only = domain.dialect if domain else ""
    if tenant is not None and tenant.status != Tenant.Status.ACTIVE:
        return JsonResponse({"error": "not_found"}, status=404)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": tenant.name if tenant else "",
        "dialects": [one for one in spoken() if only in ("", one["protocol"])],
    }
    response = JsonResponse(content)
    response["Cache-Control"] = "public, max-age=300"
    return response


@cache
def spoken() -> list[dict[str, str]]:
    """Dialects with their base paths, the one that can most first."""
    return [
        {"protocol": protocol, "base": base, **({"sandbox": sandbox} if sandbox else {})}
        for protocol, (base, sandbox, there) in DIALECTS.items()
        if _is_there(there)
    ]


def _is_there(path: str) -> bool:
    try:
        return resolve(path).func is not nowhere
    except Resolver404:
        return False

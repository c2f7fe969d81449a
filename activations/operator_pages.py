"""For staff: a test message to a number of the sandbox provider."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from accounts.access import active_member, ask_to_log_in, not_stored
from accounts.models import Tenant
from activations.forms import SandboxForm
from activations.refusal_texts import Refusal
from activations.services.sandbox import deliver_test_sms
from portal import errors

UNKNOWN = Refusal("No open sandbox number goes by that name.", status=404)
TEXTS = {"unknown_activation": UNKNOWN, "invalid_state": UNKNOWN}
AWAY = Refusal("The sandbox does not answer. Is it running?", status=503)


@require_http_methods(["GET", "HEAD", "POST"])
def sandbox(request: Any) -> HttpResponseBase:
    """A form; a member reaches the numbers of his tenant, a platform operator all."""
    if not request.user.is_authenticated:
        return ask_to_log_in(request)
    form = SandboxForm(request.POST or None)
    scope, refusal = scope_of(request), None
    if request.method == "POST" and form.is_valid():
        asked = form.cleaned_data
        try:
            deliver_test_sms(
                tenant=scope,
                reference=reference_of(asked["number"]),
                text=asked["text"],
                sender=asked["sender"],
            )
        except errors.PortalError as error:
            refusal = TEXTS.get(error.code, AWAY)
        else:
            messages.success(request, "The message is on its way.")
            return not_stored(redirect("activations:sandbox"))
    status = refusal.status if refusal else 200 if form.is_valid() or not form.is_bound else 422
    return not_stored(
        render(request, "operator/sandbox.html", {"form": form, "refusal": refusal}, status=status)
    )


def scope_of(request: HttpRequest) -> Tenant | None:
    """The tenant whose numbers this login may reach; None: every tenant's. Raises PermissionDenied."""
    user: Any = request.user
    if user.tenant_id is None and user.is_superuser:
        return None
    tenant: Tenant = request.tenant  # type: ignore[attr-defined]
    member = active_member(user, tenant)
    if member is None or member.role == member.Role.VIEWER:
        raise PermissionDenied
    return tenant


def reference_of(typed: str) -> str:
    """A phone without what people put between its digits; an id as it is."""
    digits = "".join(letter for letter in typed if letter.isdigit())
    is_phone = digits and not any(letter.isalpha() or letter == "_" for letter in typed)
    return digits if is_phone else typed.strip()

"""The page of a customer whose buying is paused for a low success rate."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from accounts.access import CustomerRequest, customer_required
from accounts.forms import button_only
from accounts.unblocking import unblock_self, unblocks_left
from portal import errors


@require_http_methods(["GET", "POST"])
@customer_required
@button_only
def pause(request: CustomerRequest) -> HttpResponse:
    """Until when, why, and a button that ends it while there are unblocks left."""
    customer, now = request.customer, timezone.now()
    if request.method == "POST":
        try:
            unblock_self(customer_id=customer.pk, now=now)
        except errors.PortalError as refusal:
            messages.warning(request, refusal.text)
            return redirect("activations:pause")
        messages.success(request, "You can buy again.")
        return redirect("activations:buy")
    context = {
        "is_paused": customer.blocked_until is not None and customer.blocked_until > now,
        "until": customer.blocked_until,
        "left": unblocks_left(customer, now=now),
    }
    return render(request, "activations/pause.html", context)

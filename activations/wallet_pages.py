"""The customer's wallet. It lives here and not in billing, because its lines name orders."""

from __future__ import annotations

from django import forms
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.access import CustomerRequest, customer_required
from activations.movements import held_orders, movements_of

LARGEST_ID = 2**63 - 1


class EdgeForm(forms.Form):
    """Where the page of movements begins."""

    before = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)
    after = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)


@require_safe
@customer_required
def wallet(request: CustomerRequest) -> HttpResponse:
    """Balance, what is set aside, and every movement."""
    form, now = EdgeForm(request.GET), timezone.now()
    form.is_valid()
    edges = {name: form.cleaned_data.get(name) for name in form.fields}
    page = movements_of(request.customer, **edges, now=now)
    here = reverse("activations:wallet")
    context = {
        "wallet": request.customer.wallet,
        "holds": [] if any(edges.values()) else held_orders(request.customer, now=now),
        "movements": page.lines,
        "newer_url": f"{here}?after={page.newer_than}" if page.newer_than else "",
        "older_url": f"{here}?before={page.older_than}" if page.older_than else "",
    }
    return render(request, "activations/wallet.html", context)

"""The customer's wallet. It lives here and not in billing, because its lines name orders."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CustomerRequest, customer_required
from accounts.forms import KnownFieldsOnly
from activations.movements import held_orders, movements_of
from billing.forms import LowBalanceField
from billing.services import set_low_balance

LARGEST_ID = 2**63 - 1


class EdgeForm(forms.Form):
    """Where the page of movements begins."""

    before = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)
    after = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)


class LowBalanceForm(KnownFieldsOnly, forms.Form):
    """From where on one's balance is low."""

    low_balance = LowBalanceField(
        label="Tell me when less is available than (USD)",
        widget=forms.NumberInput(attrs={"step": "0.01", "placeholder": "5.00"}),
        help_text="Pages show a notice while it is less, and webhooks are told once each time it falls below."
        " Empty: no webhook, and a notice below $1.",
    )  # fmt: skip


@require_safe
@customer_required
def wallet(request: CustomerRequest) -> HttpResponse:
    """Balance, what is set aside, and every movement."""
    return _show(request)


@require_POST
@customer_required
def low_balance(request: CustomerRequest) -> HttpResponse:
    """Say from where on the balance is low."""
    form = LowBalanceForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    micros = form.cleaned_data["low_balance"]
    set_low_balance(tenant=request.tenant, customer=request.customer, micros=micros)
    messages.success(request, "Your low balance is set." if micros is not None else "No low balance is set.")
    return redirect("activations:wallet")


def _show(request: CustomerRequest, form: LowBalanceForm | None = None, status: int = 200) -> HttpResponse:
    edge_form, now = EdgeForm(request.GET), timezone.now()
    edge_form.is_valid()
    edges = {name: edge_form.cleaned_data.get(name) for name in edge_form.fields}
    page = movements_of(request.customer, **edges, now=now)
    here, purse = reverse("activations:wallet"), request.customer.wallet
    context = {
        "wallet": purse,
        "holds": [] if any(edges.values()) else held_orders(request.customer, now=now),
        "movements": page.lines,
        "newer_url": f"{here}?after={page.newer_than}" if page.newer_than else "",
        "older_url": f"{here}?before={page.older_than}" if page.older_than else "",
        "low_form": form or LowBalanceForm(initial={"low_balance": purse.low_balance_micros}),
    }
    return render(request, "activations/wallet.html", context, status=status)

"""The page for a customer's own programs: keys, commands to paste, what they asked for lately."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CustomerRequest, customer_required
from accounts.forms import StrictForm, button_only
from accounts.keys import issue_key
from accounts.models import Customer, Tenant
from accounts.queries import find_double, keys_of_customers
from accounts.services import revoke_key
from activations.queries import active_rows, find_row
from activations.services.sandbox import deliver_test_sms
from api.queries import requests_of
from api.tours import TOURS, Tour, tour_of
from billing.services import double_of
from portal.errors import PortalError

KEYS_MAX = 10  # that work, of each kind
TEST_TEXT = "Your verification code is 481 902"
TEST_SENDER = "Test"
TEST_MONEY_MICROS = 1_000_000_000
SCOPES = {"all": [], "read": ["read"]}


class KeyForm(StrictForm):
    """A new key."""

    name = forms.CharField(
        label="Name", max_length=80, required=False, help_text="To know it by, like the program it is for."
    )
    mode = forms.ChoiceField(
        label="For",
        choices=[("test", "Trying out: test money, test numbers"), ("live", "Real numbers and money")],
    )
    scope = forms.ChoiceField(
        label="May",
        choices=[("all", "Buy, follow and cancel numbers"), ("read", "Only look: balance, prices, codes")],
    )


@require_safe
@customer_required
def index(request: CustomerRequest) -> HttpResponse:
    return _show(request, KeyForm())


@require_POST
@customer_required
def create_key(request: CustomerRequest) -> HttpResponse:
    """Make a key; it stands in this answer and nowhere else."""
    form = KeyForm(request.POST)
    if not form.is_valid():
        return _show(request, form, status=422)
    asked, now = form.cleaned_data, timezone.now()
    owner = request.customer
    if asked["mode"] == "test":
        try:
            owner = double_of(request.customer, opening_micros=TEST_MONEY_MICROS, now=now)
        except Tenant.DoesNotExist:
            form.add_error("mode", "There is no test mode here.")
            return _show(request, form, status=422)
    if keys_of_customers([owner.pk]).filter(revoked_at=None).count() >= KEYS_MAX:
        form.add_error(None, f"There are {KEYS_MAX} such keys already. Revoke one that you do not need.")
        return _show(request, form, status=422)
    key, plaintext = issue_key(
        tenant=owner.tenant, customer=owner, name=asked["name"], scopes=SCOPES[asked["scope"]]
    )
    context = {
        "key": key,
        "plaintext": plaintext,
        "tours": [one.with_key(plaintext) for one in _tours(request)],
    }
    return render(request, "api/key_shown.html", context)


@require_POST
@customer_required
@button_only
def revoke(request: CustomerRequest, key_id: int) -> HttpResponse:
    """End a key of one's own, from its next request on."""
    key = keys_of_customers(_owners(request)).filter(pk=key_id).first()
    if key is None:
        raise Http404
    revoke_key(tenant=key.tenant, key_id=key.pk)
    messages.success(request, f"The key {key.hint}… no longer works.")
    return redirect("customer_api:index")


@require_POST
@customer_required
@button_only
def test_sms(request: CustomerRequest, hex_id: str) -> HttpResponse:
    """Let a message arrive at one of one's own open test numbers."""
    double = find_double(request.customer)
    if double is None or not find_row(tenant_id=double.tenant_id, hex_id=hex_id, customer_id=double.pk):
        raise Http404
    try:
        deliver_test_sms(tenant=double.tenant, reference=hex_id, text=TEST_TEXT, sender=TEST_SENDER)
    except PortalError as refusal:
        messages.error(request, refusal.text)
    else:
        messages.success(request, "A test message is on its way to that number.")
    return redirect("customer_api:index")


def _show(request: CustomerRequest, form: KeyForm, status: int = 200) -> HttpResponse:
    chosen = request.GET.get("dialect", "")
    double = find_double(request.customer)
    context: dict[str, Any] = {
        "form": form,
        "keys": keys_of_customers(_owners(request)),
        "tour": tour_of(chosen, base=_base(request)),
        "tours": _tours(request),
        "requests": requests_of(_owners(request)),
        "own_id": request.customer.pk,
        "test_numbers": active_rows(tenant_id=double.tenant_id, customer_id=double.pk) if double else [],
    }
    return render(request, "api/customer.html", context, status=status)


def _owners(request: CustomerRequest) -> list[int]:
    """The customer, and his double in test mode when there is one."""
    double: Customer | None = find_double(request.customer)
    return [request.customer.pk, *([double.pk] if double else [])]


def _tours(request: CustomerRequest) -> list[Tour]:
    return [tour_of(dialect, base=_base(request)) for dialect in TOURS]


def _base(request: CustomerRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")

"""One's own account: who one is, password, second step, closing it."""

from __future__ import annotations

from datetime import timedelta

from allauth.mfa.utils import is_mfa_enabled
from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.access import CustomerRequest, any_customer_required, customer_required
from accounts.forms import StrictForm
from accounts.models import Customer, User
from accounts.services import set_customer_status

STATUS_LABELS = {
    Customer.Status.ACTIVE: "Active",
    Customer.Status.PAUSED: "Paused: no new numbers for now",
    Customer.Status.DISABLED: "Switched off",
    Customer.Status.MARKED_FOR_DELETION: "Being closed",
}


class CloseForm(StrictForm):
    """Closing asks for the password once more."""

    password = forms.CharField(
        label="Your password", max_length=200, strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    def __init__(self, data: object = None, *, user: User) -> None:
        super().__init__(data)  # type: ignore[arg-type]
        self.user = user

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if not self.user.check_password(password):
            raise forms.ValidationError("This is not your password.")
        return password


@require_safe
@any_customer_required
def account(request: CustomerRequest) -> HttpResponse:
    return _show(request, CloseForm(user=_user(request)))


@require_POST
@customer_required
def close(request: CustomerRequest) -> HttpResponse:
    """Ask for the account to be closed: nothing new can be bought, what is open ends normally (M12), and when
    settings.PURGE_AFTER_DAYS are over the data is erased.
    """
    form = CloseForm(request.POST, user=_user(request))
    if not form.is_valid():
        return _show(request, form, status=422)
    set_customer_status(
        tenant=request.tenant,
        external_id=request.customer.external_id,
        status=Customer.Status.MARKED_FOR_DELETION,
    )
    messages.success(request, "Your account will be closed when every open number has ended.")
    return redirect("accounts:account")


def _show(request: CustomerRequest, form: CloseForm, status: int = 200) -> HttpResponse:
    customer = request.customer
    context = {
        "customer": customer,
        "status_label": STATUS_LABELS[Customer.Status(customer.status)],
        "has_totp": is_mfa_enabled(_user(request)),
        "erased_on": customer.marked_at and customer.marked_at + timedelta(days=settings.PURGE_AFTER_DAYS),
        "close_form": form,
    }
    return render(request, "accounts/account.html", context, status=status)


def _user(request: CustomerRequest) -> User:
    assert isinstance(request.user, User)
    return request.user

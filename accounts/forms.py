"""allauth's forms, looking for e-mails within the host's tenant only."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from allauth.account import forms
from allauth.account.adapter import get_adapter
from allauth.core import context
from allauth.mfa.base import forms as second_step
from allauth.mfa.recovery_codes import forms as recovery_codes
from allauth.mfa.totp import forms as app
from django import forms as plain
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.html import escape

from accounts.adapter import tenant_here
from accounts.middleware import is_at_home
from accounts.models import User
from accounts.queries import logins_with

# What a page's form may carry beside its fields.
ALWAYS = frozenset({"csrfmiddlewaretoken", "next"})

View = TypeVar("View", bound=Callable[..., HttpResponseBase])


class KnownFieldsOnly:
    """Mixin: refuses a field that the form does not have, naming it (T7, B12)."""

    def clean(self: Any) -> Any:
        for name in sorted({*self.data, *self.files} - set(self.fields) - ALWAYS):
            self.add_error(None, f"There is no field {name:.40} here.")
        return super().clean()  # type: ignore[misc]


class StrictForm(KnownFieldsOnly, plain.Form):
    """What changes something on a page: nothing but its fields is taken."""


def incomplete(form: plain.BaseForm) -> HttpResponse:
    """400 to a form that only its own page sends: which field there is not, or what is wrong with one."""
    wrong = (
        f"{name}: {text}" for name, texts in form.errors.items() if name in form.fields for text in texts
    )
    sentence = " ".join([*form.non_field_errors(), *wrong]) or "The form is not complete."
    return HttpResponse(escape(sentence), status=400)


def button_only(view: View) -> View:
    """A view that is one button takes no fields. Stands beneath the check of the login."""

    @wraps(view)
    def checked(request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "POST":
            form = StrictForm(request.POST, request.FILES)
            if not form.is_valid():
                return incomplete(form)
        return view(request, *args, **kwargs)

    return cast(View, checked)


class LoginForm(KnownFieldsOnly, forms.LoginForm):
    pass


class ChangePasswordForm(KnownFieldsOnly, forms.ChangePasswordForm):
    pass


class ReauthenticateForm(KnownFieldsOnly, forms.ReauthenticateForm):
    pass


class SecondStepForm(KnownFieldsOnly, second_step.AuthenticateForm):
    pass


class SecondStepAgainForm(KnownFieldsOnly, second_step.ReauthenticateForm):
    pass


class ActivateAppForm(KnownFieldsOnly, app.ActivateTOTPForm):
    pass


class DeactivateAppForm(KnownFieldsOnly, app.DeactivateTOTPForm):
    pass


class RecoveryCodesForm(KnownFieldsOnly, recovery_codes.GenerateRecoveryCodesForm):
    pass


class ResetPasswordKeyForm(KnownFieldsOnly, forms.ResetPasswordKeyForm):
    pass


class SignupForm(KnownFieldsOnly, forms.SignupForm):
    """A taken e-mail gets the same answer after the same work as a free one; its owner gets a mail (S7)."""

    def validate_unique_email(self, value: str) -> str:
        self.account_already_exists = logins_with(tenant_here(), value).exists()
        return value

    def try_save(self, request: HttpRequest) -> Any:
        if self.account_already_exists:
            User().set_password(self.cleaned_data["password1"])
            return super().try_save(request)
        try:
            with transaction.atomic():
                return super().try_save(request)
        except IntegrityError:  # somebody else took the e-mail just now
            self.account_already_exists = True
            return super().try_save(request)


class ResetPasswordForm(KnownFieldsOnly, forms.ResetPasswordForm):
    """Mails a link to this tenant's login of that e-mail, and to nobody else."""

    def clean_email(self) -> str:
        email = get_adapter().clean_email(self.cleaned_data["email"].lower())
        tenant = tenant_here()
        found = logins_with(tenant, email)
        self.users = [user for user in found if user.is_active and is_at_home(user, tenant)]
        return str(email)


class UserTokenForm(forms.UserTokenForm):
    """A reset link works on the hosts of its own tenant only."""

    def _get_user(self, uidb36: str) -> User | None:
        user = super()._get_user(uidb36)
        at_home = isinstance(user, User) and is_at_home(user, context.request.tenant)
        return user if at_home else None

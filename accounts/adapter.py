"""How allauth works for many tenants: who signs in where, what mails say, where people land."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme

from accounts import mail, throttle
from accounts.middleware import is_at_home
from accounts.models import Tenant, User
from portal.encryption import decrypt, encrypt

EMAIL_LENGTH = 254


def tenant_here() -> Tenant:
    """The tenant of the request that allauth is working on."""
    return context.request.tenant  # type: ignore[no-any-return]


class TenantAccountAdapter(DefaultAccountAdapter):
    """Sign-in on a tenant's host. What happens at sign-up, which opens a wallet, is in portal.signup."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return tenant_here().signup_open

    def clean_email(self, email: str) -> str:
        """Refuses what the column would cut off."""
        if len(email) > EMAIL_LENGTH:
            raise ValidationError(f"An e-mail has at most {EMAIL_LENGTH} characters.")
        return email

    # --- Where to ------------------------------------------------------------------------------------------
    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Members and operators work in the admin, customers on the tenant's pages."""
        return "/admin/" if getattr(request.user, "is_staff", False) else "/"

    def is_safe_url(self, url: str | None) -> bool:
        """Only this very host: another tenant's is another site (S8)."""
        request = context.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    # --- Guessing ------------------------------------------------------------------------------------------
    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        self._login_failed_rl_usage = throttle.count_guess(request, credentials.get("email") or "")
        if not self._login_failed_rl_usage:
            raise self.validation_error("too_many_login_attempts")

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        throttle.forget_guesses(request, credentials.get("email") or "")

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        throttle.remember_browser(request, response, user)
        return response

    # --- Mail ----------------------------------------------------------------------------------------------
    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """A link counts on the hosts of its own tenant only."""
        user = email_address.user
        return (
            isinstance(user, User)
            and is_at_home(user, tenant_here())
            and super().confirm_email(request, email_address)
        )

    def format_email_subject(self, subject: str) -> str:
        return f"{tenant_here().name}: {subject}"

    def render_mail(
        self,
        template_prefix: str,
        email: str | list[str],
        context: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> EmailMessage:
        tenant = tenant_here()
        if tenant.support_email:
            headers = {"Reply-To": tenant.support_email, **(headers or {})}
        letter: EmailMessage = super().render_mail(template_prefix, email, context, headers)
        return letter

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Context for the templates: `current_site` (name, domain) is the tenant."""
        tenant, request = tenant_here(), self.request
        site = SimpleNamespace(name=tenant.name, domain=request.get_host())
        known = {"request": request, "email": email, "current_site": site, "tenant": tenant}
        mail.post(self.render_mail(template_prefix, email, {**known, **context}))


class TenantMFAAdapter(DefaultMFAAdapter):
    """TOTP seeds and recovery codes are encrypted like providers' secrets (S1)."""

    def get_totp_issuer(self) -> str:
        return tenant_here().name

    def encrypt(self, text: str) -> str:
        return encrypt(text).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text.encode())

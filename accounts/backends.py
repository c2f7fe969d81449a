"""Login by host, e-mail and password."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest

from accounts.middleware import is_at_home
from accounts.models import Tenant, User
from accounts.queries import logins_with


class TenantBackend(AuthenticationBackend):
    """Finds the login among the host's tenant's own and the platform's operators.

    Exactly one password hash is computed whether the name is known or not, so the time says nothing (S7).
    """

    def _authenticate(self, request: HttpRequest | None, **credentials: Any) -> AbstractBaseUser | None:
        tenant: Tenant | None = getattr(request, "tenant", None)
        email = credentials.get("email") or credentials.get("username") or ""
        user = logins_with(tenant, email).first() if email else None
        if user is None:
            return None  # the caller computes a hash for nobody
        self._did_check_password = True
        known = user.check_password(credentials["password"])
        return user if known and self.user_can_authenticate(user) and is_at_home(user, tenant) else None

    def user_can_authenticate(self, user: Any) -> bool:
        member = getattr(user, "member", None)
        return super().user_can_authenticate(user) and (member is None or member.is_active)

    def get_user(self, user_id: Any) -> User | None:
        """The session's user with member and customer in one query; None once he has been switched off."""
        user = User.objects.select_related("member", "customer").filter(pk=user_id).first()
        return user if user and self.user_can_authenticate(user) else None

"""What happens when a visitor signs up: login, customer and wallet. Here, for accounts lies below billing."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts.adapter import TenantAccountAdapter, tenant_here
from accounts.models import User
from accounts.services import new_external_id
from billing.services import create_customer


class AccountAdapter(TenantAccountAdapter):
    @transaction.atomic
    def save_user(self, request: HttpRequest, user: Any, form: Any, commit: bool = True) -> User:
        """Store the new login as a customer of the host's tenant with an empty wallet."""
        tenant = tenant_here()
        user.tenant = tenant
        saved: User = super().save_user(request, user, form, commit=True)
        create_customer(tenant=tenant, external_id=new_external_id(), user=saved)
        return saved

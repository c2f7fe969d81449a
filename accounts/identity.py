"""Who is buying: the columns of tenant and customer that every order and poll needs, read in one query."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from accounts.models import Customer


class Buyer(NamedTuple):
    """A customer with what the rules ask of him and his tenant. Made by the caller's one authentication
    query.
    """

    tenant_id: int
    customer_id: int
    customer_external_id: str
    tenant_status: str
    tenant_blocked_until: datetime | None
    tenant_max_active: int | None
    is_test: bool
    customer_status: str
    blocked_until: datetime | None
    max_active: int | None
    group: str

    @classmethod
    def of(cls, customer: Customer) -> Buyer:
        tenant = customer.tenant
        return cls(
            tenant_id=tenant.pk,
            customer_id=customer.pk,
            customer_external_id=customer.external_id,
            tenant_status=tenant.status,
            tenant_blocked_until=tenant.blocked_until,
            tenant_max_active=tenant.max_active,
            is_test=tenant.is_test,
            customer_status=customer.status,
            blocked_until=customer.blocked_until,
            max_active=customer.max_active,
            group=customer.group,
        )

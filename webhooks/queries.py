"""Reads of endpoints and deliveries, each starting from a tenant, or from a customer within it."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts.models import Customer, Tenant
from webhooks.models import Delivery, DeliveryAttempt, Endpoint


def endpoints_of(tenant: Tenant, customer: Customer | None) -> QuerySet[Endpoint]:
    """The tenant's own endpoints, or those of one customer, in the order in which they were made."""
    rows = Endpoint.objects.filter(tenant=tenant, customer=customer)
    return rows.select_related("tenant").order_by("id")


def deliveries_of(endpoint: Endpoint, *, state: str = "", before: int | None = None) -> QuerySet[Delivery]:
    """The newest first; `state` empty: all."""
    rows = Delivery.objects.filter(tenant=endpoint.tenant_id, endpoint=endpoint).select_related("event")
    if state:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(pk__lt=before)
    return rows.order_by("-id")


def find_delivery(endpoint: Endpoint, delivery_id: int) -> Delivery | None:
    """One of the endpoint's, with all that its payload needs."""
    rows = deliveries_of(endpoint).filter(pk=delivery_id)
    return rows.select_related("endpoint", "event__tenant", "event__customer").first()


def attempts_of(delivery: Delivery) -> QuerySet[DeliveryAttempt]:
    """The newest first."""
    return DeliveryAttempt.objects.filter(tenant=delivery.tenant_id, delivery=delivery).order_by("-id")

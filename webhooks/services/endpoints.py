"""Endpoints: made, changed, given new secrets, switched on and off."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from accounts.models import Customer, Tenant
from portal.addresses import AddressRefused, check_saved
from portal.errors import InvalidState, ValidationError
from webhooks import payloads
from webhooks.models import Delivery, Endpoint
from webhooks.queries import endpoints_of
from webhooks.signing import new_secret

OVERLAP = timedelta(hours=24)
MAX_ENDPOINTS = 20  # of one owner


def create_endpoint(
    *, tenant: Tenant, customer: Customer | None, url: str, event_types: Sequence[str]
) -> tuple[Endpoint, str]:
    """An endpoint and its secret, which nobody can read again. Raises ValidationError (url, event_types) and
    InvalidState when the owner has too many.
    """
    chosen = check_types(event_types, is_customer=customer is not None)
    check_url(url)
    if endpoints_of(tenant, customer).count() >= MAX_ENDPOINTS:
        raise InvalidState(f"There can be {MAX_ENDPOINTS} endpoints. Delete one first.")
    endpoint = Endpoint(tenant=tenant, customer=customer, url=url, event_types=chosen)
    endpoint.secret = secret = new_secret()
    endpoint.save()
    return endpoint, secret


def change_endpoint(*, endpoint: Endpoint, url: str, event_types: Sequence[str]) -> None:
    """Another address or choice of events, from the next try on. Raises ValidationError."""
    chosen = check_types(event_types, is_customer=endpoint.customer_id is not None)
    if url != endpoint.url:
        check_url(url)
    Endpoint.objects.filter(pk=endpoint.pk).update(url=url, event_types=chosen)


def check_url(url: str) -> None:
    try:
        check_saved(url)
    except AddressRefused as error:
        raise ValidationError({"url": str(error)}) from error


def check_types(event_types: Sequence[str], *, is_customer: bool) -> list[str]:
    offered = payloads.dialect().types_for(is_customer=is_customer)
    if not event_types or not set(event_types) <= offered.keys():
        raise ValidationError({"event_types": "Choose at least one of the events that are offered."})
    return [name for name in offered if name in event_types]


@transaction.atomic
def rotate_secret(*, endpoint: Endpoint, now: datetime) -> str:
    """A new secret, shown once. The one before it signs as well for 24 hours (W11)."""
    row = Endpoint.objects.select_for_update().get(pk=endpoint.pk)
    row.previous_secret_encrypted, row.previous_until = row.secret_encrypted, now + OVERLAP
    row.secret = secret = new_secret()
    row.save(update_fields=["secret_encrypted", "previous_secret_encrypted", "previous_until"])
    return secret


@transaction.atomic
def switch_off(*, endpoint_id: int, reason: str, now: datetime) -> None:
    """No deliveries from now on; those that wait are parked, to be sent again by hand. Its owner gets a mail
    unless it was his own hand.
    """
    by_hand = reason == Endpoint.Off.BY_HAND
    found = Endpoint.objects.filter(pk=endpoint_id, is_enabled=True)
    if found.update(
        is_enabled=False, off_reason=reason, off_at=now, mail_due="" if by_hand else Endpoint.Mail.OFF
    ):
        waiting = Delivery.objects.filter(endpoint_id=endpoint_id, state=Delivery.State.PENDING)
        # One whose try is just being written down is left alone: it is not claimed while the endpoint is off.
        free = waiting.select_for_update(skip_locked=True).values("pk")
        Delivery.objects.filter(pk__in=free).update(
            state=Delivery.State.PARKED, last_error="the endpoint is off"
        )


def switch_on(*, endpoint: Endpoint, is_operator: bool = False) -> None:
    """Events from now on are delivered again; earlier ones by a replay. Raises InvalidState when an operator
    switched it off: only an operator may switch it on.
    """
    if endpoint.off_reason == Endpoint.Off.OPERATOR and not is_operator:
        raise InvalidState("The operator of the platform switched this endpoint off. Please contact support.")
    Endpoint.objects.filter(pk=endpoint.pk).update(
        is_enabled=True, off_reason="", off_at=None, failing_since=None, paused_until=None,
        was_told=False, mail_due="",
    )  # fmt: skip


def delete_endpoint(*, endpoint: Endpoint) -> None:
    """With its deliveries; events stay."""
    endpoint.delete()


def forget_endpoints(*, customer: Customer) -> None:
    """All of a customer's, with their deliveries; events stay."""
    endpoints_of(customer.tenant, customer).delete()

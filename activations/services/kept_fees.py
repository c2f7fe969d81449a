"""What a provider keeps of a cancelled number's price (U16)."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from activations.database import call
from activations.models import Activation


def note_fee_of_unsold(
    activation_id: UUID, *, tenant_id: int, provider_id: int, fee_micros: int, now: datetime
) -> None:
    """What cancelling a number costs that no order has: one that could not be sold, or that came too late.
    Each attempt's is added to those before it, and telling it again changes nothing.
    """
    if fee_micros:
        call(
            "activation_unsold_fee",
            id=activation_id,
            tenant=tenant_id,
            provider=provider_id,
            micros=fee_micros,
            note="a number that was not sold was cancelled there",
            now=now,
        )


def note_kept_fee(activation_id: UUID, *, refunded_micros: int | None, now: datetime) -> None:
    """The customer gets the whole hold back; what did not come back to us is the tenant's cost, listed as
    money at risk. None: the provider does not say, so everything came back but the fee that is set on its
    account, which the cancel itself noted.
    """
    if refunded_micros is None:
        return
    number = Activation.objects.get(pk=activation_id)
    if number.activation_status == "canceled" and number.cost_micros > refunded_micros:
        call(
            "activation_at_risk",
            id=number.pk,
            tenant=number.tenant_id,
            provider=number.provider_id,
            kind="kept_fee",
            micros=number.cost_micros - refunded_micros,
            note="the provider gave back less than was paid",
            now=now,
        )

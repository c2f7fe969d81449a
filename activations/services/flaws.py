"""What becomes of a provider whose lease must not be sold (U7)."""

from __future__ import annotations

from datetime import datetime

import structlog

from activations.models import Attempt
from activations.rental_models import RentalAttempt
from activations.services import leases
from providers import health
from providers.contract import OutcomeUnknown

log = structlog.get_logger(__name__)
OF_THE_PRICE = "price"  # a flaw of leases.flaw_of
WRONG_PRICE = "wrong_price"


def note_flaw(provider_id: int, flaw: str, *, order: str, now: datetime) -> None:
    """To be called once for each such lease. A wrong price keeps its provider from being asked for a while
    and is told to its people; another flaw counts as a call that failed. What only the buyer did not want is
    nobody's fault. `order`: the id of ours that it came for.
    """
    if flaw in ("", leases.UNWANTED):
        return
    log.error("lease_refused", provider=provider_id, flaw=flaw, order=order)
    if flaw == OF_THE_PRICE:
        health.flag(provider_id, WRONG_PRICE, now)
    else:
        health.note_failure(provider_id, OutcomeUnknown(f"lease with an unusable {flaw}"), now)


def note_found_flaw(
    attempts: type[Attempt | RentalAttempt],
    our_ref: str,
    flaw: str,
    *,
    provider_id: int,
    order: str,
    now: datetime,
) -> None:
    """As `note_flaw`, for a lease that a sweep found in a list, and finds again until it could be cancelled:
    the attempt keeps the flaw as its reason, so that it counts once.
    """
    reason = f"lease with an unusable {flaw}"
    if flaw and attempts.objects.filter(our_ref=our_ref).exclude(reason=reason).update(reason=reason):
        note_flaw(provider_id, flaw, order=order, now=now)

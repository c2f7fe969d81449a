"""What becomes of a provider whose lease must not be sold (U7)."""

from __future__ import annotations

from datetime import datetime

import structlog

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

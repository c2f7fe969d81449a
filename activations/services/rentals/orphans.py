"""Rentals in a provider's list that are none of ours: sold twice, late, or after we had given up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial

import structlog

from activations.database import rows
from activations.services.apart import ask_all
from activations.services.rentals import steps
from providers.contract import Adapter, Can, ListedLease, TooEarly, Unreachable
from providers.models import Provider

log = structlog.get_logger(__name__)
SETTLED = timedelta(seconds=20)  # younger ones may simply not be written yet

UNWANTED = """
SELECT t.our_ref, t.rental_id, t.term_id, t.tenant_id, t.ceiling_micros FROM activations_rentalattempt t
WHERE t.our_ref = ANY(%(our_refs)s) AND t.provider_id = %(provider)s
    AND t.outcome NOT IN ('', 'unknown') AND t.started_at < %(before)s
"""


def cancel_left_behind(
    provider: Provider,
    adapter: Adapter,
    listed: Sequence[ListedLease],
    *,
    now: datetime,
    meanwhile: Callable[[], None] | None = None,
) -> None:
    """Cancel there what settled attempts of ours left behind, or list it as money at risk."""
    named = {lease.upstream_ref: lease for lease in listed if lease.our_ref}
    if not named or Can.CANCEL_RENTAL not in adapter.can:
        return
    taken = rows(
        "SELECT upstream_ref FROM activations_rental WHERE provider_id = %(provider)s"
        " AND upstream_ref = ANY(%(refs)s)",
        {"provider": provider.pk, "refs": list(named)},
    )
    for row in taken:
        del named[row["upstream_ref"]]
    by_our_ref = {lease.our_ref: lease for lease in named.values()}
    if not by_our_ref:
        return
    unwanted = rows(
        UNWANTED, {"our_refs": list(by_our_ref), "provider": provider.pk, "before": now - SETTLED}
    )
    calls = [
        (row, partial(adapter.cancel_rental, upstream_ref=by_our_ref[row["our_ref"]].upstream_ref))
        for row in unwanted
    ]
    for row, refunded_micros, error in ask_all(calls, meanwhile=meanwhile):
        log.warning("rental_left_behind", rental=str(row["rental_id"]), cancelled=error is None)
        if isinstance(error, TooEarly | Unreachable):
            continue
        cost_micros = by_our_ref[row["our_ref"]].cost_micros or row["ceiling_micros"]
        back_micros = 0 if error else cost_micros if refunded_micros is None else refunded_micros
        if back_micros < cost_micros:
            steps.at_risk(
                row["term_id"],
                tenant_id=row["tenant_id"],
                provider_id=provider.pk,
                micros=cost_micros - back_micros,
                note="a rental that was left behind did not bring everything back",
                now=now,
            )

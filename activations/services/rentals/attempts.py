"""The calls to providers of one opened rental, one after the other. Nothing of the database is held
meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import structlog
from django.db import IntegrityError

from accounts.identity import Buyer
from activations import policy
from activations.rental_queries import RentalRow, rental_row_by_id
from activations.services import leases
from activations.services.attempts import OPERATORS_TROUBLE, SHORTEST_CALL_SECONDS, OnTrial, admit
from activations.services.clock import Clock
from activations.services.flaws import note_flaw
from activations.services.quoting import Quote
from activations.services.rentals import steps
from activations.services.rentals.quoting import price_at_cost
from activations.services.steps import Failure
from activations.wish import RentalWish
from billing.prices import Rules
from portal import errors
from providers import health
from providers.contract import (
    Adapter,
    Can,
    Lease,
    OutcomeUnknown,
    PriceTooLow,
    ProviderError,
    Refused,
    UnknownToUpstream,
    Unreachable,
)
from providers.http import send, send_order
from providers.models import Provider
from providers.router import Route

log = structlog.get_logger(__name__)


@dataclass
class RentalAttempts:
    """At most four offers under one ceiling; the first that leases a number is charged (N1)."""

    buyer: Buyer
    wish: RentalWish
    rules: Rules
    route: Route
    id: UUID
    clock: Clock

    def run(self, quotes: list[Quote], *, our_ref: str) -> RentalRow:
        waiting, said_no, failed = list(quotes), [], Failure(our_ref, "", "")
        left = policy.ORDER_ATTEMPTS
        while left:
            current = waiting.pop(0)
            try:
                return self._try(current, our_ref=our_ref)
            except ProviderError as error:
                said_no.append(error)
                left -= not isinstance(error, OnTrial)  # nothing was sent
                outcome = "unreachable" if isinstance(error, Unreachable) else "refused"
                failed = Failure(our_ref, outcome, error.code)
            next_ref = self._go_on(waiting, failed=failed)
            if next_ref is None:
                break
            our_ref = next_ref
        return self._give_up(said_no, failed=failed)

    def _try(self, current: Quote, *, our_ref: str) -> RentalRow:
        """One call. Raises Refused or Unreachable; an unknown outcome is left to the sweep."""
        adapter = current.candidate.adapter
        try:
            lease = self._send(adapter, current, our_ref=our_ref)
        except OutcomeUnknown as error:
            return self._unknown(our_ref, reason=str(error) or error.code)
        if not leases.is_identified(lease):
            return self._unknown(our_ref, reason="lease without a reference")
        unwanted, ceiling = self.wish.exclude_prefixes, current.candidate.cost_micros
        if flaw := leases.flaw_of(lease, ceiling_micros=ceiling, exclude_prefixes=unwanted):
            return self._turn_away(adapter, lease, current, our_ref=our_ref, flaw=flaw)
        return self._attach(adapter, lease, current, our_ref=our_ref)

    def _send(self, adapter: Adapter, current: Quote, *, our_ref: str) -> Lease:
        candidate = current.candidate
        if Can.RENTAL not in adapter.can:
            raise UnknownToUpstream("it does not rent")
        admit(candidate, self.clock.now())
        try:
            call = adapter.rent(
                service=candidate.upstream_service,
                country=candidate.upstream_country,
                operator=candidate.upstream_operator,
                offer_ref=candidate.offer_ref,
                hours=self.wish.hours,
                ceiling_micros=candidate.cost_micros,
                our_ref=our_ref,
            )
            seconds = min(call.timeout_seconds, max(self.clock.left(), SHORTEST_CALL_SECONDS))
            lease = send_order(call, seconds=seconds)
        except ProviderError as error:
            health.note_failure(candidate.provider_id, error, self.clock.now())
            raise
        if candidate.was_failing:
            health.note_success(candidate.provider_id, ordered=True, now=self.clock.now())
        return lease

    def _attach(self, adapter: Adapter, lease: Lease, current: Quote, *, our_ref: str) -> RentalRow:
        now, candidate = self.clock.now(), current.candidate
        cost = candidate.cost_micros if lease.cost_micros is None else lease.cost_micros
        provider = Provider.objects.get(pk=candidate.provider_id)
        deal = steps.RentalDeal(
            our_ref=our_ref,
            lease=lease,
            hours=self.wish.hours,
            cost_micros=cost,
            price_micros=price_at_cost(current, cost_micros=cost, wish=self.wish, rules=self.rules),
            is_own=candidate.is_own,
            check_seconds=candidate.check_seconds,
            ends_unused=provider.rental_ends_unused,
        )
        try:
            row = steps.attach(self.id, deal, adapter, now=now)
        except IntegrityError:
            return self._unknown(our_ref, reason="the lease belongs to another rental")
        if row.lease_state != "leased":
            self._too_late(adapter, lease, current, cost_micros=cost)
        return row

    def _too_late(self, adapter: Adapter, lease: Lease, current: Quote, *, cost_micros: int) -> None:
        """The sweep closed the rental while we waited: the number is given back, or is money at risk."""
        if not cancel_there(adapter, lease.upstream_ref):
            steps.at_risk(
                self.id,
                tenant_id=self.buyer.tenant_id,
                provider_id=current.candidate.provider_id,
                micros=cost_micros,
                note="its answer came after the rental was closed",
                now=self.clock.now(),
            )
        raise errors.UpstreamUnavailable()

    def _turn_away(
        self, adapter: Adapter, lease: Lease, current: Quote, *, our_ref: str, flaw: str
    ) -> RentalRow:
        """A number that must not be sold is cancelled there; only then is the rental free to go on (U7)."""
        note_flaw(current.candidate.provider_id, flaw, order=str(self.id), now=self.clock.now())
        if not cancel_there(adapter, lease.upstream_ref):
            reason = f"lease with an unusable {flaw}"
            return self._unknown(our_ref, reason=reason, upstream_ref=lease.upstream_ref)
        raise Refused(f"cancelled for its {flaw}")

    def _unknown(self, our_ref: str, *, reason: str, upstream_ref: str = "") -> RentalRow:
        steps.find_out_later(our_ref=our_ref, reason=reason, upstream_ref=upstream_ref, now=self.clock.now())
        row = rental_row_by_id(tenant_id=self.buyer.tenant_id, rental_id=self.id)
        assert row is not None
        return row

    def _go_on(self, waiting: list[Quote], *, failed: Failure) -> str | None:
        """Write the next attempt; its reference, or None when there is nothing more to try."""
        while waiting and self.clock.left() > SHORTEST_CALL_SECONDS:
            try:
                return steps.next_attempt(self.id, waiting[0], failed=failed, now=self.clock.now())
            except errors.InsufficientBalance:
                waiting.pop(0)  # dearer than what he has
        return None

    def _give_up(self, said_no: list[ProviderError], *, failed: Failure) -> RentalRow:
        refusal = self._refusal(said_no)
        row = steps.unsold(self.id, failed=failed, refusal=refusal, now=self.clock.now())
        if row.lease_state == "leased":
            return row
        raise refusal

    def _refusal(self, said_no: list[ProviderError]) -> errors.PortalError:
        """F7: out of reach everywhere is "unavailable"; one that said no makes it "no numbers", or too
        dear.
        """
        if all(isinstance(error, OPERATORS_TROUBLE) for error in said_no):
            return errors.UpstreamUnavailable()
        above = self.route.cheapest_above_micros
        if above and any(isinstance(error, PriceTooLow) for error in said_no):
            return errors.MaxPriceExceeded(suggested_micros=above)
        return errors.NoNumbers()


def cancel_there(adapter: Adapter, upstream_ref: str) -> bool:
    """Give a number back at the provider; whether it confirmed that."""
    if Can.CANCEL_RENTAL not in adapter.can:
        return False
    try:
        send(adapter.cancel_rental(upstream_ref=upstream_ref))
    except ProviderError as error:
        log.warning("rental_cancel_failed", reason=type(error).__name__)
        return False
    return True

"""The calls to providers of one opened order, one after the other under one ceiling.

Nothing of the database is held while a provider is asked.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog
from django.db import IntegrityError

from accounts.identity import Buyer
from activations import policy
from activations.database import call
from activations.phones import clean_phone
from activations.queries import ActivationRow, row_by_id
from activations.services import leases, steps
from activations.services.clock import Clock
from activations.services.flaws import note_flaw
from activations.services.kept_fees import note_fee_of_unsold
from activations.services.price_tokens import too_dear
from activations.services.quoting import Quote, is_within_cap, price_at, quote, real_price
from activations.services.steps import Deal, Failure
from activations.wish import SaleTerms, Wish
from billing.prices import Rules
from portal import errors
from providers import health
from providers.contract import (
    Adapter,
    BadCredentials,
    Banned,
    Lease,
    OutcomeUnknown,
    OutOfFunds,
    PriceTooLow,
    ProviderError,
    Refused,
    Throttled,
    Unreachable,
)
from providers.http import GivenUp, send, send_order
from providers.router import Candidate, Route

log = structlog.get_logger(__name__)

OPERATORS_TROUBLE = (OutOfFunds, BadCredentials, Banned, Throttled, Unreachable)
SHORTEST_CALL_SECONDS = 1.5


class OnTrial(GivenUp):
    """Not sent: another order is trying this provider, whose breaker was open."""

    code = "tripped"


def admit(candidate: Candidate, now: datetime) -> None:
    """Just before something is sent there, so that no order takes the probe that asks somebody else. Raises
    OnTrial.
    """
    if not candidate.may_be_asked(now):
        raise OnTrial


@dataclass
class Attempts:
    """The calls to providers of one opened order, one after the other under one ceiling."""

    buyer: Buyer
    wish: Wish
    promised: SaleTerms
    rules: Rules
    route: Route
    ceiling_micros: int
    id: UUID
    clock: Clock

    def run(self, quotes: list[Quote], *, our_ref: str) -> ActivationRow:
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
                if raised := self._at_its_price(current, error):
                    waiting.insert(0, raised)
            next_ref = self._go_on(waiting, failed=failed)
            if next_ref is None:
                break
            our_ref = next_ref
        return self._give_up(said_no, failed=failed)

    def _try(self, current: Quote, *, our_ref: str) -> ActivationRow:
        """One call. Raises Refused or Unreachable; an unknown outcome is left to the sweep."""
        candidate = current.candidate
        adapter = candidate.adapter
        admit(candidate, self.clock.now())
        try:
            lease = self._send(adapter, current, our_ref=our_ref)
        except OutcomeUnknown as error:
            return self._unknown(our_ref, reason=str(error) or error.code)
        if not leases.is_identified(lease):
            return self._unknown(our_ref, reason="lease without a reference")
        unwanted = self.wish.exclude_prefixes
        if flaw := leases.flaw_of(lease, ceiling_micros=candidate.cost_micros, exclude_prefixes=unwanted):
            return self._turn_away(adapter, lease, current, our_ref=our_ref, flaw=flaw)
        return self._attach(adapter, lease, current, our_ref=our_ref)

    def _send(self, adapter: Adapter, current: Quote, *, our_ref: str) -> Lease:
        candidate = current.candidate
        try:
            call = adapter.order(
                service=candidate.upstream_service,
                country=candidate.upstream_country,
                operator=candidate.upstream_operator,
                offer_ref=candidate.offer_ref,
                ceiling_micros=candidate.cost_micros,
                our_ref=our_ref,
                capability=self.wish.capability,
                exclude_prefixes=self.wish.exclude_prefixes,
            )
            seconds = min(call.timeout_seconds, max(self.clock.left(), SHORTEST_CALL_SECONDS))
            lease = send_order(call, seconds=seconds)
        except ProviderError as error:
            health.note_failure(candidate.provider_id, error, self.clock.now())
            raise
        if candidate.was_failing:
            health.note_success(candidate.provider_id, ordered=True, now=self.clock.now())
        return lease

    def _attach(self, adapter: Adapter, lease: Lease, current: Quote, *, our_ref: str) -> ActivationRow:
        now, candidate = self.clock.now(), current.candidate
        cost = candidate.cost_micros if lease.cost_micros is None else lease.cost_micros
        real = real_price(current, cost_micros=cost, wish=self.wish, rules=self.rules)
        deal = Deal(
            our_ref=our_ref,
            lease=lease,
            phone=clean_phone(lease.phone),
            operator=leases.operator_of(lease, asked=candidate),
            cost_micros=cost,
            price_micros=real.price_micros,
            is_own=candidate.is_own,
            due_price_micros=real.due_price_micros,
            due_customer_price_micros=real.due_customer_price_micros,
            terms=leases.terms_of(
                lease, account=candidate, adapter=adapter, life_seconds=self.promised.life_seconds, now=now
            ),
        )
        try:
            row = steps.attach(self.id, deal, now=now)
        except IntegrityError:
            return self._unknown(our_ref, reason="the lease belongs to another order")
        if row.lease_state != "leased":
            self._too_late(adapter, lease, current, cost_micros=cost)
        return row

    def _too_late(self, adapter: Adapter, lease: Lease, current: Quote, *, cost_micros: int) -> None:
        """The sweep closed the order while we waited: the number is given back, or is money at risk."""
        if not self._cancel_there(adapter, lease, current):
            call(
                "activation_at_risk",
                id=self.id,
                tenant=self.buyer.tenant_id,
                provider=current.candidate.provider_id,
                kind="orphan",
                micros=cost_micros,
                note="its answer came after the order was closed",
                now=self.clock.now(),
            )
        raise errors.UpstreamUnavailable()

    def _turn_away(
        self, adapter: Adapter, lease: Lease, current: Quote, *, our_ref: str, flaw: str
    ) -> ActivationRow:
        """A number that must not be sold is cancelled there; only then is the order free to go on (U7)."""
        note_flaw(current.candidate.provider_id, flaw, order=str(self.id), now=self.clock.now())
        if not self._cancel_there(adapter, lease, current):
            steps.find_out_later(
                self.id,
                our_ref=our_ref,
                reason=f"lease with an unusable {flaw}",
                upstream_ref=lease.upstream_ref,
                now=self.clock.now(),
            )
            return self._row()
        raise Refused(f"cancelled for its {flaw}")

    def _cancel_there(self, adapter: Adapter, lease: Lease, current: Quote) -> bool:
        try:
            send(adapter.cancel(upstream_ref=lease.upstream_ref))
        except (ProviderError, NotImplementedError) as error:
            log.warning("cancel_failed", activation=str(self.id), reason=type(error).__name__)
            return False
        note_fee_of_unsold(
            self.id,
            tenant_id=self.buyer.tenant_id,
            provider_id=current.candidate.provider_id,
            fee_micros=current.candidate.cancel_fee_micros,
            now=self.clock.now(),
        )
        return True

    def _unknown(self, our_ref: str, *, reason: str) -> ActivationRow:
        steps.find_out_later(self.id, our_ref=our_ref, reason=reason, now=self.clock.now())
        return self._row()

    def _row(self) -> ActivationRow:
        row = row_by_id(tenant_id=self.buyer.tenant_id, activation_id=self.id)
        assert row is not None
        return row

    def _at_its_price(self, current: Quote, error: ProviderError) -> Quote | None:
        """The same offer at the price that the provider named instead, when that is still under the
        ceiling.
        """
        if not isinstance(error, PriceTooLow) or not error.suggested_micros:
            return None
        price = price_at(current.candidate, error.suggested_micros, wish=self.wish, rules=self.rules)
        if price > self.ceiling_micros or error.suggested_micros <= current.candidate.cost_micros:
            return None
        candidate = replace(
            current.candidate,
            cost_micros=error.suggested_micros,
            price_micros=price,
            needs_probe=False,  # it has answered
        )
        raised = quote(candidate, wish=self.wish, rules=self.rules, max_price_micros=self.ceiling_micros)
        return raised if is_within_cap(raised, self.wish) else None

    def _go_on(self, waiting: list[Quote], *, failed: Failure) -> str | None:
        """Write the next attempt; its reference, or None when there is nothing more to try."""
        while waiting and self.clock.left() > SHORTEST_CALL_SECONDS:
            try:
                return steps.next_attempt(self.id, waiting[0], failed=failed, now=self.clock.now())
            except errors.InsufficientBalance:
                waiting.pop(0)  # dearer than what he has
        return None

    def _give_up(self, said_no: list[ProviderError], *, failed: Failure) -> ActivationRow:
        refusal = self._refusal(said_no)
        row = steps.unsold(
            self.id, failed=failed, refusal=refusal, token=self.wish.token, now=self.clock.now()
        )
        if row.lease_state == "leased":
            return row
        raise refusal

    def _refusal(self, said_no: list[ProviderError]) -> errors.PortalError:
        """F7: out of reach everywhere is "unavailable"; one that said no makes it "no numbers", or too
        dear.
        """
        if all(isinstance(error, OPERATORS_TROUBLE) for error in said_no):
            return errors.UpstreamUnavailable()
        suggested = [
            self.rules.tenant_price(error.suggested_micros, self.wish.service_id, self.wish.country_id)
            for error in said_no
            if isinstance(error, PriceTooLow) and error.suggested_micros
        ]
        suggested += [candidate.price_micros for candidate in self.route.candidates]
        suggested.append(self.route.cheapest_above_micros or 0)
        dearer = [price for price in suggested if price > self.ceiling_micros]
        if not dearer:
            return errors.NoNumbers()
        return too_dear(
            buyer=self.buyer,
            wish=self.wish,
            rules=self.rules,
            suggested_micros=min(dearer),
            now=self.clock.now(),
        )

"""Making a rental longer (N3): its own hold, charge and request key. The provider is asked with nothing
held open; while its answer is unknown the rental names the term and nothing else ends or extends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from django.utils import timezone

from accounts.identity import Buyer
from activations import policy, refusals
from activations.database import call, move_rental
from activations.hints import tell_browser
from activations.rental_queries import RentalRow, rental_row_by_rnt_id
from activations.services.attempts import admit
from activations.services.eligibility import check_account
from activations.services.quoting import Quote
from activations.services.rentals import steps, times
from activations.services.rentals.answers import Paid, answer_of_term, answer_to, earlier_answer
from activations.services.rentals.ordering import check_hours
from activations.services.rentals.quoting import price_at_cost, quote_rental
from activations.services.request_keys import KeyedRequest
from activations.services.scope import short_of
from activations.services.steps import new_reference
from activations.wish import RentalWish
from billing.prices import Rules, load_rules
from portal import errors
from portal.sqlstates import sql_refusals
from providers import health
from providers.contract import (
    Can,
    Extension,
    OutcomeUnknown,
    OutOfFunds,
    ProviderError,
    Refused,
    UnknownToUpstream,
    WrongState,
)
from providers.http import send
from providers.router import find_rental_route


@dataclass(frozen=True, slots=True)
class _Plan:
    """An extension with what it costs whom."""

    row: RentalRow
    wish: RentalWish
    rules: Rules
    quote: Quote


def extend_rental(
    *,
    buyer: Buyer,
    rnt_id: str,
    hours: int,
    request_key: str | None,
    request_digest: bytes = b"",
    max_customer_price_micros: int | None = None,
    renews_end: datetime | None = None,
    now: datetime | None = None,
) -> Paid:
    """Add `hours` to the present end; the rental as it is then, and the term that was paid. `renews_end`:
    of an automatic renewal, the end that it is for; one that has moved since is not moved again.

    A repeated `request_key` gives the first answer again. While the provider's answer is unknown the rental
    `is_extending`, and asking again with the key is answered OrderInProgress. Raises RentalUnknown,
    RentalNotActive, InvalidDuration, MaxPriceExceeded, InsufficientBalance, OrderInProgress (another
    extension runs), UpstreamUnavailable; then nothing is held. Amounts: micro-USD of the customer.
    """
    now = now or timezone.now()
    keyed = KeyedRequest(buyer, request_key, request_digest) if request_key else None
    if keyed and (paid := answer_to(keyed)):
        return paid
    try:
        row = own_rental(buyer, rnt_id)
        if renews_end not in (None, row.ends_at):
            raise errors.OrderInProgress()
        plan = _plan(buyer, row, hours=hours, now=now)
        cap = max_customer_price_micros
        if cap is not None and plan.quote.customer_price_micros > cap:
            raise errors.MaxPriceExceeded(suggested_micros=plan.quote.customer_price_micros)
        is_renewal = renews_end is not None
        return _extend(plan, buyer=buyer, keyed=keyed, is_renewal=is_renewal, now=now)
    except errors.PortalError as refusal:
        if (
            keyed
            and refusals.is_kept(refusal)
            and not keyed.keep(refusal, now=now)
            and (paid := answer_to(keyed))
        ):
            return paid  # the same key succeeded meanwhile
        raise


def extension_price(*, buyer: Buyer, rnt_id: str, hours: int, now: datetime | None = None) -> int:
    """What `extend_rental` would charge the customer now, in micro-USD. Raises what that raises."""
    now = now or timezone.now()
    return _plan(buyer, own_rental(buyer, rnt_id), hours=hours, now=now).quote.customer_price_micros


def own_rental(buyer: Buyer, rnt_id: str) -> RentalRow:
    """Raises RentalUnknown."""
    row = rental_row_by_rnt_id(tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, rnt_id=rnt_id)
    if row is None:
        raise errors.RentalUnknown()
    return row


def _plan(buyer: Buyer, row: RentalRow, *, hours: int, now: datetime) -> _Plan:
    """The same provider's line for these hours at today's price."""
    check_account(buyer, now=now)
    check_hours(hours)
    if not row.is_open or row.is_checking or not row.can_extend or row.ends_at is None or row.ends_at <= now:
        raise errors.RentalNotActive()
    wish = RentalWish(
        service_id=row.service_id,
        country_id=row.country_id,
        hours=hours,
        customer_price_micros=None if row.customer_price_micros else 0,  # what was free stays free
    )
    rules = load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now)
    try:
        route = find_rental_route(
            tenant_id=buyer.tenant_id,
            is_test=buyer.is_test,
            wish=wish,
            rules=rules,
            now=now,
            provider_id=row.provider_id,
        )
    except errors.NoNumbers as refusal:
        raise errors.InvalidDuration("This rental cannot be extended by that time.") from refusal
    return _Plan(row, wish, rules, quote_rental(route.candidates[0], wish=wish, rules=rules))


def _extend(
    plan: _Plan, *, buyer: Buyer, keyed: KeyedRequest | None, is_renewal: bool, now: datetime
) -> Paid:
    our_ref = new_reference()
    try:
        word, term_id, refusal = _open(plan, keyed=keyed, our_ref=our_ref, is_renewal=is_renewal, now=now)
    except errors.InsufficientBalance as short:
        raise short_of(short, buyer=buyer, quote=plan.quote) from short
    if word != "opened":
        return earlier_answer(word, refusal=refusal, term_id=term_id, tenant_id=buyer.tenant_id)
    candidate = plan.quote.candidate
    try:
        admit(candidate, now)
        extension = send(
            candidate.adapter.extend_rental(
                upstream_ref=steps.upstream_ref_of(plan.row),
                hours=plan.wish.hours,
                ceiling_micros=candidate.cost_micros,
                our_ref=our_ref,
            )
        )
    except OutcomeUnknown as error:
        health.note_failure(candidate.provider_id, error, now)
        steps.find_out_later(our_ref=our_ref, reason=str(error) or error.code, now=now)
        raise errors.OrderInProgress("The extension is being checked with the provider.") from error
    except ProviderError as error:
        health.note_failure(candidate.provider_id, error, now)
        said = _refusal(error)
        outcome = "refused" if isinstance(error, Refused) else "unreachable"
        not_extended(term_id, outcome=outcome, reason=error.code, refusal=said, now=now)
        raise said from error
    if candidate.was_failing:
        health.note_success(candidate.provider_id, now=now)
    cost = candidate.cost_micros if extension.cost_micros is None else extension.cost_micros
    price = price_at_cost(plan.quote, cost_micros=cost, wish=plan.wish, rules=plan.rules)
    settle_extension(
        term_id, plan.row, extension, hours=plan.wish.hours, cost_micros=cost, price_micros=price,
        is_own=candidate.is_own, now=now,
    )  # fmt: skip
    try:
        return answer_of_term(tenant_id=buyer.tenant_id, term_id=term_id)
    except errors.NoNumbers:  # the sweep had given it up while we waited
        steps.at_risk(
            term_id,
            tenant_id=buyer.tenant_id,
            provider_id=candidate.provider_id,
            micros=cost,
            note="its answer came after the extension was given up",
            now=now,
        )
        raise


def _open(
    plan: _Plan, *, keyed: KeyedRequest | None, our_ref: str, is_renewal: bool, now: datetime
) -> tuple[str, UUID, dict[str, object] | None]:
    row, quote = plan.row, plan.quote
    if Can.EXTEND_RENTAL not in quote.candidate.adapter.can:
        raise errors.RentalNotActive()
    with sql_refusals():
        word, term_id, refusal = call(
            "rental_extend_open",
            tenant=row.tenant_id,
            customer=row.customer_id,
            id=row.id,
            key=keyed.key if keyed else None,
            digest=keyed.digest if keyed else None,
            hours=plan.wish.hours,
            ceiling=quote.candidate.cost_micros,
            price=quote.price_micros,
            tenant_hold=quote.tenant_hold_micros,
            customer_price=quote.customer_price_micros,
            our_ref=our_ref,
            is_renewal=is_renewal,
            extends_from=row.ends_at,
            now=now,
            lost_at=now + policy.LOST_AFTER,
        )
    return word, term_id, orjson.loads(refusal) if refusal else None


def settle_extension(
    term_id: UUID,
    row: RentalRow,
    extension: Extension,
    *,
    hours: int,
    cost_micros: int,
    price_micros: int,
    is_own: bool,
    now: datetime,
) -> RentalRow:
    """The provider did it: charged, the end moved, everything that hangs on it planned anew."""
    assert row.ends_at is not None
    ends_at = times.end_after(row.ends_at, hours=hours, named=extension.ends_at)
    changed = move_rental(
        "rental_extended",
        term=term_id,
        cost=cost_micros,
        price=price_micros,
        own=is_own,
        ends_at=ends_at,
        expire_at=ends_at,
        remind_at=times.remind_at(ends_at, hours=row.hours + hours, now=now),
        renew_at=times.renew_at(ends_at, hours=row.renew_hours or hours, now=now),
        now=now,
    )
    assert changed is not None
    tell_browser(tenant_id=row.tenant_id, customer_id=row.customer_id, hex_id=row.rnt_id)
    return changed


def not_extended(
    term_id: UUID, *, outcome: str, reason: str, refusal: errors.PortalError, now: datetime
) -> RentalRow:
    """The provider did not: the hold goes back."""
    changed = move_rental(
        "rental_not_extended",
        term=term_id,
        outcome=outcome,
        reason=reason[:80],
        answer=steps.answer_of(refusal),
        now=now,
    )
    assert changed is not None
    tell_browser(tenant_id=changed.tenant_id, customer_id=changed.customer_id, hex_id=changed.rnt_id)
    return changed


def _refusal(error: ProviderError) -> errors.PortalError:
    if isinstance(error, WrongState | UnknownToUpstream):
        return errors.RentalNotActive()
    if isinstance(error, OutOfFunds) or not isinstance(error, Refused):
        return errors.UpstreamUnavailable()
    return errors.NoNumbers("The provider does not extend this number.")

"""Renting one number (N1): hold the money, ask the provider, charge the full price or give the hold back.

As for activations the rental is committed before anything is sent, and no transaction or pooled connection is
held while a provider is asked. What is not known when the time is up stays `ordering`.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from accounts import hops
from accounts.identity import Buyer
from activations import policy, refusals
from activations.rental_queries import RentalRow
from activations.services.clock import Clock
from activations.services.eligibility import check_buyer
from activations.services.rentals import steps
from activations.services.rentals.answers import answer_to, earlier_answer
from activations.services.rentals.attempts import RentalAttempts
from activations.services.rentals.quoting import quote_rental
from activations.services.request_keys import KeyedRequest
from activations.services.scope import short_of
from activations.wish import RentalWish
from billing.prices import load_rules
from portal import errors
from providers.router import Route, find_rental_route


def rent_number(
    *,
    buyer: Buyer,
    wish: RentalWish,
    request_key: str | None,
    request_digest: bytes = b"",
    channel: str,
    budget_seconds: float = policy.ORDER_BUDGET_SECONDS,
    now: datetime | None = None,
) -> RentalRow:
    """Rent one number for `wish.hours`. The row is `leased` and charged, or `ordering` ("checking") while its
    outcome is unknown. `budget_seconds`: how long its caller waits.

    A repeated `request_key` gives the first answer again, a refusal included. Amounts: integer micro-USD.
    Raises InvalidDuration and the refusals of docs/protocols/README.md section 3; then nothing is held.
    """
    now = now or timezone.now()
    keyed = KeyedRequest(buyer, request_key, request_digest) if request_key else None
    if keyed and (paid := answer_to(keyed)):
        return paid.rental
    try:
        return _rent(buyer=buyer, wish=wish, keyed=keyed, channel=channel, budget=budget_seconds, now=now)
    except errors.PortalError as refusal:
        if (
            keyed
            and refusals.is_kept(refusal)
            and not keyed.keep(refusal, now=now)
            and (paid := answer_to(keyed))
        ):
            return paid.rental  # the same key succeeded meanwhile
        raise


def check_hours(hours: int) -> None:
    """Raises InvalidDuration."""
    if not 1 <= hours <= policy.RENTAL_HOURS_MOST:
        raise errors.InvalidDuration(f"A rental lasts from 1 to {policy.RENTAL_HOURS_MOST} hours.")


def _rent(
    *,
    buyer: Buyer,
    wish: RentalWish,
    keyed: KeyedRequest | None,
    channel: str,
    budget: float,
    now: datetime,
) -> RentalRow:
    check_buyer(buyer, now=now)
    hops.check()
    check_hours(wish.hours)
    rules = load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now)
    route = find_rental_route(
        tenant_id=buyer.tenant_id, is_test=buyer.is_test, wish=wish, rules=rules, now=now
    )
    quotes = [quote_rental(candidate, wish=wish, rules=rules) for candidate in route.candidates]
    try:
        opened = steps.open_rental(
            quotes[0],
            buyer=buyer,
            wish=wish,
            keyed=keyed,
            channel=channel,
            routing=_remembered(route, wish),
            now=now,
        )
    except errors.InsufficientBalance as refusal:
        raise short_of(refusal, buyer=buyer, quote=quotes[0]) from refusal
    if opened.word != "opened" or opened.term_id is None:
        return earlier_answer(
            opened.word, refusal=opened.refusal, term_id=opened.term_id, tenant_id=buyer.tenant_id
        ).rental
    clock = Clock(now, budget_seconds=budget)
    attempts = RentalAttempts(buyer, wish, rules, route, opened.term_id, clock)
    return attempts.run(quotes, our_ref=opened.our_ref)


def _remembered(route: Route, wish: RentalWish) -> dict[str, object]:
    """What is kept of the choice; prefixes too, since a lost rental's number is judged much later."""
    if not wish.exclude_prefixes:
        return route.decision
    return {**route.decision, "exclude_prefixes": wish.exclude_prefixes}

"""Buying one number, in DESIGN's seven steps: hold the money, order upstream, attach the lease or give back.

The activation is committed before anything is sent, and no transaction or pooled connection is held while a
provider is asked. What is not known when the time is up stays `ordering`; the reconciling sweep finds it out.
"""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from accounts import hops
from accounts.identity import Buyer
from activations import policy, refusals
from activations.queries import ActivationRow, row_by_id
from activations.services import steps
from activations.services.attempts import Attempts
from activations.services.clock import Clock
from activations.services.eligibility import check_buyer, check_may_order
from activations.services.price_tokens import continued, too_dear
from activations.services.quoting import (
    Quote,
    ceiling_of,
    check_markup,
    is_within_cap,
    near_the_cheapest,
    quote,
)
from activations.services.request_keys import KeyedRequest, answer_with
from activations.services.scope import short_of
from activations.wish import PLAIN_TERMS, SaleTerms, Wish
from billing.prices import Rules, load_rules
from portal import errors
from providers.router import Route, find_route

KEPT_OF_THE_WISH = ("exclude_prefixes", "include_providers", "exclude_providers", "min_price_micros")


def order_activation(
    *,
    buyer: Buyer,
    wish: Wish,
    request_key: str | None,
    request_digest: bytes = b"",
    channel: str,
    terms: SaleTerms = PLAIN_TERMS,
    rules: Rules | None = None,
    budget_seconds: float = policy.ORDER_BUDGET_SECONDS,
    now: datetime | None = None,
) -> ActivationRow:
    """Buy one number. The row is `leased`, or `ordering` (shown as "checking") while its outcome is unknown.
    `budget_seconds`: how long its caller waits; no further provider is asked after that.

    A repeated `request_key` gives the first answer again, a refusal included. Amounts: integer micro-USD.
    `rules`: the buyer's price rules, where they were read along with him.
    Raises the refusals of docs/protocols/README.md section 3; then nothing is held any more.
    """
    now = now or timezone.now()
    keyed = KeyedRequest(buyer, request_key, request_digest) if request_key else None
    if keyed and (row := keyed.answer()):
        return row
    try:
        return _order(
            buyer=buyer,
            wish=wish,
            keyed=keyed,
            channel=channel,
            terms=terms,
            rules=rules,
            budget=budget_seconds,
            now=now,
        )
    except errors.PortalError as refusal:
        if (
            keyed
            and refusals.is_kept(refusal)
            and not keyed.keep(refusal, now=now)
            and (row := keyed.answer())
        ):
            return row  # the same key succeeded meanwhile
        raise


def _order(
    *,
    buyer: Buyer,
    wish: Wish,
    keyed: KeyedRequest | None,
    channel: str,
    terms: SaleTerms,
    rules: Rules | None,
    budget: float,
    now: datetime,
) -> ActivationRow:
    check_buyer(buyer, now=now)
    hops.check()
    rules = rules or load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now)
    try:
        wish, route, ceiling, quotes = _plan(buyer=buyer, wish=wish, rules=rules, now=now)
    except errors.PortalError:
        check_may_order(buyer, now=now)  # too many open numbers are named before what is wrong with a wish
        raise
    try:
        opened = steps.open_activation(
            quotes[0],
            buyer=buyer,
            wish=wish,
            max_price_micros=ceiling,
            quality_factor=route.quality_factor,
            keyed=keyed,
            channel=channel,
            terms=terms,
            routing=_remembered(route, wish, terms),
            now=now,
        )
    except errors.InsufficientBalance as refusal:
        check_may_order(buyer, now=now)
        raise short_of(refusal, buyer=buyer, quote=quotes[0]) from refusal
    if opened.id is None or opened.word != "opened":
        return _earlier_answer(opened, buyer=buyer)
    clock = Clock(now, budget_seconds=budget)
    attempts = Attempts(buyer, wish, terms, rules, route, ceiling, opened.id, clock)
    return attempts.run(quotes, our_ref=opened.our_ref)


def _plan(*, buyer: Buyer, wish: Wish, rules: Rules, now: datetime) -> tuple[Wish, Route, int, list[Quote]]:
    """The whole wish, where it may go, the tenant's highest price, and what can be tried, best first."""
    wish = continued(wish, buyer=buyer, now=now)
    route = _route(buyer=buyer, wish=wish, rules=rules, now=now)
    wish = near_the_cheapest(wish, route.candidates, rules=rules)
    ceiling = ceiling_of(wish, route, rules=rules)
    check_markup(wish, max_price_micros=ceiling)
    quotes = _quotes(route, buyer=buyer, wish=wish, rules=rules, max_price_micros=ceiling, now=now)
    return wish, route, ceiling, quotes


def _route(*, buyer: Buyer, wish: Wish, rules: Rules, now: datetime) -> Route:
    try:
        return find_route(tenant_id=buyer.tenant_id, is_test=buyer.is_test, wish=wish, rules=rules, now=now)
    except errors.MaxPriceExceeded as refusal:
        suggested = int(str(refusal.extra["suggested_micros"]))
        raise too_dear(buyer=buyer, wish=wish, rules=rules, suggested_micros=suggested, now=now) from refusal


def _quotes(
    route: Route, *, buyer: Buyer, wish: Wish, rules: Rules, max_price_micros: int, now: datetime
) -> list[Quote]:
    """What can be tried, best first. Raises MaxPriceExceeded when the customer's cap is lower."""
    quotes = [
        quote(candidate, wish=wish, rules=rules, max_price_micros=max_price_micros)
        for candidate in route.candidates
        if candidate.price_micros <= max_price_micros
    ]
    affordable = [one for one in quotes if is_within_cap(one, wish)]
    if not affordable:
        cheapest = min(one.price_micros for one in quotes)
        raise too_dear(buyer=buyer, wish=wish, rules=rules, suggested_micros=cheapest, now=now)
    return affordable


def _remembered(route: Route, wish: Wish, terms: SaleTerms) -> dict[str, object]:
    """What is kept of the choice, and of the wish and terms what a number that is judged much later, a lost
    order's or another one for it, is held to.
    """
    later = {name: getattr(wish, name) for name in KEPT_OF_THE_WISH}
    keeps = terms.keeps_number or bool(hops.passed())  # nobody knows later which portals it came through
    later |= {"life_seconds": terms.life_seconds, "keeps_number": keeps}
    if wish.operator != "any":
        later["operator"] = wish.operator
    return {**route.decision, **{name: value for name, value in later.items() if value}}


def _earlier_answer(opened: steps.Opened, *, buyer: Buyer) -> ActivationRow:
    """Another call with the same key was first."""
    if opened.word == "mismatch":
        raise errors.RequestKeyMismatch()
    if opened.refusal:
        raise refusals.from_json(opened.refusal)
    row = row_by_id(tenant_id=buyer.tenant_id, activation_id=opened.id) if opened.id else None
    return answer_with(row)

"""Buying another number for orders that wait in vain: written down, sent, taken as the provider answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson
import structlog
from django.db import IntegrityError

from activations import policy
from activations.database import call, run
from activations.hints import tell_browser
from activations.phones import clean_phone
from activations.services import leases, steps
from activations.services.exchanging.silence import (
    Silent,
    can_be_exchanged,
    choose,
    due_prices,
    silent_orders,
)
from activations.services.flaws import note_flaw
from activations.wish import Wish
from billing.prices import Rules, load_rules
from portal.encryption import SecretUnreadable
from portal.errors import PortalError
from providers import health
from providers.contract import Adapter, Call, Lease, OutcomeUnknown, ProviderError, Unreachable
from providers.http import as_order, send_many
from providers.models import Provider
from providers.registry import adapter_for
from providers.router import Candidate, find_route

log = structlog.get_logger(__name__)
LOOK_AGAIN_AFTER = timedelta(seconds=5)

NOTHING_TO_BUY = """
INSERT INTO activations_exchange
    (tenant_id, activation_id, our_ref, state, reason, routing, started_at, ended_at)
VALUES (%(tenant)s, %(id)s, '', 'unsold', %(reason)s, '{}', %(now)s, %(now)s)
"""
FIND_OUT_LATER = """
WITH marked AS (
    UPDATE activations_attempt t SET outcome = 'unknown', reason = %(reason)s
    FROM activations_exchange x
    WHERE x.id = %(id)s AND t.our_ref = x.our_ref AND t.activation_id = x.activation_id AND t.outcome = ''
)
UPDATE activations_exchange SET due_at = %(due)s WHERE id = %(id)s AND state = 'buying'
"""


@dataclass(frozen=True, slots=True)
class Bid:
    """One exchange under way: which order's, and what is asked of whom."""

    exchange_id: int
    our_ref: str
    silent: Silent
    candidate: Candidate
    wish: Wish
    rules: Rules

    @property
    def order(self) -> Call[Lease]:
        one = self.candidate
        return one.adapter.order(
            service=one.upstream_service,
            country=one.upstream_country,
            operator=one.upstream_operator,
            offer_ref=one.offer_ref,
            ceiling_micros=one.cost_micros,
            our_ref=self.our_ref,
            capability=self.wish.capability,
            exclude_prefixes=self.wish.exclude_prefixes,
        )


def buy_for_silent(now: datetime) -> None:
    """Ask for another number for every order that is due, all at once."""
    calls: list[tuple[Bid, Call[Lease]]] = []
    for bid in _bids(now):
        try:
            calls.append((bid, as_order(bid.order)))
        except ProviderError as refusal:  # it cannot even be asked so
            _said_no(bid, refusal, now=now)
    for bid, lease, error in send_many(calls):
        if error is not None or lease is None:
            _said_no(bid, error or OutcomeUnknown(), now=now)
        else:
            _take(bid, lease, now=now)


def _bids(now: datetime) -> Iterator[Bid]:
    rules: dict[tuple[int, str], Rules] = {}
    for silent in silent_orders(now):
        whose = (silent.tenant_id, silent.group)
        if whose not in rules:
            rules[whose] = load_rules(tenant_id=silent.tenant_id, group=silent.group, now=now)
        if bid := _bid(silent, rules[whose], now=now):
            yield bid


def _bid(silent: Silent, rules: Rules, *, now: datetime) -> Bid | None:
    """Write down what is about to be asked; None when there is nothing to ask for, or the order has news."""
    wish = silent.wish
    try:
        if not can_be_exchanged(adapter_for(Provider.objects.get(pk=silent.provider_id))):
            _nothing_to_buy(silent, "its provider gives nothing back", now=now)
            return None
        route = find_route(
            tenant_id=silent.tenant_id, is_test=silent.is_test, wish=wish, rules=rules, now=now
        )
    except PortalError as refusal:
        _nothing_to_buy(silent, refusal.code, now=now)
        return None
    except (KeyError, SecretUnreadable) as trouble:
        _nothing_to_buy(silent, type(trouble).__name__, now=now)
        return None
    candidate = choose(silent, route, now=now)
    if candidate is None:
        _nothing_to_buy(silent, "none that fits", now=now)
        return None
    our_ref = steps.new_reference()
    price, customer_price = due_prices(
        silent, candidate, cost_micros=candidate.cost_micros, wish=wish, rules=rules
    )
    (exchange_id,) = call(
        "exchange_open",
        id=silent.id,
        lease=silent.upstream_ref,
        provider=candidate.provider_id,
        offer=candidate.offer_id,
        our_ref=our_ref,
        operator=candidate.operator,
        ceiling=candidate.cost_micros,
        due_price=price,
        due_customer=customer_price,
        routing=orjson.dumps(route.decision).decode(),
        now=now,
        lost_at=now + policy.LOST_AFTER,
    )
    return Bid(exchange_id, our_ref, silent, candidate, wish, rules) if exchange_id else None


def _nothing_to_buy(silent: Silent, reason: str, *, now: datetime) -> None:
    facts = {"tenant": silent.tenant_id, "id": silent.id, "reason": reason[:80], "now": now}
    run(NOTHING_TO_BUY, facts)


def _said_no(bid: Bid, error: ProviderError, *, now: datetime) -> None:
    """Refused or out of reach: another one may be asked later. Unknown: found out first."""
    health.note_failure(bid.candidate.provider_id, error, now)
    if isinstance(error, OutcomeUnknown):
        _find_out_later(bid, str(error) or error.code, now=now)
        return
    call(
        "exchange_end",
        exchange=bid.exchange_id,
        lease="",
        state="unsold",
        outcome="unreachable" if isinstance(error, Unreachable) else "refused",
        reason=error.code,
        kind="",
        micros=0,
        now=now,
    )


def _find_out_later(bid: Bid, reason: str, *, now: datetime) -> None:
    run(FIND_OUT_LATER, {"id": bid.exchange_id, "reason": reason[:80], "due": now + LOOK_AGAIN_AFTER})


def _take(bid: Bid, lease: Lease, *, now: datetime) -> None:
    candidate = bid.candidate
    if candidate.was_failing:
        health.note_success(candidate.provider_id, ordered=True, now=now)
    if not leases.is_identified(lease):
        _find_out_later(bid, "lease without a reference", now=now)
        return
    unwanted = bid.wish.exclude_prefixes
    flaw = leases.flaw_of(lease, ceiling_micros=candidate.cost_micros, exclude_prefixes=unwanted)
    note_flaw(candidate.provider_id, flaw, order=str(bid.silent.id), now=now)
    cost = candidate.cost_micros if flaw or lease.cost_micros is None else lease.cost_micros
    prices = due_prices(bid.silent, candidate, cost_micros=cost, wish=bid.wish, rules=bid.rules)
    try:
        word = take_lease(
            bid.exchange_id,
            lease,
            operator=leases.operator_of(lease, asked=candidate),
            cost_micros=cost,
            due_price_micros=prices[0],
            due_customer_price_micros=prices[1],
            account=candidate,
            adapter=candidate.adapter,
            life_seconds=bid.silent.kept.get("life_seconds"),
            flaw=flaw,
            now=now,
        )
    except IntegrityError:
        _find_out_later(bid, "the lease belongs to another order", now=now)
        return
    note_swap(bid.silent.tenant_id, bid.silent.customer_id, bid.silent.hex_id, word)


def take_lease(
    exchange_id: int,
    lease: Lease,
    *,
    operator: str = "",
    cost_micros: int,
    due_price_micros: int,
    due_customer_price_micros: int,
    account: leases.Defaults,
    adapter: Adapter,
    life_seconds: int | None,
    flaw: str,
    now: datetime,
) -> str:
    """The word of exchange_bought. Raises IntegrityError when the lease is ours already."""
    terms = leases.terms_of(lease, account=account, adapter=adapter, life_seconds=life_seconds, now=now)
    (word,) = call(
        "exchange_bought",
        exchange=exchange_id,
        upstream_ref=lease.upstream_ref,
        phone=clean_phone(lease.phone),
        formatted=terms.formatted,
        operator=operator,
        cost=cost_micros,
        due_price=due_price_micros,
        due_customer=due_customer_price_micros,
        expire_at=terms.expire_at,
        cancelable_after=terms.cancelable_after,
        retriable=terms.is_retriable,
        check_at=terms.check_at,
        list_at=terms.list_at,
        flaw=flaw,
        now=now,
    )
    return str(word)


def note_swap(tenant_id: int, customer_id: int, hex_id: str, word: str) -> None:
    """After commit: tell open pages, and log by id only."""
    log.info("number_exchanged", activation=hex_id, outcome=word)
    if word == "swapped":
        tell_browser(tenant_id=tenant_id, customer_id=customer_id, hex_id=hex_id)

"""What an order costs whom (docs/protocols/retail.md sections 6 and 10). Micro-USD; customers pay whole
cents.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from activations.wish import Wish
from billing.money import round_up
from billing.prices import Rules
from portal.errors import ValidationError
from providers.router import Candidate, Route

CENT = 10_000
HIGHEST_CUSTOMER_PRICE = 1_000_000  # cents


@dataclass(frozen=True, slots=True)
class Quote:
    """One candidate with its amounts: what is held now, and what the first message will bill."""

    candidate: Candidate
    price_micros: int
    customer_price_micros: int
    due_price_micros: int
    due_customer_price_micros: int

    @property
    def tenant_hold_micros(self) -> int:
        """A tenant pays for its own upstream account itself, so nothing is held of its wallet."""
        return 0 if self.candidate.is_own else self.price_micros


def with_markup(price_micros: int, percent: int) -> int:
    """Price plus percent, rounded up to a whole cent."""
    return -(-price_micros * (100 + percent) // (100 * CENT)) * CENT


def check_markup(wish: Wish, *, max_price_micros: int) -> None:
    """Raises ValidationError when the markup makes a price at this ceiling that no customer pays (RT-16)."""
    highest = HIGHEST_CUSTOMER_PRICE * CENT
    if wish.markup_percent is not None and with_markup(max_price_micros, wish.markup_percent) > highest:
        sentence = f"makes a price above {HIGHEST_CUSTOMER_PRICE} cents out of {max_price_micros // CENT}."
        raise ValidationError({"customer_markup": sentence})


def price_at(candidate: Candidate, cost_micros: int, *, wish: Wish, rules: Rules) -> int:
    """The tenant's price of this offer if it cost `cost_micros`; its own account costs it that, in whole
    cents.
    """
    if candidate.is_own:
        return -(-cost_micros // CENT) * CENT
    return rules.tenant_price(cost_micros, wish.service_id, wish.country_id)


def customer_price_at(price_micros: int, *, wish: Wish, rules: Rules) -> int:
    """What the price rules make of the tenant's price, in steps that the channel can show (F19)."""
    price = rules.customer_price(price_micros, wish.service_id, wish.country_id)
    return round_up(price, wish.price_step_micros)


def quote(candidate: Candidate, *, wish: Wish, rules: Rules, max_price_micros: int) -> Quote:
    """The amounts of billing variant A (customer price), B (markup), C (dynamic), or of the price rules."""
    price, markup = candidate.price_micros, wish.markup_percent or 0
    if wish.billing_mode == "dynamic":
        held = with_markup(max_price_micros, markup)
        return Quote(candidate, max_price_micros, held, price, min(with_markup(price, markup), held))
    if wish.customer_price_micros is not None:
        customer_price = wish.customer_price_micros
    elif wish.markup_percent is not None:
        customer_price = with_markup(max_price_micros, markup)
    else:
        customer_price = customer_price_at(price, wish=wish, rules=rules)
    return Quote(candidate, price, customer_price, price, customer_price)


def near_the_cheapest(wish: Wish, candidates: Iterable[Candidate], *, rules: Rules) -> Wish:
    """The wish with the cap that it draws from the cheapest of the candidates, if it wants that."""
    if wish.max_above_cheapest_percent is None:
        return wish
    prices = (customer_price_at(one.price_micros, wish=wish, rules=rules) for one in candidates)
    cap = min(prices) * (100 + wish.max_above_cheapest_percent) // 100
    return replace(wish, max_customer_price_micros=cap)


def ceiling_of(wish: Wish, route: Route, *, rules: Rules) -> int:
    """The tenant's price above which nothing is tried: the wish's; else the dearest candidate's that the
    customer's cap allows; else what a suggestion would name.
    """
    if wish.max_price_micros:
        return wish.max_price_micros
    usual, cap = max(route.suggested_micros, route.candidates[0].price_micros), wish.max_customer_price_micros
    if cap is None:
        return usual
    prices = {one.price_micros for one in route.candidates}
    allowed = [price for price in prices if customer_price_at(price, wish=wish, rules=rules) <= cap]
    return max(allowed, default=usual)


def is_within_cap(quoted: Quote, wish: Wish) -> bool:
    """Whether the customer pays no more than he wants to."""
    cap = wish.max_customer_price_micros
    return cap is None or quoted.customer_price_micros <= cap


def real_price(quoted: Quote, *, cost_micros: int, wish: Wish, rules: Rules) -> Quote:
    """The quote after the provider named its price: the tenant's share falls with it, never rises."""
    if cost_micros == quoted.candidate.cost_micros:
        return quoted
    price = min(price_at(quoted.candidate, cost_micros, wish=wish, rules=rules), quoted.due_price_micros)
    if wish.billing_mode == "dynamic":
        due = min(with_markup(price, wish.markup_percent or 0), quoted.customer_price_micros)
        return Quote(quoted.candidate, quoted.price_micros, quoted.customer_price_micros, price, due)
    return Quote(quoted.candidate, price, quoted.customer_price_micros, price, quoted.customer_price_micros)

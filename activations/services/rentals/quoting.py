"""What a rental costs whom: the rules make the price of a line, a line by the day is paid for each day."""

from __future__ import annotations

from activations.services.quoting import Quote
from activations.wish import RentalWish
from billing.money import CENT, round_up
from billing.prices import Rules
from providers.router import Candidate


def quote_rental(candidate: Candidate, *, wish: RentalWish, rules: Rules) -> Quote:
    """Tenant's and customer's price of the whole term (micro-USD); both are charged as soon as it is
    rented.
    """
    price = candidate.price_micros
    customer_price = wish.customer_price_micros
    if customer_price is None:
        line = rules.customer_price(price // candidate.units, wish.service_id, wish.country_id)
        customer_price = round_up(line, wish.price_step_micros) * candidate.units
    return Quote(candidate, price, customer_price, price, customer_price)


def price_at_cost(quote: Quote, *, cost_micros: int, wish: RentalWish, rules: Rules) -> int:
    """The tenant's price after the provider named its cost: it falls with it and never rises."""
    candidate = quote.candidate
    line_cost = -(-cost_micros // candidate.units)
    if candidate.is_own:
        line = round_up(line_cost, CENT)
    else:
        line = rules.tenant_price(line_cost, wish.service_id, wish.country_id)
    return min(quote.price_micros, line * candidate.units)

"""What somebody wants to buy or rent: the union of what the dialects can say."""

from __future__ import annotations

from dataclasses import dataclass

from billing.money import CENT


@dataclass(frozen=True, slots=True)
class Wish:
    """One order as asked for. Prices are micro-USD; `min_price_micros` and `max_price_micros` bound the
    tenant's price, `max_customer_price_micros` what the customer pays, which is a multiple of
    `price_step_micros`; `max_above_cheapest_percent` caps that by the cheapest offer there is. No quality
    factor: the tenant's default. `caps_at_suggested`: without a maximum price, the suggested one is it.

    Exactly one of `customer_price_micros` and `markup_percent` sets the customer's price; with neither, the
    tenant's price rules do. `operator`: names separated by commas, or any.
    `exclude_prefixes`: what the phone must not begin with. `token` continues an
    order refused with MaxPriceExceeded and brings its selection context along.
    """

    service_id: str
    country_id: str
    min_price_micros: int | None = None
    max_price_micros: int | None = None
    caps_at_suggested: bool = False
    max_customer_price_micros: int | None = None
    max_above_cheapest_percent: int | None = None
    price_step_micros: int = CENT
    billing_mode: str = "fixed"
    customer_price_micros: int | None = None
    markup_percent: int | None = None
    quality_factor: float | None = None
    operator: str = "any"
    capability: str = "sms"
    include_providers: tuple[int, ...] = ()
    exclude_providers: tuple[int, ...] = ()
    exclude_prefixes: tuple[str, ...] = ()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """What a channel promises its buyers beside the price; it stays with the order, whoever closes it where.

    `cancel_fee_micros`: kept of the price when the buyer cancels. `life_seconds`: how long a number is theirs
    when its provider names no end, if that is shorter than the provider's account says. `ends_finalized`: a
    used number is finalized at its end instead of expiring. `keeps_number`: its clients read the phone once,
    so a silent number is never exchanged.
    """

    cancel_fee_micros: int = 0
    life_seconds: int | None = None
    ends_finalized: bool = False
    keeps_number: bool = False


PLAIN_TERMS = SaleTerms()


@dataclass(frozen=True, slots=True)
class RentalWish:
    """One rental as asked for. `service_id` may be `full` (any service); `hours` is the whole term; prices
    are micro-USD for it. `max_price_micros` caps the tenant's price; the customer's is
    `customer_price_micros`, or what the price rules make of the tenant's, each line of it a multiple of
    `price_step_micros`.
    """

    service_id: str
    country_id: str
    hours: int
    min_price_micros: int | None = None
    max_price_micros: int | None = None
    caps_at_suggested: bool = False
    customer_price_micros: int | None = None
    price_step_micros: int = CENT
    quality_factor: float = 0.0
    operator: str = "any"
    capability: str = "sms"
    include_providers: tuple[int, ...] = ()
    exclude_providers: tuple[int, ...] = ()
    exclude_prefixes: tuple[str, ...] = ()

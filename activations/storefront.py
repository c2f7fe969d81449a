"""What a customer can buy and for how much: services with their lowest price, the countries of one service.

The price of a line is that of its cheapest offer, and that is what an order pays: pages order with quality
factor 0 and this price as the ceiling, so nobody is charged more than he saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple
from uuid import uuid4

from accounts.identity import Buyer
from activations.models import PriceToken
from activations.wish import Wish
from billing.money import CENT, round_up
from billing.prices import load_rules
from portal.errors import NoNumbers, UnknownCountry, UnknownService
from providers.listings import listed_countries, listed_services
from providers.models import Country, Service
from providers.price_list import lines_on_sale

MOST_WANTED = 12
ORDERS = (("price", "Price"), ("stock", "Stock"), ("name", "Name"))
CHEAPEST = 0.0  # quality factor
LAST_RANK = 10_000  # of services that nobody ranked


@dataclass(frozen=True, slots=True)
class ServiceOnSale:
    """A service with its lowest customer price in micro-USD and the numbers in stock everywhere."""

    id: str
    name: str
    icon: str
    rank: int
    price_micros: int
    count: int


@dataclass(frozen=True, slots=True)
class CountryOnSale:
    """A country that sells one service. `ceiling_micros` is the tenant's price behind the customer's."""

    country_id: str
    country_name: str
    iso2: str
    dial_code: str
    price_micros: int
    ceiling_micros: int
    count: int
    success_percent: int | None
    request_key: str
    token: str = ""  # continues an order that was refused for its price


SORTS: dict[str, Callable[[CountryOnSale], tuple[int | str, ...]]] = {
    "price": lambda offer: (offer.price_micros, offer.country_name),
    "stock": lambda offer: (-offer.count, offer.country_name),
    "name": lambda offer: (offer.country_name,),
}


class _Price(NamedTuple):
    """Micro-USD of the cheapest offer; stock of all."""

    customer_micros: int
    tenant_micros: int
    stock: int
    success_rate: float | None

    def beside(self, other: _Price) -> _Price:
        """The cheaper of two, with the stock of both."""
        return min(self, other)._replace(stock=self.stock + other.stock)


def services_on_sale(
    *, tenant_id: int, is_test: bool, group: str = "", words: str = "", now: datetime
) -> list[ServiceOnSale]:
    """Everything on sale that fits the words, the most wanted first."""
    prices: dict[str, list[int]] = {}
    counts: Counter[str] = Counter()
    for (service_id, _), price in _prices(tenant_id=tenant_id, is_test=is_test, group=group, now=now).items():
        prices.setdefault(service_id, []).append(price.customer_micros)
        counts[service_id] += price.stock
    services = listed_services(tenant_id, prices).values()
    found = [
        ServiceOnSale(
            s.id, s.name, s.icon or s.id, s.popular_rank or LAST_RANK, min(prices[s.id]), counts[s.id]
        )
        for s in services
        if _fits(words, s.id, s.name, s.website, *s.alt_names)
    ]
    return sorted(found, key=lambda service: (service.rank, service.name.lower()))


def service_of(tenant_id: int, service_id: str) -> Service:
    """Raises UnknownService."""
    service = listed_services(tenant_id, [service_id]).get(service_id)
    if service is None:
        raise UnknownService()
    return service


def countries_on_sale(
    buyer: Buyer, *, service_id: str, words: str = "", order_by: str = "price", now: datetime
) -> list[CountryOnSale]:
    """The countries that sell the service and fit the words."""
    prices = _prices(
        tenant_id=buyer.tenant_id, is_test=buyer.is_test, group=buyer.group, service_id=service_id, now=now
    )
    countries = listed_countries(buyer.tenant_id, [country_id for _, country_id in prices])
    found = [
        _on_sale(price, country)
        for (_, country_id), price in prices.items()
        if (country := countries.get(country_id)) and _fits(words.replace("+", ""), *_names(country))
    ]
    return sorted(found, key=SORTS.get(order_by, SORTS["price"]))


def offer_of(buyer: Buyer, *, service_id: str, country_id: str, now: datetime) -> CountryOnSale:
    """The one line of a service and country as it is sold now. Raises UnknownCountry or NoNumbers."""
    if country_id not in listed_countries(buyer.tenant_id, [country_id]):
        raise UnknownCountry()
    for offer in countries_on_sale(buyer, service_id=service_id, now=now):
        if offer.country_id == country_id:
            return offer
    raise NoNumbers()


def at_suggested_price(
    buyer: Buyer, offer: CountryOnSale, *, service_id: str, suggested_micros: int, token: str, now: datetime
) -> CountryOnSale:
    """The offer at the tenant price that the provider or router named instead."""
    rules = load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now)
    price = rules.customer_price(suggested_micros, service_id, offer.country_id)
    return replace(offer, price_micros=price, ceiling_micros=suggested_micros, token=token)


def confirmed_offer(
    buyer: Buyer, offer: CountryOnSale, *, service_id: str, token: str, now: datetime
) -> CountryOnSale:
    """The offer at the price that the buyer was told with this token; unchanged when it is not his."""
    mine = PriceToken.objects.filter(
        tenant_id=buyer.tenant_id, customer_id=buyer.customer_id, token=token, service_id=service_id,
        country_id=offer.country_id, used_at=None, expires_at__gt=now,
    )  # fmt: skip
    suggested = mine.values_list("suggested_micros", flat=True).first()
    if suggested is None or suggested <= offer.ceiling_micros:
        return offer
    return at_suggested_price(
        buyer, offer, service_id=service_id, suggested_micros=suggested, token=token, now=now
    )


def wish_for(offer: CountryOnSale, *, service_id: str) -> Wish:
    """The order that charges exactly what the offer says."""
    return Wish(
        service_id=service_id,
        country_id=offer.country_id,
        max_price_micros=offer.ceiling_micros,
        customer_price_micros=offer.price_micros,
        quality_factor=CHEAPEST,
        token=offer.token or None,
    )


def _prices(
    *, tenant_id: int, is_test: bool, group: str, service_id: str | None = None, now: datetime
) -> dict[tuple[str, str], _Price]:
    """The lowest price of each service and country; own accounts cost a tenant what it pays there."""
    rules = load_rules(tenant_id=tenant_id, group=group, now=now)
    found: dict[tuple[str, str], _Price] = {}
    for line in lines_on_sale(tenant_id=tenant_id, is_test=is_test, service_id=service_id, now=now):
        names = line.service_id, line.country_id
        ceiling = (
            round_up(line.cost_micros, CENT) if line.is_own else rules.tenant_price(line.cost_micros, *names)
        )
        price = _Price(rules.customer_price(ceiling, *names), ceiling, line.stock, line.success_rate)
        found[names] = price.beside(found[names]) if names in found else price
    return found


def _on_sale(price: _Price, country: Country) -> CountryOnSale:
    return CountryOnSale(
        country_id=country.id,
        country_name=country.name,
        iso2=country.iso2.upper(),
        dial_code=country.dial_codes[0] if country.dial_codes else "",
        price_micros=price.customer_micros,
        ceiling_micros=price.tenant_micros,
        count=price.stock,
        success_percent=None if price.success_rate is None else round(price.success_rate * 100),
        request_key=uuid4().hex,
    )


def _names(country: Country) -> tuple[str, ...]:
    return country.id, country.name, country.iso2, *country.dial_codes, *country.alt_names


def _fits(words: str, *names: str) -> bool:
    text = " ".join(names).casefold()
    return all(word in text for word in words.casefold().split())

"""What a customer can rent and for how much: services, and the countries of one service for one term.

The price of a line is what renting pays: pages rent with it, and with the tenant's behind it as the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from accounts.identity import Buyer
from activations import policy
from activations.services.rentals import extension_price
from activations.wish import RentalWish
from billing.prices import load_rules
from portal import errors
from providers.canonical import ANY_SERVICE
from providers.listings import listed_countries, listed_services
from providers.models import Country
from providers.rental_list import ForRent, rentals_on_sale

DAY = 24
TERMS = (4, DAY, 3 * DAY, 7 * DAY, 14 * DAY, 30 * DAY)
USUAL_TERM = 7 * DAY


@dataclass(frozen=True, slots=True)
class CountryForRent:
    """A country that rents. `price_micros` is the customer's of the term, `ceiling_micros` the tenant's."""

    country_id: str
    country_name: str
    iso2: str
    dial_code: str
    price_micros: int
    ceiling_micros: int
    count: int
    request_key: str


@dataclass(frozen=True, slots=True)
class Window:
    """What stands in the window for a service and a term. `services`: (id, name), any service first."""

    services: list[tuple[str, str]]
    countries: list[CountryForRent]


@dataclass(frozen=True, slots=True)
class Longer:
    """One way to make a rental longer. `value` names hours and price as the form sends them."""

    hours: int
    price_micros: int

    @property
    def label(self) -> str:
        return term_name(self.hours)

    @property
    def value(self) -> str:
        return f"{self.hours}:{self.price_micros}"


def term_name(hours: int) -> str:
    """4 → "4 hours", 168 → "7 days"."""
    count, unit = (hours // DAY, "day") if hours % DAY == 0 else (hours, "hour")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def window(buyer: Buyer, *, service_id: str, hours: int, words: str = "", now: datetime) -> Window:
    """Three queries, whatever is on sale."""
    lines = _lines(buyer, hours=hours, now=now)
    services = listed_services(buyer.tenant_id, {line.service_id for line in lines})
    mine = [line for line in lines if line.service_id == service_id]
    countries = listed_countries(buyer.tenant_id, [line.country_id for line in mine])
    shown = [_shown(line, countries[line.country_id]) for line in mine if line.country_id in countries]
    named = sorted((one.id, one.name) for one in services.values())
    return Window(
        services=sorted(named, key=lambda one: (one[0] != ANY_SERVICE.id, one[1].lower())),
        countries=sorted(
            (one for one in shown if _fits(words, one)), key=lambda one: (one.price_micros, one.country_name)
        ),
    )


def offer_for_rent(
    buyer: Buyer, *, service_id: str, country_id: str, hours: int, now: datetime
) -> CountryForRent:
    """One line as it is rented now. Raises NoNumbers."""
    country = listed_countries(buyer.tenant_id, [country_id]).get(country_id)
    lines = _lines(buyer, hours=hours, now=now, service_id=service_id, country_id=country_id)
    if country is None or not lines:
        raise errors.NoNumbers()
    return _shown(lines[0], country)


def wish_to_rent(offer: CountryForRent, *, service_id: str, hours: int) -> RentalWish:
    """The rental that charges exactly what the offer says."""
    return RentalWish(
        service_id=service_id,
        country_id=offer.country_id,
        hours=hours,
        max_price_micros=offer.ceiling_micros,
        customer_price_micros=offer.price_micros,
    )


def ways_to_extend(buyer: Buyer, *, rnt_id: str, now: datetime) -> list[Longer]:
    """By which of the usual terms a rental can be made longer, with today's prices."""
    found = []
    for hours in TERMS:
        try:
            price = extension_price(buyer=buyer, rnt_id=rnt_id, hours=hours, now=now)
        except (errors.InvalidDuration, errors.UpstreamUnavailable, errors.NoNumbers):
            continue
        found.append(Longer(hours, price))
    return found


def _lines(
    buyer: Buyer, *, hours: int, now: datetime, service_id: str | None = None, country_id: str | None = None
) -> list[ForRent]:
    assert 0 < hours <= policy.RENTAL_HOURS_MOST
    return rentals_on_sale(
        tenant_id=buyer.tenant_id,
        is_test=buyer.is_test,
        rules=load_rules(tenant_id=buyer.tenant_id, group=buyer.group, now=now),
        hours=hours,
        service_id=service_id,
        country_id=country_id,
        now=now,
    )


def _shown(line: ForRent, country: Country) -> CountryForRent:
    return CountryForRent(
        country_id=country.id,
        country_name=country.name,
        iso2=country.iso2.upper(),
        dial_code=country.dial_codes[0] if country.dial_codes else "",
        price_micros=line.customer_price_micros,
        ceiling_micros=line.price_micros,
        count=line.stock,
        request_key=uuid4().hex,
    )


def _fits(words: str, offer: CountryForRent) -> bool:
    text = f"{offer.country_id} {offer.country_name} {offer.iso2} {offer.dial_code}".casefold()
    return all(word in text for word in words.replace("+", "").casefold().split())

"""What the sandbox sells: the same numbers at the same prices on every machine, made from providers/data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from zlib import crc32

from providers import canonical

COUNTRIES = 64
SERVICES = 64
FEATURED = ("us", "uk", "de", "fr", "es", "it", "us_v", "br", "in", "id", "ca", "au", "jp", "pt")


@dataclass(frozen=True, slots=True)
class Tier:
    """One price line. `cost_micros` in micro-USD; `quality` is the share of numbers that receive a code."""

    ref: str
    operator: str
    cost_micros: int
    count: int
    quality: float


# name, operator, price factor, quality from, quality to
TIERS = (
    ("economy", "any", 1.0, 0.35, 0.60),
    ("standard", "any", 1.4, 0.60, 0.82),
    ("direct", "direct", 2.1, 0.82, 0.98),
)


RENT = "rent"  # the one price tier of rentals
RENTED_SERVICES = 8
RENTED_HOURS = (4, 24, 168, 720)  # the 24 hours are the price of a day, too
DAYS_ARE_CHEAPER = {168: 0.85, 720: 0.7}


@cache
def sold_services() -> Sequence[canonical.CanonicalService]:
    """The ranked services first, then the others as listed; `other` is always sold."""
    ranked = sorted(canonical.services(), key=lambda service: service.popular_rank or 1_000)
    chosen = [service for service in ranked if service.id != "other"][: SERVICES - 1]
    return (*chosen, *(service for service in ranked if service.id == "other"))


@cache
def sold_countries() -> Sequence[canonical.CanonicalCountry]:
    by_id = {country.id: country for country in canonical.countries()}
    oldest = sorted(by_id.values(), key=lambda country: int(country.handler_id))
    featured = [by_id[name] for name in FEATURED]
    return (
        *featured,
        *[country for country in oldest if country not in featured][: COUNTRIES - len(featured)],
    )


@cache
def shelves() -> Mapping[tuple[str, str], Sequence[Tier]]:
    """Every (service, country) with its tiers, the cheapest first."""
    return {
        (service.id, country.id): _tiers(service.id, country.id)
        for service in sold_services()
        for country in sold_countries()
    }


@cache
def rental_shelves() -> Mapping[tuple[str, str], Mapping[int, int]]:
    """Every (service, country) that is rented: hours → micro-USD. `full` takes messages of any service."""
    services = (canonical.ANY_SERVICE, *sold_services()[:RENTED_SERVICES])
    return {
        (service.id, country): {hours: _rent(service.id, country, hours) for hours in RENTED_HOURS}
        for service in services
        for country in FEATURED
    }


def _rent(service: str, country: str, hours: int) -> int:
    day = 400_000 + 500_000 * _share(f"rent:{service}:{country}") + (600_000 if service == "full" else 0)
    price = day * hours / 24 * DAYS_ARE_CHEAPER.get(hours, 1.0) if hours > 4 else day * 0.4
    return round(price / 10_000) * 10_000


def _tiers(service: str, country: str) -> Sequence[Tier]:
    base = 60_000 + 540_000 * _share(service) ** 2
    base *= 0.4 + 1.8 * _share(country)
    return tuple(_tier(service, country, base, *row) for row in TIERS)


def _tier(
    service: str, country: str, base: float, name: str, operator: str, factor: float, low: float, high: float
) -> Tier:
    luck = _share(f"{service}:{country}:{name}")
    return Tier(
        ref=name,
        operator=operator,
        cost_micros=max(1, round(base * factor * (0.9 + 0.2 * luck) / 1_000)) * 1_000,
        count=0 if luck < 0.04 else 20 + int(luck * 5_000),
        quality=round(low + (high - low) * _share(f"quality:{service}:{country}:{name}"), 3),
    )


def _share(text: str) -> float:
    """A number in 0…1 that depends on the text alone."""
    return crc32(text.encode()) / 0xFFFFFFFF

"""Rows that the tests of this room need."""

import itertools
from dataclasses import dataclass

from accounts.models import Tenant
from billing.prices import Rule, Rules
from providers.models import Country, Offer, Provider, Service

numbers = itertools.count(1)


def make_tenant(**fields):
    number = next(numbers)
    return Tenant.objects.create(**{"slug": f"tenant-{number}", "name": f"Tenant {number}", **fields})


def make_provider(**fields):
    number = next(numbers)
    secret = fields.pop("secret", f"sandbox_secret_{number}")
    provider = Provider(
        **{
            "public_no": number,
            "display_name": f"Provider {number}",
            "protocol": "sandbox",
            "base_url": "http://127.0.0.1:9",
            "sync_seconds": 0,
            **fields,
        }
    )
    provider.secret = secret
    provider.save()
    return provider


def make_offer(provider, *, service="telegram", country="us", **fields):
    Service.objects.get_or_create(pk=service, defaults={"name": service.title()})
    Country.objects.get_or_create(pk=country, defaults={"name": country.upper(), "iso2": country[:2].upper()})
    return Offer.objects.create(
        **{
            "provider": provider,
            "service_id": service,
            "country_id": country,
            "cost_micros": 100_000,
            "count": 10,
            "capabilities": ["sms"],
            "upstream_service": service,
            "upstream_country": country,
            "upstream_ref": f"tier-{next(numbers)}",
            **fields,
        }
    )


@dataclass(frozen=True)
class Wish:
    service_id: str = "telegram"
    country_id: str = "us"
    min_price_micros: int | None = None
    max_price_micros: int | None = None
    caps_at_suggested: bool = False
    quality_factor: float | None = None
    operator: str = "any"
    capability: str = "sms"
    include_providers: tuple = ()
    exclude_providers: tuple = ()


def rule(layer, **fields):
    return Rule(
        **{
            "layer": layer,
            "tenant_id": None,
            "service_id": "",
            "country_id": "",
            "group": "",
            "percent_ppm": 0,
            "fixed_micros": 0,
            "floor_micros": None,
            "cap_micros": None,
            "rounding_micros": 1,
            "number": 1,
            **fields,
        }
    )


def plus(micros):
    """Platform rules that add a fixed amount to every cost."""
    return Rules(platform=(rule("platform", fixed_micros=micros),))

"""What the demo's tenants sell: the sandbox's offers, and what is added to their prices."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from accounts.models import Tenant
from billing.models import PriceRule
from billing.prices import load_rules
from portal.encryption import encrypt
from providers.catalogue import load_catalogue, sync_offers
from providers.contract import Unreachable
from providers.models import Offer, Provider

# public_no, name, whether it serves live and test orders
SANDBOXES = ((1, "Sandbox", True, False), (2, "Sandbox (test)", False, True))
PLATFORM_PPM, TENANT_PPM = 200_000, 300_000
START_SECONDS = 15.0


def providers(base_url: str, *, now: datetime) -> None:
    """The sandbox as two accounts, one for live and one for test orders, with its current address and offers.

    Waits while the sandbox starts. Raises Unreachable when it does not.
    """
    load_catalogue()
    _wait_for(base_url)
    for public_no, name, live, test in SANDBOXES:
        provider, _ = Provider.objects.update_or_create(
            public_no=public_no,
            defaults={"base_url": base_url, "rental_pays_days_back": True},
            create_defaults={
                "base_url": base_url,
                "display_name": name,
                "protocol": "sandbox",
                "serves_live": live,
                "serves_test": test,
                "cancel_lock_seconds": 10,
                "check_seconds": 2,
                "rental_pays_days_back": True,
                "secret_encrypted": encrypt("sandbox_" + secrets.token_urlsafe(18)),
            },
        )
        sync_offers(provider, now)


def _wait_for(base_url: str) -> None:
    """Return when something listens at the address. Raises Unreachable after START_SECONDS."""
    parts = urlsplit(base_url)
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                raise Unreachable(f"nothing listens at {base_url}") from error
            time.sleep(0.05)
        else:
            return


def price_rules(tenants: Iterable[Tenant]) -> None:
    """20 % for the platform and, for each tenant and its twin, 30 % on top, rounded up to a cent."""
    PriceRule.objects.get_or_create(
        layer=PriceRule.Layer.PLATFORM, tenant=None, service_id="", country_id="",
        defaults={"percent_ppm": PLATFORM_PPM},
    )  # fmt: skip
    for tenant in tenants:
        for owner in (tenant, tenant.test_tenant):
            PriceRule.objects.get_or_create(
                layer=PriceRule.Layer.TENANT, tenant=owner, service_id="", country_id="", customer_group="",
                defaults={"percent_ppm": TENANT_PPM},
            )  # fmt: skip


def cheapest(tenant: Tenant, *, now: datetime) -> dict[str, Any] | None:
    """Service, country and customer's price of the cheapest offer in stock."""
    in_stock = Offer.objects.filter(provider__serves_live=True, kind=Offer.Kind.ACTIVATION, count__gt=0)
    offer = in_stock.order_by("cost_micros", "service_id", "country_id").first()
    if offer is None:
        return None
    rules = load_rules(tenant_id=tenant.pk, now=now)
    service, country = offer.service_id, offer.country_id
    price = rules.customer_price(rules.tenant_price(offer.cost_micros, service, country), service, country)
    return {"service": service, "country": country, "price_micros": price}

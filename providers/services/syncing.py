"""Writes about providers that concern more than one of their parts."""

from __future__ import annotations

from datetime import datetime

from portal.encryption import SecretUnreadable
from providers.catalogue import Synced, sync_offers
from providers.catalogue.due import has_prices
from providers.contract import ProviderError
from providers.models import Provider


def sync_all_offers(*, now: datetime) -> list[tuple[Provider, Synced | None]]:
    """Synchronise the offers of every enabled provider that has a price list; None: it could not be asked.

    One provider's trouble stops no other.
    """
    providers = Provider.objects.filter(is_enabled=True).order_by("id")
    return [(provider, _try(provider, now)) for provider in providers if has_prices(provider)]


def _try(provider: Provider, now: datetime) -> Synced | None:
    try:
        return sync_offers(provider, now)
    except (ProviderError, SecretUnreadable):
        return None

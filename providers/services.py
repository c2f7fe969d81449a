"""Writes about providers that concern more than one of their parts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from portal.encryption import SecretUnreadable
from providers.catalogue import Synced, sync_offers
from providers.contract import Can, ProviderError
from providers.models import Provider
from providers.registry import ADAPTERS


def sync_all_offers(*, now: datetime) -> list[tuple[Provider, Synced | None]]:
    """Synchronise the offers of every enabled provider that has a price list; None: it could not be asked.

    One provider's trouble stops no other.
    """
    return [(provider, _try(provider, now)) for provider in _with_prices()]


def _with_prices() -> Iterator[Provider]:
    for provider in Provider.objects.filter(is_enabled=True).order_by("id"):
        adapter = ADAPTERS.get(provider.protocol)
        if adapter is not None and Can.PRICES in adapter.can:
            yield provider


def _try(provider: Provider, now: datetime) -> Synced | None:
    try:
        return sync_offers(provider, now)
    except (ProviderError, SecretUnreadable):
        return None

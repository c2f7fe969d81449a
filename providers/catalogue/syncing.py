"""Reads a provider's catalogue and price list and takes them over."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from providers.alerts import note_words
from providers.catalogue.lines import map_lines
from providers.catalogue.queue import Word, queue_words
from providers.catalogue.storing import store
from providers.codes import known_codes, learn_codes, schemes_of
from providers.contract import Can, CatalogueItem, ListedOffer, ProviderError
from providers.health import note_failure, note_success
from providers.http import send_all
from providers.models import Provider
from providers.registry import adapter_for

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """What a synchronisation did: offers in the list, offers written because they are new or differ, offers
    gone from it, codes that nobody has mapped and those of them that are new. `is_refused`: the list is too
    short to be believed beside the `before` offers of the one before it, and nothing changed.
    """

    offers: int
    written: int
    vanished: int
    before: int
    is_refused: bool = False
    unmapped: Mapping[str, Sequence[str]] = field(default_factory=dict)
    new_words: Sequence[Word] = ()


def nothing() -> None:
    """What is done between two calls when nobody waits for a sign of life."""


def sync_offers(
    provider: Provider,
    now: datetime,
    *,
    accept_short: bool = False,
    after_call: Callable[[], None] = nothing,
) -> Synced:
    """Ask a provider for its price list and make our offers match it; an offer that vanished has no stock.

    `after_call` is called after each answer, for a list may take hundreds of them. Raises ProviderError
    (health is told), SecretUnreadable, KeyError (unknown protocol).
    """
    items, lines = _fetch(provider, now, after_call)
    mapped = map_lines(lines, known_codes(provider))
    stored = store(provider, mapped.offers, now, accept_short=accept_short)
    new_words: list[Word] = []
    if not stored.is_refused:
        new_words = queue_words(provider, mapped.unmapped, items, schemes=schemes_of(provider), now=now)
    if new_words:
        note_words(provider.pk, count=len(new_words), now=now)
    unmapped: dict[str, list[str]] = {}
    for kind, code in sorted(mapped.unmapped):
        unmapped.setdefault(kind, []).append(code)
    synced = Synced(
        offers=len(mapped.offers),
        written=stored.written,
        vanished=stored.vanished,
        before=stored.before,
        is_refused=stored.is_refused,
        unmapped=unmapped,
        new_words=new_words,
    )
    log.info(
        "offers_synced",
        provider=provider.public_no,
        offers=synced.offers,
        written=synced.written,
        vanished=synced.vanished,
        refused=synced.is_refused,
    )
    return synced


def _fetch(
    provider: Provider, now: datetime, after_call: Callable[[], None]
) -> tuple[list[CatalogueItem], list[ListedOffer]]:
    adapter = adapter_for(provider)
    known: list[CatalogueItem] = []
    lines: list[ListedOffer] = []
    try:
        for listing in adapter.catalogue() if Can.CATALOGUE in adapter.can else ():
            known += send_all(listing)
            after_call()
        learn_codes(provider, known)
        for call in adapter.prices(known):
            lines += send_all(call)
            after_call()
    except ProviderError as error:
        note_failure(provider.pk, error, now)
        raise
    note_success(provider.pk, now=now)
    return known, lines

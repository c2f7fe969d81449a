"""Tries an account out: whether it can be reached, takes our key, and what it has to sell."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from portal.encryption import SecretUnreadable
from providers.contract import Adapter, Can, CatalogueItem, ProviderError
from providers.http import send, send_all
from providers.models import Provider
from providers.registry import ADAPTERS, adapter_for

BUDGET_SECONDS = 15.0  # a person waits; lists that take longer are counted as far as they came
MICROS = 1_000_000
SENTENCES = {
    "unreachable": "Nothing answers at this address. Check the host and the port.",
    "outcome_unknown": "Something answers, but not in this protocol's words. Check address and protocol.",
    "bad_credentials": "The provider does not accept the key.",
    "bad_options": "An option of the account is missing or wrong.",
    "out_of_funds": "The provider says that the account is empty.",
    "banned": "The provider has banned the account.",
    "throttled": "The provider asks to wait: too many requests.",
    "unknown_to_upstream": "The provider does not know this call or customer. Check address and options.",
    "secret_unreadable": "The stored key was written with an encryption key that is gone. Enter it again.",
    "unknown_protocol": "The portal speaks no such protocol.",
}


@dataclass(frozen=True, slots=True)
class Trial:
    """What an account answered. `refusal`: why it cannot be used, in plain words; empty: it can.

    `balance_micros` and `offers` are None where the protocol does not tell them; `is_all` False: there are
    more offers than could be counted in time.
    """

    can: frozenset[Can] = frozenset()
    balance_micros: int | None = None
    offers: int | None = None
    is_all: bool = True
    refusal: str = ""

    @property
    def sentence(self) -> str:
        """For people: "Balance 12.34 USD, 3 120 offers. It can: …"."""
        if self.refusal:
            return self.refusal
        facts = [] if self.balance_micros is None else [f"balance {_dollars(self.balance_micros)} USD"]
        if self.offers is not None:
            count = f"{self.offers:,}".replace(",", " ")
            facts.append(f"{count} offers" if self.is_all else f"more than {count} offers")
        found = ", ".join(facts) or "it answers"
        words = ", ".join(sorted(one.replace("_", " ") for one in self.can))
        return f"{found[0].upper()}{found[1:]}. It can: {words}."


def try_account(provider: Provider) -> Trial:
    """Ask for balance and price list. Nothing is stored, and the provider's health is not told."""
    if provider.protocol not in ADAPTERS:
        return Trial(refusal=SENTENCES["unknown_protocol"])
    try:
        adapter = adapter_for(provider)
        adapter.check_options()
        return _ask(adapter)
    except SecretUnreadable:
        return Trial(refusal=SENTENCES["secret_unreadable"])
    except ProviderError as error:
        return Trial(refusal=plain_words(error))


def plain_words(error: ProviderError) -> str:
    """A refusal for the person who can put it right, with what the upstream or adapter said about it."""
    sentence = SENTENCES.get(error.code, "The provider refuses.")
    said = str(error)[:120]
    return f"{sentence} ({said})" if said else sentence


def _ask(adapter: Adapter) -> Trial:
    until = time.monotonic() + BUDGET_SECONDS
    balance = send(adapter.balance()) if Can.BALANCE in adapter.can else None
    if Can.PRICES not in adapter.can:
        if Can.BALANCE not in adapter.can and Can.LIST_ACTIVE in adapter.can:
            send(adapter.list_active())  # whether it takes the key
        return Trial(adapter.can, balance)
    known: list[CatalogueItem] = []
    if Can.CATALOGUE in adapter.can:
        for listing in adapter.catalogue():
            known += send_all(listing)
    offers, is_all = _count(adapter, known, until)
    return Trial(adapter.can, balance, offers, is_all)


def _count(adapter: Adapter, known: Sequence[CatalogueItem], until: float) -> tuple[int, bool]:
    """Lines of the price list, and whether these are all."""
    count = 0
    for call in adapter.prices(known):
        if time.monotonic() > until:
            return count, False
        count += len(send_all(call))
    return count, True


def _dollars(micros: int) -> str:
    sign = "-" if micros < 0 else ""
    return f"{sign}{abs(micros) // MICROS}.{abs(micros) % MICROS // 10_000:02d}"

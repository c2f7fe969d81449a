"""Opening a contract with a marketplace, and its keys."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import UTC, datetime

from django.db import transaction

from activations.marketplace_queries import UNLIMITED
from activations.models import Contract
from billing.services import create_customer
from portal import addresses
from portal.errors import ValidationError

SHORTEST_KEY, LONGEST_KEY = 16, 200
NEVER = datetime(9999, 12, 31, tzinfo=UTC)


def new_key() -> str:
    """A key for a marketplace that brings none of its own."""
    return secrets.token_urlsafe(32)


def digest_of(key: str) -> bytes:
    """What is kept of the key that a marketplace calls with."""
    return hashlib.sha256(key.encode(errors="replace")).digest()


def is_key_of(digest: bytes, key: str) -> bool:
    return hmac.compare_digest(digest, digest_of(key))


@transaction.atomic
def open_contract(contract: Contract, *, key: str = "") -> Contract:
    """Store a new contract with an account for its orders. `key`: what the marketplace calls with; without
    one it cannot call until `change_key`.

    The account has no money and no login, and is in no list of customers. What a marketplace sends back says
    nothing about a person, so its success rate is never judged, and its open numbers are bounded by the
    contract alone.
    Raises ValidationError (fields of the contract, and `key`).
    """
    key = key or new_key()
    check_key(key, field="key")
    check_addresses(contract)
    customer = create_customer(tenant=contract.tenant, external_id=f"marketplace{secrets.token_hex(5)}")
    customer.max_active, customer.success_counted_from, customer.is_internal = UNLIMITED, NEVER, True
    customer.save(update_fields=["max_active", "success_counted_from", "is_internal"])
    contract.customer, contract.key_digest = customer, digest_of(key)
    contract.save()
    return contract


def change_key(*, contract: Contract, key: str) -> None:
    """From now on the marketplace calls with this key, and no longer with another. Raises ValidationError."""
    check_key(key, field="key")
    contract.key_digest = digest_of(key)
    contract.save(update_fields=["key_digest"])


def check_key(key: str, *, field: str) -> None:
    """Raises ValidationError for one that could be guessed or not be sent."""
    if (
        not SHORTEST_KEY <= len(key) <= LONGEST_KEY
        or not key.isascii()
        or not key.isprintable()
        or " " in key
    ):
        raise ValidationError(
            {field: f"A key has {SHORTEST_KEY} to {LONGEST_KEY} letters, digits and signs, without blanks."}
        )


def check_addresses(contract: Contract) -> None:
    """Raises ValidationError for an address that may not be called."""
    for field in ("push_url", "rent_push_url"):
        if url := getattr(contract, field):
            try:
                addresses.check_saved(url)
            except addresses.AddressRefused as error:
                raise ValidationError({field: str(error)}) from error

"""API keys: `pk_live_` or `pk_test_`, 32 random characters, 6 characters of checksum. Only a SHA-256 is kept.

The random part carries 190 bits, so a fast hash is enough; the checksum lets a mistyped or invented key be
refused without asking the database.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import string
import zlib
from collections.abc import Sequence
from datetime import datetime

from accounts.models import ApiKey, Customer, Tenant

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM_LENGTH, CHECKSUM_LENGTH, HINT_LENGTH = 32, 6, 12
SHAPE = re.compile(rf"pk_(?:live|test)_[0-9A-Za-z]{{{RANDOM_LENGTH + CHECKSUM_LENGTH}}}", re.ASCII)


def issue_key(
    *,
    tenant: Tenant,
    customer: Customer | None = None,
    name: str = "",
    scopes: Sequence[str] = (),
    allowed_networks: Sequence[str] = (),
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """Store a new key and return it with its plaintext, which exists nowhere else and cannot be shown again.

    A test twin's keys begin with `pk_test_`. Raises ValueError when the customer is another tenant's.
    """
    if customer is not None and customer.tenant_id != tenant.pk:
        raise ValueError("the customer belongs to another tenant")
    plaintext = new_plaintext(is_test=tenant.is_test)
    key = ApiKey.objects.create(
        tenant=tenant,
        customer=customer,
        name=name,
        hint=plaintext[:HINT_LENGTH],
        digest=_hash(plaintext),
        scopes=list(scopes),
        allowed_networks=list(allowed_networks),
        expires_at=expires_at,
    )
    return key, plaintext


def new_plaintext(*, is_test: bool) -> str:
    """A fresh random key in its public form."""
    prefix = "pk_test_" if is_test else "pk_live_"
    body = prefix + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))
    return body + _checksum(body)


def digest(plaintext: str) -> bytes | None:
    """What the database knows this key by; None when its shape or checksum is wrong and nobody need look."""
    if not SHAPE.fullmatch(plaintext):
        return None
    body, checksum = plaintext[:-CHECKSUM_LENGTH], plaintext[-CHECKSUM_LENGTH:]
    return _hash(plaintext) if hmac.compare_digest(_checksum(body), checksum) else None


def is_test_key(plaintext: str) -> bool:
    """Whether a well-formed key belongs to a test twin."""
    return plaintext.startswith("pk_test_")


def _hash(plaintext: str) -> bytes:
    return hashlib.sha256(plaintext.encode()).digest()


def _checksum(body: str) -> str:
    number, letters = zlib.crc32(body.encode()), ""
    for _ in range(CHECKSUM_LENGTH):
        number, rest = divmod(number, len(ALPHABET))
        letters = ALPHABET[rest] + letters
    return letters

"""Provider secrets in the clear, kept in this process for the length of its life (decrypting costs 50 µs)."""

from __future__ import annotations

from functools import lru_cache

from portal.encryption import decrypt


@lru_cache(maxsize=1_024)
def open_secret(token: bytes) -> str:
    """The secret of a stored token (empty: none). A changed secret has another token, so nothing goes stale.

    Raises SecretUnreadable.
    """
    return decrypt(token) if token else ""

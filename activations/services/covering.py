"""Our keys in what a provider sent: some name them in each callback, and none may stand in the inbox (S1)."""

from __future__ import annotations

from providers.models import Provider

KEY, CALLBACK_SECRET = b"{our key}", b"{our callback secret}"


def cover(raw: bytes, provider: Provider) -> bytes:
    """The same without the account's key and callback secret."""
    for secret, cover_name in _secrets(provider):
        raw = raw.replace(secret, cover_name)
    return raw


def uncover(raw: bytes, provider: Provider) -> bytes:
    """What `cover` was given, with the keys of today."""
    for secret, cover_name in _secrets(provider):
        raw = raw.replace(cover_name, secret)
    return raw


def _secrets(provider: Provider) -> list[tuple[bytes, bytes]]:
    named = ((provider.secret, KEY), (provider.callback_secret, CALLBACK_SECRET))
    return [(secret.encode(), name) for secret, name in named if secret]

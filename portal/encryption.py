"""Secrets at rest: a text column encrypted with versioned keys (the first of `FIELD_ENCRYPTION_KEYS` writes,
all of them read).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class SecretUnreadable(Exception):
    """The stored secret was written with a key that is no longer configured; it must be entered again."""


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def encrypt(text: str) -> bytes:
    return _box(tuple(settings.FIELD_ENCRYPTION_KEYS)).encrypt(text.encode())


def decrypt(token: bytes) -> str:
    """Raises SecretUnreadable when no configured key opens it."""
    try:
        return _box(tuple(settings.FIELD_ENCRYPTION_KEYS)).decrypt(bytes(token)).decode()
    except InvalidToken:
        raise SecretUnreadable("no configured encryption key opens this secret; enter it again") from None


def rotate(token: bytes) -> bytes:
    """The same secret, written with the newest key. Raises SecretUnreadable."""
    try:
        return _box(tuple(settings.FIELD_ENCRYPTION_KEYS)).rotate(bytes(token))
    except InvalidToken:
        raise SecretUnreadable("no configured encryption key opens this secret; enter it again") from None


class EncryptedSecret:
    """Descriptor pairing a readable property with the BinaryField `{name}_encrypted` that stores it."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.column = f"{name}_encrypted"

    def __get__(self, row: Any, owner: type | None = None) -> Any:
        if row is None:
            return self
        token = getattr(row, self.column)
        return decrypt(token) if token else ""

    def __set__(self, row: models.Model, text: str) -> None:
        setattr(row, self.column, encrypt(text) if text else b"")

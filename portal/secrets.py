"""All stored secrets: which cannot be opened any more (S5), and writing them with the newest key."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage, Warning
from django.db import DatabaseError, models

from portal.encryption import EncryptedSecret, SecretUnreadable, decrypt, rotate

SEEDS = ("secret", "seed")  # of second factors, in the rows' JSON


@dataclass(frozen=True, slots=True)
class StoredSecret:
    """One secret of one row, by where it stands; `token` is encrypted."""

    row: models.Model
    column: str
    token: bytes

    @property
    def place(self) -> str:
        """Such as `provider 3 (SMS West), secret`; a tenant's or provider's name, never the secret."""
        name = self.column.removesuffix("_encrypted").replace("_", " ")
        return f"{self.row._meta.verbose_name} {self.row.pk} ({self.row}), {name}"

    @property
    def is_readable(self) -> bool:
        try:
            decrypt(self.token)
        except SecretUnreadable:
            return False
        return True


def columns() -> Iterator[tuple[type[models.Model], str]]:
    """Every column that an EncryptedSecret keeps."""
    for model in apps.get_models():
        for held in vars(model).values():
            if isinstance(held, EncryptedSecret):
                yield model, held.column


def stored_secrets(*, using: str = "default") -> Iterator[StoredSecret]:
    """All that are not empty."""
    for model, column in columns():
        rows = model._default_manager.using(using).exclude(**{column: b""}).order_by("pk")
        for row in rows.iterator():
            yield StoredSecret(row, column, bytes(getattr(row, column)))


def unreadable_secrets(*, databases: Any = None, **_: Any) -> list[CheckMessage]:
    """Start-up check: a warning for each secret that no key of FIELD_ENCRYPTION_KEYS opens.

    No error, for everything else works. Nothing is said where the tables are not there yet.
    """
    if not databases:
        return []
    try:
        found = [one.place for one in stored_secrets(using=next(iter(databases))) if not one.is_readable]
    except DatabaseError:
        return []
    return [
        Warning(f"{place}: no key of FIELD_ENCRYPTION_KEYS opens it. Enter it again.", id="portal.W005")
        for place in found
    ]


def rotate_all() -> tuple[int, list[str]]:
    """Write every secret with the newest key: how many were, and the places of those that cannot be opened,
    which stay as they are.
    """
    done, unreadable = 0, []
    for one in stored_secrets():
        try:
            token = rotate(one.token)
        except SecretUnreadable:
            unreadable.append(one.place)
            continue
        # Not if it was changed meanwhile: then it has been written with the newest key already.
        same = {"pk": one.row.pk, one.column: one.token}
        done += type(one.row)._default_manager.filter(**same).update(**{one.column: token})
    return done + _rotate_second_factors(unreadable), unreadable


def _rotate_second_factors(unreadable: list[str]) -> int:
    done, factors = 0, apps.get_model("mfa", "Authenticator").objects
    for row in factors.order_by("pk").iterator():
        try:
            new = {name: rotate(row.data[name].encode()).decode() for name in SEEDS if row.data.get(name)}
        except SecretUnreadable:
            unreadable.append(f"second factor {row.pk}")
            continue
        done += factors.filter(pk=row.pk, data=row.data).update(data={**row.data, **new})
    return done

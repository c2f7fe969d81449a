"""Database sessions of which a copied table is of no use (S1).

A row does not contain the cookie, and what it holds is encrypted: allauth leaves the key of a password reset
and the seed of a second factor there while their forms are being filled in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Set
from datetime import datetime
from typing import Any

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone
from django.utils.encoding import force_bytes

from portal.encryption import SecretUnreadable, decrypt, encrypt

BATCH = 1_000


def stored(session_key: str | None) -> str:
    """The primary key of the row for a cookie's session key (40 characters, as the column is wide)."""
    return hashlib.blake2b((session_key or "").encode(), digest_size=20).hexdigest()


class SessionStore(DatabaseStore):
    def encode(self, session_dict: dict[str, Any]) -> str:
        return encrypt(super().encode(session_dict)).decode()

    def decode(self, session_data: bytes | str) -> dict[str, Any]:
        """Empty when no configured key opens it: its bearer signs in again (S5)."""
        try:
            return super().decode(decrypt(force_bytes(session_data)))
        except SecretUnreadable:
            return {}

    def _get_session_from_db(self) -> Session | None:
        row = Session.objects.filter(
            session_key=stored(self.session_key), expire_date__gt=timezone.now()
        ).first()
        if row is None:
            self._session_key = None
        return row

    async def _aget_session_from_db(self) -> Session | None:
        row = await Session.objects.filter(
            session_key=stored(self.session_key), expire_date__gt=timezone.now()
        ).afirst()
        if row is None:
            self._session_key = None
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(stored(session_key))

    async def aexists(self, session_key: str) -> bool:
        return await super().aexists(stored(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = stored(row.session_key)
        return row

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = await super().acreate_model_instance(data)
        row.session_key = stored(row.session_key)
        return row

    def delete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            super().delete(stored(key))

    async def adelete(self, session_key: str | None = None) -> None:
        if key := session_key or self.session_key:
            await super().adelete(stored(key))


def forget_sessions(user_ids: Set[int]) -> int:
    """Delete every session of these users; how many. Whose a row is stands inside it, so all are opened."""
    reader, users = SessionStore(), {str(user_id) for user_id in user_ids}
    found = [
        row.pk
        for row in Session.objects.iterator()
        if reader.decode(row.session_data).get(SESSION_KEY) in users
    ]
    return Session.objects.filter(pk__in=found).delete()[0]


def forget_expired(*, before: datetime) -> int:
    """Delete the sessions that ended before then; how many. A few at a time: a first run may find years of
    them.
    """
    forgotten = 0
    while keys := list(Session.objects.filter(expire_date__lt=before).values_list("pk", flat=True)[:BATCH]):
        forgotten += Session.objects.filter(pk__in=keys, expire_date__lt=before).delete()[0]
    return forgotten

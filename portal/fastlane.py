"""One statement on a pooled connection without Django's bookkeeping around it, for what never rests.

A poll is one such statement, an order a handful. Checking a connection out through Django's wrapper and back
costs as much as the query, and a new cursor works out anew how to read each column: so each connection keeps
a cursor for each text, of which there must only be a few. Each statement is a transaction of its own.

A thread that has Django's connection out uses that one: it may be in a transaction, and threads that hold one
connection while they wait for another could take all there are. So does everybody where there is no pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import psycopg
from django.db import connection
from psycopg.adapt import Buffer, Loader
from psycopg.pq import Format
from psycopg_pool import ConnectionPool

Params = Mapping[str, Any] | Sequence[Any]

Cursor = psycopg.Cursor[tuple[Any, ...]]


class JsonText(Loader):
    """jsonb as its text, which is how Django's connections give it."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return bytes(data)[1:].decode()  # the first byte is the version of the format


def fetch_one(sql: str, params: Params) -> tuple[Any, ...] | None:
    """The first row, or None. Raises as `fetch_all` does."""
    rows = fetch_all(sql, params)
    return rows[0] if rows else None


def fetch_all(sql: str, params: Params, *, is_one_of_few: bool = True) -> list[tuple[Any, ...]]:
    """All rows. Raises Django's errors; OperationalError when the pool has nothing left.

    A text that is not one of few (it holds numbers of its caller) gets a cursor of its own that is not kept.
    """
    pool = _pool()
    if pool is None or connection.connection is not None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows
    try:
        lent = pool.getconn()
        try:
            ours = _kept(lent, sql) if is_one_of_few else _new(lent)
            return ours.execute(sql, params).fetchall()
        finally:
            pool.putconn(lent)
    except psycopg.Error:
        with connection.wrap_database_errors:
            raise


def is_free() -> bool:
    """Whether statements of this thread go to the pool, each a transaction of its own."""
    return connection.connection is None and _pool() is not None


def _kept(lent: psycopg.Connection[Any], sql: str) -> Cursor:
    """The connection's cursor for this text. The cursors hang on their connection, so that they go when the
    pool replaces it.
    """
    kept: dict[str, Cursor] = vars(lent).setdefault("kept_cursors", {})
    cursor = kept.get(sql)
    if cursor is None:
        cursor = kept[sql] = _new(lent)
    return cursor


def _new(lent: psycopg.Connection[Any]) -> Cursor:
    """Binary, since reading times from text costs twice as much."""
    cursor = lent.cursor(binary=True)
    cursor.adapters.register_loader("jsonb", JsonText)
    return cursor


@cache
def _pool() -> ConnectionPool | None:
    """The process's pool, open; None where each thread keeps a connection of its own."""
    pool: ConnectionPool | None = getattr(connection, "pool", None)  # of the PostgreSQL backend only
    if pool is not None:
        pool.open()
    return pool

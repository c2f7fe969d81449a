"""One SELECT on a pooled connection without Django's bookkeeping around it, for the reads that never rest.

A poll is one such read. Checking a connection out through Django's wrapper and back costs as much as the
query, and a new cursor works out anew how to read each column. Without a pool, Django's connection is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from django.db import connection
from psycopg_pool import ConnectionPool

cursors: WeakKeyDictionary[psycopg.Connection[Any], psycopg.Cursor[Any]] = WeakKeyDictionary()


def fetch_one(sql: str, params: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The first row, or None. Raises Django's errors; OperationalError when the pool has nothing left."""
    pool = _pool()
    if pool is None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            row: tuple[Any, ...] | None = cursor.fetchone()
            return row
    try:
        lent = pool.getconn()
        try:
            kept = cursors.get(lent)
            if kept is None:
                kept = cursors[lent] = lent.cursor()
            found: tuple[Any, ...] | None = kept.execute(sql, params).fetchone()
            return found
        finally:
            pool.putconn(lent)
    except psycopg.Error:
        with connection.wrap_database_errors:
            raise


@cache
def _pool() -> ConnectionPool | None:
    """The process's pool, open; None where each thread keeps a connection of its own."""
    pool: ConnectionPool | None = getattr(connection, "pool", None)  # of the PostgreSQL backend only
    if pool is not None:
        pool.open()
    return pool

"""One statement on a pooled connection without Django's bookkeeping around it, for what never rests.

A poll is one such statement, an order a handful. Checking a connection out through Django's wrapper and back
costs as much as the query; so each connection keeps the statements it has prepared (portal.prepared), of
which there must only be a few. Each statement is a transaction of its own.

A thread that has Django's connection out uses that one: it may be in a transaction, and threads that hold one
connection while they wait for another could take all there are. So does everybody where there is no pool.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from threading import local
from typing import Any

import psycopg
from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.numeric import Int8
from psycopg_pool import ConnectionPool

from portal.prepared import Params, Row, Statements


class _Thread(local):
    """Django's wrapper of this thread's connection: to ask for it costs more than the question put to it."""

    def __init__(self) -> None:
        self.django: BaseDatabaseWrapper = connections["default"]


_thread = _Thread()


def fetch_one(sql: str, params: Params) -> Row | None:
    """The first row, or None. Raises as `fetch_all` does."""
    rows = fetch_all(sql, params)
    return rows[0] if rows else None


def fetch_all(sql: str, params: Params, *, is_one_of_few: bool = True) -> list[Row]:
    """All rows. Raises Django's errors; OperationalError when the pool has nothing left.

    Whole numbers are sent as bigint. A text that is not one of few (it holds numbers of its caller) is not
    kept.
    """
    pool = _pool()
    if pool is None or _thread.django.connection is not None:
        with connection.cursor() as cursor:
            cursor.execute(sql, _as_bigint(params))
            rows: list[Row] = cursor.fetchall()
            return rows
    try:
        lent = pool.getconn()
        try:
            return _statements(lent).fetch_all(sql, params, keep=is_one_of_few)
        finally:
            pool.putconn(lent)
    except psycopg.Error:
        with connection.wrap_database_errors:
            raise


def is_free() -> bool:
    """Whether statements of this thread go to the pool, each a transaction of its own."""
    return _thread.django.connection is None and _pool() is not None


def _as_bigint(params: Params) -> Params:
    """Django's connections take each whole number for the smallest type that holds it, and prepare the same
    text anew for every mixture of them.
    """
    if isinstance(params, Mapping):
        return {name: Int8(value) if _fits(value) else value for name, value in params.items()}
    return [Int8(value) if _fits(value) else value for value in params]


def _fits(value: object) -> bool:
    return type(value) is int and -(2**63) <= value < 2**63  # bool is no int here


def _statements(lent: psycopg.Connection[Any]) -> Statements:
    """They hang on their connection, so that they go when the pool replaces it."""
    known = vars(lent)
    kept: Statements | None = known.get("statements")
    if kept is None:
        kept = known["statements"] = Statements(lent)
    return kept


@cache
def _pool() -> ConnectionPool | None:
    """The process's pool, open; None where each thread keeps a connection of its own."""
    pool: ConnectionPool | None = getattr(connection, "pool", None)  # of the PostgreSQL backend only
    if pool is not None:
        _lend_latest_first(pool)
        pool.open()
    return pool


def _lend_latest_first(pool: ConnectionPool) -> None:
    """The connection that came back last goes out first: what its server process needs is still in the
    processor's caches. The pool itself lends in turn; it goes on closing what was idle for longest.
    """
    lend = pool._get_ready_connection  # called under the pool's lock

    def lend_latest(timeout: float | None) -> psycopg.Connection[Any] | None:
        pool._pool.rotate(1)
        return lend(timeout)

    pool._get_ready_connection = lend_latest  # type: ignore[method-assign]

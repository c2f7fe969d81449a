"""Reads of one kind that come at the same time share a round trip.

What a poll costs PostgreSQL is mostly being asked. So while one thread reads its row, those that want one by
the same statement line up, and when it has its row, the first of them asks for all. Nobody waits for company:
who comes while nobody reads asks at once, for itself.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from threading import Lock
from time import monotonic
from typing import Any

import orjson
import structlog

from portal import fastlane

log = structlog.get_logger(__name__)

PATIENCE_SECONDS = 0.1  # behind one reader; a connection that hangs must not hold up everybody

Params = Mapping[str, str | int | bytes | datetime]
Row = tuple[Any, ...]

COLUMN_TYPES = {int: "bigint", datetime: "timestamptz"}  # others are text
NUMBER = "#"  # of a wish among those that are read together; no parameter's name
PARAMETER = re.compile(r"%\((\w+)\)s")


class SharedRead:
    """A statement with named parameters that gives at most one row, for all threads of the process."""

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self._lock = Lock()
        self._reader: object = None
        self._since = 0.0
        self._waiting: list[_Wish] = []

    def fetch_one(self, params: Params) -> Row | None:
        """The row, read after this was called, or None. Raises as `fastlane.fetch_all` does."""
        if not fastlane.is_free():
            return fastlane.fetch_one(self.sql, params)  # it may be in a transaction that others must not see
        with self._lock:
            if self._reader is not None and monotonic() - self._since < PATIENCE_SECONDS:
                mine = _Wish(params)
                self._waiting.append(mine)
            else:
                mine = None
                me = self._appoint(object())
        if mine is not None:
            return self._wait(mine)
        try:
            return fastlane.fetch_one(self.sql, params)
        finally:
            self._pass_on(me)

    def _wait(self, mine: _Wish) -> Row | None:
        """Until the row is there, or this thread is the one to read it with all that wait."""
        mine.turn.acquire()
        if mine.company:
            try:
                self._read(mine.company)
            finally:
                self._pass_on(mine)
        return mine.row if mine.is_read else fastlane.fetch_one(self.sql, mine.params)

    def _read(self, company: list[_Wish]) -> None:
        """One for itself, several together. Several that fail, as when one asks for nonsense, are left to ask
        each for itself.
        """
        reader, *others = company
        if not others:
            reader.take(fastlane.fetch_one(self.sql, reader.params))
            return
        try:
            statement, asked = for_many(self.sql, [one.params for one in company])
            found = {number: row for number, *row in fastlane.fetch_all(statement, {"asked": asked})}
            for number, one in enumerate(company):
                row = found.get(number)
                one.take(None if row is None else tuple(row))
        except Exception as error:
            log.warning("shared_read_failed", exc_info=error)
        finally:
            for one in others:
                one.turn.release()

    def _appoint(self, reader: object) -> object:
        """Let this one read; the lock is held."""
        self._reader, self._since = reader, monotonic()
        return reader

    def _pass_on(self, reader: object) -> None:
        """The next reader is the first that waits, for all that wait."""
        with self._lock:
            if self._reader is not reader:
                return  # it took too long and has been replaced
            self._reader = None
            if self._waiting:
                company, self._waiting = self._waiting, []
                company[0].company = company
                self._appoint(company[0])
                company[0].turn.release()


class _Wish:
    """What one thread asks for. Its `turn` comes when its row is there, or when it may read for `company`."""

    __slots__ = ("company", "is_read", "params", "row", "turn")

    def __init__(self, params: Params) -> None:
        self.params = params
        self.company: list[_Wish] = []
        self.row: Row | None = None
        self.is_read = False
        self.turn = Lock()
        self.turn.acquire()

    def take(self, row: Row | None) -> None:
        self.row, self.is_read = row, True


def for_many(sql: str, wishes: Sequence[Params]) -> tuple[str, str]:
    """The statement that answers all wishes at once, and its parameter `asked`. Its rows begin with the
    number of their wish, counted from 0. Raises TypeError for a value that JSON does not know.

    One parameter of JSON, because arrays are written by Python, which costs what a round trip does.
    """
    statement = _for_many(sql, tuple((name, type(value)) for name, value in wishes[0].items()))
    lines = [
        {NUMBER: number, **{name: _plain(value) for name, value in wish.items()}}
        for number, wish in enumerate(wishes)
    ]
    return statement, orjson.dumps(lines).decode()


@cache
def _for_many(sql: str, kinds: Sequence[tuple[str, type]]) -> str:
    columns, texts, used = [], {}, set(PARAMETER.findall(sql))
    for name, kind in kinds:
        if name not in used:
            continue
        column = f'asked."{name}"'
        columns.append(f'"{name}" {COLUMN_TYPES.get(kind, "text")}')
        texts[name] = f"decode({column}, 'hex')" if kind is bytes else column
    inner = PARAMETER.sub(lambda found: texts[found[1]], sql)
    asked = ", ".join([f'"{NUMBER}" int', *columns])
    return (
        f'SELECT asked."{NUMBER}", found.*'  # noqa: S608  (texts of ours; what is asked is a parameter)
        f" FROM json_to_recordset(%(asked)s::json) AS asked({asked})"
        f" CROSS JOIN LATERAL ({inner}) AS found"
    )


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value

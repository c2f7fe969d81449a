"""Prepared statements of one connection, spoken to libpq directly.

psycopg's cursor is made for everything: it decides anew each time what to prepare and how to wait, and that
costs three times what the statement itself costs the process. Here a text is prepared when it first comes,
and each call is one call of libpq that waits without the interpreter's lock. Values are written and rows are
read by psycopg as ever.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import psycopg
from psycopg.adapt import Buffer, Loader, PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, error_from_result
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus, Format
from psycopg.pq.abc import PGresult
from psycopg.types.numeric import Int8BinaryDumper

Params = Mapping[str, Any] | Sequence[Any]
Row = tuple[Any, ...]
Called = tuple[str, tuple[int, ...]]
"""A text, and the types of its values."""

UNKNOWN_STATEMENT = b"26000"
PLACE = re.compile(r"%(?:\((\w+)\)s|s|%)")


class JsonText(Loader):
    """jsonb as its text, which is how Django's connections give it."""

    format = Format.BINARY

    def load(self, data: Buffer) -> str:
        return bytes(data)[1:].decode()  # the first byte is the version of the format


class Statements:
    """Those that one connection has prepared. Nobody else may use the connection meanwhile; what it runs is a
    transaction of its own.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        cursor = connection.cursor()
        cursor.adapters.register_loader("jsonb", JsonText)
        # Else a number's size would choose its type, and so the plan.
        cursor.adapters.register_dumper(int, Int8BinaryDumper)
        self._libpq = connection.pgconn
        self._translator = Transformer.from_context(cursor)
        self._names: dict[Called, bytes] = {}
        self._numbers = count()

    def fetch_all(self, sql: str, params: Params, *, keep: bool = True) -> list[Row]:
        """All rows. Raises psycopg's errors. `keep`: the text comes again and is prepared."""
        translator = self._translator
        text, keys, formats = _places(sql)
        try:
            values = translator.dump_sequence([params[key] for key in keys], formats)  # type: ignore[index]
        except OverflowError:
            raise psycopg.DataError("a number is beyond bigint") from None
        called = (sql, translator.types or ())
        if keep:
            found = self._run(called, values)
            if found.error_field(DiagnosticField.SQLSTATE) == UNKNOWN_STATEMENT:
                self._names.clear()  # psycopg drops everybody's when Django rolls back; nothing ran
                found = self._run(called, values)
        else:
            found = self._libpq.exec_params(text, values, called[1], translator.formats, Format.BINARY)
        if found.status != ExecStatus.TUPLES_OK:
            self._refuse(found, called)
        translator.set_pgresult(found)
        rows = translator.load_rows(0, found.ntuples, tuple)
        translator.set_pgresult(None)  # a long list goes with its reader
        return rows

    def _run(self, called: Called, values: Sequence[Buffer | None]) -> PGresult:
        name = self._names.get(called) or self._prepare(called)
        return self._libpq.exec_prepared(
            name,
            values,  # type: ignore[arg-type]  # None is NULL, as for exec_params
            self._translator.formats,
            Format.BINARY,
        )

    def _prepare(self, called: Called) -> bytes:
        """Under its text and the types of its values."""
        name = b"portal_%d" % next(self._numbers)
        sql, types = called
        made = self._libpq.prepare(name, _places(sql)[0], types)
        if made.status != ExecStatus.COMMAND_OK:
            self._refuse(made, called)
        self._names[called] = name
        return name

    def _refuse(self, result: PGresult, called: Called) -> None:
        if self._libpq.status == ConnStatus.BAD:
            raise psycopg.OperationalError(result.get_error_message())
        error = error_from_result(result)
        if isinstance(error, FeatureNotSupported):
            self._names.pop(called, None)  # a table was changed beneath it: it is prepared anew next time
        raise error


@lru_cache(maxsize=512)
def _places(sql: str) -> tuple[bytes, tuple[str | int, ...], tuple[PyFormat, ...]]:
    """The text with numbered places, what goes into each of them, and how that is written."""
    keys: list[str | int] = []

    def numbered(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        key = found[1] or len(keys)
        if key not in keys:
            keys.append(key)
        return f"${keys.index(key) + 1}"

    text = PLACE.sub(numbered, sql)
    return text.encode(), tuple(keys), (PyFormat.AUTO,) * len(keys)

"""Calls of our SQL functions: one round trip each."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connection

from activations.queries import COLUMNS, ActivationRow, row_from
from activations.rental_queries import COLUMNS as RENTAL_COLUMNS
from activations.rental_queries import RentalRow, rental_row_from
from portal.fastlane import fetch_one


@cache
def function_call(columns: str, name: str, keys: tuple[str, ...], alias: str = "a") -> str:
    """Always the same text for the same call, so that it is prepared once."""
    arguments = ", ".join(f"p_{key} => %({key})s" for key in keys)
    return f"SELECT {columns} FROM {name}({arguments}) {alias}"  # noqa: S608  (written here and by callers)


def call(name: str, **params: Any) -> tuple[Any, ...]:
    """The row that a function of activations/sql gives for named arguments (without their `p_`)."""
    row = fetch_one(function_call("*", name, tuple(params)), params)
    assert row is not None
    return row


def move(name: str, **params: Any) -> ActivationRow | None:
    """The activation as a function of activations/sql leaves it; None when it found none."""
    row = fetch_one(function_call(COLUMNS, name, tuple(params)), params)
    return row_from(row) if row and isinstance(row[0], UUID) else None


def move_rental(name: str, **params: Any) -> RentalRow | None:
    """The rental as a function of activations/sql leaves it; None when it found none."""
    row = fetch_one(function_call(RENTAL_COLUMNS, name, tuple(params), "r"), params)
    return rental_row_from(row) if row and isinstance(row[0], UUID) else None


def rows(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All rows of a statement, by column name."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def run(sql: str, params: Mapping[str, Any]) -> int:
    """Run a statement; the number of rows that it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)

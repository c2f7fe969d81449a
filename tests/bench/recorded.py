"""pgbench scripts made from what the portal really sends: record one request, replace what differs each time.

So a yardstick cannot drift away from the code. A `Blank` says which recorded value becomes which pgbench
expression.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg import sql

PLACE = re.compile(r"%\((\w+)\)s|%s|%%")


@dataclass
class Recording:
    """Statements in order, as (text with psycopg's placeholders, parameters)."""

    statements: list[tuple[str, Any]] = field(default_factory=list)


@contextmanager
def recording() -> Iterator[Recording]:
    """Everything this thread's connection executes inside the block."""
    made = Recording()

    def note(execute: Callable[..., Any], text: str, params: Any, many: bool, context: Any) -> Any:
        made.statements.append((text, params))
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        yield made


@dataclass(frozen=True)
class Blank:
    """A recorded value and what stands for it in the script."""

    value: object
    expression: str


def script(
    made: Recording, blanks: Sequence[Blank], *, head: str = "", captured: str = "activation_open("
) -> str:
    """The recording as a pgbench script. 24-hex values and public ids that no blank names are drawn
    anew each time.
    """
    drawn: dict[str, str] = {}
    body = []
    for text, params in made.statements:
        body.append(_statement(text, params, blanks, drawn, captured))
    draws = [f"\\set {name} random(1, 9000000000000000)" for name in drawn.values()]
    return "\n".join([head, *draws, *body]) + "\n"


def _statement(text: str, params: Any, blanks: Sequence[Blank], drawn: dict[str, str], captured: str) -> str:
    given = iter(() if isinstance(params, Mapping) or params is None else params)

    def fill(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        value = params[match[1]] if match[1] else next(given)
        return _expression(value, blanks, drawn)

    line = " ".join((PLACE.sub(fill, text) if params else text.replace("%%", "%")).split())
    return line + (" \\gset" if captured in line else ";")


def _expression(value: object, blanks: Sequence[Blank], drawn: dict[str, str]) -> str:
    for blank in blanks:
        if blank.value == value and isinstance(value, type(blank.value)):
            return blank.expression
    if isinstance(value, UUID):
        return ":o_id::uuid"
    if isinstance(value, str) and re.fullmatch(r"[0-9a-f]{24}|(ord|msg)_\w{12}", value):
        name = drawn.setdefault(value, f"drawn_{len(drawn)}")
        prefix = value[:4] if value[3] == "_" else ""
        return f"('{prefix}' || lpad(to_hex(:{name}::bigint), {len(value) - len(prefix)}, '0'))"
    return sql.Literal(value).as_string(None)

"""What customers' programs asked for lately: who, what and how it ended; no key, parameter, phone or code.

Equal requests of a minute are one line with a count, so that polls do not bury the rest. Lines are added up
in memory and written once a second by a thread of the web process: a request waits for nothing. What a
process has not written when it is killed is lost, and nothing hangs on it.
"""

from __future__ import annotations

import atexit
import threading
import time
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from django.db import DatabaseError, InterfaceError, connection
from django.http import HttpRequest, HttpResponseBase

from api.auth import Caller

log = structlog.get_logger(__name__)

WRITE_SECONDS = 1.0
DONE = "ok"  # the outcome of what was not refused
MOST_LINES = 10_000  # that wait to be written; what is beyond is not noted

# Sorted, so that two processes that write the same lines lock them in the same order.
WRITE = """
INSERT INTO api_requestline AS l
    (tenant_id, customer_id, minute, dialect, route, outcome, order_ref, status, count, last_at, request_id)
SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::text[], %s::text[], %s::text[],
    %s::text[], %s::smallint[], %s::integer[], %s::timestamptz[], %s::text[])
ON CONFLICT (customer_id, minute, dialect, route, outcome, order_ref) DO UPDATE
SET count = l.count + excluded.count, status = excluded.status, last_at = excluded.last_at,
    request_id = excluded.request_id
"""
FORGET = "DELETE FROM api_requestline WHERE minute < %s"
FORGET_OF = "DELETE FROM api_requestline WHERE customer_id = %s"


class Line(NamedTuple):
    """What makes requests equal. `outcome`: "ok", or a refusal's code; `order_ref`: the order's public id."""

    tenant_id: int
    customer_id: int
    minute: int  # since 1970
    dialect: str
    route: str
    outcome: str
    order_ref: str


@dataclass(slots=True)
class Latest:
    """How many there were, and the last one of them."""

    status: int
    count: int
    last_at: float  # Unix seconds
    request_id: str


@dataclass(slots=True)
class Question:
    """The request that this thread is answering, once its caller is known."""

    tenant_id: int
    customer_id: int
    dialect: str
    route: str
    order_ref: str = ""


_present: ContextVar[Question | None] = ContextVar("question", default=None)


def begin(caller: Caller, *, dialect: str, route: str) -> None:
    """The caller of the present request is known; `route`: what it asks for, in the dialect's words."""
    if caller.buyer is not None:
        _present.set(Question(caller.tenant_id, caller.buyer.customer_id, dialect, route[:60]))


def about(order_ref: str) -> None:
    """The present request is about this order or rental of its caller."""
    question = _present.get()
    if question is not None:
        question.order_ref = order_ref


def nobody_yet() -> None:
    """A new request begins, and nobody knows whose."""
    _present.set(None)


def end(request: HttpRequest, response: HttpResponseBase, outcome: str) -> HttpResponseBase:
    """The present request is answered like this."""
    question = _present.get()
    if question is not None:
        diary.note(question, outcome, response.status_code, getattr(request, "request_id", ""))
    return response


class Diary:
    """The lines of one process that wait to be written."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[Line, Latest] = {}

    def note(self, question: Question, outcome: str, status: int, request_id: str) -> None:
        now = time.time()
        line = Line(
            question.tenant_id,
            question.customer_id,
            int(now) // 60,
            question.dialect,
            question.route,
            outcome,
            question.order_ref,
        )
        with self._lock:
            known = self._lines.get(line)
            if known is not None:
                known.status, known.last_at, known.request_id = status, now, request_id
                known.count += 1
            elif len(self._lines) < MOST_LINES:
                self._lines[line] = Latest(status, 1, now, request_id)

    def write(self) -> None:
        """Write what waits; on trouble with the database it is dropped."""
        with self._lock:
            lines, self._lines = self._lines, {}
        if not lines:
            return
        rows = [(line.tenant_id, line.customer_id, _moment(60 * line.minute), *line[3:],
                 last.status, last.count, _moment(last.last_at), last.request_id)
                for line, last in sorted(lines.items(), key=lambda each: each[0])]  # fmt: skip
        try:
            with connection.cursor() as cursor:
                cursor.execute(WRITE, [list(column) for column in zip(*rows, strict=True)])
        except (DatabaseError, InterfaceError) as error:
            log.warning("requests_not_noted", lines=len(rows), error=type(error).__name__)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


diary = Diary()


def keep_writing() -> None:
    """Write this process's lines from now on, once a second and at its end."""
    stopped = threading.Event()

    def write() -> None:
        while not stopped.wait(WRITE_SECONDS):
            _write_and_let_go()

    threading.Thread(target=write, name="diary", daemon=True).start()
    atexit.register(stopped.set)


def _write_and_let_go() -> None:
    try:
        diary.write()
    finally:
        connection.close()


def forget_requests(*, before: datetime) -> int:
    """Delete the lines of the minutes before then; how many."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [before])
        return int(cursor.rowcount)


def forget_requests_of(customer_id: int) -> None:
    """Delete what is noted of a customer's requests."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_OF, [customer_id])

"""Keeping trouble where it arose: one row's, or one provider's, while its neighbours go on (O7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import structlog
from django.db import InterfaceError, OperationalError

from providers.contract import BadOptions, Call, ProviderError, T
from providers.http import Sent, send_many

Tag = TypeVar("Tag")
log = structlog.get_logger(__name__)


class Unaskable(ProviderError):
    """The question could not be made (an id that is none): nobody was asked, so nothing is known."""

    code = "unaskable"


def ask_all(
    questions: Iterable[tuple[Tag, Callable[[], Call[T]]]], *, meanwhile: Callable[[], None] | None = None
) -> Iterator[Sent[Tag, T]]:
    """`send_many` for calls that are made here, so that one that cannot be made fails by itself: with
    BadOptions, which the operator puts right, or else Unaskable, whatever the adapter stumbled over.
    """
    calls: list[tuple[Tag, Call[T]]] = []
    for tag, make in questions:
        try:
            calls.append((tag, make()))
        except BadOptions as error:
            yield Sent(tag, None, error)
        except Exception as error:
            yield Sent(tag, None, Unaskable(type(error).__name__))
    yield from send_many(calls, meanwhile=meanwhile)


@contextmanager
def apart(event: str, otherwise: Callable[..., object] | None = None, **facts: str | int) -> Iterator[None]:
    """Whatever goes wrong inside ends here: it is logged, and `otherwise(reason=...)` puts the row back.

    Without `otherwise`, or when that fails too, the row comes back when its claim is over. A lost database
    connection is everybody's trouble and is raised.
    """
    try:
        yield
    except Exception as error:
        if _is_lost_connection(error):
            raise
        reason = type(error).__name__
        log.error(event, reason=reason, **facts)
        if otherwise is not None:
            with apart(event, None, **facts):
                otherwise(reason=reason)


def _is_lost_connection(error: Exception) -> bool:
    is_theirs = isinstance(error, InterfaceError | OperationalError)
    return is_theirs and not getattr(error.__cause__, "sqlstate", None)

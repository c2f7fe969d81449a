"""What a request key of a rental or extension was answered before."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import orjson
from django.db import connection

from activations import refusals
from activations.rental_queries import COLUMNS, TERM_COLUMNS, RentalRow, TermRow, rental_row_from
from activations.services.request_keys import KeyedRequest
from portal import errors

KEYED = f"""
SELECT k.digest = %(digest)s, k.refusal, t.state, {TERM_COLUMNS}, {COLUMNS}
FROM activations_requestkey k
LEFT JOIN activations_rentalterm t ON t.id = k.term_id
LEFT JOIN activations_rental r ON r.id = t.rental_id
WHERE k.customer_id = %(customer)s AND k.key = %(key)s
"""  # noqa: S608
BY_TERM = f"""
SELECT t.state, {TERM_COLUMNS}, {COLUMNS}
FROM activations_rentalterm t JOIN activations_rental r ON r.id = t.rental_id
WHERE t.id = %(term)s AND t.tenant_id = %(tenant)s
"""  # noqa: S608


class Paid(NamedTuple):
    """A rental as it is now and the term that a call paid for: the rent, or an extension."""

    rental: RentalRow
    term: TermRow


def answer_to(keyed: KeyedRequest) -> Paid | None:
    """What this key was answered before; None when it is new.

    Raises RequestKeyMismatch (other body), OrderInProgress (still running or being found out), or the refusal
    that it was answered with.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            KEYED,
            {"digest": keyed.digest, "customer": keyed.buyer.customer_id, "key": keyed.key},
        )
        found = cursor.fetchone()
    if not found:
        return None
    is_same, refusal, *rest = found
    return _answer(is_same=is_same, refusal=orjson.loads(refusal) if refusal else None, values=rest)


def answer_of_term(*, tenant_id: int, term_id: UUID) -> Paid:
    """The same from a term. Raises OrderInProgress or NoNumbers."""
    with connection.cursor() as cursor:
        cursor.execute(BY_TERM, {"term": term_id, "tenant": tenant_id})
        found = cursor.fetchone()
    return _answer(is_same=True, refusal=None, values=list(found or [None]))


def earlier_answer(
    word: str, *, refusal: dict[str, object] | None, term_id: UUID | None, tenant_id: int
) -> Paid:
    """Another call with the same key was first (the words of rental_take_key)."""
    if word == "mismatch":
        raise errors.RequestKeyMismatch()
    if refusal:
        raise refusals.from_json(refusal)
    if term_id is None:
        raise errors.OrderInProgress()
    return answer_of_term(tenant_id=tenant_id, term_id=term_id)


def _answer(*, is_same: bool, refusal: dict[str, object] | None, values: list[object]) -> Paid:
    if not is_same:
        raise errors.RequestKeyMismatch()
    if refusal:
        raise refusals.from_json(refusal)
    state, width = values[0], 1 + len(TermRow._fields)
    if state is None or state == "pending":
        raise errors.OrderInProgress()
    if state == "released":
        raise errors.NoNumbers()
    return Paid(rental_row_from(values[width:]), TermRow(*values[1:width]))  # type: ignore[arg-type]

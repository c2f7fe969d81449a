"""The queue of words that nobody has mapped, kept in step with each price list."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from providers.codes import is_storable
from providers.contract import CatalogueItem
from providers.models import Provider

NAME_LENGTH = 80
LINES_MAX = 2_000_000_000
WORDS_MAX = 20_000  # of one provider; those with the most lines

# What is mapped by now leaves the queue, what left the list stays in it without lines, so that a decision to
# ignore it outlives the day on which the upstream had none in stock. Rows that say the same are not written.
STEP = """
WITH word AS MATERIALIZED (
    SELECT * FROM unnest(%(kinds)s::text[], %(codes)s::text[], %(names)s::text[], %(lines)s::int[])
        AS word (kind, code, name, lines)
), held AS MATERIALIZED (
    SELECT id, kind, code, name, lines FROM providers_unmappedcode WHERE provider_id = %(provider)s
), mapped AS (
    DELETE FROM providers_unmappedcode u USING held, providers_codemap m
    WHERE u.id = held.id AND m.scheme = ANY (%(schemes)s) AND m.kind = held.kind AND m.code = held.code
        AND NOT EXISTS (SELECT FROM word WHERE (word.kind, word.code) = (held.kind, held.code))
), gone AS (
    UPDATE providers_unmappedcode u SET lines = 0, seen_at = %(now)s
    FROM held WHERE u.id = held.id AND held.lines > 0
        AND NOT EXISTS (SELECT FROM word WHERE (word.kind, word.code) = (held.kind, held.code))
        AND NOT EXISTS (SELECT FROM providers_codemap m
            WHERE m.scheme = ANY (%(schemes)s) AND (m.kind, m.code) = (held.kind, held.code))
), stored AS (
    INSERT INTO providers_unmappedcode AS u (provider_id, kind, code, name, lines, is_ignored, seen_at)
    SELECT %(provider)s, word.kind, word.code, word.name, word.lines, false, %(now)s
    FROM word LEFT JOIN held ON (held.kind, held.code) = (word.kind, word.code)
    WHERE held.id IS NULL OR (held.name, held.lines) IS DISTINCT FROM (word.name, word.lines)
    ON CONFLICT (provider_id, kind, code)
    DO UPDATE SET name = excluded.name, lines = excluded.lines, seen_at = excluded.seen_at
    RETURNING old.id IS NULL AS is_new, new.kind, new.code
)
SELECT kind, code FROM stored WHERE is_new ORDER BY kind, code
"""
SETTINGS = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_nestloop = off"


class Word(NamedTuple):
    """`kind` service, country or operator; `code` the upstream's."""

    kind: str
    code: str


def queue_words(
    provider: Provider,
    unmapped: Mapping[tuple[str, str], int],
    items: Iterable[CatalogueItem],
    *,
    schemes: list[str],
    now: datetime,
) -> list[Word]:
    """Make the provider's queue match `unmapped` (lines by kind and code); gives back the words that are new.

    `items`: the upstream's catalogue, for their names. `schemes`: the code maps that hold for the provider.
    """
    names = {(item.kind, item.code): item.name for item in items}
    storable = [(word, lines) for word, lines in unmapped.items() if is_storable(word[1])]
    words = sorted(storable, key=lambda one: -one[1])[:WORDS_MAX]
    facts: dict[str, Any] = {
        "provider": provider.pk,
        "schemes": schemes,
        "now": now,
        "kinds": [kind for (kind, _), _ in words],
        "codes": [code for (_, code), _ in words],
        "names": [_shown(names.get(word, "")) for word, _ in words],
        "lines": [min(lines, LINES_MAX) for _, lines in words],
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(SETTINGS)
        cursor.execute(STEP, facts)
        return [Word(*row) for row in cursor.fetchall()]


def _shown(name: str) -> str:
    return "".join(letter for letter in name if letter.isprintable())[:NAME_LENGTH]

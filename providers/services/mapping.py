"""What people decide about the words in the queue: what they mean here, that they mean nothing here, or that
they name a service that is new here. The offers behind a word appear with the next reading of the list, which
is asked for at once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.utils.text import slugify

from portal.errors import ValidationError
from providers.catalogue.due import ask_for_sync
from providers.catalogue.lines import canonical_operator
from providers.codes import NAMED, names_of, scheme_of
from providers.models import Service, UnmappedCode

ID_LENGTH = 30
# Words of dialects that are no brands (docs/protocols/README.md 4).
TAKEN = frozenset({"any", "full", "other", "rent"})
CREATOR = 7_302  # the advisory lock of who finds free ids

WRITE = """
INSERT INTO providers_codemap (scheme, kind, canonical_id, code, source)
SELECT scheme, kind, canonical_id, code, 'manual'
FROM unnest(%(schemes)s::text[], %(kinds)s::text[], %(ids)s::text[], %(codes)s::text[])
    AS line (scheme, kind, canonical_id, code)
ON CONFLICT (scheme, kind, code) DO UPDATE SET canonical_id = excluded.canonical_id, source = 'manual'
"""
TAKE_OUT = """
DELETE FROM providers_unmappedcode u USING providers_provider p,
    unnest(%(schemes)s::text[], %(kinds)s::text[], %(codes)s::text[]) AS line (scheme, kind, code)
WHERE p.id = u.provider_id AND u.kind = line.kind AND u.code = line.code
    AND line.scheme IN ('provider:' || p.public_no, p.protocol)
RETURNING u.provider_id
"""

# Scheme, kind, upstream's code, canonical id.
_Line = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Created:
    """How many services were made, and the words that were left in the queue: not of a service, or named like
    a service that is there already.
    """

    services: int
    left: Sequence[str]


def map_words(
    *,
    words: Iterable[tuple[UnmappedCode, str]],
    now: datetime,
    for_protocol: bool = False,
) -> int:
    """Say what each word means: (word, canonical id); how many left the queue, those of other accounts
    included. `for_protocol`: it holds for every account that speaks the same protocol.

    Raises ValidationError (`canonical_id`) when a canonical id is not of the word's kind; nothing is mapped.
    """
    pairs = [(word, _meant(word, canonical_id)) for word, canonical_id in words]
    _check(pairs)
    return _write([(_scheme(word, for_protocol), word.kind, word.code, one) for word, one in pairs], now)


def ignore_words(*, ids: Sequence[int], ignore: bool = True) -> int:
    """Leave words unmapped for good, or (False) take that back; how many changed."""
    return UnmappedCode.objects.filter(pk__in=ids).exclude(is_ignored=ignore).update(is_ignored=ignore)


@transaction.atomic
def create_services(*, words: Sequence[UnmappedCode], now: datetime) -> Created:
    """Make a service of each word that names one and map it for its account. Words of one name are one
    service; a name that a service here has already is left to a person.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CREATOR])
    named = names_of(Service)
    free = _FreeIds({*Service.objects.values_list("id", flat=True), *TAKEN})
    made: dict[str, Service] = {}
    lines: list[_Line] = []
    left: list[str] = []
    for word in words:
        name = word.name or word.code
        key = name.casefold()
        if word.kind != UnmappedCode.Kind.SERVICE or key in named:
            left.append(str(word))
            continue
        if key not in made:
            made[key] = Service(id=free.id_for(name, word.code), name=name)
        lines.append((_scheme(word, for_protocol=False), word.kind, word.code, made[key].id))
    Service.objects.bulk_create(made.values(), batch_size=1_000)
    _write(lines, now)
    return Created(len(made), left)


def _meant(word: UnmappedCode, canonical_id: str) -> str:
    wanted = canonical_id.strip()
    return canonical_operator(wanted) if word.kind == UnmappedCode.Kind.OPERATOR else wanted


def _check(pairs: Sequence[tuple[UnmappedCode, str]]) -> None:
    for kind, model in NAMED.items():
        wanted = {one for word, one in pairs if word.kind == kind}
        if unknown := wanted - set(model.objects.filter(pk__in=wanted).values_list("pk", flat=True)):
            raise ValidationError({"canonical_id": f"There is no {kind} {min(unknown)!r}."})
    if any(not one.isprintable() or len(one) > ID_LENGTH for _, one in pairs):
        raise ValidationError({"canonical_id": f"An operator's name has at most {ID_LENGTH} characters."})


def _scheme(word: UnmappedCode, for_protocol: bool) -> str:
    return word.provider.protocol if for_protocol else scheme_of(word.provider)


@transaction.atomic
def _write(lines: Sequence[_Line], now: datetime) -> int:
    distinct = {(scheme, kind, code): one for scheme, kind, code, one in lines}
    facts = {
        "schemes": [scheme for scheme, _, _ in distinct],
        "kinds": [kind for _, kind, _ in distinct],
        "codes": [code for _, _, code in distinct],
        "ids": list(distinct.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(WRITE, facts)
        cursor.execute(TAKE_OUT, facts)
        providers = [row[0] for row in cursor.fetchall()]
    ask_for_sync(sorted(set(providers)), now=now)
    return len(providers)


class _FreeIds:
    """Ids that no service has yet."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken
        self._numbers: Counter[str] = Counter()

    def id_for(self, name: str, code: str) -> str:
        """A slug of the name; of the code where the name has no Latin letter."""
        base = (slugify(name) or slugify(code)).strip("-_")[:ID_LENGTH] or "service"
        found = base
        while found in self._taken:
            self._numbers[base] += 1
            ending = f"-{self._numbers[base] + 1}"
            found = base[: ID_LENGTH - len(ending)] + ending
        self._taken.add(found)
        return found

"""What an upstream's word may mean: canonical names that look like it. Only ever shown, never acted on."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

SHOWN = 3
LEAST = 0.3  # below it two names have no more in common than any two


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`likeness` 0…1; 1 means that the words are the same but for case, accents and signs."""

    id: str
    name: str
    likeness: float


class Names:
    """The names that may be suggested, taken apart once for any number of questions."""

    def __init__(self, named: Iterable[tuple[str, Iterable[str]]]) -> None:
        """`named`: canonical ids, each with its names, the first of which is shown."""
        self._shown: dict[str, str] = {}
        self._sizes: list[tuple[str, int]] = []
        self._by_piece: defaultdict[str, list[int]] = defaultdict(list)
        for canonical_id, names in named:
            names = list(names)
            self._shown[canonical_id] = names[0]
            for name in {canonical_id, *names}:
                self._add(canonical_id, pieces(name))

    def like(self, *words: str) -> list[Suggestion]:
        """At most three, the likest first; each of the words may be what is meant."""
        best: dict[str, float] = {}
        for word in words:
            wanted = pieces(word)
            shared = Counter(place for piece in wanted for place in self._by_piece.get(piece, ()))
            for place, count in shared.items():
                canonical_id, size = self._sizes[place]
                likeness = count / (size + len(wanted) - count)
                best[canonical_id] = max(likeness, best.get(canonical_id, 0.0))
        found = sorted(((-share, one) for one, share in best.items() if share >= LEAST))[:SHOWN]
        return [Suggestion(one, self._shown[one], -share) for share, one in found]

    def _add(self, canonical_id: str, found: frozenset[str]) -> None:
        if found:
            place = len(self._sizes)
            self._sizes.append((canonical_id, len(found)))
            for piece in found:
                self._by_piece[piece].append(place)


def pieces(text: str) -> frozenset[str]:
    """The runs of three letters of a text in plain small letters; the beginning of each word counts more."""
    bare = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c if c.isalnum() else " " for c in bare if not unicodedata.combining(c))
    words = [f"  {word} " for word in kept.split()]
    return frozenset(word[place : place + 3] for word in words for place in range(len(word) - 2))

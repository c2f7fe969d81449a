"""How an order was routed, in words: the account that providers.ranking kept with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

REASONS = {
    "off": "switched off",
    "paused": "paused",
    "spent": "daily cap reached",
    "tripped": "failing, left alone for a while",
    "out_of_funds": "our account there is empty",
    "bad_credentials": "refuses our key",
    "banned": "has banned us",
    "secret_unreadable": "its key cannot be read",
    "unknown_protocol": "its protocol is not installed",
    "not_included": "not among the providers that were asked for",
    "excluded": "the buyer excluded it",
    "operator": "another operator was asked for",
    "denied": "ruled out by the routing policy",
    "unreliable": "codes arrive too seldom",
    "too_cheap": "below the lowest price",
    "too_dear": "above the highest price",
}
LINE = 8  # columns of providers.ranking


@dataclass(frozen=True, slots=True)
class Line:
    """An offer that fitted. Amounts: micro-USD; `quality` 0…1, None: unknown; `orders`: our own behind it."""

    offer_id: int
    provider_no: int
    price_micros: int
    score: float
    cost_micros: int | None
    quality: float | None
    orders: int
    boost: float


@dataclass(frozen=True, slots=True)
class LeftOut:
    provider_no: int
    reason: str
    offers: int


@dataclass(frozen=True, slots=True)
class Decision:
    """`ranked`: the candidates, best first; `others`: what another weight would have put first."""

    weight: float
    fitting: int
    dearest_micros: int | None
    ranked: Sequence[Line]
    others: Sequence[Line]
    left_out: Sequence[LeftOut]

    @property
    def providers(self) -> set[int]:
        return {line.provider_no for line in (*self.ranked, *self.others, *self.left_out)}


def decision_of(routing: Mapping[str, Any]) -> Decision | None:
    """None: there is no account, or not one that we can read."""
    try:
        return Decision(
            weight=float(routing["weight"]),
            fitting=int(routing["fitting"]),
            dearest_micros=routing.get("dearest"),
            ranked=[_line(row) for row in routing["ranked"]],
            others=[_line(row) for row in routing.get("others", ())],
            left_out=[LeftOut(int(no), REASONS.get(why, str(why)), int(count))
                      for no, why, count in routing["rejected"]],
        )  # fmt: skip
    except (KeyError, TypeError, ValueError):
        return None


def _line(row: Sequence[Any]) -> Line:
    """Older orders have the first four columns only."""
    offer_id, provider_no, price, score, *rest = row
    cost, quality, orders, boost = rest if len(row) == LINE else (None, None, 0, 0.0)
    return Line(int(offer_id), int(provider_no), int(price), float(score), cost, quality, int(orders), boost)

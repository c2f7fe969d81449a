"""What past orders would have cost and brought under other weights, from the accounts kept with them.

An offer that was asked and said no is not asked again here. Where the choice stays the same, what really
happened counts on both sides; where it changes, the new route counts with the quality it was known to have
then. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from activations.decisions import Decision, Line, decision_of
from activations.models import Activation
from providers.scoring import UNKNOWN_QUALITY, score

ROWS_AT_ONCE = 2_000


class Past(NamedTuple):
    """A sold order. Micro-USD: what it cost, and what its tenant paid, if a code came."""

    offer_id: int | None
    cost_micros: int
    price_micros: int
    billing_status: str
    routing: Mapping[str, Any]


@dataclass(slots=True)
class Tally:
    """Sums; codes, cost and price are expectations where a choice changed. Micro-USD."""

    codes: float = 0.0
    cost_micros: float = 0.0
    price_micros: float = 0.0

    @property
    def margin_micros(self) -> float:
        return self.price_micros - self.cost_micros

    def add(self, chance: float, *, cost_micros: int, price_micros: int) -> None:
        self.codes += chance
        self.cost_micros += chance * cost_micros
        self.price_micros += chance * price_micros


@dataclass(slots=True)
class Comparison:
    """`skipped`: orders whose account does not tell enough to choose again."""

    orders: int = 0
    changed: int = 0
    skipped: int = 0
    was: Tally = field(default_factory=Tally)
    would_be: Tally = field(default_factory=Tally)


def past_orders(*, since: datetime, tenant_id: int | None = None) -> Iterator[Past]:
    """Sold orders since then, a tenant's or everybody's, in pieces: memory does not grow with them."""
    found = Activation.objects.filter(created_at__gte=since, lease_state=Activation.LeaseState.LEASED)
    if tenant_id is not None:
        found = found.filter(tenant=tenant_id)
    for row in found.order_by().values_list(*Past._fields).iterator(chunk_size=ROWS_AT_ONCE):
        yield Past._make(row)


def replay(
    orders: Iterable[Past], *, quality_factor: float | None, boosts: Mapping[int, float]
) -> Comparison:
    """Choose again. `quality_factor` 0…100, None: each order's own; `boosts`: provider's number → what is
    taken off the score of its offers, besides the boost they had.
    """
    result = Comparison()
    for order in orders:
        result.orders += 1
        lines = _choices(order)
        if not lines:
            result.skipped += 1
            continue
        decision, bought, others = lines
        weight = decision.weight if quality_factor is None else quality_factor / 100
        best = _best([bought, *others], decision, weight, boosts)
        actual = float(order.billing_status == "billed")
        facts = {"cost_micros": order.cost_micros, "price_micros": order.price_micros}
        result.was.add(actual, **facts)
        if best.offer_id == bought.offer_id:
            result.would_be.add(actual, **facts)
            continue
        result.changed += 1
        chance = UNKNOWN_QUALITY if best.quality is None else best.quality
        result.would_be.add(chance, cost_micros=best.cost_micros or 0, price_micros=best.price_micros)
    return result


def _choices(order: Past) -> tuple[Decision, Line, list[Line]] | None:
    """The account, what was bought, and what could have been bought instead."""
    decision = decision_of(order.routing)
    if decision is None or any(line.cost_micros is None for line in decision.ranked):
        return None
    place = next((n for n, line in enumerate(decision.ranked) if line.offer_id == order.offer_id), None)
    if place is None:
        return None
    return decision, decision.ranked[place], [*decision.ranked[place + 1 :], *decision.others]


def _best(lines: list[Line], decision: Decision, weight: float, boosts: Mapping[int, float]) -> Line:
    """The lowest score; what was bought comes first and wins a tie."""
    dearest = decision.dearest_micros or max(line.price_micros for line in lines) or 1

    def points(line: Line) -> float:
        bonus = line.boost + boosts.get(line.provider_no, 0.0)
        return round(score(line.price_micros, dearest, line.quality, weight) - bonus, 6)

    return min(lines, key=points)

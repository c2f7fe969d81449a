"""The groups of rows, in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Iterator

from tests.bench import (
    checks,
    hanging,
    history,
    incoming,
    lag,
    lists,
    memory,
    orders,
    polls,
    prices,
    world,
)
from tests.bench.report import Row
from tests.bench.stack import Stack


def rows(stack: Stack, *, groups: set[str], seconds: float, past_orders: int) -> Iterator[Row]:
    """Measure what is asked for (P, B, S, U, C, H, L, M; none: all)."""
    world.open_provider(stack)
    if not groups or "P" in groups:
        yield from polls.rows(stack, world.open_shop("polls", customers=700), seconds=seconds)
    if not groups or "B" in groups:
        yield from orders.rows(stack, seconds=seconds)
    if not groups or "S" in groups:
        yield from incoming.rows(stack, world.open_shop("incoming", customers=500), seconds=seconds)
    if not groups or "U" in groups:
        yield from checks.rows(stack, world.open_shop("checks", customers=1000), seconds=seconds)
    if not groups or "S" in groups:  # after U, which counts what is open
        yield from lag.rows(stack, world.open_shop("lag", customers=lag.READERS))
    if not groups or "P" in groups:
        shop = world.open_shop("hanging", customers=700)
        yield from hanging.rows(stack, shop, seconds=seconds)
    if not groups or "M" in groups:
        yield from memory.rows(stack, world.open_shop("memory", customers=300))
    if not groups or "C" in groups:
        yield from prices.rows(stack, world.open_shop("prices", customers=1), seconds=seconds)
    if not groups or "H" in groups:
        shop = world.open_shop("history", customers=1000)
        yield from history.rows(stack, shop, seconds=seconds, count=past_orders)
    if not groups or "L" in groups:
        yield from lists.rows(stack)

"""The routing decision of an order as a table on its admin page."""

from __future__ import annotations

from collections.abc import Mapping

from django.template.loader import render_to_string

from activations.decisions import Decision, Line
from portal.admin import dollars, percent

HEAD = ["Rank", "Provider", "Tenant pays", "Cost", "Quality", "Own orders", "Boost", "Score"]
COST = HEAD.index("Cost")


def decision_table(decision: Decision | None, *, names: Mapping[int, str], shows_cost: bool) -> str:
    """`names`: what providers are called here, by number; costs are the platform's business."""
    if decision is None:
        return "–"
    ranks = [*(str(n) for n, _ in enumerate(decision.ranked, 1)), *("not tried" for _ in decision.others)]
    rows = [
        _row(rank, line, names)
        for rank, line in zip(ranks, (*decision.ranked, *decision.others), strict=True)
    ]
    table = [HEAD, *rows] if shows_cost else [[*row[:COST], *row[COST + 1 :]] for row in (HEAD, *rows)]
    weight = decision.weight
    return render_to_string(
        "admin/activations/_decision.html",
        {
            "summary": f"Offers that fitted: {decision.fitting}. Scored by price ({percent(1 - weight)}) and "
            f"quality ({percent(weight)}); the lowest score was asked first.",
            "head": table[0],
            "rows": table[1:],
            "left_out": [[_name(one.provider_no, names), one.reason, str(one.offers)]
                         for one in decision.left_out],
        },
    )  # fmt: skip


def _row(rank: str, line: Line, names: Mapping[int, str]) -> list[str]:
    return [
        rank,
        _name(line.provider_no, names),
        dollars(line.price_micros),
        dollars(line.cost_micros),
        percent(line.quality),
        str(line.orders),
        f"{line.boost:+.2f}" if line.boost else "–",
        f"{line.score:.3f}",
    ]


def _name(number: int, names: Mapping[int, str]) -> str:
    return names.get(number, f"no. {number}")

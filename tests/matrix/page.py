"""The matrix as a table: docs/protocols/matrix.md, and what is printed after a run."""

from pathlib import Path

from providers.registry import ADAPTERS
from tests.matrix.cells import SCENARIOS, Cell, cells
from tests.matrix.dialects import DIALECTS

PAGE = Path(__file__).parents[2] / "docs/protocols/matrix.md"
INTRODUCTION = """\
# Every dialect with every provider

What a customer's client says in one protocol ("dialect") is bought in another ("provider"), and each pair
plays the same scenarios. `tests/matrix` plays every ✓ over HTTP on both sides, with offers as the provider's
own price list has them; at the end of each the ledger is right and the provider's books say the same as
ours. A dash: whose protocol has no such thing. Written by `python -m tests.matrix`; a test keeps it true.
"""


def matrix_page() -> str:
    """The page as Markdown."""
    meanings = [f"| {one.name} | {one.meaning} |" for one in SCENARIOS.values()]
    heads = ["dialect", "provider", *SCENARIOS]
    lines = [
        INTRODUCTION,
        "| Scenario | What must come of it |",
        "|---|---|",
        *meanings,
        "",
        f"| {' | '.join(heads)} |",
        "|---" * len(heads) + "|",
        *(f"| {' | '.join(row)} |" for row in _rows()),
    ]
    return "\n".join(lines) + "\n"


def _rows() -> list[list[str]]:
    marks: dict[tuple[str, str], list[str]] = {}
    for cell in cells(DIALECTS, ADAPTERS):
        marks.setdefault((cell.dialect, cell.provider), []).append(mark(cell))
    return [[*pair, *found] for pair, found in marks.items()]


def mark(cell: Cell) -> str:
    return f"– {cell.lack}" if cell.lack else "✓"

"""The table that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured goal. `reached` and `goal` are in `unit`; `at_least` tells which side is good. `slowness`:
    how much longer than where the goal was set this machine takes; a ratio has none.
    """

    number: str
    what: str
    reached: float
    goal: float
    at_least: bool
    unit: str = "×"
    note: str = ""
    slowness: float | None = None

    @property
    def goal_here(self) -> float:
        """What the goal amounts to on this machine at this hour."""
        slowness = self.slowness or 1.0
        return self.goal / slowness if self.at_least else self.goal * slowness

    @property
    def is_met(self) -> bool:
        return self.reached >= self.goal_here if self.at_least else self.reached <= self.goal_here

    def line(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.is_met else "MISSED"
        here = "" if self.slowness is None else f"{sign} {self.goal_here:.3g} here"
        return (
            f"{self.number:<4} {self.what:<52} {self.reached:>10.3g} {self.unit:<9} {sign} {self.goal:<8g} "
            f"{here:<13} {verdict:<7} {self.note}"
        )

"""The table that `make bench` prints."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One measured goal. `reached` and `goal` are in `unit`; `at_least` tells which side is good."""

    number: str
    what: str
    reached: float
    goal: float
    at_least: bool
    unit: str = "×"
    note: str = ""

    @property
    def is_met(self) -> bool:
        return self.reached >= self.goal if self.at_least else self.reached <= self.goal

    def line(self) -> str:
        sign = "≥" if self.at_least else "≤"
        verdict = "met" if self.is_met else "MISSED"
        return (
            f"{self.number:<4} {self.what:<52} {self.reached:>10.3g} {self.unit:<9} {sign} {self.goal:<8g} "
            f"{verdict:<7} {self.note}"
        )

"""The cells: who plays what with whom, and where it cannot be played, whose protocol lacks it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from providers.contract import Can


class Say(StrEnum):
    """What only some dialects have words for."""

    FINISH = "finish"
    AGAIN = "again"
    RENT = "rent"


@dataclass(frozen=True)
class Scenario:
    """A column. `says`: what its dialect must be able to say, `can`: what its provider must be able to do."""

    name: str
    meaning: str
    says: Say | None = None
    can: Can | None = None


ALL = (
    Scenario("code", "A number is ordered, its code comes and both wallets pay once; it is finished."),
    Scenario("cancel", "An unused number is given back: all but the dialect's fee returns.", can=Can.CANCEL),
    Scenario("expiry", "No code came until the end: everything returns to both wallets."),
    Scenario("no numbers", "The provider has none: refused as that, nothing is held."),
    Scenario("no money", "The reseller's wallet is empty, then the customer's: refused, nobody is asked."),
    Scenario("too dear", "Dearer than the list said, or than the client allows: refused, nothing is paid."),
    Scenario("second", "A second code on the same number, free of charge.", Say.AGAIN, Can.RETRY),
    Scenario("rental", "A number for a day: two messages; an unused one goes back.", Say.RENT, Can.RENTAL),
)
SCENARIOS = {one.name: one for one in ALL}


@dataclass(frozen=True)
class Cell:
    """`lack`: empty, or in one word whose protocol has no such thing."""

    dialect: str
    provider: str
    scenario: str
    lack: str

    def __str__(self) -> str:
        return f"{self.dialect}-{self.provider}-{self.scenario.replace(' ', '_')}"


def cells(dialects, adapters) -> Iterator[Cell]:
    """Every cell, by dialect, then provider."""
    for dialect in dialects.values():
        for protocol in sorted(adapters):
            for scenario in SCENARIOS.values():
                lack = lacks(scenario, dialect.says, adapters[protocol].can)
                yield Cell(dialect.name, protocol, scenario.name, lack)


def lacks(scenario: Scenario, says, can) -> str:
    if scenario.says is not None and scenario.says not in says:
        return "dialect"
    return "provider" if scenario.can is not None and scenario.can not in can else ""

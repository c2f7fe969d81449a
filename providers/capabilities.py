"""What each protocol can do, as one table: for docs/protocols/capabilities.md and for the provider's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from providers.contract import Account, Can
from providers.registry import ADAPTERS

PAGE = Path(settings.BASE_DIR) / "docs/protocols/capabilities.md"
# Each capability with what it means where an upstream has it, and what follows where it has not.
MEANINGS: Mapping[Can, tuple[str, str, str]] = {
    Can.STATUS: (
        "Status",
        "can be asked about a single number",
        "only its callbacks tell of messages; at its end a number is closed without asking",
    ),
    Can.TELL_END: (
        "Told of the end",
        "must be told how each number ended, and is until it confirms",
        "it finds out by itself",
    ),
    Can.CEILING: (
        "Price ceiling",
        "sells nothing above the price that we name",
        "a number that costs more is cancelled there and not sold (U7)",
    ),
    Can.OWN_REFERENCE: (
        "Our reference",
        "keeps and lists the reference that we send",
        "lost orders are found by service, country, time and price",
    ),
    Can.PREFIXES: (
        "Unwanted prefixes",
        "can be told which beginnings of phones we do not want",
        "such a number is cancelled there and the next one tried",
    ),
    Can.VOICE: ("Voice", "sells codes by call", "such orders go to others"),
    Can.CANCEL: ("Cancel", "takes an unused number back", "a number runs to its end"),
    Can.REFUNDS_EXPIRED: (
        "Pays expired numbers back",
        "takes nothing for a number that expired unused",
        "its funds are compared, and what is missing is money at risk; if it tells none, each number is",
    ),
    Can.RETRY: ("Second message", "waits for one more message, free of charge", "numbers are not retriable"),
    Can.READY: ("Ready", "can be told that the message was sent", "nothing is told"),
    Can.FINISH: ("Finish", "can be told that a number is not needed any more", "a number runs to its end"),
    Can.REPORT: ("Reports", "takes complaints about a number", "reports are decided by our staff alone"),
    Can.LIST_ACTIVE: (
        "List of open numbers",
        "finds orders whose answer was lost",
        "such an order is given up after a grace time and listed as money at risk",
    ),
    Can.MESSAGES_IN_LIST: (
        "Messages in that list",
        "one call checks all open numbers",
        "each number is asked about singly",
    ),
    Can.CALLBACK: ("Callbacks", "tells us of messages by itself", "messages are found by asking"),
    Can.CATALOGUE: ("Catalogue", "names its services and countries", "codes must be mapped by hand"),
    Can.PRICES: ("Price list", "its offers are kept up to date", "offers are entered by hand"),
    Can.BALANCE: ("Balance", "tells the account's funds", "an empty account shows when an order is refused"),
    Can.RENTAL: ("Rentals", "rents numbers by the hour or day", "none are offered"),
    Can.EXTEND_RENTAL: ("Extend a rental", "makes a running one longer", "it ends when it ends"),
    Can.CANCEL_RENTAL: ("Cancel a rental", "gives money back for it", "nothing comes back"),
    Can.FINISH_RENTAL: ("Finish a rental", "ends it early, nothing comes back", "it runs to its end"),
    Can.LIST_RENTALS: (
        "List of rentals",
        "finds rentals whose answer was lost",
        "such a rental is given up after a grace time and listed as money at risk",
    ),
    Can.RENTAL_MESSAGES_IN_LIST: (
        "Messages in that list",
        "one call checks all rentals",
        "each rental is asked about singly",
    ),
}


@dataclass(frozen=True, slots=True)
class Capability:
    """A line of the table. `protocols`: which have it, of all in the table's order."""

    can: Can
    name: str
    has: str
    has_not: str
    protocols: Mapping[str, bool]


def capability_table() -> Sequence[Capability]:
    """Every capability in the order of `MEANINGS`, for every protocol of the registry.

    An account may have less than its protocol: its option `without` takes away what its upstream lacks.
    """
    protocols = sorted(ADAPTERS)
    return [
        Capability(can, name, has, has_not, {one: can in ADAPTERS[one].can for one in protocols})
        for can, (name, has, has_not) in MEANINGS.items()
    ]


def capabilities_of(protocol: str, options: object) -> Sequence[tuple[Capability, bool]]:
    """The table for one account, whose options may take away what its protocol has; empty for no protocol."""
    if protocol not in ADAPTERS:
        return []
    known = options if isinstance(options, dict) else {}
    can = ADAPTERS[protocol](Account(base_url="", secret="", options=known)).can
    return [(line, line.can in can) for line in capability_table()]


def capability_page() -> str:
    """The table as Markdown; `manage.py capabilities` writes it to docs/protocols/capabilities.md."""
    protocols = sorted(ADAPTERS)
    lines = [
        "# What each protocol can do",
        "",
        "What we may ask of a provider that speaks it. Written by `manage.py capabilities`; a test",
        "keeps it true. An account whose provider lacks something says so in its option `without`, such as",
        '`{"without": ["retry"]}` (words of the first column).',
        "",
        f"| Word | Meaning | {' | '.join(protocols)} | Where it is missing |",
        f"|---|---|{'---|' * len(protocols)}---|",
    ]
    lines += [
        f"| `{line.can}` | {line.name}: {line.has} "
        f"| {' | '.join('✓' if line.protocols[one] else '–' for one in protocols)} | {line.has_not} |"
        for line in capability_table()
    ]
    return "\n".join(lines) + "\n"

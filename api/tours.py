"""Commands to paste, by dialect: the shortest way from a balance to a code and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from providers.spellings import spellings

SERVICE, COUNTRY = "telegram", "us"
KEY = "$KEY"  # as the commands name it; a page that knows the key puts it there


@dataclass(frozen=True, slots=True)
class Step:
    """One command. What a reader has to fill in stands in it in capitals."""

    what: str
    command: str


@dataclass(frozen=True, slots=True)
class Tour:
    """A dialect as a customer meets it."""

    dialect: str
    label: str
    about: str
    steps: tuple[Step, ...]

    def with_key(self, key: str) -> Tour:
        """The same with the key in its commands."""
        steps = tuple(replace(step, command=step.command.replace(KEY, key)) for step in self.steps)
        return replace(self, steps=steps)


def _handler(base: str) -> Tour:
    service, country = _codes("handler")
    ask = f'curl "{base}/stubs/handler_api.php?api_key={KEY}&action='
    return Tour(
        "handler",
        "sms-activate style",
        "One address, an action, a word for an answer. Most programs for numbers speak it.",
        (
            Step("Balance", f'{ask}getBalance"'),
            Step("Price", f'{ask}getPrices&service={service}&country={country}"'),
            Step("Buy", f'{ask}getNumber&service={service}&country={country}"'),
            Step("Ask for the code", f'{ask}getStatus&id=ID"'),
            Step("Give it back", f'{ask}setStatus&id=ID&status=8"'),
        ),
    )


def _rentverify(base: str) -> Tour:
    service, country = _codes("rentverify")
    ask = f'curl -H "X-API-Token: {KEY}" "{base}/api/v1/'
    return Tour(
        "rentverify",
        "RentVerify",
        "An address for each action, the key in a header, and statuses that mean what they say.",
        (
            Step("Balance", f'{ask}getBalance"'),
            Step("Services", f'{ask}getServices?country={country}"'),
            Step("Buy", f'{ask}getNumber?service={service}&country={country}"'),
            Step("Ask for the code", f'{ask}getStatus?id=ID"'),
            Step("Give it back", f'{ask}setStatus?id=ID&status=8"'),
        ),
    )


def _ping(base: str) -> Tour:
    head, place = f'curl -H "X-Ping-Api-Key: {KEY}"', f"{base}/v1/nonvoip"
    return Tour(
        "ping",
        "Ping",
        "JSON both ways, for single codes and for rented numbers.",
        (
            Step("Services", f'{head} "{place}/services?country_code=US&search=telegram"'),
            Step(
                "Buy",
                f'{head} -H "Content-Type: application/json" -d \'{{"serviceId": "SERVICE_ID"}}\''
                f' "{place}/orders/create"',
            ),
            Step("Ask for the code", f'{head} "{place}/orders/ORDER_ID/poll"'),
            Step("Give it back", f'{head} -X POST "{place}/orders/ORDER_ID/cancel"'),
        ),
    )


def _codes(dialect: str) -> tuple[str, str]:
    """How the dialect spells the example's service and country."""
    names = spellings(dialect)
    return names.services.get(SERVICE, SERVICE), names.countries.get(COUNTRY, COUNTRY)


TOURS: dict[str, Callable[[str], Tour]] = {"handler": _handler, "rentverify": _rentverify, "ping": _ping}


def tour_of(dialect: str, *, base: str) -> Tour:
    """The dialect's commands for the portal at `base` (no slash at its end); an unknown one is the first."""
    return TOURS.get(dialect, _handler)(base)

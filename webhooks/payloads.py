"""What deliveries say. The words belong to a dialect above this app, which registers itself when the portal
starts: names of its event types, and builders that read the rows as they are when a delivery is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson

from webhooks.models import Event

API_VERSION = "1.0"
HIDDEN = "••••••"
SECRET_MEMBERS = frozenset({"sms_code", "sms_text", "code", "text"})
SAMPLE = "webhook.sample"  # the type of an event that somebody asked for by hand; its payload names the type


class Names(NamedTuple):
    """What an event is called for the tenant's own endpoints and for those of the customer that it concerns;
    several names: an endpoint gets the first of them that it wants.
    """

    tenant: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dialect:
    """`types`: each event type with a sentence for people. `optional`: those that nobody gets unasked.
    `tenant_only`: those that customers have no use for.

    `names(events)` gives event id → Names; `build(event, type, is_customer)` the `data` of a delivery, or
    None when what it told of is gone; `sample(type, is_customer)` invented data.
    """

    types: Mapping[str, str]
    optional: frozenset[str]
    tenant_only: frozenset[str]
    names: Callable[[Sequence[Event]], dict[int, Names]]
    build: Callable[[Event, str, bool], dict[str, Any] | None]
    sample: Callable[[str, bool], dict[str, Any]]

    def types_for(self, *, is_customer: bool) -> dict[str, str]:
        """What an endpoint may ask for."""
        return {
            name: text for name, text in self.types.items() if not (is_customer and name in self.tenant_only)
        }

    def usual_types(self, *, is_customer: bool) -> list[str]:
        """What an endpoint gets that asked for nothing special."""
        return [name for name in self.types_for(is_customer=is_customer) if name not in self.optional]


_registered: list[Dialect] = []


def register(dialect: Dialect) -> None:
    """Called once, when the portal starts."""
    _registered[:] = [dialect]


def dialect() -> Dialect:
    return _registered[0]


def data_of(event: Event, type_: str, *, is_customer: bool) -> dict[str, Any] | None:
    """The `data` of a delivery from the rows as they are now, codes included; None: its subject is gone.
    `is_customer`: for an endpoint of a customer, who must not learn what his reseller pays.
    """
    if event.type == SAMPLE:
        return dialect().sample(type_, is_customer)
    return dialect().build(event, type_, is_customer)


def body_of(event: Event, type_: str, data: dict[str, Any]) -> bytes:
    """The exact bytes that are signed and sent."""
    return orjson.dumps({"id": event.public_id, "api_version": API_VERSION, "type": type_, "data": data})


def without_secrets(data: dict[str, Any]) -> dict[str, Any]:
    """For a connection that others can read: without text and code (F4)."""
    return {name: None if name in SECRET_MEMBERS else value for name, value in data.items()}


def masked(data: dict[str, Any]) -> dict[str, Any]:
    """For the eyes of people: that text and code are there, not what they say."""
    return {name: HIDDEN if name in SECRET_MEMBERS and value else value for name, value in data.items()}


def shown(event: Event, type_: str, data: dict[str, Any]) -> str:
    """The body for the eyes of people: laid out in lines, text and code covered."""
    body = {"id": event.public_id, "api_version": API_VERSION, "type": type_, "data": masked(data)}
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def secrets_in(data: dict[str, Any]) -> list[str]:
    """What must not be kept anywhere else, the longest first."""
    found = (str(value) for name, value in data.items() if name in SECRET_MEMBERS and value)
    return sorted(found, key=len, reverse=True)

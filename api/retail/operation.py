"""What the description says of one operation and the code does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from api.input import Reader
from api.retail.entry import Gate
from api.retail.schema import Schema, ref


@dataclass(frozen=True)
class Operation:
    """One method of one view (a plain one, or the class of a RetailView; both have `gates`).

    `reply`: its schema, `gives`: an example. `query` and `body`: readers, `asks` and `sends`: what goes with
    the example (several bodies by name). `refuses`: codes of portal.errors beyond those of the door.
    """

    name: str
    tag: str
    summary: str
    view: Any
    reply: Schema
    gives: Any
    text: str = ""
    method: str = ""  # needed where the view has several
    query: Mapping[str, Reader] = field(default_factory=dict)
    asks: Mapping[str, Any] = field(default_factory=dict)
    body: Schema | None = None
    sends: Mapping[str, Any] = field(default_factory=dict)
    takes_form: bool = False
    has_etag: bool = False
    has_request_key: bool = False
    refuses: tuple[str, ...] = ()

    @property
    def gate(self) -> Gate:
        gates: tuple[Gate, ...] = self.view.gates
        return next(gate for gate in gates if self.method in ("", gate.method))


SUCCESS: dict[str, Any] = {"reply": ref("Success"), "gives": {"result": "success"}}

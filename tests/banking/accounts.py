"""The accounts at suppliers that a bank run buys from: the sandbox's, and one of every other protocol."""

from dataclasses import dataclass, field
from typing import Any

from tests.stack import Stack
from tests.suppliers.face import Face
from tests.suppliers.faces import FACES

SANDBOX_ACTIONS = frozenset({"order", "list", "status", "cancel", "retry", "finish", "callback"})


@dataclass(frozen=True)
class Account:
    """One account. `number` is the provider's in our books, `protocol` empty for the sandbox's own."""

    stack: Stack = field(repr=False)
    number: int
    key: str
    protocol: str
    settings: dict[str, Any]

    @property
    def face(self) -> Face | None:
        return FACES.get(self.protocol)

    @property
    def actions(self):
        return self.face.actions if self.face else SANDBOX_ACTIONS

    @property
    def is_asked(self):
        """Whether it is asked about numbers; else it alone tells of messages, and we how they ended."""
        return "status" in self.actions

    @property
    def has_list(self):
        """Whether a lost order can be found there."""
        return "list" in self.actions

    @property
    def keeps_references(self):
        return self.face is None

    @property
    def tells_price(self):
        return self.face is None or self.face.tells_price

    def lease_id(self, upstream_ref):
        """How its books call what our books call `upstream_ref`."""
        return str(self.face.number(upstream_ref)) if self.face else upstream_ref

    def control(self, name, **order):
        return self.stack.control(self.key, name, protocol=self.protocol, **order)

    def leases(self):
        return self.control("books")["leases"]

    def taken(self):
        """The callbacks that we answered with success, since the supplier's last start."""
        return self.control("taken")["taken"]

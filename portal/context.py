"""What the frame of every page shows: the tenant's brand; for a customer links, money and open numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from accounts.models import Customer
from activations.own_orders import open_count
from portal.brand import brand_of

# Below this a customer without a limit of his own is told that money runs low.
LOW_BALANCE_MICROS = 1_000_000
LINKS = (
    ("activations:buy", "Buy", "buy"),
    ("activations:numbers", "Numbers", "numbers"),
    ("activations:rentals", "Rentals", "key"),
    ("activations:history", "History", "history"),
    ("activations:wallet", "Wallet", "wallet"),
)
ALSO = {"activations:buy": "activations:rent"}  # the other half of the shop


@dataclass(frozen=True, slots=True)
class Link:
    url: str
    label: str
    icon: str
    is_here: bool
    has_count: bool


class Shell:
    """Read only where a template asks for it, and then once."""

    def __init__(self, request: HttpRequest) -> None:
        self.request = request

    @cached_property
    def user(self) -> Any:
        user = getattr(self.request, "user", None)
        return user if user is not None and user.is_authenticated else None

    @cached_property
    def customer(self) -> Customer | None:
        customer: Customer | None = getattr(self.user, "customer", None) if self.user else None
        return customer

    @property
    def initial(self) -> str:
        return self.user.email[:1] if self.user else ""

    @cached_property
    def links(self) -> list[Link]:
        path = self.request.path
        return [
            Link(
                url=reverse(name),
                label=label,
                icon=icon,
                is_here=path.startswith((reverse(name), reverse(ALSO.get(name, name)))),
                has_count=name == "activations:numbers",
            )
            for name, label, icon in LINKS
        ]

    @cached_property
    def open_count(self) -> int:
        return open_count(self.customer) if self.customer else 0

    @cached_property
    def available_micros(self) -> int:
        return self.customer.wallet.available_micros if self.customer else 0

    @property
    def is_low(self) -> bool:
        limit = self.customer.wallet.low_balance_micros if self.customer else 0
        return self.available_micros < (LOW_BALANCE_MICROS if limit is None else limit)


def frame(request: HttpRequest) -> dict[str, object]:
    """Context processor: `brand` and `shell`."""
    return {"brand": brand_of(getattr(request, "tenant", None)), "shell": Shell(request)}

"""What the router knows of routes and of the tenant's wishes, as its query brings it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, Protocol

import orjson


class RouteWish(Protocol):
    """What the router reads of a wish (activations.wish.Wish is one). Amounts: tenant price in micro-USD."""

    @property
    def service_id(self) -> str: ...
    @property
    def country_id(self) -> str: ...
    @property
    def min_price_micros(self) -> int | None: ...
    @property
    def max_price_micros(self) -> int | None: ...
    @property
    def caps_at_suggested(self) -> bool: ...
    @property
    def quality_factor(self) -> float | None: ...
    @property
    def operator(self) -> str: ...
    @property
    def capability(self) -> str: ...
    @property
    def include_providers(self) -> Collection[int]: ...
    @property
    def exclude_providers(self) -> Collection[int]: ...


class RentalRouteWish(RouteWish, Protocol):
    """What the router reads of the wish for a rental. Amounts: tenant price of the term, micro-USD."""

    @property
    def hours(self) -> int: ...


class Sample(NamedTuple):
    """Of how many numbers that ended how many had received a code; nine of ten codes came within
    `p90_seconds` (None: no code came).
    """

    orders: int
    codes: int
    p90_seconds: int | None

    @property
    def success(self) -> float:
        return self.codes / self.orders


class Measured:
    """Our own experience with the routes of one service in one country (providers.routing_models)."""

    def __init__(self, *sheets: str | None) -> None:
        """Sheets of the pair, of its country, and of everything."""
        self._samples: list[dict[tuple[int, str], Sample]] = [
            {(provider, operator): Sample(*figures) for provider, operator, *figures in orjson.loads(sheet)}
            for sheet in sheets
            if sheet
        ]

    def of(self, provider_id: int, operator: str) -> Sample | None:
        """The narrowest figure that is not of too few orders; None: nothing was ever bought there."""
        for samples in self._samples:
            found = samples.get((provider_id, operator)) or samples.get((provider_id, ""))
            if found:
                return found
        return None


class Stance(NamedTuple):
    """What the tenant wants of one provider here. `boost` is taken off the score; `min_success` 0…1."""

    is_denied: bool = False
    is_spent: bool = False
    boost: float = 0.0
    min_success: float | None = None


class Policy:
    """A tenant's policy (providers.routing_models) for one service in one country."""

    def __init__(
        self,
        quality_factor: float | None,
        min_success_percent: int | None,
        rules: str | None,
        *,
        now: datetime,
    ) -> None:
        """`rules`: JSON rows of provider (or null), verdict, boost, minimum success and the second until
        which the daily cap is reached; the most particular first.
        """
        self.quality_factor = quality_factor
        self._min_success = min_success_percent
        self._rules = orjson.loads(rules) if rules else ()
        self._now = now.timestamp()
        self._default = Stance(min_success=_share(min_success_percent))
        self._stances: dict[int, Stance] = {}

    def of(self, provider_id: int) -> Stance:
        if not self._rules:
            return self._default
        stance = self._stances.get(provider_id)
        if stance is None:
            stance = self._stances[provider_id] = self._stance(provider_id)
        return stance

    def _stance(self, provider_id: int) -> Stance:
        verdict, boost, least, is_spent = "", None, None, False
        for whose, rule_verdict, rule_boost, rule_least, spent_until in self._rules:
            if whose not in (None, provider_id):
                continue
            verdict = verdict or rule_verdict
            boost = rule_boost if boost is None else boost
            least = rule_least if least is None else least
            is_spent = is_spent or (spent_until or 0) > self._now
        return Stance(
            is_denied=verdict == "deny",
            is_spent=is_spent,
            boost=(boost or 0) / 100,
            min_success=_share(self._min_success if least is None else least),
        )


def _share(percent: int | None) -> float | None:
    return None if percent is None else percent / 100

"""Price rules: cost → tenant's price → customer's price. Pure arithmetic over rules read in one query.

Of the rules in force the most particular wins: one that names the tenant before one for all, then service and
country together, service alone, country alone, customer group; among equals the newest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import orjson

from billing.models import PriceRule
from billing.money import CENT, round_up, with_markup
from portal.fastlane import fetch_all


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule in force; `number` orders equals by age. Amounts: micro-USD."""

    layer: str
    tenant_id: int | None
    service_id: str
    country_id: str
    group: str
    percent_ppm: int
    fixed_micros: int
    floor_micros: int | None
    cap_micros: int | None
    rounding_micros: int
    number: int

    @property
    def rank(self) -> tuple[bool, bool, bool, bool, int]:
        """Higher is more particular."""
        return (
            self.tenant_id is not None,
            bool(self.service_id),
            bool(self.country_id),
            bool(self.group),
            self.number,
        )

    def matches(self, service_id: str, country_id: str) -> bool:
        return self.service_id in ("", service_id) and self.country_id in ("", country_id)

    def price(self, base_micros: int) -> int:
        """`base_micros` marked up, rounded up, then held between floor and cap; never below zero."""
        price = round_up(with_markup(base_micros, self.percent_ppm) + self.fixed_micros, self.rounding_micros)
        if self.floor_micros is not None:
            price = max(price, self.floor_micros)
        if self.cap_micros is not None:
            price = min(price, self.cap_micros)
        return max(price, 0)


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules in force for one tenant and customer group, most particular first."""

    platform: tuple[Rule, ...] = ()
    tenant: tuple[Rule, ...] = ()

    def tenant_price(self, cost_micros: int, service_id: str, country_id: str) -> int:
        """What the tenant pays for a number that costs `cost_micros`."""
        return _price(self.platform, cost_micros, service_id, country_id)

    def platform_rule(self, service_id: str, country_id: str) -> Rule | None:
        """The rule that `tenant_price` follows there; None: cost, rounded up to a cent."""
        return next((rule for rule in self.platform if rule.matches(service_id, country_id)), None)

    def customer_price(self, price_micros: int, service_id: str, country_id: str) -> int:
        """What a customer pays for a number that costs the tenant `price_micros`."""
        return _price(self.tenant, price_micros, service_id, country_id)


def _price(rules: Iterable[Rule], base_micros: int, service_id: str, country_id: str) -> int:
    for rule in rules:
        if rule.matches(service_id, country_id):
            return rule.price(base_micros)
    return round_up(base_micros, CENT)


# Read with every order and every price list, so as plain SQL: the ORM would cost more than the query.
COLUMNS = (
    "layer, tenant_id, service_id, country_id, customer_group, percent_ppm, fixed_micros, floor_micros,"
    " cap_micros, rounding_micros, id"
)
IN_FORCE = """
FROM billing_pricerule
WHERE (tenant_id = {tenant} OR (tenant_id IS NULL AND layer = 'platform'))
    AND customer_group IN ('', {group})
    AND (valid_from IS NULL OR valid_from <= %(now)s) AND (valid_until IS NULL OR valid_until > %(now)s)
"""
RULES = f"SELECT {COLUMNS} " + IN_FORCE.format(tenant="%(tenant)s", group="%(group)s")


def load_rules(*, tenant_id: int, group: str = "", now: datetime) -> Rules:
    """The rules in force at `now` for the tenant's customers of `group`; one query."""
    rows = fetch_all(RULES, {"tenant": tenant_id, "group": group, "now": now})
    return rules_from(Rule(*row) for row in rows)


def rules_along(*, tenant: str, group: str) -> str:
    """What `load_rules` reads as one column (see `rules_in`) of a SELECT that has the parameter `now`.

    `tenant` and `group` are SQL of that SELECT. An order is spared a round trip.
    """
    in_force = IN_FORCE.format(tenant=tenant, group=group)
    return f"(SELECT json_agg(json_build_array({COLUMNS}))::text {in_force})"


def rules_in(column: str | None) -> Rules:
    """The rules of a column of `rules_along`; NULL when there are none."""
    return rules_from(Rule(*row) for row in orjson.loads(column or "[]"))


def rules_from(rules: Iterable[Rule]) -> Rules:
    """Sort rules into their layers, most particular first."""
    ranked = sorted(rules, key=lambda rule: rule.rank, reverse=True)
    return Rules(
        platform=tuple(rule for rule in ranked if rule.layer == PriceRule.Layer.PLATFORM),
        tenant=tuple(rule for rule in ranked if rule.layer == PriceRule.Layer.TENANT),
    )

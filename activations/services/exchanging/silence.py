"""Which orders have waited long enough for a code, and what another number for them may be."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson

from activations import policy
from activations.database import rows
from activations.services.quoting import price_at, with_markup
from activations.wish import Wish
from billing.prices import Rules
from providers.contract import Adapter, Can
from providers.router import Candidate, Route
from providers.scoring import SAMPLE_MIN

# Only figures of the service in the country count, the operator's before all operators', and only of enough
# codes: how long another service's codes take says nothing. Who said that he has sent for the code waits from
# then on. A number that cannot be given back is kept: it might be paid beside the new one.
SILENT = """
SELECT a.id, a.hex_id, a.tenant_id, a.customer_id, a.service_id, a.country_id, a.capability, a.quality_factor,
    a.provider_id, a.upstream_ref, a.billing_mode, a.markup_percent, a.due_price_micros,
    a.due_customer_price_micros,
    a.routing::text AS routing, t.live_tenant_id IS NOT NULL AS is_test, c."group",
    mine.tenant_id IS NOT NULL AS is_own,
    ARRAY(SELECT p.public_no
          FROM activations_attempt asked JOIN providers_provider p ON p.id = asked.provider_id
          WHERE asked.activation_id = a.id) AS asked
FROM providers_routingpolicy wanted
JOIN accounts_tenant t ON t.id = wanted.tenant_id AND t.status = 'active'
JOIN activations_activation a ON a.tenant_id = t.id AND a.activation_status = 'active'
JOIN accounts_customer c ON c.id = a.customer_id AND c.status = 'active'
JOIN providers_provider mine ON mine.id = a.provider_id
JOIN activations_attempt bought ON bought.activation_id = a.id AND bought.outcome = 'leased'
CROSS JOIN LATERAL (
    SELECT q.p90_seconds FROM providers_routequality q
    WHERE q.service_id = a.service_id AND q.country_id = a.country_id AND q.provider_id = a.provider_id
        AND q.operator IN ('', CASE a.operator WHEN 'any' THEN '' ELSE a.operator END)
        AND q.codes >= %(sample)s
    ORDER BY q.operator DESC LIMIT 1) AS route
CROSS JOIN LATERAL (
    SELECT count(*) AS tries, count(swapped_at) AS swaps, max(started_at) AS last,
        coalesce(bool_or(state = 'buying'), false) AS is_buying
    FROM activations_exchange x WHERE x.activation_id = a.id) AS before
WHERE (wanted.replaces_silent = 'all' OR wanted.replaces_silent = 'pages' AND a.channel = %(pages)s)
    AND a.lease_state = 'leased' AND a.sms_status = 'smsRequested' AND a.cancel_requested_at IS NULL
    AND NOT coalesce((a.routing ->> 'keeps_number')::boolean, false)
    AND a.cancelable_after IS NOT NULL AND a.expire_at > %(now)s + %(stop)s
    AND greatest(bought.ended_at, a.ready_at)
        <= %(now)s - greatest(route.p90_seconds * interval '1 second', %(floor)s)
    AND before.swaps < %(most)s AND before.tries < %(tries)s AND NOT before.is_buying
    AND (before.last IS NULL OR before.last <= %(now)s - %(again)s)
ORDER BY a.created_at LIMIT %(batch)s
"""
PAGES = "portal"
NEEDED = {Can.CANCEL, Can.STATUS}  # of both providers; one that must be told ends sees to its leases itself


@dataclass(frozen=True, slots=True)
class Silent:
    """An order whose number is to be exchanged. Micro-USD: what the first message would bill now. `asked`:
    public numbers of the providers that this order knows; `routing`: JSON, the account of its first choice.
    """

    id: UUID
    hex_id: str
    tenant_id: int
    customer_id: int
    service_id: str
    country_id: str
    capability: str
    quality_factor: float
    provider_id: int
    billing_mode: str
    markup_percent: int | None
    due_price_micros: int
    due_customer_price_micros: int
    upstream_ref: str
    routing: str
    is_test: bool
    group: str
    is_own: bool
    asked: list[int]

    @property
    def kept(self) -> dict[str, Any]:
        """What is known of the wish and the terms of the sale."""
        return dict(orjson.loads(self.routing))

    @property
    def wish(self) -> Wish:
        """What was asked for, at the price of the number that is silent, from anybody else."""
        kept = self.kept
        return Wish(
            service_id=self.service_id,
            country_id=self.country_id,
            capability=self.capability,
            quality_factor=self.quality_factor,
            billing_mode=self.billing_mode,
            markup_percent=self.markup_percent,
            min_price_micros=kept.get("min_price_micros"),
            max_price_micros=self.due_price_micros,
            operator=kept.get("operator", "any"),
            include_providers=tuple(kept.get("include_providers", ())),
            exclude_providers=(*kept.get("exclude_providers", ()), *self.asked),
            exclude_prefixes=tuple(kept.get("exclude_prefixes", ())),
        )


def silent_orders(now: datetime) -> list[Silent]:
    """The orders that are due for another number, the oldest first."""
    found = rows(
        SILENT,
        {
            "now": now,
            "sample": SAMPLE_MIN,
            "pages": PAGES,
            "stop": policy.EXCHANGE_STOP,
            "floor": policy.EXCHANGE_FLOOR,
            "most": policy.EXCHANGES_MOST,
            "tries": policy.EXCHANGE_TRIES,
            "again": policy.EXCHANGE_AGAIN,
            "batch": policy.EXCHANGE_BATCH,
        },
    )
    return [Silent(**row) for row in found]


def can_be_exchanged(adapter: Adapter) -> bool:
    """Whether numbers of this provider can be asked about and given back one by one."""
    return adapter.can >= NEEDED and Can.TELL_END not in adapter.can


def choose(silent: Silent, route: Route, *, now: datetime) -> Candidate | None:
    """The best offer that can be given back and is paid by whom the first number is paid by: holds stay as
    they are. It is asked next, and nobody else tries it meanwhile if its breaker was open.
    """
    for candidate in route.candidates:
        fits = candidate.is_own == silent.is_own and can_be_exchanged(candidate.adapter)
        if fits and candidate.may_be_asked(now):
            return candidate
    return None


def due_prices(
    silent: Silent, candidate: Candidate, *, cost_micros: int, wish: Wish, rules: Rules
) -> tuple[int, int]:
    """What the first message bills the tenant and the customer if it comes to the other number: never more
    than to the first one.
    """
    price = min(price_at(candidate, cost_micros, wish=wish, rules=rules), silent.due_price_micros)
    if silent.billing_mode != "dynamic":
        return price, silent.due_customer_price_micros
    customer_price = with_markup(price, silent.markup_percent or 0)
    return price, min(customer_price, silent.due_customer_price_micros)

"""Reads for marketplaces: who calls under which contract, what it may be offered, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from accounts.hosts import KEY_FITS_HOST
from accounts.identity import Buyer
from activations.models import Contract
from billing.money import CENT, round_up
from billing.prices import load_rules
from portal.fastlane import fetch_all, fetch_one
from providers.stock_list import StockLine, stock_lines

ANY = "any"
RENT_SERVICE = "full"  # a rented number takes messages of any sender
# A marketplace's orders are bounded by its contract, not by the rules for people.
UNLIMITED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Terms:
    """A contract as far as selling goes, with the account that its orders are placed with."""

    id: int
    buyer: Buyer
    key_digest: bytes
    is_active: bool
    currency: str
    rub_per_usd: Decimal
    least_margin_micros: int
    daily_cap: int | None
    countries: tuple[str, ...]
    stock_percent: int
    stock_most: int
    lists_any: bool
    rent_hours: int

    def micros_of(self, sum: Decimal, currency: str) -> int:
        """An amount of roubles or dollars in micro-USD, rounded down."""
        return to_micros(sum, currency=currency, rub_per_usd=self.rub_per_usd)

    def sells_in(self, country_id: str) -> bool:
        return not self.countries or country_id in self.countries


def to_micros(sum: Decimal, *, currency: str, rub_per_usd: Decimal) -> int:
    """An amount of roubles or dollars in micro-USD, rounded down."""
    rate = rub_per_usd if currency == Contract.Currency.RUB else Decimal(1)
    return int(sum * 1_000_000 / rate)


class Caller(NamedTuple):
    """Who calls, and what the words of the request mean under the contract."""

    terms: Terms
    service_id: str
    country_id: str


MEANING = """coalesce(
    (SELECT x.canonical_id FROM activations_contractcode x
     WHERE x.contract_id = m.id AND x.kind = 'KIND' AND x.code = %(KIND)s::text),
    (SELECT y.canonical_id FROM providers_codemap y
     WHERE y.scheme = %(scheme)s::text AND y.kind = 'KIND' AND y.code = %(KIND)s::text),
    %(KIND)s::text)"""
CALLER = f"""
SELECT {MEANING.replace("KIND", "service")}, {MEANING.replace("KIND", "country")},
    m.id, m.key_digest, m.is_active, m.currency, m.rub_per_usd, m.least_margin_micros, m.daily_cap,
    m.countries, m.stock_percent, m.stock_most, m.lists_any, m.rent_hours,
    t.id, c.id, c.external_id, CASE WHEN live.status <> 'active' THEN live.status ELSE t.status END,
    t.blocked_until, t.max_active, t.live_tenant_id IS NOT NULL, c.status, c."group"
FROM activations_contract m
JOIN accounts_customer c ON c.id = m.customer_id
JOIN accounts_tenant t ON t.id = m.tenant_id
LEFT JOIN accounts_tenant live ON live.id = t.live_tenant_id
WHERE m.token = %(token)s::text AND {KEY_FITS_HOST}
"""  # noqa: S608


def find_contract(
    *, token: str, host: str, scheme: str, service: str = "", country: str = ""
) -> Caller | None:
    """The contract of an address, and what `service` and `country` mean in the dialect `scheme`; None when
    the address is nobody's, or of another reseller's host. One query.
    """
    facts = {"token": token, "host": host, "dialect": scheme, "scheme": scheme}
    facts |= {"service": service, "country": country}
    row = fetch_one(CALLER, facts)
    return row and Caller(_terms(row[2:]), row[0], row[1])


def _terms(row: tuple[Any, ...]) -> Terms:
    tenant_id, customer_id, external_id, tenant_status, until, tenant_most, is_test, status, group = row[12:]
    return Terms(
        id=row[0],
        key_digest=bytes(row[1]),
        is_active=row[2],
        currency=row[3],
        rub_per_usd=row[4],
        least_margin_micros=row[5],
        daily_cap=row[6],
        countries=tuple(row[7]),
        stock_percent=row[8],
        stock_most=row[9],
        lists_any=row[10],
        rent_hours=row[11],
        buyer=Buyer(
            tenant_id=tenant_id,
            customer_id=customer_id,
            customer_external_id=external_id,
            tenant_status=tenant_status,
            tenant_blocked_until=until,
            tenant_max_active=tenant_most,
            is_test=is_test,
            customer_status=status,
            blocked_until=None,
            max_active=UNLIMITED,
            group=group,
        ),
    )


# --- what it may be offered ---

PRICES = (
    "SELECT service_id, country_id, least_sum FROM activations_contractprice WHERE contract_id = %(contract)s"
)
CODES = "SELECT kind, canonical_id, code FROM activations_contractcode WHERE contract_id = %(contract)s"


class Prices:
    """The least sums of a contract."""

    def __init__(self, lines: Sequence[tuple[str | None, str | None, Decimal]]) -> None:
        self._lines = {(service, country): least for service, country, least in lines}

    def least(self, service_id: str, country_id: str) -> Decimal | None:
        """Of the most particular line; None where nothing was agreed."""
        for where in ((service_id, country_id), (service_id, None), (None, country_id), (None, None)):
            if where in self._lines:
                return self._lines[where]
        return None


def prices_of(terms: Terms) -> Prices:
    return Prices(fetch_all(PRICES, {"contract": terms.id}))


def codes_of(terms: Terms) -> Mapping[str, Mapping[str, str]]:
    """The contract's own spellings: kind → canonical id → word."""
    codes: dict[str, dict[str, str]] = {"service": {}, "country": {}}
    for kind, canonical_id, code in fetch_all(CODES, {"contract": terms.id}):
        codes[kind][canonical_id] = code
    return codes


class Stock(NamedTuple):
    """Numbers of a service in a country, by operator and all together, as far as they may be promised."""

    service_id: str
    country_id: str
    total: int
    by_operator: Mapping[str, int]


def stock_of(terms: Terms, *, rentals: bool, now: datetime) -> list[Stock]:
    """What could be issued now at what the marketplace pays; `rentals`: for rent instead. A line has no more
    than the tenant's money buys, his routing policy allows, and the day's cap and his open numbers leave.

    Where no price was agreed it is not known what it will pay, and every line counts.
    """
    if not is_selling(terms, now=now) or (rentals and not terms.rent_hours):
        return []
    prices, available, room = prices_of(terms), _available(terms), _room(terms, rentals=rentals, now=now)
    hours = terms.rent_hours if rentals else None
    rules = load_rules(tenant_id=terms.buyer.tenant_id, group=terms.buyer.group, now=now)
    lines = stock_lines(
        tenant_id=terms.buyer.tenant_id, is_test=terms.buyer.is_test, hours=hours, countries=terms.countries,
        now=now,
    )  # fmt: skip
    pairs: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for line in lines:
        price = _price(line, rules.tenant_price)
        least = prices.least(line.service_id, line.country_id)
        paid = None if least is None else terms.micros_of(least, terms.currency)
        is_covered = paid is None or price + terms.least_margin_micros <= paid
        if is_covered:
            count = line.stock if line.is_own else min(line.stock, max(0, available) // max(price, 1))
            pairs[line.service_id, line.country_id][line.operator] += count
    return [
        stock
        for (service, country), operators in sorted(pairs.items())
        if (stock := _promised(terms, service, country, operators, room=room)).total
    ]


def _price(line: StockLine, tenant_price: Any) -> int:
    one = (
        round_up(line.cost_micros, CENT)
        if line.is_own
        else tenant_price(line.cost_micros, line.service_id, line.country_id)
    )
    return int(one) * line.units


def _promised(terms: Terms, service: str, country: str, operators: Mapping[str, int], *, room: int) -> Stock:
    """The safe part. What a provider sells without naming the operator counts for `any` alone."""

    def safe(count: int) -> int:
        return min(count * terms.stock_percent // 100, terms.stock_most, room)

    named = {name: safe(count) for name, count in sorted(operators.items()) if name != ANY and safe(count)}
    return Stock(service, country, safe(sum(operators.values())), named)


def is_selling(terms: Terms, *, now: datetime) -> bool:
    """Whether anything may be sold under the contract now."""
    buyer = terms.buyer
    is_open = buyer.tenant_blocked_until is None or buyer.tenant_blocked_until <= now
    people = buyer.tenant_status == "active" and buyer.customer_status == "active" and is_open
    return terms.is_active and people and not is_at_cap(terms, now=now)


SOLD_TODAY = """
SELECT count(*) FROM activations_sale
WHERE contract_id = %(contract)s AND created_at >= %(midnight)s AND ending <> 'late'
"""
OPEN = "SELECT count(*) FROM {table} WHERE tenant_id = %(tenant)s AND {status} = 'active'"
OPEN_NUMBERS = OPEN.format(table="activations_activation", status="activation_status")
OPEN_RENTALS = OPEN.format(table="activations_rental", status="rental_status")
AVAILABLE = """
SELECT balance_micros - held_micros FROM billing_wallet
WHERE tenant_id = %(tenant)s AND customer_id IS NULL
"""


def is_at_cap(terms: Terms, *, now: datetime) -> bool:
    """Whether the day's operations (UTC) are used up."""
    if terms.daily_cap is None:
        return False
    return _sold_today(terms, now=now) >= terms.daily_cap


def _sold_today(terms: Terms, *, now: datetime) -> int:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return _number(SOLD_TODAY, {"contract": terms.id, "midnight": midnight})


def _room(terms: Terms, *, rentals: bool, now: datetime) -> int:
    """How many numbers may be issued before the day's cap or the tenant's cap on open numbers is reached."""
    room, most = UNLIMITED, terms.buyer.tenant_max_active
    if terms.daily_cap is not None:
        room = terms.daily_cap - _sold_today(terms, now=now)
    if most is not None:
        open_now = OPEN_RENTALS if rentals else OPEN_NUMBERS
        room = min(room, most - _number(open_now, {"tenant": terms.buyer.tenant_id}))
    return max(0, room)


def _available(terms: Terms) -> int:
    return _number(AVAILABLE, {"tenant": terms.buyer.tenant_id})


def _number(sql: str, facts: Mapping[str, Any]) -> int:
    """What a query for one number gives; 0 without a row."""
    row = fetch_one(sql, facts)
    return int(row[0]) if row else 0


# --- what came of it ---


class Figures(NamedTuple):
    """A contract's sales. Micro-USD. `lost`: numbers that cost the tenant something and were not paid for."""

    open: int
    flagged: int
    sold: int
    canceled: int
    refunded: int
    expected_micros: int
    income_micros: int
    paid_micros: int
    lost: int
    lost_micros: int


# What the tenant paid: for its own account at a provider that is what the provider charged.
FIGURES = """
SELECT count(*) FILTER (WHERE ended_at IS NULL), count(*) FILTER (WHERE ended_at IS NULL AND flagged),
    count(*) FILTER (WHERE state = 'finished'), count(*) FILTER (WHERE state = 'canceled'),
    count(*) FILTER (WHERE state = 'refunded'),
    coalesce(sum(expected_micros) FILTER (WHERE ended_at IS NULL), 0)::bigint,
    coalesce(sum(income_micros) FILTER (WHERE state = 'finished'), 0)::bigint,
    coalesce(sum(paid) FILTER (WHERE state = 'finished'), 0)::bigint,
    count(*) FILTER (WHERE state IN ('canceled', 'refunded') AND paid > 0),
    coalesce(sum(paid) FILTER (WHERE state IN ('canceled', 'refunded')), 0)::bigint
FROM (
    SELECT s.state, s.ended_at, s.flagged_at IS NOT NULL AS flagged, s.expected_micros, s.income_micros,
        CASE WHEN a.billing_status = 'billed' THEN a.price_micros
             WHEN r.id IS NOT NULL THEN r.price_micros - r.refund_micros ELSE 0 END AS paid
    FROM activations_sale s
    LEFT JOIN activations_activation a ON a.id = s.activation_id
    LEFT JOIN activations_rental r ON r.id = s.rental_id
    WHERE s.contract_id = %(contract)s AND s.created_at >= %(since)s
) AS sale
"""


def figures_of(*, contract_id: int, since: datetime) -> Figures:
    """What a contract's sales since then came to."""
    row = fetch_one(FIGURES, {"contract": contract_id, "since": since})
    assert row is not None
    return Figures._make(row)

"""Reads for pages and sweeps: what is for sale, at which price, and who rests. Each is one query."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from accounts.models import Tenant
from billing.money import CENT, round_up
from billing.prices import Rules
from portal.fastlane import fetch_one
from providers.codes import NAMED
from providers.models import (
    CodeMap,
    Provider,
    ProviderHealth,
    RoutingPolicy,
    UnmappedCode,
)
from providers.policy_sql import ALLOWED

# What a tenant may buy now: in stock, at a provider that is on and not resting.
FOR_SALE = """
SELECT o.service_id, o.country_id, 1 AS countries,
       sum(coalesce(o.physical_count, o.count))::bigint AS stock,
       min(o.cost_micros) FILTER (WHERE p.tenant_id IS NULL) AS pool_cost,
       min(o.cost_micros) FILTER (WHERE p.tenant_id IS NOT NULL) AS own_cost
FROM providers_offer o
JOIN listed_services(%(tenant)s::bigint) s ON s.id = o.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = o.country_id
JOIN providers_provider p ON p.id = o.provider_id
LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
WHERE o.kind = 'activation' AND o.count > 0 AND (o.physical_count IS NULL OR o.physical_count > 0)
  AND 'sms' = ANY (o.capabilities) AND {narrowed}
  AND (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint) AND p.is_enabled AND p.{serves}
  AND (h.state IS NULL OR h.state = 'ok' OR h.blocked_until <= %(now)s::timestamptz)
  AND {allowed}
GROUP BY o.service_id, o.country_id
"""
ALL_COUNTRIES = """
SELECT service_id, '' AS country_id, count(*) AS countries, sum(stock)::bigint AS stock,
       min(pool_cost) AS pool_cost, min(own_cost) AS own_cost
FROM ({for_sale}) AS by_country
GROUP BY service_id
"""
SERVICES = """
SELECT sold.*, s.name, s.alt_names, s.icon, s.popular_rank, s.warning
FROM ({for_sale}) AS sold JOIN listed_services(%(tenant)s::bigint) s ON s.id = sold.service_id
ORDER BY s.popular_rank NULLS LAST, s.is_other, s.name
"""
COUNTRIES = """
SELECT sold.*, c.name, c.alt_names, c.iso2, c.is_virtual, c.dial_codes
FROM ({for_sale}) AS sold JOIN listed_countries(%(tenant)s::bigint) c ON c.id = sold.country_id
ORDER BY c.name
"""
IN_THE_SERVICE = "o.service_id = %(service)s::text"


@dataclass(frozen=True, slots=True)
class ServiceForSale:
    """A service with its lowest price (micro-USD), the numbers in stock and the countries that have some."""

    id: str
    name: str
    alt_names: Sequence[str]
    icon: str
    popular_rank: int | None
    warning: str
    price_micros: int
    stock: int
    countries: int


@dataclass(frozen=True, slots=True)
class CountryForSale:
    """A country in which a service is sold, with its lowest price (micro-USD) and the numbers in stock."""

    id: str
    name: str
    alt_names: Sequence[str]
    iso2: str
    is_virtual: bool
    dial_codes: Sequence[str]
    price_micros: int
    stock: int


class _Sold(NamedTuple):
    """A row of FOR_SALE. The cheapest costs: of the shared pool and of the tenant's own accounts."""

    service_id: str
    country_id: str
    countries: int
    stock: int
    pool_cost_micros: int | None
    own_cost_micros: int | None


def services_for_sale(
    *, tenant_id: int, is_test: bool, rules: Rules, now: datetime, to_customer: bool = True
) -> list[ServiceForSale]:
    """Every service that can be bought now, the popular first; prices for customers or (False) the tenant.

    One query. Only where a rule names a country are the prices made country by country.
    """
    by_country = any(rule.country_id for rule in (*rules.platform, *rules.tenant))
    query = SERVICES if by_country else SERVICES.format(for_sale=ALL_COUNTRIES)
    rows = _rows(query, tenant_id=tenant_id, is_test=is_test, now=now)
    found: dict[str, ServiceForSale] = {}
    for sold, details in rows:
        name, alt_names, icon, rank, warning = details
        price, stock, places = _price(sold, rules, to_customer), sold.stock, sold.countries
        if (other := found.get(sold.service_id)) is not None:
            price = min(price, other.price_micros)
            stock, places = stock + other.stock, places + other.countries
        found[sold.service_id] = ServiceForSale(
            sold.service_id, name, alt_names, icon, rank, warning, price, stock, places
        )
    return list(found.values())


def countries_for_sale(
    *, tenant_id: int, is_test: bool, service_id: str, rules: Rules, now: datetime, to_customer: bool = True
) -> list[CountryForSale]:
    """The countries in which a service can be bought now, by name. One query."""
    rows = _rows(
        COUNTRIES,
        tenant_id=tenant_id,
        is_test=is_test,
        now=now,
        narrowed=IN_THE_SERVICE,
        service=service_id,
    )
    return [
        CountryForSale(
            sold.country_id,
            name,
            alt_names,
            iso2,
            virtual,
            dial,
            _price(sold, rules, to_customer),
            sold.stock,
        )
        for sold, (name, alt_names, iso2, virtual, dial) in rows
    ]


def _price(sold: _Sold, rules: Rules, to_customer: bool) -> int:
    """The lowest price of a row; a tenant's own account costs him what it costs, rounded up to a cent."""
    prices = []
    if sold.pool_cost_micros is not None:
        prices.append(rules.tenant_price(sold.pool_cost_micros, sold.service_id, sold.country_id))
    if sold.own_cost_micros is not None:
        prices.append(round_up(sold.own_cost_micros, CENT))
    price = min(prices)
    return rules.customer_price(price, sold.service_id, sold.country_id) if to_customer else price


def _rows(
    query: str,
    *,
    tenant_id: int,
    is_test: bool,
    now: datetime,
    narrowed: str = "true",
    **facts: str,
) -> Iterator[tuple[_Sold, tuple[Any, ...]]]:
    for_sale = FOR_SALE.format(
        narrowed=narrowed, allowed=ALLOWED, serves="serves_test" if is_test else "serves_live"
    )
    with connection.cursor() as cursor:
        cursor.execute(query.format(for_sale=for_sale), {"tenant": tenant_id, "now": now, **facts})
        rows = cursor.fetchall()
    width = len(_Sold._fields)
    return ((_Sold._make(row[:width]), row[width:]) for row in rows)


def providers_for(tenant_ids: Sequence[int] | None) -> QuerySet[Provider]:
    """The shared pool and these tenants' own accounts, by number; None: everybody's."""
    found = Provider.objects.order_by("public_no")
    return found if tenant_ids is None else found.filter(Q(tenant=None) | Q(tenant__in=tenant_ids))


def accounts_of(tenant: Tenant) -> QuerySet[Provider]:
    """A reseller's own accounts and those of his test twin, by number."""
    own = Provider.objects.filter(Q(tenant=tenant) | Q(tenant__live_tenant=tenant))
    return own.select_related("tenant", "health", "sync").order_by("public_no")


def provider_names(numbers: Iterable[int]) -> dict[int, str]:
    """What operators call the providers with these public numbers."""
    found = Provider.objects.filter(public_no__in=list(numbers)).values_list("public_no", "display_name")
    return {number: f"{number} · {name}" for number, name in found}


def shows_decisions(tenant_id: int) -> bool:
    """Whether a reseller's members may see how his orders were routed."""
    return RoutingPolicy.objects.filter(tenant=tenant_id, shows_decisions=True).exists()


def called_provider(*, token: str) -> Provider | None:
    """The account whose callback address has this token, the only thing that a callback says who it is by.

    Read past the ORM, which takes a third of a callback to put this one statement together.
    """
    found = fetch_one(_called(), {"token": token})
    if found is None:
        return None
    values = [
        field.from_db_value(value, None, connection) if hasattr(field, "from_db_value") else value
        for field, value in zip(Provider._meta.concrete_fields, found, strict=True)
    ]
    names = [field.attname for field in Provider._meta.concrete_fields]
    return Provider.from_db(connection.alias, names, values)


@cache
def _called() -> str:
    columns = ", ".join(str(field.column) for field in Provider._meta.concrete_fields)
    return f"SELECT {columns} FROM providers_provider WHERE callback_token = %(token)s"  # noqa: S608


def resting_providers(*, now: datetime) -> dict[int, datetime | None]:
    """Providers that are not to be asked now, with the time from which they may be (None: not known)."""
    resting = ProviderHealth.objects.exclude(state=ProviderHealth.State.OK).filter(
        Q(blocked_until=None) | Q(blocked_until__gt=now)
    )
    return dict(resting.values_list("provider_id", "blocked_until"))


def unmapped_word(word_id: int | str) -> UnmappedCode | None:
    """A word of the queue by its number; whoever asks has found out that the person may see it."""
    return UnmappedCode.objects.filter(pk=word_id).first()


def names_to_suggest(kind: str) -> list[tuple[str, list[str]]]:
    """Canonical ids with their names, the first of which is the one to show, and the words that dialects have
    for them. Operators: what others call theirs.
    """
    if kind == UnmappedCode.Kind.OPERATOR:
        known = CodeMap.objects.filter(kind=CodeMap.Kind.OPERATOR).values_list("canonical_id", flat=True)
        return [(name, [name]) for name in sorted(set(known))]
    words: defaultdict[str, list[str]] = defaultdict(list)
    shipped = CodeMap.objects.filter(kind=kind, source=CodeMap.Source.DEFAULT, code__regex="[a-z]{3}")
    for canonical_id, code in shipped.values_list("canonical_id", "code"):
        words[canonical_id].append(code)
    rows = NAMED[kind].objects.order_by("name").values_list("id", "name", "alt_names")
    return [(one, [name, *alt_names, *words[one]]) for one, name, alt_names in rows]

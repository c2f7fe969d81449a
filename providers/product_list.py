"""Products: a service in a country, to order or to rent by the day, as one line each. Reads only.

For dialects that sell by a product's own id. The id is made of what the product is, so that nobody keeps it:
60 bits of a digest, written as 12 characters of base32 or as 15 hexadecimal digits.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from datetime import datetime
from typing import Any, NamedTuple

from billing.money import CENT, round_up
from billing.prices import Rules
from portal.fastlane import fetch_all, fetch_one
from providers.policy_sql import ALLOWED, NOT_SPENT

ORDERED, RENTED = "verification", "rental"
WORDS = {"activation": ORDERED, "rental": RENTED}  # kinds of offers → of products
OFFERED = {word: kind for kind, word in WORDS.items()}
SOLD_TO = """
    (p.tenant_id IS NULL OR p.tenant_id = %(tenant)s::bigint)
    AND CASE WHEN %(is_test)s::boolean THEN p.serves_test ELSE p.serves_live END
"""
# Rentals are products by the day: lines of other terms have none.
IS_PRODUCT = """
    CASE o.kind WHEN 'rental' THEN coalesce(o.duration_hours, 24) = 24
        ELSE o.capabilities && ARRAY['sms', 'voice']::varchar[] END
"""
KEYS = f"""
SELECT DISTINCT o.kind, o.service_id, o.country_id
FROM providers_offer o JOIN providers_provider p ON p.id = o.provider_id
WHERE {IS_PRODUCT} AND {SOLD_TO}
"""  # noqa: S608  our own words
# First the page by names alone, then what its few products are: a quarter of the work of describing all.
PAGE = f"""
SELECT count(*) OVER () AS total, key.*, s.name, upper(c.iso2) AS iso2
FROM ({KEYS}
    AND (%(kind)s::text IS NULL OR o.kind = %(kind)s::text)
    AND (%(iso2)s::text IS NULL OR o.country_id IN (
        SELECT id FROM providers_country WHERE upper(iso2) = upper(%(iso2)s::text)))
    AND (%(words)s::text = '' OR o.service_id IN (
        SELECT id FROM listed_services(%(tenant)s::bigint)
        WHERE strpos(lower(name), lower(%(words)s::text)) > 0))
) AS key
JOIN listed_services(%(tenant)s::bigint) s ON s.id = key.service_id AND NOT s.prohibited
JOIN listed_countries(%(tenant)s::bigint) c ON c.id = key.country_id
ORDER BY lower(s.name), upper(c.iso2), key.kind, key.country_id, key.service_id
LIMIT %(limit)s OFFSET %(skip)s
"""  # noqa: S608
ONE = """
SELECT 1::bigint AS total, %(kind)s::text AS kind, s.id AS service_id, c.id AS country_id, s.name,
    upper(c.iso2) AS iso2
FROM listed_services(%(tenant)s::bigint) s CROSS JOIN listed_countries(%(tenant)s::bigint) c
WHERE s.id = %(service)s AND NOT s.prohibited AND c.id = %(country)s
"""
# In `line` an offer each, in `tier` the lowest costs among those that are as good: what is in stock goes
# before what is gone, and a price is that of an SMS where there is one. `pool` is the shared provider's cost.
DESCRIBED = f"""
SELECT page.*, found.*
FROM ({{page}}) AS page CROSS JOIN LATERAL (
    SELECT bool_or(is_there) AS is_there, bool_or(has_sms), bool_or(has_voice),
        (array_agg(pool ORDER BY is_there DESC, has_sms DESC))[1],
        (array_agg(own ORDER BY is_there DESC, has_sms DESC))[1],
        min(wait), max(success_rate)
    FROM (
        SELECT is_there, has_sms, bool_or(has_voice) AS has_voice,
            min(cost_micros) FILTER (WHERE NOT is_own) AS pool,
            min(cost_micros) FILTER (WHERE is_own) AS own,
            min(wait) AS wait, max(success_rate) AS success_rate
        FROM (
            SELECT p.tenant_id IS NOT NULL AS is_own, o.cost_micros,
                p.is_enabled AND o.count > 0 AND coalesce(o.physical_count, 1) > 0 AND coalesce(
                    h.state = 'ok' OR h.blocked_until <= %(now)s::timestamptz, h.provider_id IS NULL)
                    AND CASE o.kind WHEN 'rental' THEN {NOT_SPENT} ELSE {ALLOWED} END AS is_there,
                o.kind = 'rental' OR 'sms' = ANY (o.capabilities) AS has_sms,
                'voice' = ANY (o.capabilities) AS has_voice, o.estimated_wait_seconds AS wait, o.success_rate
            FROM providers_provider p
            JOIN providers_offer o ON o.provider_id = p.id AND o.kind = page.kind
                AND o.service_id = page.service_id AND o.country_id = page.country_id
            LEFT JOIN providers_providerhealth h ON h.provider_id = p.id
            WHERE {IS_PRODUCT} AND {SOLD_TO}
        ) AS line
        GROUP BY is_there, has_sms
    ) AS tier
) AS found
WHERE found.is_there IS NOT NULL
ORDER BY lower(name), iso2, kind, country_id, service_id
"""  # noqa: S608
LISTED, LISTED_ONE = DESCRIBED.format(page=PAGE), DESCRIBED.format(page=ONE)
FOUND = f"""
SELECT kind, service_id, country_id FROM ({KEYS}) AS key
WHERE left(encode(sha256(convert_to(concat_ws('|', %(owner)s::bigint, service_id, country_id,
    CASE kind WHEN 'rental' THEN '{RENTED}' ELSE '{ORDERED}' END), 'UTF8')), 'hex'), 15) = %(digits)s
LIMIT 1
"""  # noqa: S608
ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
KEPT = 10_000


class Product(NamedTuple):
    """`kind` is ORDERED or RENTED; canonical ids."""

    kind: str
    service_id: str
    country_id: str


class ListedProduct(NamedTuple):
    """A product as a customer sees it. `price_micros`: what a number costs him, or a day of it, in whole
    cents; `success_rate` is a share of 1. The last two only where providers name them.
    """

    product: Product
    service_name: str
    iso2: str
    is_there: bool
    has_sms: bool
    has_voice: bool
    price_micros: int
    wait_seconds: int | None
    success_rate: float | None


_known: dict[tuple[int, str], Product] = {}


def product_number(product: Product, *, owner_id: int) -> str:
    """12 characters of a-z and 2-7; `owner_id` is the tenant, of a test twin its live one."""
    kind, service_id, country_id = product
    digest = hashlib.sha256(f"{owner_id}|{service_id}|{country_id}|{kind}".encode()).digest()
    return base64.b32encode(digest[:10])[:12].decode().lower()


def find_product(number: str, *, owner_id: int, tenant_id: int, is_test: bool) -> Product | None:
    """What a number of `product_number` stands for, among all that providers list for the tenant, in stock
    or not. Each process looks a number up once: it never means anything else.
    """
    known = _known.get((tenant_id, number))
    if known is None and set(number) <= set(ALPHABET):
        digits = f"{functools.reduce(lambda bits, each: bits << 5 | ALPHABET.index(each), number, 0):015x}"
        facts = {"digits": digits, "owner": owner_id, "tenant": tenant_id, "is_test": is_test}
        if (found := fetch_one(FOUND, facts)) is None:
            return None
        if len(_known) >= KEPT:
            _known.clear()
        known = _known[tenant_id, number] = Product(WORDS[found[0]], *found[1:])
    return known


def listed_products(
    *,
    tenant_id: int,
    is_test: bool,
    rules: Rules,
    kind: str | None = None,
    iso2: str | None = None,
    words: str = "",
    skip: int = 0,
    limit: int,
    now: datetime,
) -> tuple[list[ListedProduct], int]:
    """A page of the products by name and country, and how many there are on all pages.

    `words`: a part of the service's name.
    """
    facts = {"tenant": tenant_id, "is_test": is_test, "words": words, "iso2": iso2, "now": now}
    facts |= {"kind": kind and OFFERED[kind], "limit": limit}
    rows = fetch_all(LISTED, {**facts, "skip": skip})
    if not rows and skip:  # beyond the last page there is no row to tell the total
        rows = fetch_all(LISTED, {**facts, "skip": 0, "limit": 1})
        return [], rows[0][0] if rows else 0
    return [_listed(row[1:], rules) for row in rows], rows[0][0] if rows else 0


def listed_product(
    product: Product, *, tenant_id: int, is_test: bool, rules: Rules, now: datetime
) -> ListedProduct | None:
    """One of them; None: it may no longer be ordered, or nobody lists it any more."""
    kind, service_id, country_id = product
    facts = {"tenant": tenant_id, "is_test": is_test, "now": now}
    facts |= {"kind": OFFERED[kind], "service": service_id, "country": country_id}
    found = fetch_one(LISTED_ONE, facts)
    return _listed(found[1:], rules) if found else None


def _listed(row: tuple[Any, ...], rules: Rules) -> ListedProduct:
    product = Product(WORDS[row[0]], *row[1:3])
    *shown, pool, own, wait, success_rate = row[3:]
    return ListedProduct._make([product, *shown, _price(product, pool, own, rules), wait, success_rate])


def _price(product: Product, pool: int | None, own: int | None, rules: Rules) -> int:
    """The customer's, of the cheaper of a shared provider and an account of the tenant's."""
    where = product.service_id, product.country_id
    mine = [] if own is None else [round_up(own, CENT)]
    shared = [] if pool is None else [rules.tenant_price(pool, *where)]
    return min(round_up(rules.customer_price(price, *where), CENT) for price in mine + shared)

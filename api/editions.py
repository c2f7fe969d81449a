"""Price lists of the dialects whose customers read what they pay themselves, and lists made of them.

Whole lists are published, one per reseller and group of customers that has prices of its own; they are
written anew when something changes them, not per request. What a caller narrows down is spelled on the spot,
by the same speller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from itertools import groupby

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.identity import Buyer
from activations.shop_window import Price, customer_prices
from api.publishing import OBJECT, Draft, Writer, publish_first, read
from api.shelf import send, shelf, unchanged
from api.wire import json_response
from providers.pair_prices import sellers_to
from providers.spellings import forget_spellings, spellings

TOPIC = "prices"
FACTS = """
SELECT live_tenant_id IS NOT NULL,
    (SELECT min(edge) FROM billing_pricerule r, unnest(ARRAY[r.valid_from, r.valid_until]) AS edge
     WHERE edge > %(now)s AND (r.tenant_id = %(tenant)s OR r.tenant_id IS NULL))
FROM accounts_tenant WHERE id = %(tenant)s
"""
# Groups without rules of their own share the list of those in none.
NAMED = """
SELECT named.name, d.etag
FROM (SELECT %(kind)s || '/' || CASE WHEN EXISTS (
        SELECT 1 FROM billing_pricerule r
        WHERE r.tenant_id = %(tenant)s AND r.customer_group = %(group)s AND r.customer_group <> ''
    ) THEN %(group)s ELSE '' END AS name) AS named
LEFT JOIN api_publishedlist d ON d.tenant_id = %(tenant)s AND d.name = named.name
"""

Leaf = Callable[[list[Price]], bytes]
# From lines in order of country and service, a tenant and a moment: members of the list's object, each with
# the id that it begins with.
Members = Callable[[list[Price], int, datetime], Iterator[tuple[str, bytes]]]


@dataclass(frozen=True)
class Edition:
    """One kind of list: an object of members. `turns_at`: when its text changes by the clock."""

    kind: str
    step_micros: int
    members: Members
    turns_at: Callable[[datetime], datetime] | None = None

    def writer(self, group: str) -> Writer:
        """Who writes the list of a group."""
        return partial(self._write, group)

    def _write(self, group: str, tenant_id: int, now: datetime) -> Draft:
        forget_spellings()  # new codes may be why it is written
        is_test, rules_change_at = facts_of(tenant_id, now=now)
        sellers = sellers_to(tenant_id=tenant_id, is_test=is_test, now=now)
        lines = customer_prices(
            tenant_id=tenant_id, is_test=is_test, group=group, step_micros=self.step_micros, now=now
        )
        turns_at = self.turns_at(now) if self.turns_at else None
        ends = [moment for moment in (rules_change_at, sellers.changes_at, turns_at) if moment]
        members = list(self.members(lines, tenant_id, now))
        return Draft([(f"{self.kind}/{group}", members)], min(ends, default=None), OBJECT)

    def answer(
        self, request: HttpRequest, buyer: Buyer, *, service_id: str | None, country_id: str | None
    ) -> HttpResponse:
        """The whole list as it is published, or the part that was asked for."""
        if service_id is None and country_id is None:
            return self._whole(request, buyer)
        lines = prices_for(buyer, service_id=service_id, country_id=country_id, step_micros=self.step_micros)
        return self.spelled(lines, buyer)

    def spelled(self, lines: list[Price], buyer: Buyer) -> HttpResponse:
        members = self.members(lines, buyer.tenant_id, timezone.now())
        return json_response(b"{" + b",".join(member for _, member in members) + b"}")

    def _whole(self, request: HttpRequest, buyer: Buyer) -> HttpResponse:
        tenant_id = buyer.tenant_id
        with connection.cursor() as cursor:
            cursor.execute(NAMED, {"kind": self.kind, "tenant": tenant_id, "group": buyer.group})
            name, etag = cursor.fetchone()
        if known := unchanged(request, etag):
            return known
        body = shelf.get(etag) if etag is not None else None
        if body is None:
            body = read(name, tenant_id)
        if body is None:
            writer = self.writer(name.rpartition("/")[2])
            publish_first(TOPIC, name, writer, tenant_id, edition=name, now=timezone.now())
            body = read(name, tenant_id)
        assert body is not None
        shelf.put(body)
        return send(request, body)


def by_country(
    scheme: str, leaf_of: Callable[[int, datetime], Leaf], *, every_country: bool = False
) -> Members:
    """Country → service → leaf, in the codes of `scheme`. `leaf_of` gives, for a tenant and a moment, what
    spells the lines of a pair; `every_country`: one without a code stands under its canonical id.
    """

    def members(lines: list[Price], tenant_id: int, now: datetime) -> Iterator[tuple[str, bytes]]:
        codes, leaf = spellings(scheme), leaf_of(tenant_id, now)
        for country_id, here in groupby(lines, key=lambda line: line.country_id):
            country = codes.countries.get(country_id, country_id if every_country else None)
            if country is not None:
                services = [
                    quoted(codes.services.get(service_id, service_id)) + b":" + leaf(list(pair))
                    for service_id, pair in groupby(here, key=lambda line: line.service_id)
                ]
                yield country, quoted(country) + b":{" + b",".join(services) + b"}"

    return members


def prices_for(
    buyer: Buyer, *, service_id: str | None = None, country_id: str | None = None, step_micros: int
) -> list[Price]:
    """What a buyer could order now."""
    return customer_prices(
        tenant_id=buyer.tenant_id,
        is_test=buyer.is_test,
        group=buyer.group,
        service_id=service_id,
        country_id=country_id,
        step_micros=step_micros,
        now=timezone.now(),
    )


def facts_of(tenant_id: int, *, now: datetime) -> tuple[bool, datetime | None]:
    """Whether it is a test twin, and when the next price rule begins or ends."""
    with connection.cursor() as cursor:
        cursor.execute(FACTS, {"tenant": tenant_id, "now": now})
        is_test, rules_change_at = cursor.fetchone()
    return is_test, rules_change_at


@cache
def quoted(code: str) -> bytes:
    """A code as JSON; there are some hundreds."""
    return orjson.dumps(code)

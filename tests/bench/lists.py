"""L1, L2: taking over a provider's list of 100 000 offers, from the lines of its adapter on."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from datetime import timedelta
from statistics import median

from django.utils import timezone

from providers.catalogue.lines import map_lines
from providers.catalogue.storing import Stored, store
from providers.codes import known_codes
from providers.contract import ListedOffer
from providers.models import CodeMap, Country, Provider, Service
from tests.bench.cpu import Meter
from tests.bench.report import Row
from tests.bench.stack import Stack

OFFERS = 100_000
ROUNDS = 3


def rows(stack: Stack) -> Iterator[Row]:
    provider, lines = open_provider(), listed()
    first, _ = take_over(stack, provider, lines, minutes=0)
    same = []
    for minutes in range(1, ROUNDS + 1):
        seconds, stored = take_over(stack, provider, lines, minutes=minutes)
        assert stored.written == stored.vanished == 0, stored
        same.append(seconds)
    yield Row("L1", f"{OFFERS} offers that nobody had: CPU", first, 12, False, "s", "once per provider")
    yield Row("L2", f"{OFFERS} offers as before: CPU", median(same), 2.5, False, "s", "writes no row")


def open_provider() -> Provider:
    Service.objects.bulk_create([Service(id=f"list{n}", name=f"List {n}") for n in range(700)])
    CodeMap.objects.bulk_create(
        [
            CodeMap(scheme="provider:2", kind="service", code=f"s{n}", canonical_id=f"list{n}")
            for n in range(700)
        ]
    )
    provider = Provider(public_no=2, display_name="Lists", protocol="sandbox", sync_seconds=0)
    provider.is_enabled = False
    provider.save()
    return provider


def listed() -> Sequence[ListedOffer]:
    draw = random.Random(1)
    countries = list(Country.objects.order_by("id").values_list("id", flat=True)[:180])
    pairs = [(f"s{number}", country) for number in range(700) for country in countries]
    return [
        ListedOffer(
            service,
            country,
            1_000 * draw.randint(1, 3_000),
            draw.randint(0, 5_000),
            upstream_ref="tier",
            quality=round(draw.random(), 2),
        )
        for service, country in draw.sample(pairs, OFFERS)
    ]


def take_over(
    stack: Stack, provider: Provider, lines: Sequence[ListedOffer], *, minutes: int
) -> tuple[float, Stored]:
    meter = Meter(os.getpid(), *stack.store_pids, own_children=False)
    mapped = map_lines(lines, known_codes(provider))
    assert not mapped.unmapped
    stored = store(provider, mapped.offers, timezone.now() + timedelta(minutes=minutes), accept_short=False)
    return meter.seconds(), stored

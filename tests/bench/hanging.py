"""P5: polls, and orders at other providers, while one provider hangs for half a minute."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from django.utils import timezone

from providers.catalogue import sync_offers
from providers.models import Offer, Provider, ProviderHealth
from tests.bench import load
from tests.bench.load import Plan
from tests.bench.report import Row
from tests.bench.stack import Stack
from tests.bench.world import COUNTRY, Shop, buy, control, gather_statistics

KEY = "sandbox_bench_000002"
SERVICE = "whatsapp"  # which only the provider that hangs sells
CONNECTIONS, BUYERS = 8, 32
ROUNDS = 3


def rows(stack: Stack, shop: Shop, *, seconds: float) -> Iterator[Row]:
    provider = open_second(stack)
    polled, buyers, stuck = shop.customers[:300], shop.customers[300:600], shop.customers[600:]
    polls = [
        shop.call("GET", f"/a/customer/{customer.external_id}/activation/{buy(customer)}")
        for customer in polled
    ]
    orders = [shop.order(customer) for customer in buyers]
    hopeless = [shop.order(customer, service=SERVICE) for customer in stuck]
    gather_statistics()
    for warm in (polls, orders):
        fire(stack, warm, 1)

    ratios, waits = [], []
    control(stack, "settings", key=KEY, delay_ms=30_000)
    for _ in range(ROUNDS):
        alone = [fire(stack, wanted, seconds).rate for wanted in (polls, orders)]
        ProviderHealth.objects.filter(provider=provider).update(state="ok", failures=0, blocked_until=None)
        hanging = load.start(Plan(stack.web, BUYERS, 1, hopeless, requests_in_all=BUYERS))
        beside = [fire(stack, wanted, seconds).rate for wanted in (polls, orders)]
        waits.append(load.finish(hanging).p50 / 1000)
        ratios.append([one / other for one, other in zip(beside, alone, strict=True)])
    polls_kept, orders_kept = (median(column) for column in zip(*ratios, strict=True))
    Offer.objects.filter(provider=provider).update(count=0)
    note = f"{BUYERS} buyers wait {median(waits):.0f} s there"
    yield Row("P5", "poll rate while a provider hangs ÷ without", polls_kept, 0.8, True, note=note)
    yield Row("P5", "order rate elsewhere while it hangs ÷ without", orders_kept, 0.8, True)


def open_second(stack: Stack) -> Provider:
    """A second account at the sandbox, the only one that sells `SERVICE`, and nothing else."""
    first = Provider.objects.get(public_no=1)
    second = Provider(public_no=2, display_name="Hanging", protocol="sandbox", base_url=first.base_url)
    second.secret = KEY
    second.save()
    ProviderHealth.objects.create(provider=second)
    sync_offers(second, now=timezone.now())
    Offer.objects.filter(provider=first, service=SERVICE).update(count=0)
    Offer.objects.filter(provider=second).exclude(service=SERVICE, country=COUNTRY).update(count=0)
    return second


def fire(stack: Stack, requests: list[str], seconds: float) -> load.Result:
    return load.fire(Plan(stack.web, CONNECTIONS, seconds, requests)).only(200)

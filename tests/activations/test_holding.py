"""Sweeps never overlap, however slowly a provider answers, and leave it alone when it asks (U12, U17)."""

import threading
from datetime import timedelta

import orjson
import pytest

from activations import policy
from activations.models import Activation, Check, Exchange, ListCheck
from activations.services.checking import check_due, expire_due
from activations.services.checking.claims import claim_due
from activations.services.checking.holding import SweepClock
from activations.services.exchanging import exchange_due
from activations.services.exchanging.finding import find_bought
from tests.activations.exchanging import P90, Healing, seconds
from tests.activations.races import together, wait_until
from tests.activations.slowness import STEP, meanwhile, time  # noqa: F401  (a fixture)
from tests.activations.slowness import Slow as SlowSandbox
from tests.providers.wire import wire  # noqa: F401  (a fixture)

pytestmark = pytest.mark.django_db(transaction=True)


class Slow:
    """A provider of the ping protocol that answers when the test lets it."""

    def __init__(self, wire, supplier):  # noqa: F811
        self.wire, self.go = wire, threading.Event()
        self.provider = supplier.provider(base_url=wire.url, timeout_seconds=300, check_seconds=5)
        wire.answer = self._answer

    def _answer(self, connection, request):
        assert self.go.wait(300)
        body = orjson.dumps({"result": "success", "verification": {"status": "pending"}})
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)

    def take_over(self, row, number):
        Activation.objects.filter(pk=row.id).update(provider=self.provider, upstream_ref=f"ord_{number}")

    @property
    def asked(self):
        return sorted(request.split(" ")[1].split("/")[-2] for request in self.wire.requests)


@pytest.fixture
def slow(wire, make_supplier):  # noqa: F811
    slow = Slow(wire, make_supplier("ping"))
    yield slow
    slow.go.set()


@pytest.mark.parametrize("sweep", [check_due, expire_due])
def test_o3_u17_a_slow_provider_is_asked_once_about_each_number_by_any_number_of_sweeps(
    shop,
    now,
    single,
    time,  # noqa: F811
    slow,
    sweep,
):
    """The claim is renewed while the sweep waits, and its rows are not due already when it is done."""
    numbers = [shop.order(now=now) for _ in range(5)]
    for number, row in enumerate(numbers):
        slow.take_over(row, number)
    start = now + seconds(10) if sweep is check_due else numbers[-1].expire_at + seconds(1)

    def first():
        return sweep(start)

    def others():
        found = []
        wait_until(lambda: len(slow.wire.requests) == 5)
        for _ in range(4):
            time.passed += STEP
            at = start + seconds(time.passed)
            wait_until(lambda at=at: Check.objects.filter(due_at__gte=at + policy.CLAIM).count() == 5)
            found.append((check_due(at), expire_due(at)))
        slow.go.set()
        return found

    assert together(first, others) == [5, [(0, 0)] * 4]
    assert slow.asked == [f"ord_{number}" for number in range(5)]
    if sweep is check_due:
        assert all(check.due_at > start + seconds(4 * STEP) for check in Check.objects.all())


def test_o3_exchanges_are_looked_for_in_a_slow_providers_list_by_one_sweep(
    shop,
    other_upstream,
    now,
    time,  # noqa: F811
    wire,  # noqa: F811
):
    Healing(shop, other_upstream)
    shop.order(now=now)
    other_upstream.fault("order", "lost", after=True)
    exchange_due(now + seconds(P90 + 1))
    bought = Exchange.objects.get(state="buying")
    bought.provider.base_url, bought.provider.timeout_seconds = wire.url, 300
    bought.provider.save()
    slow = SlowSandbox(wire, '{"columns": [], "rows": []}')

    start = bought.due_at + seconds(1)
    facts = {"start": start, "time": time, "slow": slow, "asked": 1, "rows": Exchange.objects.all()}
    meanwhile(find_bought, find_bought, **facts)

    assert len(wire.requests) == 1


def test_o1_a_claim_that_nobody_keeps_ends(shop, now, single, time):  # noqa: F811
    """A killed worker's rows come back after one claim, however long its sweep had been running."""
    shop.order(now=now)
    running = SweepClock(now + seconds(6))
    time.passed = 100
    assert len(claim_due(now=now + seconds(6), clock=running)) == 1

    assert claim_due(now=now + seconds(105)) == []
    assert len(claim_due(now=now + seconds(137))) == 1


def test_u12_a_provider_that_asks_for_patience_is_asked_about_its_numbers_when_it_wants(shop, now, single):
    row = shop.order(now=now)
    until = (now + seconds(300)).replace(microsecond=0)
    shop.upstream.fault("status", "throttled", times=1, until=int(until.timestamp()))

    check_due(now + seconds(10))

    assert Check.objects.get().due_at == until
    shop.sms(row, "Your code is 1357")
    check_due(until)
    assert shop.row(row.hex_id).sms_code == "1357"


def test_u12_patience_ends_with_the_numbers_life(shop, now, single):
    row = shop.order(now=now)
    far = int((now + timedelta(days=2)).timestamp())
    shop.upstream.fault("status", "throttled", times=-1, until=far)

    check_due(now + seconds(10))
    assert Check.objects.get().due_at == row.expire_at
    expire_due(row.expire_at + seconds(1))
    expire_due(row.expire_at + policy.EXPIRY_GRACE + seconds(1))

    assert shop.row(row.hex_id).activation_status == "expired"


def test_u12_a_list_is_asked_again_when_its_provider_wants(shop, now):
    shop.order(now=now)
    until = (now + seconds(300)).replace(microsecond=0)
    shop.upstream.fault("list", "throttled", times=1, until=int(until.timestamp()))

    check_due(now + seconds(10))

    assert ListCheck.objects.get().due_at == until


def test_u12_a_former_number_is_asked_about_when_its_provider_wants(shop, other_upstream, now):
    healing = Healing(shop, other_upstream)
    row, _ = healing.swapped(now)
    until = (now + seconds(P90 + 300)).replace(microsecond=0)
    shop.upstream.fault("status", "throttled", times=1, until=int(until.timestamp()))

    exchange_due(now + seconds(P90 + 2))

    assert Exchange.objects.get(activation_id=row.id).due_at == until

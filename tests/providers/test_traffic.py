"""What is kept of calls: enough for a page, nothing that must not be seen, no round trip of the caller."""

from datetime import UTC, datetime, timedelta

import pytest

from providers import traffic
from providers.contract import Account, BadCredentials, Call, OutcomeUnknown, Unreachable
from providers.http import send, send_many
from providers.registry import ADAPTERS, adapter_for
from providers.traffic import KEPT, flush, note_traffic, traffic_of
from tests.providers.test_recordings import adapter_of, calls

CODE, PHONE, KEY = "918273", "447700900123", "pk_live_9f8e7d6c5b4a"


@pytest.fixture(autouse=True)
def _flushed_by_the_test_alone():
    with traffic.flushing:
        traffic._waiting.clear()
        yield


def call(provider_id=7, url="https://upstream.example/stubs/handler_api.php", **facts):
    account = Account("https://upstream.example", KEY, provider_id=provider_id)
    facts = {"params": {"api_key": KEY, "action": "getNumber", "phone": PHONE}, **facts}
    return Call(facts.pop("method", "GET"), url, read=lambda reply: reply.text, account=account, **facts)


def now():
    return datetime.now(UTC)


def last(provider_id=7):
    return [(one.method, one.path, one.status, one.outcome)
            for one in traffic_of(provider_id, now=now()).last]  # fmt: skip


def test_a_call_is_shown_without_its_values(redis):
    note_traffic(call(is_read=False), 0.12, status=200)
    note_traffic(call(url=f"https://x.example/v1/orders/{PHONE}/{KEY}/codes/{CODE}", is_read=False), 1)
    flush()

    assert last() == [
        ("GET", "/v1/orders/…/…/codes/…?action&phone", 0, "answered"),
        ("GET", "/stubs/handler_api.php?action&phone", 200, "answered"),
    ]
    stored = b" ".join(redis.lrange("past_calls:7:acts", 0, -1))
    assert not [word for word in (CODE, PHONE, KEY) if word.encode() in stored]


def test_figures_add_up_latencies_and_failures():
    for milliseconds, error in ((40, None), (90, None), (900, BadCredentials()), (4_000, OutcomeUnknown())):
        note_traffic(call(), milliseconds / 1_000, status=200, error=error)
    flush()

    found = traffic_of(7, now=now())
    assert (found.calls, found.failed, found.p50_ms, found.p95_ms) == (4, 1, 100, 5_000)
    assert found.error_rate == 0.25, "a refusal is an answer"
    assert traffic_of(7, now=now() + timedelta(hours=25)).calls == 0
    assert traffic_of(8, now=now()).last == []


def test_polls_do_not_push_orders_out():
    note_traffic(call(is_read=False, method="POST"), 0.1, status=201)
    for _ in range(50):
        note_traffic(call(), 0.01, status=200)
        flush()
    note_traffic(call(), 3, error=Unreachable())
    flush()

    shown = [line[::2] for line in last()]
    assert sorted(shown) == [("GET", 0), *[("GET", 200)] * KEPT["reads"], ("POST", 201)]
    assert traffic_of(7, now=now()).calls == 52


def test_the_list_is_bounded():
    for _ in range(2):
        for _ in range(2 * KEPT["acts"]):
            note_traffic(call(is_read=False), 0.1, status=200)
        flush()
    assert len(last()) == KEPT["acts"]


def test_o2_without_redis_nothing_fails(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    traffic._redis.cache_clear()
    try:
        note_traffic(call(), 0.1)
        flush()
        assert traffic_of(7, now=now()).is_known is False
    finally:
        traffic._redis.cache_clear()


@pytest.mark.django_db
def test_both_carriers_leave_a_note(upstream):
    provider = upstream.provider()
    adapter = adapter_for(provider)

    send(adapter.balance())
    flush()
    [sent] = send_many([("tag", adapter.balance())])
    flush()

    assert sent.error is None
    assert [line[2:] for line in last(provider.pk)] == [(200, "answered")] * 2


@pytest.mark.parametrize("protocol", sorted(ADAPTERS))
def test_every_call_says_on_whose_behalf_it_is_made(protocol):
    """Otherwise it is neither shown nor kept from private addresses."""
    adapter = adapter_of(protocol)

    nameless = [name for name, made in calls(protocol).items() if made.account is not adapter.account]
    assert nameless == []

import gc
import threading

import pytest

from providers.contract import Call, OutcomeUnknown, Unreachable
from providers.http import many, send_many
from tests.providers.wire import OK, within


def calls(url, count, *, timeout_seconds=1.0):
    return [
        (
            f"{url} {number}",
            Call("GET", f"{url}/{number}", {}, lambda reply: reply.text, timeout_seconds=timeout_seconds),
        )
        for number in range(count)
    ]


def test_every_call_comes_back_once_with_its_tag(wire):
    results = list(send_many(calls(wire.url, 300)))

    assert {sent.tag for sent in results} == {f"{wire.url} {number}" for number in range(300)}
    assert [sent.value for sent in results] == ["ok"] * 300
    assert len(wire.requests) == 300


def test_at_most_the_limit_is_under_way_at_one_provider(wire):
    lock, under_way, most = threading.Lock(), 0, 0

    def answer(connection, request):
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        wire.stopped.wait(0.01)
        with lock:
            under_way -= 1
        connection.sendall(OK)

    wire.answer = answer
    list(send_many(calls(wire.url, 40), limit=4))
    assert most == 4


def test_u11_a_hanging_provider_delays_no_other_and_ends_after_one_time_limit(wire, upstream, closed_port):
    wire.hang()
    mixed = calls(wire.url, 60) + calls(upstream.url, 200)
    order = []
    with within(8):
        for sent in send_many(mixed, limit=8):
            order.append(sent.tag.split()[0] == wire.url)
            if sent.error is not None:
                assert isinstance(sent.error, (OutcomeUnknown, Unreachable))
    assert order == [False] * 200 + [True] * 60
    assert len(wire.requests) == 8


def test_results_come_while_the_sweep_goes_on(wire):
    slow = threading.Event()

    def answer(connection, request):
        if b"/0 " in request:
            slow.wait(5)
        connection.sendall(OK)

    wire.answer = answer
    sweep = send_many(calls(wire.url, 3, timeout_seconds=5), limit=3)
    first = [next(sweep).tag, next(sweep).tag]
    slow.set()
    assert f"{wire.url} 0" not in first
    assert [sent.tag for sent in sweep] == [f"{wire.url} 0"]


def test_a_sweep_left_early_leaves_nothing_behind(wire):
    sweep = send_many(calls(wire.url, 200), limit=2)
    next(sweep)
    sweep.close()
    assert len(list(send_many(calls(wire.url, 5)))) == 5


def test_an_empty_sweep_is_no_work():
    assert list(send_many([])) == []


@pytest.mark.parametrize("fault", ["html", "cut", "lost"])
def test_u5_one_bad_answer_spoils_no_other(upstream, fault):
    upstream.fault("status", fault, times=3)
    adapter = upstream.adapter()
    results = list(send_many((n, adapter.status(upstream_ref=str(n))) for n in range(50)))
    kinds = [type(sent.error).__name__ for sent in results]
    assert kinds.count("UnknownToUpstream") >= 47  # aiohttp asks once more when a read's connection breaks
    assert kinds.count("OutcomeUnknown") <= 3


def test_the_connections_of_ended_threads_are_closed(wire, caplog):
    for _ in range(2):
        thread = threading.Thread(target=lambda: list(send_many(calls(wire.url, 2))))
        thread.start()
        thread.join(60)
    gc.collect()

    list(send_many(calls(wire.url, 1)))
    assert len([station for station in many._stations if not station.thread.is_alive()]) <= 1
    assert "Unclosed" not in caplog.text


def test_o7_a_call_that_cannot_be_sent_ends_and_its_neighbours_too(wire):
    """No header can be a list: nothing that says what may go wrong names that error."""
    odd = Call("GET", wire.url, {}, lambda reply: reply.text, headers={"X-Key": []})
    results = {sent.tag: sent for sent in send_many([("odd", odd), *calls(wire.url, 2, timeout_seconds=60)])}

    assert isinstance(results.pop("odd").error, OutcomeUnknown)
    assert [sent.value for sent in results.values()] == ["ok", "ok"]


def test_a_caller_has_a_turn_while_no_answer_comes(wire):
    go = threading.Event()
    wire.answer = lambda connection, request: go.wait(120) and connection.sendall(OK)
    turns = []

    def meanwhile():
        turns.append(1)
        if len(turns) == 2:
            go.set()

    assert [
        sent.value for sent in send_many(calls(wire.url, 1, timeout_seconds=120), meanwhile=meanwhile)
    ] == ["ok"]

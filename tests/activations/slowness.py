"""Sweeps at slow providers: a clock that the test moves on, and other sweeps that look in meanwhile."""

from datetime import timedelta
from types import SimpleNamespace

import pytest

from activations import policy
from activations.services import clock
from tests.activations.races import together, wait_until

STEP = 12  # seconds: longer than a third of a claim


class Time:
    """The time that sweeps measure their own length with."""

    def __init__(self):
        self.passed = 0

    def monotonic(self):
        return self.passed


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=time.monotonic))
    return time


def reply(body):
    """An answer of the provider with this JSON."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
        len(body),
        body,
    )


class Slow:
    """A provider of the sandbox's protocol, with one answer for everything, given when the test lets it."""

    def __init__(self, wire, answer):
        self.wire, self.go = wire, wire.stopped
        self.reply = reply(answer.encode())
        wire.answer = self._answer

    def _answer(self, connection, request):
        assert self.go.wait(300)
        connection.sendall(self.reply)


def meanwhile(sweep, others, *, start, time, slow, asked, rows):
    """What `sweep` did, begun at `start` with `asked` requests to the slow provider, and what `others` did at
    each of four later times, all before its answers. `rows`: those that it claimed, whose claims must go on.
    """

    def look_in():
        try:
            wait_until(lambda: len(slow.wire.requests) == asked)
            return [look_in_at(start + timedelta(seconds=STEP * times)) for times in range(1, 5)]
        finally:
            slow.go.set()

    def look_in_at(at):
        time.passed += STEP
        wait_until(lambda: not rows.filter(due_at__lt=at + policy.CLAIM).exists(), seconds=10)
        return others(at)

    return together(lambda: sweep(start), look_in)

"""What a CPU time means on this machine at this hour: how many bare views could be answered for it. Virtual
machines swing by a factor of two within a day, and with them every goal that is a time.
"""

from __future__ import annotations

from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan, http
from tests.bench.stack import Stack

BARE = [http("GET", "/bare", host="y")]
CONNECTIONS = 16


def in_bare_views(stack: Stack, milliseconds: float, *, seconds: float) -> str:
    """The CPU time beside that of the yardstick's bare view, which is measured now."""
    meter = Meter(*stack.pids("yardstick"))
    count = load.fire(Plan(stack.yardstick, CONNECTIONS, seconds, BARE)).only(200).count
    bare = 1000 * meter.seconds() / count
    return f"{milliseconds / bare:.1f} bare views of {bare:.3f} ms"

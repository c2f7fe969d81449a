"""What a CPU time means on this machine at this hour. Virtual machines swing by a factor of two within a day,
and with them every goal that is a time: so such a goal is counted in bare views, of which one is measured
beside each of them.
"""

from __future__ import annotations

from tests.bench import load
from tests.bench.cpu import Meter
from tests.bench.load import Plan, http
from tests.bench.report import Row
from tests.bench.stack import Stack

BARE = [http("GET", "/bare", host="y")]
CONNECTIONS = 16
# A bare view where the goals were set (docs/performance.md): the most that P2's and P3's references allow.
REFERENCE_MS = 0.1


def timed(
    stack: Stack,
    number: str,
    what: str,
    reached: float,
    goal: float,
    *,
    seconds: float,
    unit: str = "ms",
    at_least: bool = False,
    note: str = "",
    bare: float = 0,
) -> Row:
    """A row of CPU time, or of what one CPU second is enough for (`at_least`), beside a bare view of now;
    `bare`: one that was measured in turns with it (ms).
    """
    bare = bare or bare_view_ms(stack, seconds=seconds)
    views = f"a bare view: {bare:.3f} ms"
    if not at_least:
        views = f"{reached / bare:.3g} bare views of {bare:.3f} ms"
    return Row(number, what, reached, goal, at_least, unit, "; ".join(filter(None, (views, note))),
               slowness=bare / REFERENCE_MS)  # fmt: skip


def bare_view_ms(stack: Stack, *, seconds: float) -> float:
    """CPU of the yardstick's bare view."""
    meter = Meter(*stack.pids("yardstick"))
    count = load.fire(Plan(stack.yardstick, CONNECTIONS, seconds, BARE)).only(200).count
    return 1000 * meter.seconds() / count

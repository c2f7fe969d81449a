"""Being asked to end: the signal is only noted, and acted on where we wait; no step is cut in half."""

import os
import signal
import time
from types import FrameType

from portal.embedded.parents import die_with_parent

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(Exception):
    """Somebody asked us to end."""


class _Wish:
    noted = False


def watch() -> None:
    """From now on SIGINT, SIGTERM, SIGHUP, or the end of the `make` that started us, ask us to end."""

    def note(number: int, frame: FrameType | None) -> None:
        _Wish.noted = True

    for number in SIGNALS:
        signal.signal(number, note)
    if "MAKELEVEL" in os.environ:
        die_with_parent(os.getppid(), signal.SIGTERM)


def pause(seconds: float) -> None:
    """Sleep; raise Stopped when we were asked to end."""
    time.sleep(seconds)
    if _Wish.noted:
        raise Stopped

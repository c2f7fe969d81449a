"""What a web process does once, before its first request."""

from __future__ import annotations

import gc
from importlib import import_module

from django.conf import settings

# Objects made and not yet freed before the collector looks for cycles among them. Python's 700 is a few
# requests of ours, which leave no cycles behind that could not wait.
YOUNG_OBJECTS = 10_000


def settle() -> None:
    """Import every view now, then tell the garbage collector that what is there stays.

    Otherwise it walks through the modules of Django and of ours again and again: 6 to 10 % of a poll.
    """
    import_module(settings.ROOT_URLCONF)
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])

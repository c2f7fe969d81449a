"""The packed lists that a worker sent last, and who takes them packed."""

from __future__ import annotations

import threading
from collections import OrderedDict

from api.publishing import Packed

KEPT_BYTES = 12_000_000  # of packed bodies in one worker


class Shelf:
    """The packed bodies that were sent last, by ETag."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._used, self._lock = most_bytes, 0, threading.Lock()
        self._bodies: OrderedDict[str, Packed] = OrderedDict()

    def get(self, etag: str) -> Packed | None:
        with self._lock:
            body = self._bodies.get(etag)
            if body:
                self._bodies.move_to_end(etag)
            return body

    def put(self, body: Packed) -> None:
        with self._lock:
            if body.etag not in self._bodies and len(body.packed) <= self._most:
                self._bodies[body.etag] = body
                self._used += len(body.packed)
            while self._used > self._most:
                self._used -= len(self._bodies.popitem(last=False)[1].packed)


shelf = Shelf(KEPT_BYTES)


def takes_gzip(accepted: str) -> bool:
    """Whether Accept-Encoding allows gzip."""
    for each in accepted.lower().split(","):
        name, _, weight = each.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False

"""CPU seconds (user + system) that process trees spend: the measure of a cost that no neighbour can
distort.
"""

from __future__ import annotations

import os

import psutil


class Meter:
    """Reads the trees below the given processes; children that come and go in between are missed, so
    keep them.
    """

    def __init__(self, *pids: int, own_children: bool = True) -> None:
        self.pids, self.own_children = pids, own_children
        self.seen: dict[tuple[int, float], float] = {}
        self.started = self._total()

    def seconds(self) -> float:
        """Spent since the meter was made (or last restarted)."""
        return self._total() - self.started

    def restart(self) -> None:
        self.started = self._total()

    def _total(self) -> float:
        for pid in self.pids:
            top = psutil.Process(pid)
            below = top.children(recursive=True) if self.own_children or pid != os.getpid() else []
            for process in (top, *below):
                try:
                    times = process.cpu_times()
                    self.seen[process.pid, process.create_time()] = times.user + times.system
                except psutil.NoSuchProcess:
                    continue
        return sum(self.seen.values())

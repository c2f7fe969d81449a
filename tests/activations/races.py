"""Real races: threads with connections of their own, let loose by a barrier."""

import threading
import time

from django.db import connections


def together(*jobs):
    """Run all jobs at the same moment; what each returned or raised, in their order."""
    barrier, results = threading.Barrier(len(jobs)), [None] * len(jobs)

    def run(place, job):
        try:
            barrier.wait(10)
            results[place] = job()
        except Exception as error:
            results[place] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(jobs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive(), "a racing thread hangs"
    return results


def wait_until(is_true, *, seconds=60):
    """Wait for something that another process does."""
    until = time.monotonic() + seconds
    while not (value := is_true()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return value

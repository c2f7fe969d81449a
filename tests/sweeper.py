"""`python -m tests.sweeper`: what beat would start, one sweep after the other, until it is killed. Quicker to
start than a worker and a beat where a test needs several portals.
"""

import time

import django

django.setup()

from activations.services.checking import check_due, expire_due, reconcile_due  # noqa: E402
from activations.services.checking.orphans import find_late  # noqa: E402
from activations.services.endings import tell_due_ends  # noqa: E402

PAUSE_SECONDS = 0.3


def main():
    while True:
        for sweep in (check_due, expire_due, reconcile_due, find_late, tell_due_ends):
            sweep()
        time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()

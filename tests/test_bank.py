"""A minute of the bank, as `make bank` runs it, with suppliers of every protocol: M1–M10, U1–U7, U16, O1–O5
and W1, W2 all at once, by chance.
"""

import os
import subprocess
import sys

import pytest

from portal.embedded.places import CHECKOUT


@pytest.mark.slow
@pytest.mark.xdist_group("processes")
def test_after_a_minute_of_kills_and_lost_replies_the_providers_books_and_ours_agree():
    done = subprocess.run(
        [sys.executable, "-m", "tests.bank", "--seconds", "60"],
        cwd=CHECKOUT,
        env={name: value for name, value in os.environ.items() if name != "ROUTES_REMEMBERED_SECONDS"},
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout + done.stderr[-4000:]
    assert "The books agree." in done.stdout

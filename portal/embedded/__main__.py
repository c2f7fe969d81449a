"""`python -m portal.embedded run | browser | clean`."""

import argparse
import sys

from portal.embedded import browser, places, supervisor
from portal.embedded.places import CannotStart


def main() -> int:
    """The exit status: 1, with one sentence, when something cannot be started."""
    parser = argparse.ArgumentParser(prog="python -m portal.embedded")
    parser.add_argument("command", choices=["run", "browser", "clean"])
    command = parser.parse_args().command
    try:
        if command == "run":
            return supervisor.run()
        if command == "browser":
            print(f"Browser: {browser.ensure()}")
        else:
            places.forget()
    except CannotStart as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

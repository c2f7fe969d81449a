"""`python -m tests.bench [ROW …] [--seconds N]`: measure, print the table, exit 1 when a goal is missed."""

from __future__ import annotations

import argparse
import sys

from tests.bench import stack


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("groups", nargs="*", help="P, B, S, U, C, H, L, M; none: all")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each single measurement")
    parser.add_argument("--rows", type=int, default=200_000, help="past orders for H1 to H3")
    wanted = parser.parse_args()
    servers = stack.prepare()
    import django  # noqa: PLC0415  only now are the stores there that the settings name

    django.setup()
    from tests.bench import suite  # noqa: PLC0415  needs Django

    missed = 0
    with stack.running_stack(servers) as running:
        measured = suite.rows(
            running, groups=set(wanted.groups), seconds=wanted.seconds, past_orders=wanted.rows
        )
        for row in measured:
            sys.stdout.write(row.line() + "\n")
            sys.stdout.flush()
            missed += not row.is_met
    sys.stdout.write(f"{missed} goals missed.\n" if missed else "Every goal is met.\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())

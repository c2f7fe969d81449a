"""`python -m tests.bank --seconds 60 --seed 7`: buyers in three tenants over HTTP while everything
around them is killed and suppliers of every protocol answer badly; at the end their books and ours are
compared line by line.

Exits 1 and names each difference. The seed that it prints brings the same buyers, faults and kills again
(their moments are the machine's).
"""

import argparse
import random
import sys
import time

from tests.banking.accounts import Account
from tests.banking.buyers import Buyer
from tests.banking.compare import differences, open_books, wait_until_settled
from tests.banking.notes import Notes
from tests.banking.troubles import Troubles
from tests.stack import Stack

LIFE_SECONDS = 12
SETTLE_SECONDS = LIFE_SECONDS + 45
# The portal's own times, cut so that each of them passes many times in a minute.
SETTINGS = {
    "ORDER_BUDGET_SECONDS": 4,
    "ORDER_LOST_AFTER_SECONDS": 6,
    "RECONCILE_EVERY_SECONDS": 2,
    "RECONCILE_GRACE_SECONDS": 6,
    "ORDER_LONGEST_SECONDS": 60,
    "EXPIRY_GRACE_SECONDS": 20,
    "CLAIM_SECONDS": 5,
    "SUCCESS_MIN_PERCENT": 0,
    "LOG_JSON": 1,
}


def read_options():
    parser = argparse.ArgumentParser(prog="python -m tests.bank")
    parser.add_argument("--seconds", type=float, default=60, help="how long is bought")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--buyers", type=int, default=15)
    parser.add_argument("--calm", action="store_true", help="no troubles: the bank itself under test")
    parser.add_argument("--logs", action="store_true", help="print what all processes wrote")
    return parser.parse_args()


def main():
    options = read_options()
    seed = random.SystemRandom().randrange(10**6) if options.seed is None else options.seed
    print(f"Bank: {options.seconds:.0f} s, {options.buyers} buyers, seed {seed}", flush=True)
    with Stack(life_seconds=LIFE_SECONDS, cancel_lock_seconds=1, **SETTINGS) as stack:
        stack.start("suppliers", "web", "worker", "beat", wait=False)
        opened = stack.open_shops(
            tenants=3, customers=3, providers=2, own=1, every=1,
            life_seconds=LIFE_SECONDS, timeout_seconds=2, cancel_lock_seconds=2,
        )  # fmt: skip
        stack.wait("suppliers", "web")
        found = run(stack, opened, options=options, seed=seed)
        if options.logs:
            print(stack.logs())
    for difference in found:
        print(f"WRONG  {difference}")
    print(f"{len(found)} differences (seed {seed})" if found else "The books agree.", flush=True)
    return 1 if found else 0


def run(stack, opened, *, options, seed):
    """The differences at the end."""
    accounts, notes = [Account(stack, **facts) for facts in opened["suppliers"]], Notes()
    troubles = Troubles(stack, accounts, seed=seed)
    troubles.settle_accounts()
    until = time.monotonic() + options.seconds
    buyers = open_buyers(
        stack, opened["shops"], accounts, options=options, seed=seed, until=until, notes=notes
    )
    for buyer in buyers:
        buyer.start()
    if options.calm:
        time.sleep(options.seconds)
    else:
        troubles.run(until)
        troubles.end()
    for buyer in buyers:
        buyer.join(90)
    late = [f"{buyer.name} hangs" for buyer in buyers if buyer.is_alive()]
    troubles.keep_alive()
    settled = wait_until_settled(stack, accounts, seconds=SETTLE_SECONDS)
    found = late + differences(stack, accounts, notes)
    try:
        stack.check_ledger()
    except AssertionError as error:
        found.append(f"check_ledger: {error}")
    report(stack, accounts, notes, troubles, settled)
    return found


def open_buyers(stack, shops, accounts, *, options, seed, until, notes):
    """The first customer of each shop has several buyers, the others one."""
    buyers = []
    for number in range(options.buyers):
        shop = shops[number % 3]
        customer = shop["customers"][number // 3 % len(shop["customers"])]
        buyers.append(
            Buyer(
                f"buyer{number}", stack=stack, shop=shop, customer=customer, accounts=accounts, seed=seed,
                until=until, notes=notes,
            )
        )  # fmt: skip
    return buyers


ATTEMPTS = """
SELECT p.public_no AS provider, CASE WHEN t.outcome = 'leased' AND t.reason <> '' THEN 'adopted'
    ELSE t.outcome END AS word, count(*) AS number
FROM activations_attempt t JOIN providers_provider p ON p.id = t.provider_id GROUP BY 1, 2 ORDER BY 1, 2
"""


def report(stack, accounts, notes, troubles, settled):
    print("Troubles:", ", ".join(troubles.done) or "none")
    if troubles.ended_by_themselves:
        print("Ended by themselves:", ", ".join(troubles.ended_by_themselves))
    print("Outcomes:", ", ".join(f"{word} {count}" for word, count in notes.outcomes.most_common()))
    for call in sorted({call for call, _ in notes.answers}):
        told = {
            str(word): count for (one, word), count in sorted(notes.answers.items(), key=str) if one == call
        }
        print(f"  {call:<9}", ", ".join(f"{word} × {count}" for word, count in told.items()))
    tried = [f"{row['provider']} {row['word']} {row['number']}" for row in stack.rows(ATTEMPTS)]
    print("Attempts at providers:", ", ".join(tried))
    for books in open_books(stack, accounts):
        print(f"  {books}")
    waits = sorted(notes.waits)
    if waits:
        print(
            f"Codes shown: {len(waits)}, median after {waits[len(waits) // 2]:.1f} s, last {waits[-1]:.1f} s"
        )
    print("Not settled in time" if settled is None else f"Settled after {settled:.0f} s")


if __name__ == "__main__":
    sys.exit(main())

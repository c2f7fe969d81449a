"""What goes wrong meanwhile: processes and servers that are killed, and a provider that answers badly."""

import random
import time

import requests
from redis import Redis

from providers.sandbox.books import OPEN_STATES

# A deck: every trouble comes once before any comes again.
TROUBLES = (
    "kill_worker", "kill_worker", "kill_beat", "kill_web_worker", "kill_web_worker", "kill_web",
    "cut_connections", "cut_connections", "cut_some_connections", "flush_queue", "restart_queue",
    "queue_away", "second_beat", "second_worker", "kill_provider", "restart_database",
)  # fmt: skip
WAITING_FAULTS = 3
# action, fault, what it is given; the commoner ones stand more than once.
FAULTS = (
    ("order", "lost", {"after": True}),
    ("order", "lost", {"after": True}),
    ("order", "lost", {}),
    ("order", "late", {"with": {"seconds": 1.2}}),
    ("order", "late", {"with": {"seconds": 4}}),
    ("order", "doubled", {}),
    ("order", "wrong_price", {}),
    ("order", "html", {"after": True}),
    ("order", "html", {}),
    ("order", "cut", {}),
    ("order", "cut", {"with": {"short": True}}),
    ("order", "garbage", {"after": True}),
    ("order", "old_id", {}),
    ("order", "out_of_stock", {}),
    ("list", "html", {}),
    ("list", "cut", {}),
    ("list", "late", {"with": {"seconds": 4}}),
    ("list", "silent", {}),
    ("status", "lost", {}),
    ("status", "garbage", {}),
    ("cancel", "lost", {"after": True}),
    ("cancel", "lost", {}),
    ("cancel", "html", {"after": True}),
    ("retry", "lost", {"after": True}),
    ("retry", "html", {}),
    ("finish", "lost", {}),
    ("callback", "lost", {}),
    ("callback", "doubled", {}),
)


# What an order may meet where a lost one cannot be found: nothing was sold, or the answer comes.
HARMLESS = (
    ("order", "lost", {}),
    ("order", "late", {"with": {"seconds": 1.2}}),
    ("order", "html", {}),
    ("order", "out_of_stock", {}),
)
# Mostly a supplier is clearly the best, and every second another one.
MARKET = """
UPDATE providers_offer o
SET quality = (abs(hashtext(p.public_no || o.service_id || %(mood)s::text)) %% 97 + 2) / 100.0
FROM providers_provider p WHERE p.id = o.provider_id
"""


def faults_of(account):
    """Those of FAULTS that an account can be given so that its books and ours must agree all the same."""
    for fault in FAULTS:
        action, kind, _ = fault
        if action not in account.actions or (kind == "wrong_price" and not account.tells_price):
            continue
        if action == "order" and not account.has_list and fault not in HARMLESS:
            continue
        if action == "callback" and kind == "lost" and not account.is_asked:
            continue  # it would never be told again
        yield fault


class Troubles:
    """Drawn from the seed; carried out by the main thread, since processes end with the thread that started
    them.
    """

    def __init__(self, stack, accounts, *, seed):
        self.stack, self.accounts = stack, accounts
        self.chance = random.Random(f"{seed}:troubles")
        self.deck, self.done = [], []
        self.ended_by_themselves = []

    def settle_accounts(self):
        """The second account never calls back, the others do so now and then; who is not asked does always,
        and tells again what it may not have told when it fell over.
        """
        for place, account in enumerate(self.accounts):
            calls = not account.is_asked or (place != 1 and self.chance.random() < 0.5)
            account.control("settings", callbacks=calls, **account.settings)
            if not account.is_asked:
                for lease in account.leases():
                    if lease["state"] in OPEN_STATES and lease["messages"]:
                        account.control("callback", to=lease["id"])

    def run(self, until):
        """Some bad answers each second, a trouble every few seconds, until the time is up."""
        next_trouble = time.monotonic() + 1
        while time.monotonic() < until:
            self.keep_alive()
            self.stack.run_sql(MARKET, {"mood": self.chance.randrange(10**6)})
            self.spoil_an_answer()
            if time.monotonic() >= next_trouble:
                self.one()
                self.settle_accounts()
                next_trouble = time.monotonic() + self.chance.uniform(1.5, 4)
            time.sleep(self.chance.uniform(0.15, 0.5))

    def end(self):
        """Everything is well from now on."""
        self.keep_alive()
        for account in self.accounts:
            account.control("heal")

    def keep_alive(self):
        """What every supervisor of production does: start again what has ended."""
        for name in self.stack.dead():
            self.ended_by_themselves.append(f"{name} {self.stack.running[name].fate()}")
            self.stack.kill(name)
            self.stack.start(name)

    def spoil_an_answer(self):
        account = self.chance.choice(self.accounts)
        action, kind, facts = self.chance.choice(list(faults_of(account)))
        try:
            waiting = account.control("fault", action=action, kind=kind, **facts)["faults"]
            if waiting > WAITING_FAULTS:  # nobody asks it: let it answer well, or its breaker never closes
                account.control("heal")
        except requests.RequestException:
            return

    def one(self):
        if not self.deck:
            self.deck = self.chance.sample(TROUBLES, len(TROUBLES))
        name = self.deck.pop()
        self.done.append(name)
        getattr(self, name)()

    # --- troubles ---

    def kill_worker(self):
        self.stack.kill("worker")
        time.sleep(self.chance.uniform(0, 1))
        self.stack.start("worker")

    def kill_beat(self):
        self.stack.kill("beat")
        time.sleep(self.chance.uniform(0, 2))
        self.stack.start("beat")

    def kill_web_worker(self):
        self.stack.kill_child("web", pick=self.chance.randint(0, 9))

    def kill_web(self):
        self.stack.kill("web")
        self.stack.start("web")

    def cut_connections(self):
        self.stack.cut_connections()

    def cut_some_connections(self):
        """Again and again for a while, so that each kind of statement is hit."""
        for _ in range(10):
            self.stack.cut_connections(only_busy=True)
            time.sleep(0.1)

    def flush_queue(self):
        with Redis.from_url(self.stack.env["REDIS_URL"]) as client:
            client.flushall()

    def restart_queue(self):
        self.stack.stop_queue()
        self.stack.start_queue()

    def queue_away(self):
        self.stack.stop_queue()
        time.sleep(self.chance.uniform(1, 3))
        self.stack.start_queue()

    def second_beat(self):
        self.toggle("beat2")

    def second_worker(self):
        self.toggle("worker2")

    def toggle(self, name):
        if name in self.stack.running:
            self.stack.kill(name)
        else:
            self.stack.start(name)

    def kill_provider(self):
        """All suppliers fall over; their books are kept."""
        self.stack.kill("suppliers")
        self.stack.start("suppliers")

    def restart_database(self):
        self.stack.stop_database()
        time.sleep(self.chance.uniform(0, 1))
        self.stack.start_database()

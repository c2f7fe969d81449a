"""One running portal for all tests here; each has a shop and customers of its own.

`shop` orders over HTTP and reads the database and the provider's books from outside.
"""

import itertools

import pytest
import requests

from tests.stack import Stack, wait_until

# The portal's own times, cut to what a test can wait for.
SETTINGS = {
    "ORDER_BUDGET_SECONDS": 3,
    "ORDER_LOST_AFTER_SECONDS": 4,
    "RECONCILE_EVERY_SECONDS": 1,
    "RECONCILE_GRACE_SECONDS": 3,
    "CLAIM_SECONDS": 3,
    "SUCCESS_MIN_PERCENT": 0,
}
PROCESSES = ("sandbox", "web", "worker", "beat")


@pytest.fixture(scope="session")
def running():
    """(stack, what was opened). At the end nothing is half done and the ledger is right."""
    with Stack(**SETTINGS) as stack:
        stack.start(*PROCESSES, wait=False)
        opened = stack.open_shops(tenants=16, customers=3, timeout_seconds=3, rentals=1)
        stack.wait(*PROCESSES)
        stack.control(opened["accounts"][0], "settings", callbacks=False)
        yield stack, {**opened, "free": iter(opened["shops"])}
        wait_until(
            lambda: (
                not stack.rows("SELECT 1 FROM activations_activation WHERE lease_state = 'ordering'")
                and not stack.rows("SELECT 1 FROM webhooks_event WHERE dispatched_at IS NULL")
            ),
            seconds=30,
        )
        stack.check_ledger()


@pytest.fixture
def stack(running):
    """The portal, whole again after each test whatever that did to it."""
    stack, _ = running
    yield stack
    for name in set(stack.running) - set(PROCESSES):
        stack.kill(name)
    for name in PROCESSES:
        if name not in stack.running or name in stack.dead():
            stack.start(name)


@pytest.fixture
def shop(stack, running):
    shop = Shop(stack, next(running[1]["free"]), running[1]["accounts"][0])
    wait_until(shop.has_living_connections)
    yield shop
    shop.heal()


class Shop:
    """A tenant whose only provider is the sandbox, which never calls back."""

    def __init__(self, stack, shop, account):
        self.stack, self.shop, self.account = stack, shop, account
        self.names = itertools.count()

    def call(self, method, path, *, customer=0, **sent):
        address = f"/a/customer/{self.shop['customers'][customer]}{path}"
        return self.stack.call(method, self.shop, address, **sent)

    def has_living_connections(self):
        """Each connection that an earlier test cut costs the request that finds it a 503."""
        return all(self.call("GET", "/balance").status_code == 200 for _ in range(30))

    def order(self, key=None, **sent):
        """The answer to an order of one number."""
        body = {"service_id": "telegram", "country_id": "us", "customer_price": 100}
        return self.call("POST", "/activation", body=body, key=key or f"key{next(self.names)}", **sent)

    def order_until_known(self, key, *, seconds=20):
        """The order's activation, asked for again with its key while there is no answer."""

        def known():
            try:
                answer = self.order(key)
            except requests.ConnectionError:
                return None
            return answer.json() if answer.status_code == 200 else None

        return wait_until(known, seconds=seconds)

    def buy(self):
        answer = self.order()
        assert answer.status_code == 200, answer.text
        return answer.json()

    def shown(self, bought):
        return self.call("GET", f"/activation/{bought['activation_id']}").json()

    def code_of(self, bought, *, seconds):
        """The code, once a buyer sees it."""
        return wait_until(lambda: self.shown(bought).get("sms_code"), seconds=seconds, why=self.stack.logs)

    def sms(self, bought, code):
        self.stack.control(self.account, "sms", to=bought["phone"], text=f"Your code is {code}")

    def fault(self, action, kind, **facts):
        self.stack.control(self.account, "fault", action=action, kind=kind, **facts)

    def heal(self):
        self.stack.control(self.account, "heal")
        self.stack.run_sql(
            "UPDATE providers_providerhealth"
            " SET state = 'ok', reason = '', failures = 0, blocked_until = NULL"
        )

    def calls(self, action):
        """How often the provider was asked."""
        return self.stack.books(self.account)["calls"].get(action, 0)

    def orders(self):
        """Our rows, the oldest first."""
        return self.stack.rows(
            "SELECT a.* FROM activations_activation a WHERE tenant_id = %s ORDER BY id", [self.shop["tenant"]]
        )

    def leases(self):
        """What the provider has of this shop's attempts."""
        sent = self.stack.rows(
            "SELECT our_ref FROM activations_attempt WHERE tenant_id = %s", [self.shop["tenant"]]
        )
        ours = {row["our_ref"] for row in sent}
        return [lease for lease in self.stack.books(self.account)["leases"] if lease["ref"] in ours]

    def count(self, table, condition="true"):
        """Rows of this tenant."""
        sql = f"SELECT count(*) AS number FROM {table} WHERE tenant_id = %s AND {condition}"
        return self.stack.rows(sql, [self.shop["tenant"]])[0]["number"]

    def is_whole(self):
        """Nothing is half an order: each lease that is open there is ours, each of ours is there."""
        wait_until(lambda: self.count("activations_activation", "lease_state = 'ordering'") == 0, seconds=25)
        ours = {row["upstream_ref"] for row in self.orders() if row["lease_state"] == "leased"}
        return ours == {lease["id"] for lease in self.leases() if lease["state"] != "canceled"}

"""Three portals like this one that buy from each other, each with a web process and a database of its own:
A's provider is B, B's is C, and C has a sandbox. Then C buys at A, and there is nothing but a circle.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from tests.stack import Stack, wait_until

# A chain of calls on a busy machine takes its time.
SETTINGS = {"ORDER_BUDGET_SECONDS": 60, "SUCCESS_MIN_PERCENT": 0, "web_workers": 1}
LOST = "SELECT 1 FROM activations_activation WHERE lease_state = 'ordering'"


class Portal:
    """One installation, and its shop with one customer."""

    def __init__(self, stack):
        self.stack = stack
        self.shop = {}

    @property
    def customer(self):
        return self.shop["customers"][0]

    def open(self, **wanted):
        opened = self.stack.open_shops(tenants=1, **wanted)
        self.shop = opened["shops"][0]
        return opened["accounts"]

    def buy_at(self, other):
        """The other portal becomes a provider: its address and its reseller's key, and whose money it is."""
        self.stack.env["UPSTREAM_KEY"] = other.shop["key"]
        said = self.stack.python(
            "manage.py", "add_provider", "portal", other.stack.address, "--name", "Upstream", "--test",
            "--key-from-env", "UPSTREAM_KEY", "--option", f"customer_id={other.customer}", "--sync",
        )  # fmt: skip
        self.stack.run_sql("UPDATE providers_provider SET timeout_seconds = 50, check_seconds = 1")
        return said

    def call(self, method, path, **sent):
        address = f"/a/customer/{self.customer}{path}"
        return self.stack.call(method, self.shop, address, timeout=90, **sent)

    def order(self, key):
        body = {"service_id": "telegram", "country_id": "us", "customer_price": 100}
        return self.call("POST", "/activation", body=body, key=key)

    def row(self):
        """Its only order that was sold."""
        [row] = self.stack.rows("SELECT * FROM activations_activation WHERE lease_state = 'leased'")
        return row

    def money(self):
        """(the reseller, his customer): what each has; nothing of it is held."""
        wallets = self.stack.rows(
            "SELECT * FROM billing_wallet WHERE tenant_id = %s ORDER BY customer_id NULLS FIRST",
            [self.shop["tenant"]],
        )
        assert [wallet["held_micros"] for wallet in wallets] == [0, 0]
        assert not self.stack.rows("SELECT 1 FROM billing_hold WHERE state = 'open'")
        return tuple(wallet["balance_micros"] for wallet in wallets)

    def unsold(self):
        sql = "SELECT count(*) AS number FROM activations_activation WHERE lease_state = 'unsold'"
        return self.stack.rows(sql)[0]["number"]


@pytest.fixture(scope="module")
def chain():
    """(A, B, C), each a provider of the one before it, and C's account at the sandbox."""
    with ExitStack() as opened:
        last = opened.enter_context(Stack(**SETTINGS))
        middle, first = (
            opened.enter_context(Stack(beside=last, number=number, **SETTINGS)) for number in (2, 3)
        )
        stacks = (first, middle, last)
        for stack in stacks:
            stack.env["ADDRESS_EXCEPTIONS"] = ",".join(f"127.0.0.1:{one.port}" for one in stacks)
        last.start("sandbox", "web", wait=False)
        middle.start("web", "sweeper", wait=False)
        first.start("web", "sweeper", wait=False)
        a, b, c = (Portal(stack) for stack in stacks)
        with ThreadPoolExecutor() as pool:
            opening = [pool.submit(a.open, providers=0), pool.submit(b.open, providers=0)]
            [account] = c.open()
            for one in opening:
                one.result()
        for stack in stacks:
            stack.wait("web")
        last.wait("sandbox")
        assert "retail" in b.buy_at(c)
        assert "retail" in a.buy_at(b)
        yield a, b, c, account
        with ThreadPoolExecutor() as pool:
            list(pool.map(Stack.check_ledger, stacks))


def test_a_number_is_bought_through_two_portals_and_its_code_comes_back(chain):
    a, b, c, account = chain
    before = [portal.money() for portal in (a, b, c)]
    answer = a.order("one")
    assert answer.status_code == 200, answer.text + a.stack.logs()[-2000:]
    bought = answer.json()
    c.stack.control(account, "sms", to=bought["phone"], text="Your code is 4321")

    def code():
        return a.call("GET", f"/activation/{bought['activation_id']}").json().get("sms_code")

    assert wait_until(code, seconds=60, why=a.stack.logs) == "4321"
    [lease] = c.stack.books(account)["leases"]
    rows = [portal.row() for portal in (a, b, c)]
    assert {row["phone"] for row in rows} == {lease["phone"]}
    assert {row["billing_status"] for row in rows} == {"billed"}
    # Each pays the next one the price of a reseller; the customers that he has there are his own affair.
    asked = [*(row["price_micros"] for row in rows[1:]), lease["paid_micros"]]
    assert [row["cost_micros"] for row in rows] == asked
    for portal, row, (reseller, customer) in zip((a, b, c), rows, before, strict=True):
        paid = (row["price_micros"], row["customer_price_micros"])
        assert portal.money() == (reseller - paid[0], customer - paid[1])


def test_an_order_that_goes_round_is_refused_and_nothing_is_held_anywhere(chain):
    a, b, c, _ = chain
    c.buy_at(a)
    c.stack.run_sql("UPDATE providers_provider SET is_enabled = false WHERE protocol = 'sandbox'")
    before = [portal.unsold() for portal in (a, b, c)]
    money = [portal.money() for portal in (a, b, c)]

    answer = a.order("two")

    assert answer.status_code == 404, answer.text + a.stack.logs()[-2000:]
    assert answer.json()["errorName"] == "NoNumbersAvailableException"
    assert "order_loop" in a.stack.logs()
    assert [portal.unsold() for portal in (a, b, c)] == [one + 1 for one in before]
    assert [portal.stack.rows(LOST) for portal in (a, b, c)] == [[], [], []]
    assert [portal.money() for portal in (a, b, c)] == money

"""PostgreSQL restarted, cut off, read-only and full, under orders over HTTP (O5, O6)."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.stack import DATABASE, wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]


def is_not_now(answer):
    return answer.status_code == 503 and "Retry-After" in answer.headers


def test_o5_while_the_database_is_away_all_is_503_and_the_first_success_comes_within_five_seconds(
    shop, stack
):
    before = shop.buy()
    stack.stop_database()
    away = [shop.order("away"), shop.call("GET", "/balance"), shop.call("GET", "/activations")]
    page = requests.get(stack.address, headers={"Host": shop.shop["host"]}, timeout=20)
    stack.start_database()
    back = time.monotonic()

    bought = shop.order_until_known("away", seconds=5)

    assert time.monotonic() - back < 5
    assert [is_not_now(answer) for answer in [*away, page]] == [True] * 4
    assert [row["hex_id"] for row in shop.orders()] == [before["activation_id"], bought["activation_id"]]
    assert shop.is_whole()
    shop.sms(before, 2342)
    assert shop.code_of(before, seconds=20) == "2342"


def test_o5_orders_whose_connections_are_cut_again_and_again_are_made_once(shop, stack):
    keys = [f"cut{number}" for number in range(24)]
    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(shop.order, key, customer=number % 3) for number, key in enumerate(keys)]
        while not all(answer.done() for answer in running):
            stack.cut_connections(only_busy=True)
            time.sleep(0.02)
    first = [answer.result() for answer in running]

    assert {answer.status_code for answer in first} <= {200, 503}
    again = [wait_until(lambda n=n, key=key: repeat(shop, key, n % 3)) for n, key in enumerate(keys)]

    for before, after in zip(first, again, strict=True):
        assert before.status_code == 503 or before.json()["activation_id"] == after.get("activation_id")
    sold = [row["hex_id"] for row in shop.orders() if row["lease_state"] == "leased"]
    assert sorted(sold) == sorted(after["activation_id"] for after in again if "activation_id" in after)
    assert shop.is_whole()


def repeat(shop, key, customer):
    """The last word about an order, None while there is none. One whose first commit was cut off before we
    heard of it is stored and never sent: a sweep finds that nobody sold it, and it hears "no numbers".
    """
    answer = shop.order(key, customer=customer)
    assert answer.status_code in {200, 404, 409, 503}, answer.text
    return answer.json() if answer.status_code in {200, 404} else None


def make_read_only(stack, statement):
    """New connections are read-only, or no longer; there are no others."""
    with stack.admin() as admin:
        admin.execute(statement)
    stack.cut_connections()


def test_o6_orders_on_a_read_only_database_are_503_before_anything_is_sent(shop, stack):
    held = shop.buy()
    asked = shop.calls("order")
    make_read_only(stack, f"ALTER DATABASE {DATABASE} SET default_transaction_read_only = on")
    try:
        wait_until(shop.has_living_connections)
        refused = [shop.order("read-only") for _ in range(4)]
        assert shop.shown(held)["activation_status"] == "active"
    finally:
        make_read_only(stack, f"ALTER DATABASE {DATABASE} RESET default_transaction_read_only")

    assert [is_not_now(answer) for answer in refused] == [True] * 4
    assert (shop.calls("order"), len(shop.orders())) == (asked, 1)
    assert shop.order_until_known("read-only")["phone"]


def test_o6_orders_on_a_full_disk_are_503_before_anything_is_sent(shop, stack):
    asked = shop.calls("order")
    stack.run_sql(
        "CREATE FUNCTION be_full() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;"
        " CREATE TRIGGER full_disk BEFORE INSERT ON activations_attempt EXECUTE FUNCTION be_full()"
    )
    try:
        refused = shop.order("full")
    finally:
        stack.run_sql("DROP FUNCTION be_full CASCADE")

    assert is_not_now(refused)
    assert (shop.calls("order"), shop.orders(), shop.count("billing_hold")) == (asked, [], 0)
    assert shop.order("full").status_code == 200

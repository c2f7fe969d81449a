"""The web killed in the middle of an order, more orders than connections, callers at once (U4, O8, T1)."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.processes.conftest import Shop
from tests.stack import wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]


def test_u4_an_order_whose_web_was_killed_after_the_provider_sold_is_adopted_by_its_due_time(shop, stack):
    shop.fault("order", "late", **{"with": {"seconds": 30}})
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(shop.order, "killed")
        (lease,) = wait_until(shop.leases)
        stack.kill("web")
        with pytest.raises(requests.ConnectionError):
            asking.result()
    (row,) = shop.orders()
    assert (row["lease_state"], row["phone"]) == ("ordering", "")
    stack.start("web")

    bought = shop.order_until_known("killed")

    assert bought["phone"] == lease["phone"]
    assert len(shop.leases()) == len(shop.orders()) == 1
    shop.sms(bought, 481516)
    assert shop.code_of(bought, seconds=15) == "481516"


def test_o8_of_more_orders_than_connections_some_wait_and_some_are_503_and_none_is_half_done(shop, stack):
    stack.kill("web")
    stack.start("web", DATABASE_POOL_MAX_CONNECTIONS="2", DATABASE_POOL_WAIT_SECONDS="0.4")
    slow = "pg_sleep(0.2)"
    stack.run_sql(
        "CREATE FUNCTION be_slow() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN PERFORM {slow}; RETURN NEW; END $$;"
        " CREATE TRIGGER slow BEFORE INSERT ON activations_activation FOR EACH ROW EXECUTE FUNCTION be_slow()"
    )
    try:
        with ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda n: shop.order(f"many{n}", customer=n % 3), range(30)))
    finally:
        stack.run_sql("DROP FUNCTION be_slow CASCADE")

    assert {answer.status_code for answer in answers} == {200, 503}
    assert all("Retry-After" in answer.headers for answer in answers if answer.status_code == 503)
    assert shop.is_whole()
    sold = [answer.json()["phone"] for answer in answers if answer.status_code == 200]
    assert set(sold) <= {lease["phone"] for lease in shop.leases()}
    assert len(set(sold)) == len(sold)
    stack.kill("web")


def test_t1_callers_who_come_at_once_are_each_shown_their_own(running, stack, shop):
    _, opened = running
    shops = [Shop(stack, each, shop.account) for each in opened["shops"][:4]]
    orders = [(one, one.buy()) for one in shops for _ in range(2)]

    def poll(number):
        (mine, bought), (_, other) = orders[number % 8], orders[(number + 2) % 8]
        foreign = mine.call("GET", f"/activation/{other['activation_id']}")
        return mine.shown(bought) == bought, foreign.status_code

    with ThreadPoolExecutor(32) as pool:
        seen = set(pool.map(poll, range(200)))

    assert seen == {(True, 404)}

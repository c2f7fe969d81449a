"""Valkey flushed, restarted and away: nothing is lost, for it holds nothing (O2)."""

import pytest
import requests
from redis import Redis

from tests.stack import wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]


def flush(stack):
    with Redis.from_url(stack.env["REDIS_URL"]) as client:
        client.flushall()


def restart(stack):
    stack.stop_queue()
    stack.start_queue()


@pytest.mark.parametrize("harm", [flush, restart])
def test_o2_after_the_queue_forgot_everything_no_code_expiry_or_event_is_missing(shop, stack, harm):
    waiting, ending = shop.buy(), shop.buy()
    harm(stack)
    shop.sms(waiting, 314159)
    stack.run_sql(
        "UPDATE activations_activation SET expire_at = now() WHERE hex_id = %s", [ending["activation_id"]]
    )
    stack.run_sql("UPDATE activations_check SET due_at = now() WHERE due_at > now()")

    assert shop.code_of(waiting, seconds=30) == "314159"
    wait_until(lambda: shop.shown(ending)["activation_status"] == "expired", seconds=30)
    wait_until(lambda: shop.count("webhooks_event", "dispatched_at IS NULL") == 0, seconds=30)
    assert shop.count("webhooks_event") == 4


def test_o2_while_the_queue_is_away_pages_balances_and_orders_work(shop, stack):
    before = shop.buy()
    stack.stop_queue()
    try:
        page = requests.get(
            f"{stack.address}/accounts/login/", headers={"Host": shop.shop["host"]}, timeout=20
        )
        balance, ordered = shop.call("GET", "/balance"), shop.order("away")
        cancelled = shop.call("PUT", f"/activation/{before['activation_id']}/cancel")
    finally:
        stack.start_queue()

    assert (page.status_code, balance.status_code, cancelled.status_code) == (200, 200, 200)
    assert ordered.status_code in {200, 503}
    bought = shop.order_until_known("away")
    shop.sms(bought, 271828)
    assert shop.code_of(bought, seconds=40) == "271828"
    wait_until(lambda: shop.count("webhooks_event", "dispatched_at IS NULL") == 0, seconds=30)
    assert shop.stack.dead() == []

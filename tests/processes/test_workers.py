"""Workers killed, two schedulers, tasks that come twice or late (O1, O3, O4)."""

import time

import pytest

from tests.stack import wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]
SWEEPS = ("check_due_activations", "expire_due_activations", "reconcile_due_activations")


def wait_until_asked(shop):
    """Until a worker has claimed the due list and waits for the provider, which does not answer."""
    before = shop.calls("list")
    shop.fault("list", "lost", **{"with": {"hang": True}})
    wait_until(lambda: shop.calls("list") > before)


def test_o1_the_work_of_a_killed_worker_is_done_by_the_next_within_a_minute(shop, stack):
    bought = shop.buy()
    wait_until_asked(shop)
    stack.kill("worker")
    shop.sms(bought, 112233)
    killed = time.monotonic()
    stack.start("worker")

    assert shop.code_of(bought, seconds=60) == "112233"
    assert time.monotonic() - killed < 60


def test_o1_the_work_of_a_killed_child_is_done_without_anyones_help(shop, stack):
    stack.kill("worker")
    stack.start("prefork")
    bought = shop.buy()
    wait_until_asked(shop)
    killed = time.monotonic()
    while stack.kill_child("prefork") and time.monotonic() < killed + 1:  # whichever has it
        time.sleep(0.3)
    shop.sms(bought, 445566)

    assert shop.code_of(bought, seconds=60) == "445566"
    assert stack.dead() == []


def test_o3_of_two_schedulers_and_two_workers_each_due_item_has_one_effect(shop, stack):
    stack.start("beat2", "worker2")
    bought = [shop.buy() for _ in range(6)]
    for number, one in enumerate(bought[:3]):
        shop.sms(one, 900100 + number)
    for one in bought[:3]:
        assert shop.code_of(one, seconds=20)
    end(shop, stack)

    wait_until(lambda: shop.count("activations_activation", "activation_status = 'expired'") == 6, seconds=20)

    has_one_effect(shop, billed=3, ended=6)


def test_o4_tasks_that_come_twice_and_an_hour_late_have_one_effect(shop, stack):
    stack.kill("beat")
    time.sleep(4)  # what beat had sent before ran, or expired after three beats
    bought = [shop.buy() for _ in range(4)]
    for number, one in enumerate(bought[:2]):
        shop.sms(one, 700100 + number)
    assert shop.count("activations_message") == 0
    end(shop, stack, before="1 hour")
    stack.run_sql("UPDATE activations_check SET due_at = due_at - interval '1 hour'")
    names = [f"activations.tasks.{name}" for name in SWEEPS]
    stack.python("-c", f"from portal.celery import app\nfor name in {names * 5}: app.send_task(name)")

    wait_until(lambda: shop.count("activations_activation", "activation_status = 'expired'") == 4, seconds=20)

    stack.start("beat")
    has_one_effect(shop, billed=2, ended=4)


def end(shop, stack, *, before="0 seconds"):
    """The shop's numbers are over now, or were so long ago."""
    stack.run_sql(
        "UPDATE activations_activation SET expire_at = now() - %s::interval WHERE tenant_id = %s",
        [before, shop.shop["tenant"]],
    )
    stack.run_sql(
        "UPDATE activations_check SET due_at = now() WHERE tenant_id = %s AND due_at > now()",
        [shop.shop["tenant"]],
    )


def has_one_effect(shop, *, billed, ended):
    assert shop.count("billing_transaction", "kind = 'charge'") == billed
    assert shop.count("activations_message") == billed
    assert shop.count("webhooks_event", "type = 'activation.sms_received'") == billed
    assert shop.count("webhooks_event", "type = 'activation.expired'") == ended
    assert shop.count("billing_hold", "state = 'open'") == 0
    wait_until(lambda: shop.count("webhooks_event", "dispatched_at IS NULL") == 0)

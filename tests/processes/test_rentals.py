"""Rentals on real servers: the web killed amid an extension (U4), a worker amid a renewal (O1), and messages
that the provider pushes to the web (W1, W4).
"""

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from tests.stack import wait_until

pytestmark = [pytest.mark.xdist_group("processes"), pytest.mark.slow]
LONG = 60  # seconds: on a busy machine sweeps take their time


class Rented:
    """A number that the shop's customer has rented for a day."""

    def __init__(self, shop):
        self.shop = shop
        answer = shop.call("POST", "/rental", body={"service_id": "full", "country_id": "us", "hours": 24})
        assert answer.status_code == 200, answer.text
        self.id, self.phone = answer.json()["rental_id"], answer.json()["phone"]

    def shown(self):
        return self.shop.call("GET", f"/rental/{self.id}").json()

    def extend(self, key):
        return self.shop.call("POST", f"/rental/{self.id}/extend", body={"hours": 24}, key=key)

    def extend_until_known(self, key):
        """The extension's answer, asked for again with its key while there is none."""

        def known():
            try:
                answer = self.extend(key)
            except requests.ConnectionError:
                return None
            return answer.json() if answer.status_code == 200 else None

        return wait_until(known, seconds=LONG, why=self.shop.stack.logs)

    def lease(self):
        """What the provider has of it."""
        leases = self.shop.stack.books(self.shop.account)["leases"]
        return next(lease for lease in leases if lease["phone"] == self.phone)

    def texts(self):
        """(text, whether the customer sees it) of every message, the oldest first."""
        found = self.shop.stack.rows(
            "SELECT m.text, m.visible FROM activations_rentalmessage m JOIN activations_rental r"
            " ON r.id = m.rental_id WHERE r.rnt_id = %s ORDER BY m.id",
            [self.id],
        )
        return [(row["text"], row["visible"]) for row in found]

    def sms(self, text, **facts):
        self.shop.stack.control(self.shop.account, "sms", to=self.phone, text=text, **facts)

    def is_charged(self, times):
        terms = self.shown()["terms"]
        assert [term["hours"] for term in terms] == [24] * times
        assert self.shop.count("billing_transaction", "kind = 'rental_charge'") == times
        assert self.shop.count("billing_hold", "state = 'open'") == 0
        return True


def test_u4_an_extension_whose_web_was_killed_after_the_provider_did_it_is_charged_once(shop, stack):
    rented, asked = Rented(shop), shop.calls("extend")
    shop.fault("extend", "late", **{"with": {"seconds": 30}})
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(rented.extend, "longer")
        wait_until(lambda: rented.lease()["hours"] == 48)
        stack.kill("web")
        with pytest.raises(requests.ConnectionError):
            asking.result()
    stack.start("web")

    longer = rented.extend_until_known("longer")

    assert (longer["hours"], longer["is_extending"]) == (48, False)
    assert shop.calls("extend") == asked + 1
    assert rented.is_charged(2)


def test_o1_a_renewal_whose_worker_was_killed_is_booked_by_the_next_and_bought_once(shop, stack):
    rented, asked = Rented(shop), shop.calls("extend")
    answer = shop.call("PUT", f"/rental/{rented.id}/auto_renew", body={"enabled": True})
    assert answer.json()["renew_hours"] == 24, answer.text
    shop.fault("extend", "late", **{"with": {"seconds": 30}})
    ends_soon(shop, stack)
    wait_until(lambda: rented.lease()["hours"] == 48, seconds=LONG)
    stack.kill("worker")
    stack.start("worker")

    wait_until(lambda: rented.shown()["hours"] == 48, seconds=LONG, why=stack.logs)

    assert shop.calls("extend") == asked + 1
    assert rented.is_charged(2)
    assert [term["is_renewal"] for term in rented.shown()["terms"]] == [False, True]


def ends_soon(shop, stack):
    """The shop's rentals end in half an hour, and are to be renewed now."""
    tenant = [shop.shop["tenant"]]
    stack.run_sql(
        "UPDATE activations_rental SET ends_at = now() + interval '30 minutes' WHERE tenant_id = %s", tenant
    )
    stack.run_sql(
        "UPDATE activations_rentaldue SET due_at = now() WHERE tenant_id = %s AND kind = 'renew'", tenant
    )
    stack.python("-c", "from portal.celery import app\napp.send_task('activations.tasks.renew_rentals')")


@pytest.fixture
def calling(shop):
    """The provider calls back, which in the other tests it does not."""
    shop.stack.control(shop.account, "settings", callbacks=True)
    yield
    shop.stack.control(shop.account, "settings", callbacks=False)


def test_w1_w4_what_the_provider_pushes_is_delivered_once_and_marked_when_it_is_late(shop, stack, calling):
    stack.kill("worker")  # nobody asks: what comes, comes by callback
    rented = Rented(shop)

    rented.sms("Your code is 1111")
    wait_until(rented.texts, seconds=LONG, why=stack.logs)
    shop.fault("callback", "doubled")
    rented.sms("Your code is 2222")
    wait_until(lambda: len(rented.texts()) == 2, seconds=LONG, why=stack.logs)
    answer = shop.call("GET", f"/rental/{rented.id}/messages").json()
    assert [message["code"] for message in answer["messages"]] == ["2222", "1111"]
    assert shop.call("PUT", f"/rental/{rented.id}/finish").json()["rental_status"] == "finished"
    rented.sms("Your code is 3333", late=True)

    wait_until(lambda: len(rented.texts()) == 3, seconds=LONG, why=stack.logs)
    texts = [f"Your code is {number}" for number in (1111, 2222, 3333)]
    assert rented.texts() == [(texts[0], True), (texts[1], True), (texts[2], False)]
    assert shop.call("GET", f"/rental/{rented.id}/messages").json()["total"] == 2
    outcomes = stack.rows("SELECT outcome FROM webhooks_inboxmessage WHERE outcome <> 'matched' ORDER BY id")
    assert [row["outcome"] for row in outcomes][-3:] == ["new", "new", "late"]

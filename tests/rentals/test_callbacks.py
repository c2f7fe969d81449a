"""Messages of rentals that providers push, over HTTP: W1–W5, S3, for every protocol that pushes them.

The provider sends them by itself to the secret address of its account, as in life.
"""

from datetime import timedelta

import orjson
import pytest
import requests
from django.core.management import call_command
from django.utils import timezone

from activations.rental_models import RentalDue, RentalMessage
from activations.services.inbox import UNREADABLE
from activations.services.rentals.checking import check_due_rentals
from activations.services.rentals.lost import reconcile_due_rentals
from providers.contract import Can
from tests.activations.races import together, wait_until
from tests.rentals.faces import FaceDesk
from webhooks.models import Event, InboxMessage

pytestmark = pytest.mark.django_db(transaction=True)
# What a push is worth there: its messages are believed, or it is only a reason to ask.
BELIEVED, HINTS = ["sandbox", "onlinesim"], ["handler", "handler-classic", "handler-hero"]
CODE = "482913"


class Pushing(FaceDesk):
    """`desk` whose provider calls the running portal."""

    def __init__(self, supplier, live_server, **facts):
        super().__init__(supplier, **facts)
        self.address = f"{live_server.url}/callbacks/{self.provider.callback_token}/"
        supplier.settings(callback_url=self.address)

    def told(self):
        """How many callbacks the portal kept."""
        return InboxMessage.objects.count()

    def push(self, row, text, **facts):
        """A message comes to the number; its provider has told us when this is over."""
        before = self.told()
        self.sms(row, text, **facts)
        wait_until(lambda: self.told() > before, seconds=60)

    def post(self, body, headers, **facts):
        """A callback that a test makes; the portal's answer."""
        return requests.post(
            self.address,
            data=body,
            timeout=60,
            headers={"Content-Type": "application/json", **headers},
            **facts,
        )

    def again(self, row):
        """The callback of a rental as it is now, once more; the portal's answer."""
        return self.post(*self.upstream.callback(self.stored(row).upstream_ref))


@pytest.fixture
def pushing(make_supplier, live_server):
    def make(protocol):
        return Pushing(make_supplier(protocol), live_server)

    yield make
    call_command("check_ledger")


def kept():
    """(outcome, body) of every callback that was kept, the oldest first."""
    return [(one.outcome, bytes(one.body)) for one in InboxMessage.objects.order_by("id")]


@pytest.mark.parametrize("protocol", BELIEVED)
def test_w1_a_push_is_kept_raw_and_delivered_once_however_often_it_comes(pushing, protocol):
    desk = pushing(protocol)
    row = desk.rent()

    desk.push(row, f"Your code is {CODE}", sender="Shop")
    assert [(one.text, one.code, one.sender) for one in desk.messages(row)] == [
        (f"Your code is {CODE}", CODE, "Shop")
    ]
    [(outcome, body)] = kept()
    assert (outcome, CODE.encode() in body) == ("new", True)
    for _ in range(3):
        answer = desk.again(row)
        assert answer.status_code == 200
    check_due_rentals(timezone.now() + timedelta(minutes=1))

    assert (desk.now_is(row).messages_count, RentalMessage.objects.count(), desk.told()) == (1, 1, 1)
    desk.push(row, "Your code is 5566")
    assert desk.texts(row) == ["Your code is 5566", f"Your code is {CODE}"]
    assert desk.spent() == desk.price(24)


@pytest.mark.parametrize("protocol", BELIEVED)
def test_w1_the_same_push_many_times_at_once_is_one_message(pushing, protocol):
    desk = pushing(protocol)
    row = desk.rent()
    desk.upstream.settings(callbacks=False)
    desk.sms(row, f"Your code is {CODE}")

    answers = together(*[lambda: desk.again(row)] * 6)

    assert [answer.status_code for answer in answers] == [200] * 6
    assert (desk.now_is(row).messages_count, desk.told()) == (1, 1)
    assert Event.objects.filter(type="rental.message_received").count() == 1


@pytest.mark.parametrize("protocol", HINTS)
def test_w5_a_hook_that_nobody_signs_is_kept_raw_and_makes_us_ask(pushing, protocol):
    desk = pushing(protocol)
    row = desk.rent()
    RentalDue.objects.filter(kind="status").update(due_at=timezone.now() + timedelta(hours=1))

    desk.push(row, f"Your code is {CODE}", sender="Shop")
    assert not RentalMessage.objects.exists(), "nothing is believed without asking"
    [(outcome, body)] = kept()
    assert (outcome, CODE.encode() in body) == ("hint", True)
    check_due_rentals()
    assert desk.texts(row) == [f"Your code is {CODE}"]
    assert desk.again(row).status_code == 200
    check_due_rentals()

    assert desk.texts(row) == [f"Your code is {CODE}"]
    assert desk.now_is(row).messages_count == 1
    assert len(kept()) == 1, "the same hook again is not kept again"


def test_w5_what_a_forged_hook_says_is_not_believed(pushing):
    desk = pushing("handler")
    row = desk.rent()
    forged = {
        "rentId": int(desk.stored(row).upstream_ref),
        "sms": {"smsId": 1, "text": "Your code is 666666"},
    }

    assert desk.post(orjson.dumps(forged), {}).status_code == 200
    check_due_rentals()

    assert desk.texts(row, include_late=True) == []


def test_w4_a_push_after_the_end_is_kept_and_marked(pushing):
    desk = pushing("sandbox")
    row = desk.rent()
    desk.push(row, "Your code is 1111")
    desk.finish(row)

    desk.push(row, "Your code is 2222", late=True)
    assert desk.again(row).status_code == 200

    assert desk.texts(row) == ["Your code is 1111"]
    late = desk.messages(row, include_late=True)
    assert [(one.text, one.visible) for one in late] == [
        ("Your code is 2222", False), ("Your code is 1111", True),
    ]  # fmt: skip
    assert [outcome for outcome, _ in kept()] == ["new", "late"]
    assert (desk.now_is(row).rental_status, desk.spent()) == ("finished", desk.price(24))


def test_w4_a_hook_after_the_end_is_kept_as_a_hint(pushing):
    desk = pushing("handler")
    row = desk.rent()
    desk.finish(row)

    desk.push(row, "Your code is 2222", late=True)

    assert [outcome for outcome, _ in kept()] == ["hint"]
    assert desk.texts(row, include_late=True) == []


def test_w4_a_push_to_a_number_that_nobody_rents_any_more_is_refused(pushing):
    """It names a phone only, which may be another customer's by now."""
    desk = pushing("onlinesim")
    row = desk.rent()
    desk.push(row, "Your code is 1111")
    body, headers = desk.upstream.callback(desk.stored(row).upstream_ref)
    desk.finish(row)

    answer = desk.post(body.replace(b"1111", b"2222"), headers)

    assert (answer.status_code, answer.json()["error"]) == (400, "NO_OPERATION")
    assert desk.texts(row, include_late=True) == ["Your code is 1111"]
    assert [outcome for outcome, _ in kept()] == ["new", "hint"]


@pytest.mark.parametrize("spoil", ["signature", "missing", "body", "old"])
def test_w3_a_push_that_proves_nothing_has_no_effect(pushing, spoil):
    desk = pushing("sandbox")
    desk.upstream.settings(callbacks=False)
    row = desk.rent()
    desk.sms(row, f"Your code is {CODE}")
    ref, old = desk.stored(row).upstream_ref, timezone.now() - timedelta(minutes=10)
    body, headers = desk.upstream.callback(ref, at=old if spoil == "old" else None)
    if spoil == "signature":
        headers["X-Sandbox-Signature"] = "0" * 64
    elif spoil == "missing":
        headers = {}
    elif spoil == "body":
        body = body.replace(CODE.encode(), b"666666")

    assert desk.post(body, headers).status_code == 401
    assert not RentalMessage.objects.exists()
    assert desk.told() == 0


@pytest.mark.parametrize("protocol", ["sandbox", "onlinesim", "handler"])
def test_t1_a_push_reaches_only_rentals_of_its_own_account(pushing, make_supplier, live_server, protocol):
    desk = pushing(protocol)
    row = desk.rent()
    desk.upstream.settings(callbacks=False)
    desk.sms(row, f"Your code is {CODE}")
    body, _ = desk.upstream.callback(desk.stored(row).upstream_ref)
    stranger = make_supplier(protocol)
    address = f"{live_server.url}/callbacks/{stranger.provider().callback_token}/"
    if protocol == "onlinesim":
        body = body.replace(desk.upstream.key.encode(), stranger.key.encode())
    headers = signed_by(stranger, body)

    requests.post(address, data=body, timeout=60, headers={"Content-Type": "application/json", **headers})

    assert not RentalMessage.objects.exists()
    assert [outcome for outcome, _ in kept()] == ["hint"]


def signed_by(supplier, body):
    """The headers with which this account would send it."""
    callbacks, now = supplier.server.sandbox.callbacks, int(timezone.now().timestamp())
    return supplier.server.do(callbacks.headers, supplier.account, "one", now, body)


def test_w2_a_push_that_overtook_the_answer_to_its_own_rent_is_delivered(pushing):
    desk = pushing("sandbox")
    desk.upstream.fault("rent", "lost", after=True)
    row = desk.rent()
    RentalDue.objects.filter(kind="reconcile").update(due_at=timezone.now() + timedelta(hours=1))
    desk.upstream.sms(desk.upstream.leases[0].phone, f"Your code is {CODE}")
    wait_until(lambda: kept() and kept()[0][0] == "hint", seconds=60)

    reconcile_due_rentals(timezone.now() + timedelta(seconds=6))

    assert desk.texts(row) == [f"Your code is {CODE}"]


def test_w2_a_push_that_cannot_be_asked_for_is_wanted_again(pushing):
    desk = pushing("onlinesim")
    desk.upstream.fault("rent", "lost", after=True)
    desk.rent()
    desk.upstream.settings(callbacks=False)
    lease = desk.upstream.leases[0]
    desk.upstream.sms(lease.phone, f"Your code is {CODE}")

    answer = desk.post(*desk.upstream.callback(str(lease.id)))

    assert (answer.status_code, answer.json()["error"]) == (503, "NOT_YET")


def test_s3_a_push_that_could_not_be_stored_is_not_answered_as_taken(pushing, owner_connection, caplog):
    """Where nobody can be asked, what is answered with 200 never comes again."""
    desk = pushing("onlinesim")
    row = desk.rent()
    desk.upstream.settings(callbacks=False)
    desk.sms(row, f"Your code is {CODE}")
    push = desk.upstream.callback(desk.stored(row).upstream_ref)
    table = "activations_rentalmessage"
    owner_connection.execute(f"ALTER TABLE {table} ADD CONSTRAINT never CHECK (false) NOT VALID")
    try:
        assert desk.post(*push).status_code == 500
    finally:
        owner_connection.execute(f"ALTER TABLE {table} DROP CONSTRAINT never")
    assert CODE not in caplog.text
    assert desk.told() == 0

    assert desk.post(*push).status_code == 200
    assert desk.texts(row) == [f"Your code is {CODE}"]


@pytest.mark.parametrize("protocol", ["ping", "rentverify"])
def test_a_protocol_without_pushes_believes_none(make_supplier, live_server, protocol):
    supplier = make_supplier(protocol)
    provider = supplier.provider()
    assert Can.CALLBACK not in supplier.adapter().can
    address = f"{live_server.url}/callbacks/{provider.callback_token}/"

    answer = requests.post(address, json={"rentId": 7, "id": "7", "phone": "1"}, timeout=60)

    assert answer.status_code == 401
    assert [outcome for outcome, _ in kept()] == [UNREADABLE]

"""PUSH_SMS: passed on until it is accepted, and not longer than it makes sense (onlinesim.md 7)."""

import logging
from datetime import timedelta

import pytest
from django.utils import timezone

from activations.blocked_senders import USUAL, is_blocked
from activations.models import Message, Push, Sale
from activations.services.marketplace.passing_on import claim_due, collect_messages
from api.onlinesim.pushing import push_due
from tests.activations.races import together
from tests.api.onlinesim.conftest import sale_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def received(marketplace, shop, arrive):
    """A number with an SMS that is to be passed on."""
    number = marketplace.order()["activationId"]
    arrive(number, "Telegram code 12345", push=False)
    return number


def test_a_sender_that_nobody_named_is_called_unknown(marketplace, shop, arrive):
    """The protocol wants a sender; that of the ordered service would be a guess that hides another one."""
    arrive(marketplace.order()["activationId"], "Your code is 12345", sender="")

    assert [message["phoneFrom"] for message in marketplace.got] == ["unknown"]


def pushed():
    return Push.objects.get()


def test_u14_a_code_that_came_without_its_text_is_passed_on_as_the_text(marketplace, received):
    """RentVerify and Ping tell nothing else; the marketplace was pushed an empty text."""
    Message.objects.update(text="", code="12345")

    push_due(now=timezone.now() + timedelta(minutes=1))

    assert [message["text"] for message in marketplace.got] == ["12345"]


def says(marketplace, answer, status=200):
    marketplace.receiver.answer, marketplace.receiver.status = answer, status


@pytest.mark.parametrize(
    ("status", "answer", "word"),
    [
        (500, b"oops", "not understood"),
        (200, b"", "not understood"),
        (200, b"<html>SUCCESS</html>", "not understood"),
        (400, b'{"status":"SUCCESS"}', "not understood"),
        (200, b'{"status":"ERROR","error":"Telegram code 12345"}', "ERROR"),
        (401, b'{"status":"ERROR","error":"BAD_KEY"}', "BAD_KEY"),
        (302, b"", "not understood"),
    ],
)
def test_anything_else_is_repeated_after_ten_seconds(marketplace, received, status, answer, word):
    says(marketplace, answer, status)
    now = timezone.now() + timedelta(minutes=1)
    push_due(now=now)
    first = pushed()
    assert (first.state, first.tries, first.last_status, first.last_word) == ("pending", 1, status, word)
    assert timedelta(seconds=9) < first.deliver_at - now < timedelta(seconds=20)
    assert sale_of(received).state == "issued", "only acceptance makes it receiving"
    push_due(now=now + timedelta(seconds=5))
    assert len(marketplace.got) == 1

    says(marketplace, b'{"status":"SUCCESS"}')
    push_due(now=first.deliver_at)
    push_due(now=first.deliver_at + timedelta(minutes=1))

    assert len(marketplace.got) == 2
    assert marketplace.got[0] == marketplace.got[1], "the same content"
    assert (pushed().state, pushed().tries, sale_of(received).state) == ("accepted", 2, "receiving")


@pytest.mark.parametrize("word", ["NO_OPERATION", "NO_OP", "BAD_SERVICE", "IGNORED", "SERVICE_BAN"])
@pytest.mark.parametrize("shape", ['{"status":"%s"}', '{"status":"ERROR","error":"%s"}'])
def test_words_that_end_it(marketplace, received, word, shape):
    says(marketplace, (shape % word).encode(), 400)
    now = timezone.now() + timedelta(minutes=1)
    push_due(now=now)
    push_due(now=now + timedelta(minutes=1))
    assert len(marketplace.got) == 1
    assert (pushed().state, pushed().last_word, sale_of(received).state) == ("refused", word, "issued")


def test_it_is_given_up_after_half_an_hour(marketplace, received):
    says(marketplace, b"busy", 503)
    now = timezone.now()
    push_due(now=now)
    push_due(now=now + timedelta(minutes=29))
    push_due(now=now + timedelta(minutes=31))
    assert len(marketplace.got) == 2
    assert (pushed().state, pushed().last_word) == ("given_up", "not accepted in time")


def test_it_is_given_up_when_the_operation_is_closed(marketplace, received):
    says(marketplace, b"busy", 503)
    now = timezone.now()
    push_due(now=now)
    marketplace.finish(received, 4)
    push_due(now=now + timedelta(minutes=1))
    assert len(marketplace.got) == 1
    assert pushed().state == "given_up"


def test_a_receiver_that_is_away_is_asked_again(marketplace, received):
    type(marketplace.contract).objects.update(push_url="http://127.0.0.1:9/")
    push_due(now=timezone.now())
    assert (pushed().state, pushed().last_status) == ("pending", None)
    assert pushed().last_word.startswith("blocked"), "an address inside is not called (W9)"


def test_without_an_address_nothing_is_lost(marketplace, received):
    type(marketplace.contract).objects.update(push_url="")
    now = timezone.now()
    push_due(now=now)
    assert pushed().last_word == "there is no address"
    type(marketplace.contract).objects.update(push_url=marketplace.receiver.url)
    push_due(now=now + timedelta(seconds=11))
    assert pushed().state == "accepted"


def test_phones_as_numbers_where_the_contract_says_so(make_marketplace, shop, arrive):
    marketplace = make_marketplace(phone_shape="number")
    answer = marketplace.order()
    arrive(answer["activationId"], "code 12345")
    assert marketplace.got[0]["phone"] == answer["number"]


@pytest.mark.parametrize("sender", ["Sberbank", "SBER", "PayPal", "My Bank", "t-bank"])
def test_messages_of_banks_are_never_passed_on(marketplace, shop, arrive, sender):
    number = marketplace.order()["activationId"]
    arrive(number, "Code 12345", sender=sender)
    assert marketplace.got == []
    assert (pushed().state, sale_of(number).state) == ("blocked", "issued")


def test_blocked_senders_are_words_of_their_own():
    assert is_blocked("VISA", names=USUAL)
    assert not is_blocked("Bankside Cinema", names=USUAL)
    assert not is_blocked("Otherwise", names=USUAL)
    assert not is_blocked("PayPal", names=USUAL, ordered_service="PayPal"), "ordered by name"
    assert not is_blocked("anybody", names="")
    assert is_blocked("a.b", names=" A.B \n\n")
    assert not is_blocked("axb", names="A.B"), "names are no patterns"


def test_w7_sweeps_side_by_side_send_each_message_once(marketplace, received):
    now = timezone.now() + timedelta(minutes=1)
    together(*[lambda: push_due(now=now)] * 4)
    assert len(marketplace.got) == 1
    assert pushed().state == "accepted"


def test_a_sweep_that_died_is_made_up_for(marketplace, received):
    now = timezone.now()
    collect_messages(now)
    assert len(claim_due(now=now, room=10, share=10)) == 1, "claimed, and never sent"
    push_due(now=now + timedelta(seconds=5))
    assert marketplace.got == []
    push_due(now=now + timedelta(seconds=31))
    assert pushed().state == "accepted"


def test_one_marketplace_that_hangs_delays_no_other(make_marketplace, shop, arrive):
    slow, quick = make_marketplace(), make_marketplace()
    for one in (slow, quick):
        arrive(one.order()["activationId"], "code 12345", push=False)
    slow.receiver.delay = 1.0
    push_due(now=timezone.now())
    accepted = Push.objects.get(contract=quick.contract)
    assert accepted.ended_at < Push.objects.get(contract=slow.contract).ended_at


def test_s3_no_code_in_logs_nor_in_what_is_kept(marketplace, received, caplog, capsys):
    says(marketplace, b'{"status":"Telegram code 12345","error":"12345"}', 500)
    with caplog.at_level(logging.DEBUG):
        push_due(now=timezone.now())
    shown = caplog.text + "".join(capsys.readouterr())
    assert "Telegram code" not in shown
    assert "their-key" not in shown
    assert pushed().last_word == "not understood"


def test_a_late_sms_of_an_ended_operation_is_not_passed_on(marketplace, shop, arrive):
    number = marketplace.order()["activationId"]
    marketplace.finish(number, 4)
    arrive(number, "code 12345")
    assert not Push.objects.exists()
    assert Sale.objects.get().state == "canceled"

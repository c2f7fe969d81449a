"""A fake SMS through the test base reaches the tester's own number only."""

import pytest
from django.utils import timezone

from activations.services.checking import check_due
from tests.api.conftest import names

pytestmark = pytest.mark.django_db(transaction=True)
SMS = "/test/api/v1/sandbox/sms"


@pytest.mark.parametrize("by", ["activation", "ACTIVATION", "phone"])
def test_a_test_message_arrives(tester, shop, by):
    _, ordered = tester.order()
    hex_id = ordered["activation_id"]
    named = {
        "activation": {"activation": hex_id},
        "ACTIVATION": {"activation": hex_id.upper()},
        "phone": {"phone": ordered["phone"]},
    }[by]

    assert tester.post(SMS, {**named, "text": "Code: 55123", "sender": "Tester"}) == (
        200,
        {"result": "success"},
    )

    check_due(timezone.now() + timezone.timedelta(seconds=30))
    seen = tester.get(f"{tester.a}/activation/{ordered['activation_id']}")[1]
    assert (seen["sms_code"], seen["sms_text"]) == ("55123", "Code: 55123")
    assert tester.get(f"{tester.a}/balance") == (200, {"total": 9920, "reserved": 0})


def test_t1_nobody_elses_number_gets_it(tester, partner, shop):
    _, ordered = partner.order()

    foreign = tester.post(SMS, {"activation": ordered["activation_id"], "text": "x"})

    assert foreign == tester.post(SMS, {"activation": "f" * 24, "text": "x"})
    assert names(foreign) == (404, "NotFoundException")
    assert names(partner.post(SMS, {"activation": ordered["activation_id"], "text": "x"}))[0] == 401


@pytest.mark.parametrize(
    "body",
    [
        {"text": "x"},
        {"activation": "a" * 24, "phone": "1", "text": "x"},
        {"activation": "a" * 24},
        {"activation": "a" * 24, "text": "x", "code": "1"},
        {"activation": "a" * 24, "text": "x" * 10_001},
        {"activation": "a" * 24, "text": 7},
    ],
)
def test_b12_an_address_of_our_own_refuses_what_it_does_not_know(tester, body):
    assert names(tester.post(SMS, body)) == (400, "ValidationException")

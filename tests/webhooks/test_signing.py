"""Signatures: the test vector, and the public library as a receiver."""

import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from webhooks.signing import headers_for, matches, new_secret, own_signature

VECTOR = (
    b'{"id":"evt_000000000001","api_version":"1.0","type":"customer.low_balance",'
    b'"data":{"customer_id":"xDWxt7dd6efro3yWL4qfuEWjvAz1","balance":90}}'
)


def test_the_vector_of_the_protocol_comes_out():
    signature = own_signature("whsec_5f1d0c0ffee0ddba11", "wh_000000000001", 1632400000, VECTOR)

    assert signature == "cc88d132b71a7fb640b83b72ffb26930b8062695a4c066d16be0067a09795365"


def signed(*secrets, at=None):
    return headers_for(
        body=VECTOR, endpoint_id="wh_1", event_id="evt_1", timestamp=at or int(time.time()), secrets_=secrets
    )


def test_the_public_library_verifies_ours_and_refuses_what_was_changed():
    secret = new_secret()
    headers = signed(secret)

    assert Webhook(secret).verify(VECTOR, headers)["id"] == "evt_000000000001"
    for wrong in (VECTOR + b" ", VECTOR.replace(b"90", b"91")):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(wrong, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(VECTOR, headers)


def test_w11_two_secrets_sign_in_both_sets_of_headers():
    new, old = new_secret(), new_secret()
    headers = signed(new, old)

    assert Webhook(new).verify(VECTOR, headers) == Webhook(old).verify(VECTOR, headers)
    newer, older = headers["x-signature"].split(",")
    stamp = int(headers["x-timestamp"])
    assert newer == own_signature(new, "wh_1", stamp, VECTOR)
    assert older == own_signature(old, "wh_1", stamp, VECTOR)


def test_a_signature_is_recognised_in_either_form_and_nothing_else_is():
    secret = new_secret()
    headers = signed(secret, new_secret(), at=1632400000)
    asked = {"secret": secret, "timestamp": 1632400000, "body": VECTOR}

    assert matches(**asked, id_="wh_1", signature=headers["x-signature"])
    assert matches(**asked, id_="evt_1", signature=headers["webhook-signature"])
    assert not matches(**asked, id_="wh_2", signature=headers["x-signature"])
    assert not matches(**asked, id_="wh_1", signature="")
    assert not matches(**asked, id_="wh_1", signature="ü,v1,=")

"""The Idempotency-Key over HTTP: asked twice, bought once."""

import threading
from collections import Counter

import pytest
from django.db import connection
from django.test import Client

from activations.models import Activation
from tests.api.conftest import COUNTRY, SERVICE, names

pytestmark = pytest.mark.django_db(transaction=True)
CENT = 10_000


def test_m2_the_same_key_twice_at_once_buys_one_number(partner, shop):
    shop.upstream.settings(delay_ms=200)
    path = f"/api/v1/{partner.a}/activation"
    body = f'{{"service_id": "{SERVICE}", "country_id": "{COUNTRY}", "customer_price": 80}}'
    barrier, answers = threading.Barrier(8), []

    def order():
        barrier.wait()
        headers = {"X-Api-Key": partner.key, "Idempotency-Key": "double-click"}
        answer = Client().post(path, body, "application/json", headers=headers)
        answers.append((answer.status_code, answer.headers.get("Retry-After"), answer.json()))
        connection.close()

    threads = [threading.Thread(target=order) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert Activation.objects.count() == shop.upstream.calls["order"] == 1
    assert partner.money() == (100_000_000, 80 * CENT)
    only = Activation.objects.get().hex_id
    for status, retry_after, answer in answers:
        assert (status, retry_after) in {(200, None), (409, "2")}
        assert answer.get("activation_id", only) == only
    assert Counter(status for status, *_ in answers)[200] >= 1


def test_m2_the_second_answer_names_the_same_number(partner, shop):
    first = partner.order(key="k")

    assert partner.order(key="k") == first
    assert first[0] == 200
    assert shop.upstream.calls["order"] == 1


def test_m2_the_same_wish_spelled_otherwise_is_the_same_request(partner, shop):
    first = partner.order(key="k")
    spaced = (
        f'{{ "customer_price" : 80,\n "country_id":"{COUNTRY}", "service_id": "\\u0074{SERVICE[1:]}" }}'
    ).encode()

    assert partner.post(f"{partner.a}/activation", spaced, **{"Idempotency-Key": "k"}) == first


def test_m3_the_same_key_with_another_body_is_422_and_changes_nothing(partner, shop):
    first = partner.order(key="k")

    assert names(partner.order(key="k", customer_price=81)) == (422, "IdempotencyMismatchException")
    assert partner.order(key="k") == first
    assert partner.money() == (100_000_000, 80 * CENT)


def test_m3_a_refusal_is_answered_again_even_when_it_would_succeed_now(partner, shop):
    shop.offer.count = 0
    shop.offer.save(update_fields=["count"])
    first = partner.order(key="k")
    shop.offer.count = 10
    shop.offer.save(update_fields=["count"])

    assert names(first) == (404, "NoNumbersAvailableException")
    assert partner.order(key="k") == first
    assert partner.order(key="other")[0] == 200


def test_a_bad_body_uses_no_key_up(partner, shop):
    assert partner.order(key="k", max_price="x")[0] == 400
    assert partner.order(key="k")[0] == 200


def test_keys_are_apart_by_customer(partner, stranger, shop):
    mine, theirs = partner.order(key="k"), stranger.order(key="k")

    assert mine[0] == theirs[0] == 200
    assert mine[1]["activation_id"] != theirs[1]["activation_id"]

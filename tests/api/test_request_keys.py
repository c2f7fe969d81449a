"""The Idempotency-Key over HTTP: asked twice, bought once."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from accounts.models import Customer
from activations.models import Activation
from activations.services.request_keys import do_once, forget_old_keys
from billing.models import Wallet
from billing.services import move_money
from tests.api.conftest import COUNTRY, SERVICE, names
from tests.factories import CustomerFactory

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


def at_once(partner, path, body, count=8):
    """The answers to the same request with one key, sent by several programs together."""
    barrier, answers = threading.Barrier(count), []

    def ask():
        barrier.wait(60)
        headers = {"X-Api-Key": partner.key, "Idempotency-Key": "double-click"}
        answer = Client().post(f"/api/v1/{path}", body, "application/json", headers=headers)
        answers.append((answer.status_code, answer.json()))
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers


def keyed(key="k"):
    return {"Idempotency-Key": key}


SUCCESS = (200, {"result": "success"})


def test_m2_a_booking_sent_eight_times_at_once_is_booked_once_and_all_hear_so(partner):
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"

    answers = at_once(partner, path, '{"transaction_id": "pay1", "amount": 500}')

    assert answers == [SUCCESS] * 8
    assert partner.money()[0] == 105_000_000


def test_m2_a_customer_created_eight_times_at_once_is_made_once_and_all_hear_so(partner):
    answers = at_once(partner, "retail/m/customer", '{"customer_id": "fresh", "balance": 90}')

    assert answers == [SUCCESS] * 8
    assert Wallet.objects.get(customer__external_id="fresh").balance_micros == 90 * CENT


def test_m2_without_a_key_a_repeat_is_a_conflict(partner):
    booking = {"transaction_id": "pay1", "amount": 500}
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"
    assert partner.post(path, booking) == SUCCESS

    assert names(partner.post(path, booking)) == (409, "ConflictException")


@pytest.mark.parametrize("other", [{"transaction_id": "pay2"}, {"amount": 501}, {"gateway": "cash"}])
def test_m3_a_booking_under_a_key_that_booked_something_else_is_422(partner, other):
    booking = {"transaction_id": "pay1", "amount": 500}
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"
    partner.post(path, booking, **keyed())

    refused = partner.post(path, booking | other, **keyed())

    assert names(refused) == (422, "IdempotencyMismatchException")
    assert partner.money()[0] == 105_000_000
    assert partner.post(path, booking, **keyed()) == SUCCESS


def test_m3_a_key_of_the_tenant_stands_for_one_call_and_one_customer(partner, stranger):
    other = CustomerFactory(tenant=partner.customer.tenant)
    booking = {"transaction_id": "pay1", "amount": 500}
    paths = [
        f"retail/m/customer/{one}/transaction" for one in (partner.customer.external_id, other.external_id)
    ]
    assert partner.post(paths[0], booking, **keyed()) == SUCCESS

    assert partner.post(paths[1], booking, **keyed())[0] == 422
    assert partner.post("retail/m/customer", {"customer_id": "fresh"}, **keyed())[0] == 422
    assert not Customer.objects.filter(external_id="fresh").exists()
    assert stranger.post(paths[0], booking, **keyed()) == SUCCESS


def test_m3_a_conflict_is_heard_again_and_its_key_stands_for_it(partner):
    taken = {"customer_id": partner.customer.external_id}
    first = partner.post("retail/m/customer", taken, **keyed())

    assert names(first) == (409, "ConflictException")
    assert partner.post("retail/m/customer", taken, **keyed()) == first
    assert partner.post("retail/m/customer", {"customer_id": "fresh"}, **keyed())[0] == 422


def test_m3_a_request_that_is_not_looked_at_leaves_its_key_free(partner):
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"
    assert partner.post(path, {"transaction_id": "pay1", "amount": 0}, **keyed())[0] == 400
    assert partner.post("retail/m/customer/nobody/transaction", {}, **keyed())[0] == 404

    assert partner.post(path, {"transaction_id": "pay1", "amount": 500}, **keyed()) == SUCCESS


def test_m3_a_process_that_dies_leaves_neither_booking_nor_key(partner):
    tenant_id, now = partner.customer.tenant_id, timezone.now()
    asked = {"tenant_id": tenant_id, "key": "k", "digest": b"d" * 32, "now": now}

    def book():
        move_money(
            tenant_id=tenant_id,
            customer_id=partner.customer.pk,
            amount_micros=5_000_000,
            transaction_id="pay1",
        )

    def die():
        book()
        raise SystemExit

    with pytest.raises(SystemExit):
        do_once(die, **asked)
    assert partner.money()[0] == 100_000_000

    do_once(book, **asked)
    do_once(book, **asked)
    assert partner.money()[0] == 105_000_000


def test_m3_a_key_of_the_tenant_is_forgotten_like_all_others(partner):
    new, now = {"customer_id": "fresh"}, timezone.now()
    partner.post("retail/m/customer", new, **keyed())

    assert forget_old_keys(now + timedelta(days=6)) == 0
    assert forget_old_keys(now + timedelta(days=8)) == 1
    assert names(partner.post("retail/m/customer", new, **keyed())) == (409, "ConflictException")

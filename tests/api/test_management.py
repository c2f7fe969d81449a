"""Customers, their balances and lists, as a tenant's program manages them."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client

from activations.models import Activation
from billing.models import Entry, Transaction
from tests.api.conftest import fund, names
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
DOLLAR = 1_000_000


def test_m1_of_the_contract_makes_a_customer_with_his_opening_balance(partner):
    new = {"customer_id": "yHZpQ8lf89aLt8uR6hNyJH7gk0y5", "balance": 90}

    assert partner.post("retail/m/customer", new) == (200, {"result": "success"})

    status, listed = partner.get("retail/m/customers?customer_id=yHZpQ8lf89aLt8uR6hNyJH7gk0y5")
    created = listed["customers"][0]["created_at"]
    assert (status, listed) == (
        200,
        {
            "customers": [
                {
                    "customer_id": "yHZpQ8lf89aLt8uR6hNyJH7gk0y5",
                    "balance": 90,
                    "status": "active",
                    "created_at": created,
                    "updated_at": created,
                }
            ],
            "page": 1,
            "limit": 100,
            "pages": 1,
            "total": 1,
        },
    )
    booked = partner.get("retail/m/customers/transactions?customer_id=yHZpQ8lf89aLt8uR6hNyJH7gk0y5")[1]
    assert [(one["gateway"], one["amount"]) for one in booked["transactions"]] == [("initial", 90)]
    assert booked["transactions"][0]["transaction_id"].startswith("initial_")


def test_a_taken_customer_id_is_a_conflict_in_its_tenant_only(partner, stranger):
    new = {"customer_id": "taken"}
    assert partner.post("retail/m/customer", new)[0] == 200

    assert names(partner.post("retail/m/customer", new)) == (409, "ConflictException")
    assert stranger.post("retail/m/customer", new)[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        {"customer_id": ""},
        {"customer_id": "a" * 81},
        {"customer_id": "a_b"},
        {"customer_id": "ä"},
        {"customer_id": "<script>alert(1)</script>"},
        {"customer_id": 7},
        {},
    ],
)
def test_b5_a_customer_id_is_letters_and_digits(partner, body):
    status, answer = partner.post("retail/m/customer", body)

    assert (status, answer["errorName"], set(answer["details"])) == (
        400, "ValidationException", {"customer_id"},
    )  # fmt: skip
    assert partner.last["Content-Type"] == "application/json"
    assert partner.last["X-Content-Type-Options"] == "nosniff"


def test_a_status_counts_from_the_next_request_on(partner):
    path = f"retail/m/customer/{partner.customer.external_id}"

    assert partner.put(path, {"status": "disabled"}) == (200, {"result": "success"})
    assert names(partner.get(f"{partner.a}/balance")) == (403, "AccountOnHoldException")
    assert partner.get(partner.a) == (200, {"accountOnHold": True})
    assert partner.put(path, {"status": "paused"})[0] == 200
    assert partner.get(f"{partner.a}/balance")[0] == 200
    assert partner.get(partner.a) == (200, {"accountOnHold": True})
    assert partner.put(path, {"status": "active"})[0] == 200
    assert partner.get(partner.a) == (200, {"accountOnHold": False})
    status, body = partner.put(path, {"status": "deleted"})
    assert (status, body["details"]) == (
        400, {"status": "must be one of: active, paused, disabled, markedForDeletion."},
    )  # fmt: skip


def test_a_transaction_is_booked_and_listed_as_documented(partner):
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"
    booking = {"transaction_id": "63f4d0dab040a865d80da08a", "amount": 190, "gateway": "stripe"}

    assert partner.post(path, booking) == (200, {"result": "success"})

    wanted = {
        "transactions": [
            {
                "customer_id": "xDWxt7dd6efro3yWL4qfuEWjvAz1",
                "transaction_id": "63f4d0dab040a865d80da08a",
                "gateway": "stripe",
                "amount": 190,
            }
        ],
        "page": 1,
        "limit": 1,
        "pages": 2,
        "total": 2,
    }
    for list_path in ("retail/m/customers/transactions", f"{partner.a}/transactions"):
        status, body = partner.get(f"{list_path}?limit=1")
        assert body["transactions"][0].pop("created_at")
        assert (status, body) == (200, wanted)
    one = partner.get("retail/m/customers/transactions?transaction_id=63f4d0dab040a865d80da08a")[1]
    assert one["total"] == 1


def test_m13_a_deduction_may_go_below_zero_and_is_visible(partner):
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"
    fund(tenant=partner.tenant, customer=partner.customer, micros=-100 * DOLLAR)

    assert partner.post(path, {"transaction_id": "down", "amount": -50})[0] == 200

    assert partner.get(f"{partner.a}/balance") == (200, {"total": -50, "reserved": 0})
    assert partner.get("retail/m/customers")[1]["customers"][0]["balance"] == -50
    assert partner.get(f"{partner.a}/transactions?limit=1")[1]["transactions"][0]["amount"] == -50


@pytest.mark.parametrize(
    "raw",
    [
        b'{"transaction_id": "x", "amount": 0}',
        b'{"transaction_id": "x", "amount": 100001}',
        b'{"transaction_id": "x", "amount": -100001}',
        b'{"transaction_id": "x", "amount": 1.5}',
        b'{"transaction_id": "x", "amount": 1.0}',
        b'{"transaction_id": "x", "amount": 1e2}',
        b'{"transaction_id": "x", "amount": "1"}',
        b'{"transaction_id": "x", "amount": true}',
        b'{"transaction_id": "x", "amount": null}',
        b'{"transaction_id": "x", "amount": [1]}',
        b'{"transaction_id": "x"}',
    ],
)
def test_m5_an_amount_must_be_a_whole_number_in_range(partner, raw):
    before = Entry.objects.count()
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"

    status, body = partner.post(path, raw)

    assert (status, body["errorName"], set(body["details"])) == (400, "ValidationException", {"amount"})
    assert body["errorMessage"].startswith(("amount must ", "amount is "))
    assert Entry.objects.count() == before


@pytest.mark.parametrize("word", [b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000])
def test_m5_what_is_no_json_number_is_refused_with_the_body(partner, word):
    path = f"retail/m/customer/{partner.customer.external_id}/transaction"

    status, body = partner.post(path, b'{"transaction_id": "x", "amount": ' + word + b"}")

    assert (status, set(body["details"])) == (400, {"body"})


@pytest.mark.django_db(transaction=True)
def test_m4_a_transaction_id_is_used_once_in_its_tenant(partner, stranger):
    booking = {"transaction_id": "once", "amount": 100}
    other = CustomerFactory(tenant=partner.tenant)
    paths = [f"retail/m/customer/{one.external_id}/transaction" for one in (partner.customer, other)]

    assert partner.post(paths[0], booking)[0] == 200
    assert names(partner.post(paths[0], booking)) == (409, "ConflictException")
    assert names(partner.post(paths[1], booking)) == (409, "ConflictException")
    assert stranger.post(paths[0], booking)[0] == 200
    assert Transaction.objects.filter(tenant=partner.tenant, external_id="once").count() == 1


@pytest.mark.django_db(transaction=True)
def test_m4_twenty_at_once_book_one_entry(partner):
    path = f"/api/v1/retail/m/customer/{partner.customer.external_id}/transaction"
    barrier, statuses = threading.Barrier(20), []

    def book():
        barrier.wait()
        answer = Client().post(
            path,
            b'{"transaction_id": "race", "amount": 100}',
            "application/json",
            headers={"X-Api-Key": partner.key},
        )
        statuses.append(answer.status_code)
        connection.close()

    threads = [threading.Thread(target=book) for _ in range(20)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sorted(statuses) == [200] + [409] * 19
    assert partner.money()[0] == 101 * DOLLAR


def activation(customer, **fields):
    number = Activation.objects.count()
    return Activation.objects.create(
        **{
            "hex_id": f"{number:024x}",
            "ord_id": f"ord_{number:012}",
            "tenant": customer.tenant,
            "customer": customer,
            "channel": "retail",
            "service_id": "netflix",
            "country_id": "us",
            "price_micros": 200_000,
            "customer_price_micros": 800_000,
            "max_price_micros": 200_000,
            "expire_at": datetime(2030, 1, 1, tzinfo=UTC),
            **fields,
        }
    )


CANCELED = {"activation_status": "canceled", "billing_status": "released"}
EXPIRED = {"activation_status": "expired", "billing_status": "released"}
RECEIVED = {"sms_status": "smsReceived", "billing_status": "billed", "sms_code": "1", "sms_text": "code 1"}


@pytest.fixture
def orders(partner, catalogue):
    """Five orders of one customer, the oldest first, and one of another."""
    days = [datetime(2026, 1, day, 12, 0, 0, 500_000, tzinfo=UTC) for day in range(1, 6)]
    states = [CANCELED, EXPIRED, RECEIVED, {**RECEIVED, "report_status": "inReview"}, {}]
    mine = [
        activation(partner.customer, created_at=at, **state) for at, state in zip(days, states, strict=True)
    ]
    other = CustomerFactory(tenant=partner.tenant, external_id="other")
    return [*mine, activation(other, created_at=datetime(2026, 1, 6, tzinfo=UTC))]


def listed(partner, orders, path):
    status, body = partner.get(path)
    assert status == 200, body
    places = {order.hex_id: place for place, order in enumerate(orders)}
    return [places[one["activation_id"]] for one in body["activations"]], body["total"]


def test_the_history_of_all_has_filters_and_pages(partner, orders):
    def ask(query):
        return listed(partner, orders, f"retail/m/customers/activation/history?{query}")

    second = int(datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp())
    assert ask("") == ([5, 4, 3, 2, 1, 0], 6)
    assert ask("customer_id=other") == ([5], 1)
    assert ask("activation_status=canceled,expired&page=2&limit=1") == ([0], 2)
    assert ask("sms_status=smsReceived&billing_status=billed") == ([3, 2], 2)
    assert ask(f"created_from_timestamp={second}") == ([5, 4, 3], 3)


def test_histories_count_whole_seconds(partner, orders):
    second = int(datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp())
    path = "retail/m/customers/activation/history"

    assert listed(partner, orders, f"{path}?created_from_timestamp={second - 1}")[0] == [5, 4, 3, 2]
    assert listed(partner, orders, f"{path}?created_to_timestamp={second}")[0] == [1, 0]
    assert listed(partner, orders, f"{path}?created_to_timestamp={second + 1}")[0] == [2, 1, 0]
    assert listed(partner, orders, f"{path}?created_from_timestamp=253402300799")[0] == []


def test_the_history_of_one_customer_has_its_own_filters(partner, orders):
    def ask(query):
        return listed(partner, orders, f"{partner.a}/activation/history?{query}")

    assert ask("") == ([4, 3, 2, 1, 0], 5)
    assert ask("exclude_active=true") == ([1, 0], 2)
    assert ask("only_expired=true") == ([1], 1)
    assert ask("exclude_reported=true") == ([4, 2, 1, 0], 4)
    assert ask("page=2&limit=2") == ([2, 1], 5)
    assert ask("page=1001&limit=100") == ([], 5)


def test_histories_go_on_by_cursor(partner, stranger, orders):
    path = f"{partner.a}/activation/history"
    _, first = partner.get(f"{path}?limit=2")
    _, second = partner.get(f"{path}?limit=2&cursor={first['next_cursor']}")
    _, last = partner.get(f"{path}?limit=2&cursor={second['next_cursor']}")

    assert [len(page["activations"]) for page in (first, second, last)] == [2, 2, 1]
    assert second["activations"] == partner.get(f"{path}?limit=2&page=2")[1]["activations"]
    assert (last["next_cursor"], last["total"]) == (None, 5)
    assert names(partner.get(f"{path}?cursor={'!' * 32}")) == (400, "ValidationException")
    assert names(partner.get(f"{path}?cursor=short")) == (400, "ValidationException")
    theirs = stranger.get(f"{stranger.a}/activation/history?cursor={first['next_cursor']}")
    assert (theirs[0], theirs[1]["activations"]) == (200, [])  # T1: a cursor opens nobody else's list


def test_unsold_orders_are_nobodys_business(partner, catalogue):
    activation(partner.customer, lease_state="unsold", **CANCELED)

    assert partner.get(f"{partner.a}/activation/history")[1]["total"] == 0
    assert partner.get(f"{partner.a}/activation/{0:024x}")[0] == 404


def test_customers_are_filtered_by_status_and_time(partner):
    paused = CustomerFactory(tenant=partner.tenant, status="paused")

    def ask(query):
        return [one["customer_id"] for one in partner.get(f"retail/m/customers?{query}")[1]["customers"]]

    mine = partner.customer.external_id
    assert ask("") == [paused.external_id, mine]
    assert ask("status=paused,disabled") == [paused.external_id]
    assert ask("limit=1&page=2") == [mine]
    assert ask("created_to_timestamp=1000") == []
    assert ask("created_from_timestamp=1000") == [paused.external_id, mine]


@pytest.mark.parametrize(
    "path",
    [
        "retail/m/customers?limit=1001",
        "retail/m/customers?page=1000000000000000000",
        "retail/m/customers?created_from_timestamp=99999999999999",
        "retail/m/customers/activation/history?sms_status=nothing",
        "{a}/activation/history?limit=101",
        "{a}/activation/history?exclude_active=1",
        "{a}/transactions?limit=0",
    ],
)
def test_b3_b12_lists_refuse_what_is_out_of_range(partner, path):
    assert names(partner.get(path.format(a=partner.a))) == (400, "ValidationException")


def test_the_accounts_own_balance_has_the_same_shape(partner):
    assert partner.get("user/balance") == (200, {"total": 1_000_000, "reserved": 0})

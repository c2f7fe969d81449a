"""What the marketplace dialect refuses, and in which words (FAULTS T, S, B; onlinesim.md 2 and 11)."""

import json
import logging
import random
from datetime import UTC, datetime

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Customer, Domain
from activations.models import Activation, Contract, Sale
from api.onlinesim.errors import TABLE, write_error
from portal import errors
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db
STATUSES = {"SUCCESS", "NO_NUMBERS", "ERROR"}
PATHS = ["", "/getServices", "/getNumber", "/finishActivation", "/getServicesRent", "/getNumberRent",
         "/finishActivationRent"]  # fmt: skip
NOTHING = {"status": "NO_NUMBERS"}


def test_one_vocabulary_every_refusal_has_its_word():
    assert set(TABLE) == errors.all_codes()


@pytest.mark.parametrize("kind", errors.PortalError.__subclasses__(), ids=lambda kind: kind.code)
def test_every_refusal_can_be_said(kind):
    made = {
        errors.EarlyCancel: lambda: errors.EarlyCancel(at=timezone.now()),
        errors.ValidationError: lambda: errors.ValidationError({"sum": "is required."}),
    }.get(kind, kind)()
    response = write_error(made)
    body = json.loads(response.content)
    assert body["status"] in STATUSES
    assert response.status_code == (401 if kind.code.startswith("auth_") else response.status_code)
    assert ("error" in body) == (body["status"] == "ERROR")
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", PATHS)
def test_keys(marketplace, path):
    action = {"action": "GET_SERVICES", "country": "usa", "service": "telegram", "sum": 1}
    bearer = {"Authorization": f"Bearer {marketplace.key}"}
    no_key = (401, {"status": "ERROR", "error": "NO_KEY"})
    bad_key = (401, {"status": "ERROR", "error": "BAD_KEY"})
    assert marketplace.ask(path, action) == no_key
    assert marketplace.ask(path, {**action, "key": ""}) == no_key
    assert marketplace.ask(path, {**action, "key": "wrong" * 8}) == bad_key
    assert marketplace.ask(path, {**action, "key": "ключ" * 8}) == bad_key
    assert marketplace.ask(path, action, Authorization=marketplace.key) == no_key, "not a Bearer header"
    assert marketplace.ask(path, {**action, "key": "wrong" * 8}, **bearer) == bad_key, "both must be right"
    both = {**action, "key": marketplace.key}
    assert marketplace.ask(path, both, Authorization="Bearer wrong") == bad_key
    for good in (
        marketplace.ask(path, both),
        marketplace.ask(path, action, **bearer),
        marketplace.ask(path, both, **bearer),
    ):
        assert good[0] == 200
    marketplace.contract.token = "nobodys"
    assert marketplace.ask(path, both) == bad_key


def test_s6_guessing_keys_is_slowed_and_the_marketplace_is_not(marketplace, settings):
    settings.API_BAD_KEYS_PER_MINUTE = 2
    wrong = {"action": "GET_SERVICES", "key": "wrong" * 8}
    refused, slowed = (401, {"status": "ERROR", "error": "BAD_KEY"}), (200, NOTHING)

    answers = [marketplace.ask(path, wrong) for path in ("", "/getNumber", "", "/getServices")]

    assert answers == [refused, refused, slowed, slowed]
    assert marketplace.ask("", {**wrong, "key": marketplace.key})[1]["status"] == "SUCCESS"
    marketplace.contract.token = "a" * 32
    assert marketplace.ask("", wrong) == slowed, "guessed addresses count like guessed keys"


def test_t4_an_address_works_on_no_other_resellers_host(marketplace, make_marketplace):
    other = make_marketplace()
    Domain.objects.create(tenant=other.contract.tenant, host="other.localhost")
    body = {"action": "GET_SERVICES", "key": marketplace.key}
    assert marketplace.ask("", body, host="other.localhost")[0] == 401
    assert marketplace.ask("", body)[0] == 200


def test_t1_the_key_of_one_contract_opens_no_other(marketplace, make_marketplace):
    other = make_marketplace(tenant=marketplace.contract.tenant, name="Other")
    other.key = marketplace.key
    assert other.order() == {"status": "ERROR", "error": "BAD_KEY"}


def test_t1_a_foreign_operation_equals_a_missing_one(marketplace, make_marketplace):
    foreign = ActivationFactory(customer=make_marketplace().contract.customer, customer_price_micros=0)
    theirs = Sale.objects.create(
        tenant=foreign.tenant, contract=foreign.customer.contract, number=foreign.num_id, activation=foreign,
        phone=foreign.phone, service=foreign.service, country=foreign.country, sum=1, currency="RUB",
        rub_per_usd=80, expected_micros=12_500,
    )  # fmt: skip
    missing = {"status": "ERROR", "error": "NO_ACTIVATION"}
    assert marketplace.finish(foreign.num_id, 3) == marketplace.finish(7, 3) == missing
    theirs.refresh_from_db()
    assert (theirs.state, theirs.income_micros) == ("issued", 0)


@pytest.mark.parametrize("off", ["contract", "customer"])
def test_a_contract_that_is_off_sells_nothing(marketplace, off):
    if off == "contract":
        Contract.objects.update(is_active=False)
    else:
        Customer.objects.update(status="paused")
    assert marketplace.order() == NOTHING
    assert marketplace.services() == {"countryList": [], "status": "SUCCESS"}


@pytest.mark.parametrize(
    ("members", "at_fault"),
    [
        ({"sum": "40"}, "sum"),
        ({"sum": True}, "sum"),
        ({"sum": -1}, "sum"),
        ({"sum": None}, "sum"),
        ({"country": 7}, "country"),
        ({"country": ""}, "country"),
        ({"country": "x" * 61}, "country"),
        ({"service": ["telegram"]}, "service"),
        ({"operator": None}, "operator"),
        ({"currency": 978}, "currency"),
        ({"exceptionPhoneSet": "46950"}, "exceptionPhoneSet"),
        ({"exceptionPhoneSet": [1.5]}, "exceptionPhoneSet"),
        ({"exceptionPhoneSet": [True]}, "exceptionPhoneSet"),
        ({"exceptionPhoneSet": [-46950]}, "exceptionPhoneSet"),
        ({"exceptionPhoneSet": ["46a"]}, "exceptionPhoneSet"),
        ({"exceptionPhoneSet": [""]}, "exceptionPhoneSet"),
    ],
)
def test_b5_what_is_wrong_is_named_and_changes_nothing(marketplace, members, at_fault):
    answer = marketplace.order(**members)
    assert answer["status"] == "ERROR"
    assert at_fault in answer["error"]
    assert not Activation.objects.exists()


@pytest.mark.parametrize(
    ("members", "at_fault"),
    [
        ({"activationId": "5"}, "activationId"),
        ({"activationId": 0}, "activationId"),
        ({"activationId": 2**63}, "body"),
        ({"status": 2}, "status"),
        ({"status": "3"}, "status"),
        ({"status": 3, "sum": "1"}, "sum"),
    ],
)
def test_b5_a_finish_is_read_strictly(marketplace, members, at_fault):
    body = {"action": "FINISH_ACTIVATION", "key": marketplace.key, "activationId": 5, "status": 3, **members}
    _, answer = marketplace.ask("/finishActivation", body)
    assert answer["status"] == "ERROR"
    assert at_fault.removeprefix("body") in answer["error"]


@pytest.mark.parametrize("path", ["", "/getNumber", "/finishActivation"])
@pytest.mark.parametrize("action", [None, 3, "", "get_number", "PUSH_SMS"])
def test_unknown_actions(marketplace, path, action):
    bad = {"status": "ERROR", "error": "BAD_ACTION"}
    assert marketplace.ask(path, {"action": action, "key": marketplace.key}) == (200, bad)


def test_an_address_serves_its_own_action_only(marketplace):
    body = {"action": "GET_SERVICES", "key": marketplace.key}
    assert marketplace.ask("/getNumber", body)[1] == {"status": "ERROR", "error": "BAD_ACTION"}
    assert marketplace.ask("", body)[1]["status"] == "SUCCESS"


def test_methods_and_types(marketplace):
    address = f"/onlinesim/{marketplace.contract.token}/getNumber"
    answer = marketplace.client.get(address, headers={"Host": "localhost"})
    assert json.loads(answer.content) == {"status": "ERROR", "error": "BAD_ACTION"}
    body = {"action": "GET_SERVICES", "key": marketplace.key}
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert marketplace.ask("", body, **{"Content-Type": kind})[1]["status"] == "ERROR"
    twice = b'{"action":"GET_SERVICES","key":"%s","key":"x"}' % marketplace.key.encode()
    assert "same field twice" in marketplace.ask("", twice)[1]["error"]


def test_twenty_orders_a_second(marketplace):
    with time_machine.travel(datetime(2026, 11, 21, 12, tzinfo=UTC), tick=False) as clock:
        answers = []
        for _ in range(21):
            with CaptureQueriesContext(
                connection,
            ) as queries:
                answers.append(marketplace.order())
        assert {str(one) for one in answers} == {str(NOTHING)}
        assert len(queries) == 1, "the contract was read and no provider looked for"
        clock.shift(1)
        with CaptureQueriesContext(connection) as queries:
            marketplace.order()
        assert len(queries) > 1


def test_s2_keys_are_in_no_log(marketplace, caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        marketplace.order()
        marketplace.finish(5, 3)
        marketplace.ask("", b"{" + marketplace.key.encode())
    shown = caplog.text + "".join(capsys.readouterr())
    assert marketplace.key not in shown
    stored = Contract.objects.get()
    assert marketplace.key.encode() not in bytes(stored.key_digest)
    assert b"their-key" not in bytes(stored.push_key_encrypted)


# --- a thousand bodies ---

SCRAPS = [
    None, True, False, 0, -1, 1, 3, 5, 40, 1e300, 2**63, 2**63 - 1, 0.1, 643, 840, "", "any", "rent", "usa",
    "643", "\u0000", "\ud800", "x" * 70, "ключ", [], {}, [1, 2], {"a": [1]}, ["46950"], "GET_NUMBER",
    "GET_SERVICES", "FINISH_ACTIVATION",
]  # fmt: skip
MEMBERS = ["action", "key", "country", "operator", "service", "sum", "currency", "exceptionPhoneSet",
           "activationId", "status", "smsId"]  # fmt: skip


def mutated(chance, sound):
    """A sound body with some members changed, then perhaps some bytes."""
    body = dict(sound)
    for _ in range(chance.randint(0, 3)):
        member = chance.choice(MEMBERS)
        if chance.random() < 0.3:
            body.pop(member, None)
        else:
            body[member] = chance.choice(SCRAPS)
    raw = bytearray(json.dumps(body).encode())
    if chance.random() < 0.3:
        for _ in range(chance.randint(1, 4)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
    if chance.random() < 0.05:
        del raw[chance.randrange(len(raw)) :]
    return bytes(raw)


def test_b3_a_thousand_mutated_bodies_hear_only_documented_answers(marketplace, settings):
    settings.API_BAD_KEYS_PER_MINUTE = 10_000_000  # else nothing but the limit is heard in the end
    chance = random.Random(20261121)
    mine = sold_to(marketplace)
    sound = [
        {"action": "GET_NUMBER", "key": marketplace.key, "country": "usa", "operator": "any", "sum": 40,
         "service": "telegram", "exceptionPhoneSet": [46950]},
        {"action": "GET_NUMBER", "key": marketplace.key, "service": "rent", "sum": 320},
        {"action": "FINISH_ACTIVATION", "key": marketplace.key, "activationId": mine, "status": 4, "sum": 1},
        {"action": "GET_SERVICES", "key": marketplace.key},
    ]  # fmt: skip
    heard = set()
    for _ in range(1_000):
        status, answer = marketplace.ask(chance.choice(PATHS), mutated(chance, chance.choice(sound)))
        assert status in (200, 401)
        assert answer["status"] in STATUSES
        assert set(answer) <= {"status", "error", "countryList"}
        heard.add((status, answer["status"]))
    assert heard == {(200, "SUCCESS"), (200, "NO_NUMBERS"), (200, "ERROR"), (401, "ERROR")}


def sold_to(marketplace):
    """A number that was sold, without a provider."""
    order = ActivationFactory(customer=marketplace.contract.customer, customer_price_micros=0)
    Sale.objects.create(
        tenant=order.tenant, contract=marketplace.contract, number=order.num_id, activation=order,
        phone=order.phone, service=order.service, country=order.country, sum=40, currency="RUB",
        rub_per_usd=80, expected_micros=500_000,
    )  # fmt: skip
    return order.num_id

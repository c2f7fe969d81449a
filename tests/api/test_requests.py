"""Requests that are wrong before any rule is asked: methods, sizes, types, characters, paths, cookies."""

import time

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from accounts.models import Customer
from api.retail.entry import answer
from tests.api.conftest import names
from tests.api.test_keys import routes
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db
INVALID = (400, "ValidationException")


def allowed_methods(partner):
    """Each address of one customer or activation, with the methods that it has."""
    allowed = {}
    for method, path, _ in routes(partner.customer.external_id, "f" * 24):
        allowed.setdefault(path, set()).add(method)
    return allowed


def test_b12_another_method_is_405_naming_the_right_ones(partner):
    for path, right in {**allowed_methods(partner), "retail/m/customer": {"POST"}}.items():
        for wrong in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} - right:
            if path.endswith("/history") and wrong == "PUT":
                continue
            assert names(partner.ask(wrong, path)) == (405, "MethodNotAllowedException"), (wrong, path)
            assert partner.last["Allow"] == ", ".join(sorted(right))


@pytest.mark.parametrize(
    "path", ["retail/nothing", "retail/m/customer/", "retail", "x/y", "retail/a/customer"]
)
def test_unknown_addresses_answer_in_the_dialect(partner, path):
    assert names(partner.get(path)) == (404, "NotFoundException")
    assert partner.last["Cache-Control"] == "no-store"


def test_b4_a_body_over_the_limit_is_413_at_once(partner):
    started = time.monotonic()

    answer = partner.post(f"{partner.a}/activation", b'{"x": "' + b"a" * 5_000 + b'"}')
    assert names(answer) == (413, "PayloadTooLargeException")
    assert names(partner.post("retail/m/customer", b" " * 900_000)) == (413, "PayloadTooLargeException")
    assert names(partner.post("retail/m/customer", b"[" * 3_000_000)) == (413, "PayloadTooLargeException")
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 8_000,
        b'{"a":' * 1_600,
        b'{"customer_id": ' + b"9" * 5_000 + b"}",
        b'{"customer_id":1,"customer_id":2}',
    ],
)
def test_b4_deep_and_huge_bodies_are_400_within_a_second(partner, raw):
    started = time.monotonic()

    assert names(partner.post("retail/m/customer", raw)) == INVALID
    assert time.monotonic() - started < 1


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_b12_another_content_type_is_415_naming_json(partner, kind):
    answer = partner.post("retail/m/customer", b"{}", **{"Content-Type": kind})

    assert names(answer) == (415, "UnsupportedMediaTypeException")
    assert "application/json" in answer[1]["errorMessage"]


@pytest.mark.parametrize(
    "raw",
    [
        b'{"customer_id": "a\\u0000b"}',
        b'{"customer_id": "ab", "other": "\\u0000"}',
        b'{"customer_id": "ab", "\\u0000": 1}',
        b'{"customer_id": "a\xff"}',
        b'{"customer_id": "\\ud800"}',
        b'{"customer_id": "ab", "other": ["\\udc00"]}',
        b'\xef\xbb\xbf{"customer_id": "ab"}',
    ],
)
def test_b1_b2_unstorable_characters_in_a_body_are_400(partner, raw):
    before = Customer.objects.count()

    assert names(partner.post("retail/m/customer", raw)) == INVALID
    assert Customer.objects.count() == before


@pytest.mark.parametrize("broken", ["%00", "a%00b", "%FF", "%ED%A0%80", "%C0%80"])
def test_b1_b2_unstorable_characters_in_path_and_query_are_400(partner, broken):
    for path in (
        f"retail/a/customer/{broken}/balance",
        f"{partner.a}/activation/{broken}",
        f"retail/m/customer/{broken}/transaction",
        f"unknown/{broken}",
        f"retail/m/customers?customer_id={broken}",
        f"retail/m/customers?{broken}=1",
    ):
        method = "POST" if path.endswith("transaction") else "GET"
        assert names(partner.ask(method, path)) == INVALID, path


@pytest.mark.parametrize("number", ["9223372036854775808", "1000000000000000000", "0" * 400, "-1"])
def test_b3_numbers_beyond_every_range_are_400_or_404(partner, number):
    assert partner.get(f"{partner.a}/activation/{number}")[0] == 404
    assert partner.get(f"retail/a/customer/{number}/balance")[0] == 404
    assert partner.get(f"retail/m/customers?page={number}")[0] == 400
    assert partner.get(f"retail/m/customers?created_from_timestamp=1{number}0")[0] == 400


@pytest.mark.parametrize("key", ["", "a b", "ü", "x" * 256, "a\tb"])
def test_a_request_key_is_visible_ascii(partner, key):
    status, body = partner.post(f"{partner.a}/activation", {}, **{"Idempotency-Key": key})

    assert (status, body["errorName"], set(body["details"])) == (*INVALID, {"Idempotency-Key"})


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_b10_a_session_cookie_opens_nothing_and_a_key_needs_no_csrf_token(partner, method):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(UserFactory(tenant=partner.tenant))
    path = "/api/v1/retail/m/customers" if method == "GET" else "/api/v1/retail/m/customer"

    def ask(**headers):
        body = b'{"customer_id": "viacookie"}' if method == "POST" else b""
        return browser.generic(method, path, body, "application/json", headers=headers)

    assert ask().status_code == 401
    answer = ask(**{"X-Api-Key": partner.key})
    assert answer.status_code == 200
    assert not answer.cookies


def test_b10_nothing_changes_by_get(partner):
    for path, right in allowed_methods(partner).items():
        if "GET" not in right and not path.endswith("/activation"):
            assert partner.get(path)[0] == 405


def test_answers_are_json_that_nobody_stores_or_sniffs(partner):
    for path in (partner.a, "retail/m/customers", f"{partner.a}/activation/x", "nothing"):
        partner.get(path)
        assert partner.last["Content-Type"] == "application/json"
        assert partner.last["Cache-Control"] == "no-store"
        assert partner.last["X-Content-Type-Options"] == "nosniff"
        assert partner.last["X-Request-Id"]


def test_o5_a_database_that_is_away_is_503_in_the_dialect():
    def fails():
        raise OperationalError("server closed the connection")

    response = answer(RequestFactory().get("/"), fails)

    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert b"ServiceUnavailableException" in response.content

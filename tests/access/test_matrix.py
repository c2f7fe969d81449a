"""The access matrix: every address × everybody, from the table in matrix.py (FAULTS, Tenants)."""

import itertools

import pytest
from django.db import transaction
from django.test import Client

from tests.access.matrix import ROLES, TABLES, rows
from tests.access.walk import example, patterns
from tests.access.world import House, build, operator

pytestmark = pytest.mark.django_db

LETTERS = {200: "k", 201: "k", 202: "k", 204: "k", 400: "B", 422: "B", 401: "U", 403: "F", 404: "N", 405: "M",
           409: "C", 500: "P", 503: "Z", 413: "B", 415: "B", 429: "R"}  # fmt: skip
KEYS = {"key_a": "live", "key_b": "live", "customer_key_a": "customer", "customer_key_b": "customer"}
TEST_KEYS = {"live": "test", "customer": "tester"}


ADDRESSES = (f"127.{n // 65025}.{n // 255 % 255}.{n % 255}" for n in itertools.count(1))


def visitors(a: House, b: House) -> dict:
    """Role → a browser at home, or the house whose key is sent."""
    members = {role: a.client(role) for role in ("viewer", "support", "manager")}
    people = {"nobody": a.client(), "customer_a": a.client("customer"), "customer_b": b.client("customer")}
    owners = {"owner_a": a.client("owner"), "owner_b": b.client("owner"), "operator": operator()}
    return {**people, **members, **owners, **{role: a if role.endswith("_a") else b for role in KEYS}}


def ask(visitor, method: str, address: str, role: str, pattern: str, *, undo: bool = True):
    """The answer; unless `undo` is false, what the request did is undone. Each comes from an address of its
    own, so that nobody is slowed down for the others' wrong keys.
    """
    headers = {"x-request-id": "the-same-for-all"}
    if role in KEYS:
        kind = KEYS[role]
        key = visitor.keys[TEST_KEYS[kind] if pattern.startswith("test/") else kind]
        headers |= {"x-api-key": key, "x-api-token": key, "x-ping-api-key": key}
        visitor = visitor.client()
    session = visitor.cookies.get("sessionid")
    browser = Client(headers=visitor.headers_given, raise_request_exception=False)
    if session:
        browser.cookies["sessionid"] = session.value
    point = transaction.savepoint()
    answer = browser.generic(method, address, headers=headers, REMOTE_ADDR=next(ADDRESSES))
    if undo:
        transaction.savepoint_rollback(point)
    return answer


def letter_of(answer) -> str:
    if 300 <= answer.status_code < 400:
        return "L" if "/login/" in answer["location"] else "m"
    return LETTERS.get(answer.status_code, str(answer.status_code))


def test_every_address_of_the_portal_is_in_the_table():
    found = set(patterns())

    assert found - {address for address, *_ in rows()} == set(), (
        "say in tests/access/matrix.py who may do what"
    )
    assert {address for address, *_ in rows()} - found == set(), "these addresses are gone"


GROUPS = [
    "api",
    "test/api",
    "accounts",
    "pages",
    *sorted({f"admin/{table.split('.')[0]}" for table in TABLES}),
    "admin",
]


def group_of(address: str) -> str:
    known = [group for group in GROUPS if address.startswith(f"{group}/")]
    return max(known, key=len) if known else "pages"


@pytest.mark.parametrize("group", GROUPS)
def test_everybody_gets_what_the_table_says(group):
    a, b = build("acme"), build("globex")
    who = visitors(a, b)
    wrong = []

    for address, method, expected in (row for row in rows() if group_of(row[0]) == group):
        example_address = example(address, a)
        got = "".join(letter_of(ask(who[role], method, example_address, role, address)) for role in ROLES)
        if _moved_is_answered(got, expected) != expected:
            wrong.append((method, address, f"expected {expected}", f"got {got}"))

    assert wrong == []


def _moved_is_answered(got: str, expected: str) -> str:
    """A form that was sent may answer with its page or with a redirect after success."""
    return "".join(e if (g, e) == ("m", "k") else g for g, e in zip(got, expected, strict=True))


def test_methods_without_a_line_are_refused():
    a = build("acme")
    browser, listed = operator(), {(address, method) for address, method, _ in rows()}
    wrong = []

    for address in dict.fromkeys(patterns()):
        for method in ("GET", "POST"):
            if (address, method) not in listed and group_of(address).split("/")[0] != "admin":
                answer = letter_of(ask(browser, method, example(address, a), "operator", address))
                wrong += [] if answer == "M" else [(method, address, answer)]

    assert wrong == []

"""docs/protocols/retail.md, sections 4 to 6 and 13, line by line: path, aliases, method, rate, filters.

Written by hand from the contract and not from the code, so that neither can drift alone.
"""

import time
from datetime import UTC, datetime

import pytest
import time_machine

from api.limits import limiter
from tests.api.conftest import names
from tests.api.test_management import activation
from tests.factories import CustomerFactory, OfferFactory, ProviderFactory

pytestmark = pytest.mark.django_db

A, M = "retail/a/customer/{customer}", "retail/m"
ONE = A + "/activation/{activation}"
WISH = {"service_id": "netflix", "country_id": "us", "customer_price": 80}
PAIR = "prices/services/netflix/countries/us"

# Name, method, canonical path, requests per minute, whose (c: the customer's, k: the key's), answer, body.
CALLS = [
    ("M1", "POST", f"{M}/customer", 60, "k", 200, {"customer_id": "new"}),
    ("M2", "PUT", M + "/customer/{customer}", 60, "k", 200, {"status": "active"}),
    ("M3", "GET", f"{M}/customers", 60, "k", 200, None),
    ("M4", "GET", f"{M}/customers/activation/history", 6, "k", 200, None),
    ("M5", "GET", f"{M}/customers/transactions", 6, "k", 200, None),
    ("M6", "POST", M + "/customer/{customer}/transaction", 300, "k", 200,
     {"transaction_id": "t1", "amount": 5}),
    ("A1", "POST", f"{A}/activation", 300, "c", 404, WISH),
    ("A2", "GET", f"{A}/activations", 300, "c", 200, None),
    ("A3", "GET", ONE, 300, "c", 200, None),
    ("A4", "PUT", f"{ONE}/retry", 50, "c", 409, None),
    ("A5", "PUT", f"{ONE}/cancel", 50, "c", 409, None),
    ("A6", "PUT", f"{ONE}/finalize", 50, "c", 409, None),
    ("A7", "GET", f"{A}/activation/history", 60, "c", 200, None),  # not 6: README.md, F5
    ("A8", "GET", A, 300, "c", 200, None),
    ("A9", "GET", f"{A}/balance", 300, "c", 200, None),
    ("A10", "GET", f"{A}/transactions", 60, "c", 200, None),
    ("R1", "GET", f"{ONE}/report/reasons", 50, "c", 409, None),
    ("R2", "POST", f"{ONE}/report", 50, "c", 409, {"reason_id": 1}),
    ("R3", "GET", f"{ONE}/report", 50, "c", 404, None),
    ("R4", "GET", f"{A}/activation/reports", 50, "c", 200, None),
    ("P1", "GET", f"activation/{PAIR}", 60, "k", 200, None),
    ("P2", "GET", f"{M}/prices/countries", 6, "k", 200, None),
    ("P3", "GET", "activation/prices/services", 6, "k", 200, None),
    ("C1", "GET", "countries", 15, "k", 200, None),
    ("C2", "GET", "retail/services", 15, "k", 200, None),
    ("C3", "GET", "retail/a/activation/services/popular", 15, "k", 200, None),
    ("balance", "GET", "user/balance", 300, "k", 200, None),
]  # fmt: skip
ALIASES = {
    "A1": ["retail/a/{customer}/activation"],
    "C1": ["activation/countries", "retail/countries", "retail/m/countries", "retail/a/activation/countries"],
    "C2": ["activation/services", "services", "retail/m/services", "retail/a/activation/services"],
    "C3": ["activation/services/popular", "retail/services/popular"],
    "P1": [f"retail/m/{PAIR}"],
    "P2": ["activation/prices/countries", "retial/m/prices/countries"],
    "P3": ["retail/m/prices/services"],
}


@pytest.fixture
def past(partner, catalogue):
    """An activation that ended long ago, so that nothing can be done with it any more."""
    OfferFactory(provider=ProviderFactory(is_enabled=False))
    ended = datetime(2026, 1, 1, tzinfo=UTC)
    return activation(
        partner.customer, created_at=ended, expire_at=ended, activation_status="expired",
        billing_status="released",
    )  # fmt: skip


def filled(path, partner, past):
    return path.format(customer=partner.customer.external_id, activation=past.hex_id)


@pytest.mark.parametrize(
    ("name", "method", "path", "rate", "whose", "status", "body"), CALLS, ids=[call[0] for call in CALLS]
)
def test_each_call_of_the_contract(partner, past, redis, name, method, path, rate, whose, status, body):
    addresses = [filled(one, partner, past) for one in [path, *ALIASES.get(name, [])]]

    with time_machine.travel(datetime(2026, 11, 1, 12, tzinfo=UTC), tick=False):
        first, *others = [partner.ask(method, address, body) for address in addresses]
        assert first[0] == status
        assert [other == first for other in others] == [True] * len(others)
        spend_all(redis, whose)
        refused = [names(partner.ask(method, address, body)) for address in addresses]

        assert set(refused) == {(429, "TooManyRequestsException")}
        assert partner.last["x-ratelimit-limit"] == str(rate)
        assert int(partner.last["x-ratelimit-reset"]) == int(time.time()) + 60


def spend_all(redis, whose):
    """The one budget that was drawn on is used up, as if by other workers."""
    (budget,) = redis.keys("rate:*")
    assert budget.decode().rpartition(":")[2][0] == whose
    redis.set(budget, 10**9)
    limiter._leases.clear()


SECOND = int(datetime(2026, 1, 3, 12, tzinfo=UTC).timestamp())
RECEIVED = {"sms_status": "smsReceived", "billing_status": "billed", "sms_code": "1"}
# Customer, state; a day apart from each other, the oldest first.
ORDERS = [
    ("mine", {"activation_status": "canceled", "billing_status": "released"}),
    ("mine", {"activation_status": "expired", "billing_status": "released"}),
    ("mine", RECEIVED | {"activation_status": "finalized"}),
    ("mine", RECEIVED | {"report_status": "inReview", "sms_status": "retryRequested"}),
    ("mine", {}),
    ("other", RECEIVED | {"sms_status": "retryReceived"}),
    ("other", RECEIVED | {"billing_status": "refunded", "activation_status": "expired",
                          "report_status": "approved"}),
]  # fmt: skip
ALL, ONES = f"{M}/customers/activation/history", f"{A}/activation/history"
HISTORIES = [
    (ALL, "", [6, 5, 4, 3, 2, 1, 0]),
    (ALL, "customer_id=other", [6, 5]),
    (ALL, "customer_id=nobody", []),
    (ALL, "sms_status=smsRequested", [4, 1, 0]),
    (ALL, "sms_status=smsReceived", [6, 2]),
    (ALL, "sms_status=retryRequested", [3]),
    (ALL, "sms_status=retryReceived", [5]),
    (ALL, "sms_status=retryRequested,retryReceived", [5, 3]),
    (ALL, "sms_status=", [6, 5, 4, 3, 2, 1, 0]),
    (ALL, "activation_status=active", [5, 4, 3]),
    (ALL, "activation_status=finalized", [2]),
    (ALL, "activation_status=expired", [6, 1]),
    (ALL, "activation_status=canceled,finalized", [2, 0]),
    (ALL, "billing_status=reserved", [4]),
    (ALL, "billing_status=released", [1, 0]),
    (ALL, "billing_status=billed", [5, 3, 2]),
    (ALL, "billing_status=refunded", [6]),
    (ALL, "sms_status=smsReceived&billing_status=billed&customer_id=mine", [2]),
    (ALL, f"created_from_timestamp={SECOND}", [6, 5, 4, 3]),
    (ALL, f"created_to_timestamp={SECOND}", [1, 0]),
    (ALL, f"created_from_timestamp={SECOND - 1}&created_to_timestamp={SECOND + 1}", [2]),
    (ALL, "page=2&limit=3", [3, 2, 1]),
    (ONES, "", [4, 3, 2, 1, 0]),
    (ONES, "exclude_reported=true", [4, 2, 1, 0]),
    (ONES, "exclude_reported=false", [4, 3, 2, 1, 0]),
    (ONES, "exclude_active=true", [2, 1, 0]),
    (ONES, "only_expired=true", [1]),
    (ONES, "exclude_active=true&exclude_reported=true&only_expired=true", [1]),
    (ONES, "page=3&limit=2", [0]),
]


@pytest.mark.parametrize(("path", "query", "expected"), HISTORIES)
def test_every_filter_of_the_histories(partner, catalogue, path, query, expected):
    owners = {name: CustomerFactory(tenant=partner.tenant, external_id=name) for name in ("mine", "other")}
    orders = [
        activation(owners[owner], created_at=datetime(2026, 1, day, 12, tzinfo=UTC), **state)
        for day, (owner, state) in enumerate(ORDERS, start=1)
    ]
    status, body = partner.get(f"{path.format(customer='mine')}?{query}")

    assert status == 200
    shown = [orders.index(next(o for o in orders if o.hex_id == one["activation_id"]))
             for one in body["activations"]]  # fmt: skip
    total = {"page=2&limit=3": 7, "page=3&limit=2": 5}.get(query, len(expected))
    assert (shown, body["total"]) == (expected, total)


LISTS = [
    ("retail/m/customers", 100, 1000),
    (ALL, 100, 1000),
    ("retail/m/customers/transactions", 100, 1000),
    (ONES, 10, 100),
    (f"{A}/transactions", 10, 100),
    (f"{A}/activation/reports", 10, 100),
]


@pytest.mark.parametrize(("path", "usual", "most"), LISTS)
def test_every_list_has_the_limits_of_the_contract(partner, path, usual, most):
    address = path.format(customer=partner.customer.external_id)

    assert partner.get(address)[1]["limit"] == usual
    assert partner.get(f"{address}?limit={most}")[1]["limit"] == most
    assert names(partner.get(f"{address}?limit={most + 1}")) == (400, "ValidationException")

"""Every refusal of the portal has its retail form, headers and members included."""

from datetime import UTC, datetime

import orjson
import pytest
import time_machine

from api.retail.errors import TABLE, write_error
from portal import errors
from portal.errors import PortalError

AT = datetime(2030, 1, 1, tzinfo=UTC)
SECOND = int(AT.timestamp())


def test_the_table_covers_exactly_the_codes_of_the_portal():
    assert set(TABLE) == errors.all_codes()


def test_statuses_and_names_are_those_of_the_contract():
    assert {status for status, _ in TABLE.values()} == {
        400, 401, 402, 403, 404, 405, 409, 413, 415, 422, 429, 500, 503,
    }  # fmt: skip
    assert all(name.endswith("Exception") or name.startswith("Report") for _, name in TABLE.values())


@pytest.mark.parametrize(
    ("error", "status", "members", "headers"),
    [
        (
            errors.ValidationError({"amount": "is required."}),
            400,
            {"details": {"amount": "is required."}},
            {},
        ),
        (
            errors.MaxPriceExceeded(suggested_micros=3_090_001, token="682b17b958bf608ceae5ec3c"),
            409,
            {
                "suggestedPrice": 310,
                "order_id": "682b17b958bf608ceae5ec3c",
                "orderId": "682b17b958bf608ceae5ec3c",
            },
            {},
        ),
        (errors.EarlyCancel(at=AT), 409, {"cancelable_after": SECOND}, {}),
        (errors.TooManyActive(limit=20, active=20), 429, {"limit": 20, "active": 20}, {}),
        (
            errors.LowSuccessRate(until=AT),
            429,
            {"unblock_at": SECOND},
            {"x-ratelimit-reset": str(SECOND), "Retry-After": "30"},
        ),
        (
            errors.RateLimited(reset=SECOND, limit=300),
            429,
            {},
            {
                "x-ratelimit-reset": str(SECOND),
                "x-ratelimit-limit": "300",
                "x-ratelimit-remaining": "0",
                "Retry-After": "30",
            },
        ),
        (errors.OrderInProgress(activation="a" * 24), 409, {"activation_id": "a" * 24}, {"Retry-After": "2"}),
        (errors.UpstreamUnavailable(), 503, {}, {"Retry-After": "2"}),
        (errors.MethodNotAllowed(allowed="GET"), 405, {}, {"Allow": "GET"}),
        (errors.Internal(), 500, {}, {}),
    ],
)
@time_machine.travel(SECOND - 30, tick=False)
def test_a_refusal_carries_its_facts(error, status, members, headers):
    response = write_error(error)

    body = orjson.loads(response.content)
    assert response.status_code == status
    assert body.pop("errorName") in {name for _, name in TABLE.values()}
    assert body.pop("errorMessage") == error.text
    assert body == members
    assert {name: response.headers.get(name) for name in headers} == headers
    assert response.headers["Cache-Control"] == "no-store"


def test_a_paused_customer_has_a_name_of_his_own():
    names = [
        orjson.loads(write_error(errors.CustomerNotActive(status=status)).content)["errorName"]
        for status in ("paused", "disabled", "markedForDeletion")
    ]

    assert names == ["CustomerPausedException", "AccountOnHoldException", "AccountOnHoldException"]


def test_a_code_that_the_table_lacks_is_our_own_fault():
    error = PortalError("secret words")
    error.code = "unheard_of"

    response = write_error(error)

    assert response.status_code == 500
    assert b"secret" not in response.content

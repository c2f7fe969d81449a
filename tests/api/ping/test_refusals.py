"""What the ping protocol refuses: tenants, keys, secrets, bad input, rates (FAULTS T, S, B)."""

import inspect
import json
import logging
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from accounts.keys import issue_key
from accounts.models import Domain
from activations.models import Activation, Rental
from api.models import DialectSettings
from api.ping import orders, wire
from api.ping.entry import ping
from api.ping.errors import FIELDS, NARROWED, TABLE, write_error
from api.ping.urls import urlpatterns
from portal import errors
from tests.api.ping.conftest import BASE, refusal
from tests.factories import ActivationFactory, OfferFactory, RentalFactory

pytestmark = pytest.mark.django_db
CODES = {*TABLE.values(), *((400, code) for code in (*NARROWED.values(), *FIELDS.values()))}

ORDER, RENTAL, SERVICE = "ord_000000000000", "rnt_000000000000", "svc_aaaaaaaaaaaa"
# Every address of the protocol, with a method and a body that are good for it, and the scope that it takes.
ROUTES = [
    ("GET", "services", None, "read"),
    ("GET", f"services/{SERVICE}", None, "read"),
    ("POST", "orders/create", {"serviceId": SERVICE}, "order"),
    ("GET", f"orders/{ORDER}/poll", None, "read"),
    ("POST", f"orders/{ORDER}/cancel", None, "order"),
    ("POST", "rentals/create", {"serviceId": SERVICE, "days": 1}, "order"),
    ("GET", f"rentals/{RENTAL}/messages", None, "read"),
    ("POST", f"rentals/{RENTAL}/extend", {"days": 1}, "order"),
    ("POST", f"rentals/{RENTAL}/cancel", None, "order"),
    ("GET", "balance", None, "read"),
    ("GET", "orders", None, "read"),
    ("GET", "rentals", None, "read"),
    ("GET", f"rentals/{RENTAL}", None, "read"),
]
EACH = pytest.mark.parametrize(("method", "path", "body", "scope"), ROUTES)


def test_every_address_is_among_the_routes():
    ids = {"<str:order_id>": ORDER, "<str:rental_id>": RENTAL, "<str:product_id>": SERVICE}
    found = []
    for one in urlpatterns:
        address = str(one.pattern)
        for name, example in ids.items():
            address = address.replace(name, example)
        found.append(address)

    assert sorted(found) == sorted(path for _, path, _, _ in ROUTES)


# --- one vocabulary ---


def test_one_vocabulary_every_refusal_has_its_code():
    assert set(TABLE) == errors.all_codes()


@pytest.mark.parametrize("kind", errors.PortalError.__subclasses__(), ids=lambda kind: kind.code)
def test_every_refusal_can_be_said(kind):
    facts = {"suggested_micros": 1, "until": timezone.now(), "reset": 1, "limit": 1, "allowed": "GET"}
    made = {
        errors.EarlyCancel: lambda: errors.EarlyCancel(at=timezone.now()),
        errors.ValidationError: lambda: errors.ValidationError({"days": "is required."}),
    }.get(kind, lambda: kind(**facts))()

    response = write_error(made)

    body = json.loads(response.content)
    assert (body["result"], bool(body["message"])) == ("failed", True)
    assert (response.status_code, body.get("code", "")) in CODES
    assert response.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("sms", ["smsRequested", "smsReceived", "retryRequested", "retryReceived"])
@pytest.mark.parametrize("status", Activation.Status.values)
def test_every_state_of_an_order_has_a_word(sms, status):
    class Row:
        activation_status, is_open, has_code = status, status == "active", sms != "smsRequested"

    expected = {"active": "pending", "canceled": "cancelled", "expired": "expired", "finalized": "expired"}
    assert wire.status_of(Row()) == ("completed" if sms != "smsRequested" else expected[status])


@pytest.mark.parametrize("status", Rental.Status.values)
def test_every_state_of_a_rental_has_a_word(status):
    class Row:
        rental_status, is_open = status, status == "active"

    expected = {"active": "active", "canceled": "cancelled", "expired": "expired", "finished": "expired"}
    assert wire.rental_status(Row()) == expected[status]


# --- keys ---


@EACH
def test_without_a_good_key_nobody_is_answered(pinger, method, path, body, scope):
    account = issue_key(tenant=pinger.customer.tenant)[1]

    assert refusal(pinger.ask(method, path, body, key="")) == (401, "MISSING_API_KEY")
    assert refusal(pinger.ask(method, path, body, key="pk_live_wrong")) == (401, "INVALID_API_KEY")
    assert refusal(pinger.ask(method, path, body, key=account)) == (401, "INVALID_API_KEY"), (
        "not a customer's"
    )
    assert refusal(pinger.ask(method, f"{path}?api_key={pinger.key}", body, key="")) == (
        401,
        "MISSING_API_KEY",
    )


@EACH
def test_a_key_needs_the_scope(pinger, method, path, body, scope):
    other = {"read": "order", "order": "read"}[scope]
    _, limited = issue_key(tenant=pinger.customer.tenant, customer=pinger.customer, scopes=[other])

    assert refusal(pinger.ask(method, path, body, key=limited)) == (403, "PERMISSION_DENIED")


@EACH
def test_t6_a_revoked_key_counts_at_once(pinger, method, path, body, scope):
    pinger.row.revoked_at = timezone.now()
    pinger.row.save()

    assert refusal(pinger.ask(method, path, body)) == (401, "INVALID_API_KEY")


@EACH
def test_t6_a_disabled_customer_and_a_suspended_reseller_are_told_so(
    pinger, foreigner, method, path, body, scope
):
    type(pinger.customer).objects.filter(pk=pinger.customer.pk).update(status="disabled")
    tenant = foreigner.customer.tenant
    tenant.status = "suspended"
    tenant.save()

    assert refusal(pinger.ask(method, path, body)) == (403, "ACCOUNT_SUSPENDED")
    assert refusal(foreigner.ask(method, path, body)) == (403, "ACCOUNT_SUSPENDED")


def test_pg8_bearer_is_the_fall_back(pinger):
    bearer = {"Authorization": f"Bearer {pinger.key}"}

    assert pinger.get("services", key="", **bearer)[0] == 200
    assert refusal(pinger.get("services", key="pk_live_wrong", **bearer)) == (401, "INVALID_API_KEY")
    assert refusal(pinger.get("services", key="", Authorization=pinger.key)) == (401, "MISSING_API_KEY")


def test_t4_a_key_works_on_no_other_resellers_host(pinger, foreigner):
    Domain.objects.create(tenant=foreigner.customer.tenant, host="other.localhost")

    assert refusal(pinger.get("services", host="other.localhost")) == (401, "INVALID_API_KEY")
    assert pinger.get("services")[0] == 200


def test_b10_cookies_count_for_nothing(pinger):
    pinger.client.cookies["sessionid"] = "a" * 32

    assert refusal(pinger.get("services", key="")) == (401, "MISSING_API_KEY")
    assert "Set-Cookie" not in pinger.last.headers


def test_s6_wrong_keys_are_slowed_down_and_good_ones_are_not(pinger, settings):
    settings.API_BAD_KEYS_PER_MINUTE = 2
    wrong = "pk_live_" + "x" * 38

    answers = [refusal(pinger.get("services", key=wrong)) for _ in range(3)]

    assert answers[-1] == (429, "RATE_LIMIT_EXCEEDED")
    assert pinger.get("services")[0] == 200


def test_s2_s3_keys_and_codes_are_in_no_log(pinger, caplog, capsys):
    order = ActivationFactory(customer=pinger.customer, billed=True, sms_code="QX-73911", sms_text="QX-73911")
    with caplog.at_level(logging.DEBUG):
        assert pinger.poll({"public_id": order.ord_id})["code"] == "QX-73911"
        pinger.get("services", key="", Authorization=f"Bearer {pinger.key}")
        pinger.post("orders/create", {"serviceId": pinger.key})
    shown = caplog.text + "".join(capsys.readouterr())
    assert pinger.key not in shown
    assert "QX-73911" not in shown


# --- whose it is ---


def test_t1_what_is_anothers_equals_what_is_missing(pinger, neighbour, foreigner):
    for other in (neighbour, foreigner):
        order = ActivationFactory(customer=other.customer)
        rental = RentalFactory(customer=other.customer)
        missing = [pinger.get(f"orders/{ORDER}/poll"), pinger.post(f"orders/{ORDER}/cancel")]
        theirs = [pinger.get(f"orders/{order.ord_id}/poll"), pinger.post(f"orders/{order.ord_id}/cancel")]
        assert theirs == missing
        assert {refusal(one) for one in theirs} == {(404, "ORDER_NOT_FOUND")}
        for method, verb, body in [("GET", "messages", None), ("POST", "extend", {"days": 1}),
                                   ("POST", "cancel", None)]:  # fmt: skip
            answer = pinger.ask(method, f"rentals/{rental.rnt_id}/{verb}", body)
            assert answer == pinger.ask(method, f"rentals/{RENTAL}/{verb}", body)
            assert refusal(answer) == (404, "RENTAL_NOT_FOUND")
        assert other.poll({"public_id": order.ord_id})["status"] == "pending"
        order.refresh_from_db()
        rental.refresh_from_db()
        assert (order.activation_status, rental.rental_status) == ("active", "active")


def test_t1_counter_without_the_filter_the_foreign_order_would_be_read(pinger, foreigner, rf):
    loose = orders.POLLED.joins.replace("a.tenant_id = k.tenant_id", "TRUE").replace(
        "a.customer_id = c.id", "TRUE"
    )
    extra = type(orders.POLLED)(orders.POLLED.columns, loose)
    open_door = ping("GET", rate="poll", extra=extra, touches=False)(inspect.unwrap(orders.poll))
    theirs = ActivationFactory(customer=foreigner.customer)

    request = rf.get("/", headers={"X-Ping-Api-Key": pinger.key, "Host": "localhost"})

    assert open_door(request, order_id=theirs.ord_id).status_code == 200


# --- bad input ---


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("orders/create", {}, "serviceId"),
        ("orders/create", {"serviceId": None}, "serviceId"),
        ("orders/create", {"serviceId": 5}, "serviceId"),
        ("orders/create", {"serviceId": "svc_short"}, "serviceId"),
        ("orders/create", {"serviceId": "svc_ABCDEFGHIJKL"}, "serviceId"),
        ("orders/create", {"serviceId": "ord_abcdefghijkl"}, "serviceId"),
        ("orders/create", {"serviceId": SERVICE, "capability": "SMS"}, "capability"),
        ("orders/create", {"serviceId": SERVICE, "capability": None}, "capability"),
        ("orders/create", {"serviceId": "svc_a\0aaaaaaaaaa"}, "body"),
        ("orders/create", b"[]", "body"),
        ("orders/create", b'{"serviceId":"a","serviceId":"b"}', "body"),
        ("orders/create", b"\xff", "body"),
        ("orders/create", b'{"serviceId":NaN}', "body"),
        ("orders/create", b"[" * 3_000, "body"),
        ("rentals/create", {"days": 3}, "serviceId"),
        ("rentals/create", {"serviceId": "x", "days": 99}, "serviceId"),
    ],
)
def test_m5_b1_b2_b4_bad_bodies_are_refused_naming_the_field(pinger, path, body, field):
    answer = pinger.post(path, body)

    assert refusal(answer) == (400, "VALIDATION_ERROR")
    assert answer[1]["error_info"].startswith(field)


def test_b4_b12_sizes_types_and_methods(pinger):
    big = b'{"serviceId":"' + b"x" * 5_000 + b'"}'

    assert refusal(pinger.post("orders/create", big)) == (413, "PAYLOAD_TOO_LARGE")
    assert refusal(pinger.post("orders/create", b"{}", **{"Content-Type": "text/plain"})) == (
        415, "UNSUPPORTED_MEDIA_TYPE",
    )  # fmt: skip
    assert refusal(pinger.get("orders/create")) == (405, "METHOD_NOT_ALLOWED")
    assert pinger.last.headers["Allow"] == "POST"
    for path in ("", "nothing", f"orders/{ORDER}", "orders/", "rentals/create/now"):
        assert refusal(pinger.get(path)) == (404, "")


def test_f1_t7_members_that_nobody_knows_are_ignored(pinger):
    offer = OfferFactory()
    product = pinger.product()["public_id"]

    answer = pinger.post(
        "orders/create", {"serviceId": product, "price": 0.01, "tenant": 1, "cost": 0, "status": "completed"}
    )

    assert answer[0] != 400, "its provider of the test is out of reach"
    assert offer.cost_micros


@pytest.mark.parametrize(
    "given", ["x", "ord_short", "ord_" + "a" * 300, "ORD_000000000000", "ord_00000000000é", "1"]
)
def test_b3_what_cannot_be_an_id_is_one_that_nobody_has(pinger, given):
    assert refusal(pinger.get(f"orders/{given}/poll")) == (404, "ORDER_NOT_FOUND")
    assert refusal(pinger.post(f"orders/{given}/cancel")) == (404, "ORDER_NOT_FOUND")
    assert refusal(pinger.get(f"rentals/{given}/messages")) == (404, "RENTAL_NOT_FOUND")


@pytest.mark.parametrize("given", ["ord_%00", "ord_%ff", "%00"])
def test_b1_b2_bytes_that_no_id_has(pinger, given):
    assert refusal(pinger.get(f"orders/{given}/poll")) == (400, "VALIDATION_ERROR")


# --- rates ---


@EACH
def test_18_each_address_has_its_figure_and_says_when_to_come_back(
    pinger, settings, method, path, body, scope
):
    settings.PING_RATES = dict.fromkeys(settings.PING_RATES, 2)
    for _ in range(2):
        assert pinger.ask(method, path, body)[0] != 429

    answer = pinger.ask(method, path, body)

    assert refusal(answer) == (429, "RATE_LIMIT_EXCEEDED")
    headers = pinger.last.headers
    wait = int(headers["Retry-After"])
    assert 1 <= wait <= 60
    assert answer[1]["message"] == f"Rate limit exceeded. Please retry after {wait} seconds."
    assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == ("2", "0")
    assert abs(int(headers["X-RateLimit-Reset"]) - timezone.now().timestamp()) <= 61


def test_the_figures_are_those_of_the_contract():
    from django.conf import settings  # noqa: PLC0415

    assert settings.PING_RATES == {
        "services": 60, "service": 60, "order": 30, "poll": 120, "cancel": 30, "rent": 30, "messages": 120,
        "extend": 30, "rental_cancel": 30, "extensions": 60,
    }  # fmt: skip


# --- fuzz ---

NOISE = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=30),
    st.sampled_from([SERVICE, ORDER, "sms", "voice", "svc_", "'; --", "9" * 40, "٣", "\0", [], {}, [[1]]]),
)  # fmt: skip
NAMES = st.sampled_from(["serviceId", "capability", "days", "skip", "limit", "search", "service_type", "x"])
PARTS = st.one_of(
    st.sampled_from(["orders", "rentals", "services", "create", "poll", "cancel", "extend", "messages", ORDER,
                     RENTAL, SERVICE, "..", "%00", "%ff", "", "mine"]),
    st.text(max_size=8).map(lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "ignore"))),
)  # fmt: skip
QUERIES = st.one_of(
    st.just(""),
    st.builds("{}={}".format, NAMES, st.integers()),
    st.builds("{}={}".format, NAMES, st.sampled_from(["%", "%ff", "rental"])),
    st.sampled_from(["limit=1&limit=2", "&&&=", "skip=%00", "a=1&" * 60, "search=" + "é" * 20]),
)  # fmt: skip


@pytest.fixture
def known(pinger, settings):
    """Ids that there are, so that noise also meets what exists."""
    settings.PING_RATES = dict.fromkeys(settings.PING_RATES, 10_000_000)
    DialectSettings.objects.create(tenant=pinger.customer.tenant, ping_extensions=True)
    settings.API_BAD_KEYS_PER_MINUTE = 10_000_000
    order = ActivationFactory(customer=pinger.customer, billed=True)
    rental = RentalFactory(customer=pinger.customer, rental_status="expired", ended_at=timezone.now())
    return {
        f"orders/{order.ord_id}/poll": "GET",
        f"orders/{order.ord_id}/cancel": "POST",
        f"rentals/{rental.rnt_id}/messages": "GET",
        f"rentals/{rental.rnt_id}/extend": "POST",
        f"rentals/{rental.rnt_id}/cancel": "POST",
        f"rentals/{rental.rnt_id}": "GET",
        "balance": "GET",
        "orders": "GET",
        "rentals": "GET",
        "services": "GET",
        "orders/create": "POST",
        "rentals/create": "POST",
    }


@pytest.mark.parametrize("chunk", range(6))
def test_fuzz_only_documented_codes_come_back(pinger, known, chunk):
    """3 000 requests in all: mutated paths, bodies, queries and headers; none is a failure of ours."""
    client = Client(raise_request_exception=False)
    seen = set()

    @seed(chunk)
    @fuzzed(500)
    @given(
        path=st.one_of(st.sampled_from([*known]), st.lists(PARTS, max_size=4).map("/".join)),
        method=st.sampled_from(["", "GET", "POST", "PUT"]),
        body=st.one_of(
            st.dictionaries(NAMES, NOISE, max_size=4).map(lambda fields: json.dumps(fields).encode()),
            st.binary(max_size=20),
        ),
        query=QUERIES,
        repeat=st.one_of(st.none(), st.sampled_from(["k1", "a b", "é", "x" * 300])),
    )
    def ask(path, method, body, query, repeat):
        headers = {"X-Ping-Api-Key": pinger.key, "Host": "localhost"}
        headers |= {"Idempotency-Key": repeat} if repeat else {}
        method = method or known.get(path, "GET")
        answer = client.generic(method, f"{BASE}{path}?{query}", body, "application/json", headers=headers)
        found = json.loads(answer.content)
        seen.add(answer.status_code)
        if answer.status_code in (200, 201):
            assert found["result"] == "success"
        else:
            assert (answer.status_code, found.get("code", "")) in CODES, (answer.status_code, found)
            assert answer.status_code < 500, found

    ask()
    assert {200, 400, 404} <= seen


def fuzzed(examples):
    return settings(max_examples=examples, deadline=None, database=None)


def test_the_refusals_of_a_key_that_ended_come_before_those_of_the_body(pinger):
    pinger.row.expires_at = timezone.now() - timedelta(seconds=1)
    pinger.row.save()

    assert refusal(pinger.post("orders/create", b"[")) == (401, "INVALID_API_KEY")

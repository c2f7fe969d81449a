"""What rentverify refuses: tables, keys, methods, limits, bad input (FAULTS T, S, B)."""

import re

import pytest
from django.utils import timezone
from hypothesis import given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.keys import issue_key
from accounts.models import Tenant
from activations.models import Activation
from api import words
from api.rentverify.errors import TABLE, write_error
from api.rentverify.urls import urlpatterns
from portal import errors
from tests.api.rentverify.conftest import Verifier
from tests.factories import ActivationFactory, CustomerFactory, TenantFactory

pytestmark = pytest.mark.django_db
ACTIONS = [str(one.pattern) for one in urlpatterns]
BAD = (400, "BAD_ACTION")
# docs/protocols/rentverify.md 7, as (word, status)
CONTRACT = {
    ("BAD_KEY", 401), ("NO_ACTIVATION", 403), ("BAD_ACTION", 400), ("BAD_ACTION", 404), ("BAD_ACTION", 405),
    ("NO_NUMBERS", 404), ("NO_NUMBERS", 503), ("NO_BALANCE", 402), ("RATE_LIMIT", 429), ("ERROR", 500),
}  # fmt: skip
# docs/protocols/README.md 3
ROWS = {
    "auth_missing": (401, "BAD_KEY"), "permission_denied": (403, "NO_ACTIVATION"),
    "account_blocked": (403, "NO_ACTIVATION"), "customer_not_active": (403, "NO_ACTIVATION"),
    "low_success_rate": (403, "NO_ACTIVATION"), "insufficient_balance": (402, "NO_BALANCE"),
    "no_numbers": (404, "NO_NUMBERS"), "max_price_exceeded": (404, "NO_NUMBERS"),
    "price_token_invalid": BAD, "unknown_service": BAD, "unknown_country": BAD, "unknown_activation": BAD,
    "early_cancel": BAD, "not_cancellable": BAD, "too_many_active": (503, "NO_NUMBERS"), "validation": BAD,
    "unknown_path": (404, "BAD_ACTION"), "service_prohibited": BAD,
    "upstream_unavailable": (503, "NO_NUMBERS"), "internal": (500, "ERROR"),
}  # fmt: skip


def test_one_vocabulary_every_refusal_has_its_word():
    assert set(TABLE) == errors.all_codes()
    assert set(TABLE.values()) == CONTRACT
    assert {code: TABLE[code][::-1] for code in ROWS} == ROWS


@pytest.mark.parametrize("kind", errors.PortalError.__subclasses__(), ids=lambda kind: kind.code)
def test_every_refusal_can_be_said(kind):
    facts = {"until": timezone.now(), "reset": 1, "limit": 1, "allowed": "GET"}
    made = {
        errors.EarlyCancel: lambda: errors.EarlyCancel(at=timezone.now()),
        errors.ValidationError: lambda: errors.ValidationError({"service": "is required."}),
    }.get(kind, lambda: kind(**facts))()
    response = write_error(made)
    assert (response.content.decode(), response.status_code) == TABLE[kind.code]


@pytest.mark.parametrize("sms", Activation.SmsStatus.values)
@pytest.mark.parametrize("status", Activation.Status.values)
def test_every_state_has_the_word_of_the_common_table(sms, status):
    class Row:
        is_open, has_code = status == "active", sms != "smsRequested"
        sms_code, sms_text = "1234", "code 1234"

    expected = "STATUS_OK:1234" if sms != "smsRequested" else (
        "STATUS_WAIT_CODE" if status == "active" else "STATUS_CANCEL"
    )  # fmt: skip
    assert words.state_of(Row()) == expected


def test_refusals_are_bare_words_for_nobodys_cache(verifier):
    assert verifier.ask("getStatus", id="5") == BAD
    assert verifier.last.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert verifier.last.headers["Cache-Control"] == "no-store"
    assert verifier.last.headers["X-Request-Id"]
    verifier.ask("getActiveActivations")
    assert verifier.last.headers["Content-Type"] == "application/json"
    assert verifier.last.headers["Cache-Control"] == "no-store"


def test_f12_either_header_both_alike_and_both_different(verifier, foreigner):
    def balance(**headers):
        return verifier.ask(
            "getBalance", headers={name.replace("_", "-"): text for name, text in headers.items()}
        )

    mine, theirs = verifier.key, foreigner.key
    good, bad = (200, "ACCESS_BALANCE:100.00"), (401, "BAD_KEY")
    assert balance(X_API_Token=mine) == good
    assert balance(Authorization=f"Bearer {mine}") == balance(Authorization=f"bearer {mine}") == good
    assert balance(X_API_Token=mine, Authorization=f"Bearer {mine}") == good
    assert balance(X_API_Token=mine, Authorization=f"Bearer {theirs}") == bad
    assert balance(X_API_Token=mine, Authorization="Basic abc") == good
    assert balance() == balance(X_API_Token="pk_live_wrong") == balance(Authorization=mine) == bad
    account = issue_key(tenant=verifier.customer.tenant)[1]
    assert balance(X_API_Token=account) == bad, "this protocol's keys are those of customers"
    assert verifier.ask("getBalance", headers={}, api_key=mine) == bad, "S2: no key in an address"


def test_s1_a_revoked_key_and_a_key_without_the_right_to_order(verifier, shelf):
    verifier.row.scopes = ["read"]
    verifier.row.save()
    assert verifier.ask("getBalance")[0] == 200
    assert verifier.ask("getNumber", service="tg", country="usa") == (403, "NO_ACTIVATION")
    verifier.row.revoked_at = timezone.now()
    verifier.row.save()
    assert verifier.ask("getBalance") == (401, "BAD_KEY")


def test_t4_a_key_on_another_resellers_host(verifier, foreigner):
    host = foreigner.customer.tenant.domains.get().host
    assert verifier.ask("getBalance", host=host) == (401, "BAD_KEY")


def test_t6_a_suspended_reseller_and_a_disabled_customer(verifier, foreigner):
    type(verifier.customer).objects.filter(pk=verifier.customer.pk).update(status="disabled")
    assert verifier.ask("getBalance") == (403, "NO_ACTIVATION")
    Tenant.objects.filter(pk=foreigner.customer.tenant_id).update(status="suspended")
    assert foreigner.ask("getBalance") == (403, "NO_ACTIVATION")


def test_a_paused_customer_may_read_and_not_order(verifier, shelf):
    type(verifier.customer).objects.filter(pk=verifier.customer.pk).update(status="paused")
    assert verifier.ask("getBalance")[0] == 200
    assert verifier.ask("getNumber", service="tg", country="usa") == (403, "NO_ACTIVATION")
    assert verifier.ask("getNumber", service="tg", country="usa", price_id="x") == (403, "NO_ACTIVATION")


def test_a_test_key_works_on_the_test_twin(db):
    twin = Tenant.objects.get(live_tenant=TenantFactory(twin=True))
    tester = Verifier(CustomerFactory(tenant=twin, balance_micros=5_000_000))
    assert tester.ask("getBalance") == (200, "ACCESS_BALANCE:5.00")


@pytest.mark.parametrize("action", ACTIONS)
def test_b10_b12_other_methods_are_refused_and_head_changes_nothing(verifier, shelf, action):
    for method in ("post", "put", "delete", "patch"):
        assert verifier.ask(action, method=method)[0] == 405
        assert verifier.last.headers["Allow"].startswith("GET")
    verifier.ask(action, method="head", service="tg", country="usa", id="1", status="8")
    expected = 405 if action in ("getNumber", "setStatus") else 400 if action == "getStatus" else 200
    assert (verifier.last.status_code, verifier.last.content) == (expected, b"")
    assert not Activation.objects.exists()


def test_rv13_head_does_not_cancel(verifier):
    order = ActivationFactory(customer=verifier.customer, cancelable_after=timezone.now())
    verifier.ask("setStatus", method="head", id=str(order.num_id), status="8")
    order.refresh_from_db()
    assert (verifier.last.status_code, order.activation_status) == (405, "active")


def test_unknown_addresses(verifier):
    assert verifier.ask("getNothing") == (404, "BAD_ACTION")
    verifier.base = "/rentverify/api/v1"
    assert verifier.ask("getNothing") == (404, "BAD_ACTION")
    verifier.base = "/rentverify"
    assert verifier.ask("x/y") == (404, "BAD_ACTION")


@pytest.mark.parametrize(
    ("action", "params"),
    [
        ("getServices", {}), ("getServices", {"country": "nowhere"}), ("getServices", {"country": "a b"}),
        ("getPrices", {"country": "nowhere"}), ("getPrices", {"service": "../.."}),
        ("getNumber", {}), ("getNumber", {"service": "tg"}), ("getNumber", {"country": "usa"}),
        ("getStatus", {}), ("getStatus", {"id": "abc"}), ("getStatus", {"id": "9" * 30}),
        ("getStatus", {"id": "-1"}), ("getStatus", {"id": "١٢"}), ("getStatus", {"id": "1", "x": "\0"}),
        ("setStatus", {"id": "1"}), ("setStatus", {"status": "8"}), ("setStatus", {"id": "1", "status": "8"}),
        ("setStatus", {"id": "1", "status": "-1"}), ("setStatus", {"id": "1", "status": "6"}),
    ],
)  # fmt: skip
def test_bad_input_is_bad_action(verifier, shelf, action, params):
    assert verifier.ask(action, **params) == BAD


@pytest.mark.parametrize("query", ["id=1&id=2", "id=%ff%fe", "id=1&x=%00", "a=1&" * 50, "id=" + "1" * 3_000])
def test_b1_b2_broken_queries(verifier, query):
    verifier.last = verifier.client.get(f"/api/v1/getStatus?{query}", headers={"X-API-Token": verifier.key})
    assert (verifier.last.status_code, verifier.last.content) == (400, b"BAD_ACTION")


def test_18_too_many_requests_hear_so_and_when_to_come_back(verifier, settings):
    settings.RENTVERIFY_RATES = {**settings.RENTVERIFY_RATES, "balance": 2}
    answers = [verifier.ask("getBalance") for _ in range(3)]
    assert answers[2] == (429, "RATE_LIMIT")
    assert 1 <= int(verifier.last.headers["Retry-After"]) <= 60


def test_the_limits_are_those_of_the_contract(settings):
    rates = {"poll": 300, "order": 60, "set_status": 60, "prices": 12, "catalogue": 30, "balance": 120}
    assert {**rates, "lists": 60} == settings.RENTVERIFY_RATES


def test_a_poll_is_one_select(verifier, django_assert_num_queries):
    number = ActivationFactory(customer=verifier.customer).num_id
    verifier.status(number)
    with django_assert_num_queries(1):
        assert verifier.status(number) == (200, "STATUS_WAIT_CODE")


NOISE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["0", "8", "-1", "tg", "usa", "187", "NaN", "9" * 40, "\0", "'; --", "٣", "MTo"]),
    st.integers().map(str),
)
NAMES = st.sampled_from(["id", "status", "service", "country", "price_id", "x"])
SAID = re.compile(r"ACCESS_(BALANCE|NUMBER|CANCEL)\b.*|STATUS_(WAIT_CODE|OK|CANCEL)\b.*", re.DOTALL)


@pytest.mark.parametrize("chunk", range(4))
def test_fuzz_only_documented_words_and_statuses_come_back(verifier, shelf, chunk, settings):
    """2 000 requests in all; none is a failure."""
    settings.RENTVERIFY_RATES = dict.fromkeys(settings.RENTVERIFY_RATES, 10_000_000)
    settings.API_BAD_KEYS_PER_MINUTE = 10_000_000
    number = ActivationFactory(customer=verifier.customer).num_id

    @seed(chunk)
    @hypothesis_settings(max_examples=500, deadline=None, database=None)
    @given(
        action=st.sampled_from(ACTIONS),
        params=st.dictionaries(NAMES, NOISE, max_size=5),
        mine=st.booleans(),
        key=st.sampled_from([verifier.key, "", "é", "pk_live_x"]),
        method=st.sampled_from(["get", "get", "get", "post"]),
    )
    def ask(action, params, mine, key, method):
        params = {**params, **({"id": str(number)} if mine else {})}
        status, body = verifier.ask(action, method=method, headers={"X-API-Token": key}, **params)
        if status == 200:
            assert isinstance(body, list | dict) or SAID.fullmatch(body), body
        else:
            assert (body, status) in CONTRACT - {("ERROR", 500)}

    ask()

"""What the text protocol refuses: tenants, keys, secrets, bad input (FAULTS T, S, B; F10)."""

import logging
import re
from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from accounts.keys import issue_key
from api.handler.errors import FIELDS, TABLE, write_error
from api.handler.numbers import state_of
from api.handler.urls import ACTIONS
from api.handler.wire import Style
from api.words import number_in
from portal import errors
from tests.api.handler.conftest import ADDRESS
from tests.factories import ActivationFactory

pytestmark = pytest.mark.django_db
WORDS = {word for word, _ in TABLE.values()} | set(FIELDS.values()) | {"BANNED", "OPERATORS_NOT_FOUND"}
ANSWERS = re.compile(
    r"ACCESS_(BALANCE|NUMBER|READY|RETRY_GET|ACTIVATION|CANCEL)\b.*"
    r"|STATUS_(WAIT_CODE|WAIT_RESEND|WAIT_RETRY|OK|CANCEL)\b.*|FULL_SMS:.*",
    re.DOTALL,
)


def test_one_vocabulary_every_refusal_has_its_word():
    assert set(TABLE) == errors.all_codes()


@pytest.mark.parametrize("kind", errors.PortalError.__subclasses__(), ids=lambda kind: kind.code)
@pytest.mark.parametrize("style", Style)
def test_every_refusal_can_be_said_in_every_style(kind, style):
    facts = {"suggested_micros": 1, "suggested_customer_micros": 10_000, "until": timezone.now(), "reset": 1,
             "limit": 1, "allowed": "GET"}  # fmt: skip
    made = {
        errors.EarlyCancel: lambda: errors.EarlyCancel(at=timezone.now()),
        errors.ValidationError: lambda: errors.ValidationError({"service": "is required."}),
    }.get(kind, lambda: kind(**facts))()
    response = write_error(made, style)
    assert response.status_code == 429 if kind.code == "rate_limited" else response.status_code < 501
    assert response.content


@pytest.mark.parametrize("sms", ["smsRequested", "smsReceived", "retryRequested", "retryReceived"])
@pytest.mark.parametrize("status", ["active", "finalized", "expired", "canceled"])
@pytest.mark.parametrize("style", Style)
def test_every_state_has_a_word(family, sms, status, style):
    class Row:
        sms_status, is_open, has_code = sms, status == "active", sms != "smsRequested"
        sms_code, sms_text = "1234", "code 1234"

    word = state_of(Row(), style)
    assert word.split(":")[0] in {
        "STATUS_WAIT_CODE", "STATUS_WAIT_RESEND", "STATUS_WAIT_RETRY", "STATUS_OK", "STATUS_CANCEL",
    }  # fmt: skip


def test_keys(family, foreigner):
    assert family.ask("getBalance", key="") == "NO_KEY"
    assert family.ask("getBalance", key="pk_live_wrong") == "BAD_KEY"
    account = issue_key(tenant=family.customer.tenant)[1]
    assert family.ask("getBalance", key=account) == "BAD_KEY", "this protocol's keys are those of customers"
    family.row.revoked_at = timezone.now()
    family.row.save()
    assert family.ask("getBalance") == "BAD_KEY"
    foreigner.row.expires_at = timezone.now() - timedelta(seconds=1)
    foreigner.row.save()
    assert foreigner.ask("getBalance") == "BAD_KEY"


def test_t6_a_suspended_reseller_and_a_disabled_customer_are_inactive(family, foreigner):
    type(family.customer).objects.filter(pk=family.customer.pk).update(status="disabled")
    assert family.ask("getBalance") == "ACCOUNT_INACTIVE"
    tenant = foreigner.customer.tenant
    tenant.status = "suspended"
    tenant.save()
    assert foreigner.ask("getBalance") == "ACCOUNT_INACTIVE"


def test_t1_a_foreign_number_equals_a_missing_one(family, foreigner):
    theirs = ActivationFactory(customer=foreigner.customer)
    for action in ("getStatus", "getStatusV2", "getFullSms"):
        assert family.ask(action, id=theirs.num_id) == "NO_ACTIVATION"
        assert foreigner.ask(action, id=theirs.num_id) != "NO_ACTIVATION"
    for status in ("1", "3", "6", "8"):
        assert family.step(theirs.num_id, status) == "NO_ACTIVATION"
    assert family.ask("getActiveActivations")["data"] == []
    assert family.ask("getHistory") == []
    theirs.refresh_from_db()
    assert theirs.activation_status == "active"


def test_t1_counter_without_the_filter_the_foreign_number_would_be_read(family, foreigner, monkeypatch):
    from api.handler import numbers  # noqa: PLC0415
    from api.handler.entry import Action, action  # noqa: PLC0415

    loose = numbers.ONE.joins.replace("a.tenant_id = k.tenant_id", "TRUE").replace(
        "a.customer_id = c.id", "TRUE"
    )
    assert loose != numbers.POLLED.joins
    extra = type(numbers.POLLED)(numbers.POLLED.columns, loose)
    open_door: Action = action("poll", extra=extra, reads=number_in)(numbers.get_status.answer)
    monkeypatch.setitem(ACTIONS, "getStatus", open_door)
    theirs = ActivationFactory(customer=foreigner.customer)
    assert family.status(theirs.num_id) == "STATUS_WAIT_CODE"


def test_t4_a_key_works_on_no_other_resellers_host(family, foreigner):
    from accounts.models import Domain  # noqa: PLC0415

    Domain.objects.create(tenant=foreigner.customer.tenant, host="other.localhost")
    assert family.ask("getBalance", host="other.localhost") == "BAD_KEY"
    assert family.ask("getBalance").startswith("ACCESS_BALANCE")


def test_b10_cookies_count_for_nothing(family, client, django_user_model):
    family.client.cookies["sessionid"] = "a" * 32
    assert family.ask("getBalance", key="") == "NO_KEY"
    assert "Set-Cookie" not in family.last.headers


def test_s2_the_key_in_the_address_is_in_no_log_and_no_answer(family, caplog, capsys):
    with caplog.at_level(logging.DEBUG):
        family.ask("getBalance")
        family.ask("getNumber", service="nothing", country="0")
        family.ask("getStatus", id="x")
    shown = caplog.text + "".join(capsys.readouterr())
    assert family.key not in shown
    assert family.key.encode() not in family.last.content


@pytest.mark.parametrize(
    ("params", "word"),
    [
        ({"action": ""}, "BAD_ACTION"),
        ({"action": "getnumber", "service": "tg", "country": "187"}, "BAD_ACTION"),
        ({"action": "getNumber", "country": "187"}, "BAD_SERVICE"),
        ({"action": "getNumber", "service": "tg"}, "BAD_COUNTRY"),
        ({"action": "getNumber", "service": "zz", "country": "187"}, "BAD_SERVICE"),
        ({"action": "getNumber", "service": "tg", "country": "9999"}, "BAD_COUNTRY"),
        ({"action": "getNumber", "service": "t g'", "country": "187"}, "BAD_SERVICE"),
        ({"action": "getNumber", "service": "tg", "country": "187", "maxPrice": "NaN"}, "BAD_ACTION"),
        ({"action": "getNumber", "service": "tg", "country": "187", "maxPrice": "-1"}, "BAD_ACTION"),
        ({"action": "getNumber", "service": "tg", "country": "187", "maxPrice": "1e3"}, "BAD_ACTION"),
        ({"action": "getNumber", "service": "tg", "country": "187", "phoneException": "1"},
         "WRONG_EXCEPTION_PHONE"),
        ({"action": "getNumber", "service": "tg", "country": "187", "phoneException": "7918,x"},
         "WRONG_EXCEPTION_PHONE"),
        ({"action": "getNumber", "service": "tg", "country": "187", "operator": "a'b"}, "WRONG_OPERATOR"),
        ({"action": "getNumber", "service": "tg", "country": "187", "providerIds": "x"}, "BAD_ACTION"),
        ({"action": "getNumber", "service": "tg", "country": "187", "orderId": "a b"}, "BAD_ACTION"),
        ({"action": "getStatus"}, "BAD_ACTION"),
        ({"action": "getStatus", "id": "abc"}, "NO_ACTIVATION"),
        ({"action": "getStatus", "id": "9" * 30}, "NO_ACTIVATION"),
        ({"action": "getStatus", "id": "١٢"}, "NO_ACTIVATION"),
        ({"action": "setStatus", "id": "5", "status": "8"}, "NO_ACTIVATION"),
        ({"action": "getHistory", "limit": "101"}, "BAD_ACTION"),
        ({"action": "getHistory", "start": "9" * 18}, "BAD_ACTION"),
        ({"action": "getActiveActivations", "start": "-1"}, "BAD_ACTION"),
        ({"action": "getBalance", "x": "\0"}, "BAD_ACTION"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["get", "post"])
def test_bad_input_is_a_word(family, catalogue_of_one, params, word, method):
    response = getattr(family.client, method)(ADDRESS, {"api_key": family.key, **params})
    assert (response.status_code, response.content.decode()) == (200, word)


@pytest.mark.parametrize(
    "query", ["action=getBalance&action=getNumber", "action=%ff%fe", "action=getBalance&x=%00", "a=1&" * 50]
)
def test_b1_b2_broken_queries_are_bad_action(family, query):
    response = family.client.get(f"{ADDRESS}?api_key={family.key}&{query}")
    assert (response.status_code, response.content) == (200, b"BAD_ACTION")


def test_b4_b12_large_bodies_and_other_methods(family):
    response = family.client.post(ADDRESS, {"api_key": family.key, "action": "getBalance", "x": "y" * 9_000})
    assert (response.status_code, response.content) == (200, b"BAD_ACTION")
    for method in ("put", "delete", "head"):
        response = getattr(family.client, method)(f"{ADDRESS}?api_key={family.key}&action=getBalance")
        assert b"ACCESS" not in response.content


def test_18_too_many_requests_hear_so_and_when_to_come_back(family, settings):
    settings.HANDLER_RATES = {**settings.HANDLER_RATES, "balance": 2}
    answers = [family.ask("getBalance") for _ in range(3)]
    assert answers[2] == "RATE_LIMIT"
    assert family.last.status_code == 429
    assert 1 <= int(family.last.headers["Retry-After"]) <= 60


def test_a_poll_is_one_select(family, django_assert_num_queries):
    number = ActivationFactory(customer=family.customer).num_id
    family.status(number)
    with django_assert_num_queries(1):
        assert family.status(number) == "STATUS_WAIT_CODE"


NOISE = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["0", "1", "8", "-1", "tg", "187", "any", "NaN", "1e9", "9" * 40, "\0", "'; --", "٣"]),
    st.integers().map(str),
)
NAMES = st.sampled_from(
    ["id", "status", "service", "country", "maxPrice", "operator", "orderId", "providerIds", "phoneException",
     "start", "end", "limit", "offset", "size", "freePrice", "x"]
)  # fmt: skip


@pytest.mark.parametrize("chunk", range(10))
def test_fuzz_only_documented_words_come_back(family, catalogue_of_one, chunk, settings):
    """5 000 requests in all; each answer is a word of the contract or JSON, and none is a failure."""
    settings.HANDLER_RATES = dict.fromkeys(settings.HANDLER_RATES, 10_000_000)
    number = ActivationFactory(customer=family.customer).num_id

    @seed(chunk)
    @fuzzed(500)
    @given(
        action=st.one_of(st.sampled_from([*ACTIONS]), st.text(max_size=12)),
        params=st.dictionaries(NAMES, NOISE, max_size=5),
        mine=st.booleans(),
        method=st.sampled_from(["get", "post"]),
    )
    def ask(action, params, mine, method):
        params = {**params, **({"id": str(number)} if mine else {})}
        sent = {"api_key": family.key, "action": action, **params}
        response = getattr(family.client, method)(ADDRESS, sent)
        assert response.status_code == 200
        if response.headers["Content-Type"] == "application/json":
            response.json()
            return
        words = response.content.decode()
        assert words.split(":")[0] in WORDS or ANSWERS.fullmatch(words), words
        assert words not in {"ERROR_SQL"}

    ask()


def fuzzed(examples):
    return settings(max_examples=examples, deadline=None, database=None)

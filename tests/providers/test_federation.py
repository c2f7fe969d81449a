"""Another portal as a provider: found out from its address, and told through whom an order came."""

import json
import re
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command

from accounts import hops
from portal.errors import ValidationError
from providers.contract import Call
from providers.http.orders import send_order
from providers.models import Provider
from providers.services.federation import Spoken, dialects_at, draft_portal
from tests.access.world import operator
from tests.factories import TenantFactory
from tests.providers.wire import within

pytestmark = pytest.mark.django_db
DIALECTS = [
    {"protocol": "ping", "base": "/v1/nonvoip"},
    {"protocol": "klingon", "base": "/k"},
    {"protocol": "retail", "base": "/api/v1", "sandbox": "/test/api/v1"},
]


@pytest.fixture
def portal(wire, settings):
    """A wire that answers the document (`serves`) and refuses every key."""
    settings.ADDRESS_EXCEPTIONS = [wire.url.removeprefix("http://")]

    def serves(body, status="200 OK", extra=""):
        def answer(connection, request):
            is_document = request.startswith(b"GET /.well-known/number-portal ")
            text = body if is_document else b'{"errorName":"UnauthorizedException","errorMessage":"no"}'
            first = status if is_document else "401 Unauthorized"
            head = f"HTTP/1.1 {first}\r\n{extra}Content-Length: {len(text)}\r\n\r\n"
            connection.sendall(head.encode() + text)

        wire.answer = answer

    serves(json.dumps({"format": 1, "dialects": DIALECTS}).encode())
    wire.serves = serves
    return wire


def test_dialects_that_we_speak_are_found_the_one_that_can_most_first(portal):
    assert dialects_at(f"{portal.url}/buy/") == [
        Spoken("retail", f"{portal.url}/api/v1", f"{portal.url}/test/api/v1"),
        Spoken("ping", f"{portal.url}/v1/nonvoip", ""),
    ]
    assert "Host: 127.0.0.1:" in portal.requests[0]


def test_where_no_dialect_takes_the_key_the_first_is_meant(portal):
    drafted = draft_portal(url=portal.url, secret="wrong", name="Other")
    test = draft_portal(url=portal.url, secret="wrong", name="Other", is_test=True)

    assert (drafted.protocol, drafted.base_url) == ("retail", f"{portal.url}/api/v1")
    assert (test.base_url, test.serves_live) == (f"{portal.url}/test/api/v1", False)


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b"<html>", b'{"format":2,"dialects":[]}', b'{"format":1,"dialects":[]}',
     b'{"format":1,"dialects":[{"protocol":"retail","base":"https://elsewhere.example/"}]}',
     b'{"format":1,"dialects":[{"protocol":"retail","base":"//elsewhere.example"}]}',
     b'{"format":1,"dialects":[{"protocol":"retail","base":"@elsewhere.example"}]}',
     b'{"format":1,"dialects":["retail"]}', b"[" * 10_000, b'{"format":1,"dialects":{"a":1}}',
     b"\xff" * 70_000],
)  # fmt: skip
def test_b12_what_is_no_document_is_refused(portal, body):
    portal.serves(body)

    with pytest.raises(ValidationError) as refusal:
        dialects_at(portal.url)
    assert set(refusal.value.details) == {"base_url"}


def test_w8_a_redirect_is_not_followed(portal):
    portal.serves(b"", "302 Found", "Location: http://127.0.0.1:9/\r\n")

    with pytest.raises(ValidationError):
        dialects_at(portal.url)


def test_w9_inner_addresses_are_not_called(wire):
    for url in (
        wire.url,
        wire.url.replace("127.0.0.1", "localhost"),
        "https://10.0.0.1",
        "https://2130706433",
    ):
        with pytest.raises(ValidationError) as refusal:
            dialects_at(url)
        assert set(refusal.value.details) == {"base_url"}
    assert wire.requests == []


def test_nobody_there_is_told(closed_port, settings):
    settings.ADDRESS_EXCEPTIONS = [closed_port.removeprefix("http://")]
    with pytest.raises(ValidationError, match="Nothing answers"), within(60):
        dialects_at(closed_port)


def test_the_command_finds_the_protocol_out_and_adds_nothing_that_refuses(portal, monkeypatch, capsys):
    monkeypatch.setenv("ITS_KEY", "wrong")
    words = ("add_provider", "portal", portal.url, "--name", "Other", "--key-from-env", "ITS_KEY")

    with pytest.raises(CommandError, match="does not accept the key"):
        call_command(*words, "--test")
    assert not Provider.objects.exists()
    call_command(*words, "--option", "customer_id=me")
    assert Provider.objects.get().options == {"customer_id": "me"}
    assert f"retail at {portal.url}/api/v1" in capsys.readouterr().out


# --- the admin ---

FORM = {
    "display_name": "Other", "new_secret": "wrong", "serves_live": "on", "priority": 5,
    "cancel_lock_seconds": 120, "life_seconds": 1200, "cancel_fee_micros": 0, "timeout_seconds": 8,
    "check_seconds": 5, "sync_seconds": 300,
}  # fmt: skip
ADD = "/admin/providers/provider/add/"


@pytest.fixture
def staff():
    TenantFactory(slug="acme")
    return operator()


def test_the_form_finds_the_protocol_out(staff, portal):
    facts = {"protocol": "portal", "base_url": portal.url, "option__retail__customer_id": "me"}
    page = staff.get(ADD).content.decode()

    assert "Another portal like this one" in page
    assert staff.post(ADD, FORM | facts).status_code == 302
    provider = Provider.objects.get()
    assert (provider.protocol, provider.base_url) == ("retail", f"{portal.url}/api/v1")
    assert provider.options == {"customer_id": "me"}


@pytest.mark.parametrize(
    ("field", "facts"),
    [
        ("base_url", {"base_url": "https://10.0.0.1/"}),
        ("option__retail__customer_id", {"option__retail__customer_id": "?"}),
    ],
)
def test_the_form_names_what_hinders_it(staff, portal, field, facts):
    answer = staff.post(ADD, {**FORM, "protocol": "portal", "base_url": portal.url, **facts})

    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Provider.objects.exists()


def test_a_protocols_own_rules_are_the_new_accounts_where_nothing_else_is_typed(staff):
    facts = {"protocol": "onlinesim", "base_url": "https://supplier.example/", "sync_seconds": 90,
             "option__onlinesim__prices": "*=20, rent=320", "option__onlinesim__rate": "0.01"}  # fmt: skip

    assert staff.post(ADD, FORM | facts).status_code == 302
    provider = Provider.objects.get()
    assert (provider.life_seconds, provider.sync_seconds) == (900, 90)
    assert provider.rental_ends_unused


# --- the header of orders ---


def test_every_order_names_whom_it_came_through(wire):
    call = Call("GET", wire.url, {}, lambda reply: reply.text, is_read=False)
    send_order(call)
    before = str(uuid4())
    with hops.passing(before):
        send_order(call)

    sent = [re.search(r"(?i)x-portal-hops: (.*)\r", request)[1] for request in wire.requests]
    assert sent == [hops.installation_id(), f"{before}, {hops.installation_id()}"]

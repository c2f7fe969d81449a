"""What holds at each address and action of the dialects that are not our own (FAULTS T, S, B).

What only one of them can do wrong is in its own folder.
"""

import json
import logging
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client

from accounts.keys import issue_key
from accounts.models import Domain, Tenant
from activations.models import Activation, Rental, Sale
from api.handler.urls import ACTIONS
from api.models import DialectSettings
from api.onlinesim.urls import ACTIONS as MARKETPLACE
from api.onlinesim.urls import urlpatterns as marketplace_urls
from api.rentverify.urls import urlpatterns as rentverify_urls
from billing.models import Wallet
from tests.api.onlinesim.conftest import make_contract
from tests.api.onlinesim.test_refusals import sold_to
from tests.api.ping.test_refusals import ORDER, RENTAL, ROUTES
from tests.factories import ActivationFactory, CountryFactory, CustomerFactory, RentalFactory, ServiceFactory

pytestmark = pytest.mark.django_db
EXTRAS = {"tenant": 1, "tenant_id": 1, "customer": "x", "is_staff": 1, "price": 0, "balance": 9_999_999}
NOBODYS = 987_654_321


@dataclass
class House:
    """A reseller with a key of a customer, a marketplace's contract, and something open of each kind."""

    def __init__(self):
        self.customer = CustomerFactory(balance_micros=5_000_000)
        self.tenant = self.customer.tenant
        self.key = issue_key(tenant=self.tenant, customer=self.customer)[1]
        self.marketplace = make_contract(self.tenant, None)
        DialectSettings.objects.create(tenant=self.tenant, ping_extensions=True)
        self.order = ActivationFactory(customer=self.customer)
        self.rental = RentalFactory(customer=self.customer)
        self.sold = sold_to(self.marketplace)

    @property
    def ids(self):
        """Order (number and ping's id), rental (the same), sale."""
        order, rental = self.order, self.rental
        return (order.num_id, order.ord_id), (rental.num_id, rental.rnt_id), self.sold

    def state(self):
        """All that a call could have changed."""
        return [
            list(model.objects.filter(tenant=self.tenant).order_by("pk").values())
            for model in (Activation, Rental, Sale, Wallet)
        ] + [list(Tenant.objects.filter(pk=self.tenant.pk).values())]


NOTHING = (NOBODYS, ORDER), (NOBODYS, RENTAL), NOBODYS


def sends(house, *, key="", ids=NOTHING, query="", extras=None, host="localhost", raw=None):
    """By address, what its answer to a good request is; `key`: another one than the house's own. `ids`: whose
    order, rental and sale are meant; `raw`: bytes put into what is sent.
    """
    (order, ord_id), (rental, rnt_id), sold = ids
    key, shared = key or house.key, {"Host": host}
    tail = query + "".join(f"&{name}={value}" for name, value in (extras or {}).items())
    found = {}
    for action in ACTIONS:
        number = rental if "Rent" in action or "Continue" in action or "continue" in action else order
        asked = f"action={action}&id={number}&service=tg&country=187&status=8&rent_time=24&hours=24{tail}"
        found[f"handler {action}"] = ("GET", f"/stubs/handler_api.php?api_key={key}&{asked}", b"", shared)
    for pattern in rentverify_urls:
        asked = f"id={order}&service=tg&country=usa&status=8{tail}"
        for base in ("/api/v1", "/rentverify/api/v1"):
            path, headers = f"{base}/{pattern.pattern}", {**shared, "X-API-Token": key}
            found[f"rentverify {path}"] = ("GET", f"{path}?{asked}", b"", headers)
    for method, path, body, _ in ROUTES:
        here = path.replace(ORDER, ord_id).replace(RENTAL, rnt_id)
        content = json.dumps({**body, **(extras or {})}).encode() if body else b""
        headers = {**shared, "X-Ping-Api-Key": key}
        found[f"ping {method} {path}"] = (method, f"/v1/nonvoip/{here}?{tail}", content, headers)
    key = key if key != house.key else house.marketplace.key
    for pattern in marketplace_urls:
        for action in MARKETPLACE:
            path = str(pattern.pattern).replace("<str:contract>", house.marketplace.contract.token)
            body = {"action": action, "key": key, "country": "us", "service": "telegram", "sum": 40,
                    "activationId": sold, "status": 4, **(extras or {})}  # fmt: skip
            content = json.dumps(body).encode()
            found[f"onlinesim {pattern.pattern} {action}"] = ("POST", f"/onlinesim/{path}", content, shared)
    client, answers = Client(), {}
    for name, (method, path, content, headers) in found.items():
        content = content if raw is None else content.replace(b"}", b',"x":' + raw + b"}") or raw
        answer = client.generic(method, path, content, "application/json", headers=headers)
        # That a provider cannot be reached is said as the contracts say it.
        assert answer.status_code < 500 or b"PROVIDER_ERROR" in answer.content, (name, answer.content)
        answers[name] = (answer.status_code, answer.content.decode())
    return answers


def differing(one, two):
    return {name: (one[name], two[name]) for name in one if one[name] != two[name]}


def said(answers, dialect):
    """The different answers; of handler's rents the word alone."""
    return {
        (status, json.loads(body).get("message", body) if dialect == "handler" and body[:1] == "{" else body)
        for name, (status, body) in answers.items()
        if name.startswith(dialect)
    }


@pytest.fixture(autouse=True)
def _rates(settings):
    for name in ("HANDLER_RATES", "RENTVERIFY_RATES", "PING_RATES"):
        setattr(settings, name, dict.fromkeys(getattr(settings, name), 1_000_000))
    settings.API_BAD_KEYS_PER_MINUTE = 1_000_000


@pytest.fixture
def house(db):
    ServiceFactory(id="telegram")
    CountryFactory(id="us")
    return House()


@pytest.fixture
def other(house):
    return House()


def test_t1_what_is_anothers_equals_what_nobody_has(house, other):
    before = other.state()

    theirs = sends(house, ids=other.ids)

    assert differing(theirs, sends(house)) == {}
    assert other.state() == before


def test_t1_counter_ones_own_differs(house):
    own = sends(house, ids=house.ids)

    changed = differing(own, sends(house)).keys()
    for one in ("handler getStatus", "handler getRentStatus", "rentverify /api/v1/getStatus",
                f"ping GET orders/{ORDER}/poll", f"ping GET rentals/{RENTAL}/messages"):  # fmt: skip
        assert one in changed
    assert own["onlinesim <str:contract>/finishActivation FINISH_ACTIVATION"][1] == '{"status":"SUCCESS"}'


BAD_KEY = {
    "handler": {(200, "BAD_KEY")},
    "rentverify": {(401, "BAD_KEY")},
    "onlinesim": {(401, '{"status":"ERROR","error":"BAD_KEY"}')},
}


def test_t4_s6_a_key_is_unknown_on_anothers_host_and_so_is_a_wrong_one(house, other):
    Domain.objects.create(tenant=other.tenant, host="other.localhost")
    for answers in (sends(house, host="other.localhost"), sends(house, key="pk_live_" + "x" * 38)):
        assert {dialect: said(answers, dialect) for dialect in BAD_KEY} == BAD_KEY
        assert {(status, json.loads(body)["code"]) for status, body in said(answers, "ping")} == {
            (401, "INVALID_API_KEY")
        }


def test_s6_wrong_keys_are_slowed_at_every_address(house, settings):
    settings.API_BAD_KEYS_PER_MINUTE = 1
    first = "pk_live_" + "y" * 38
    Client().get("/api/v1/getBalance", headers={"X-API-Token": first})

    answers = sends(house, key="pk_live_" + "x" * 38)

    assert said(answers, "handler") == said(answers, "rentverify") == {(429, "RATE_LIMIT")}
    assert {status for status, _ in said(answers, "ping")} == {429}
    assert said(answers, "onlinesim") == {(200, '{"status":"NO_NUMBERS"}')}
    assert sends(house)["handler getBalance"][1].startswith("ACCESS_BALANCE")


def test_t6_a_suspended_reseller_is_told_so_everywhere(house):
    Tenant.objects.filter(pk=house.tenant.pk).update(status="suspended")
    before = house.state()

    answers = sends(house, ids=house.ids)

    assert said(answers, "rentverify") == {(403, "NO_ACTIVATION")}
    assert {status for status, _ in said(answers, "ping")} == {403}
    assert said(answers, "handler") == {(200, "ACCOUNT_INACTIVE")}
    assert all("SUCCESS" in body or "NO_NUMBERS" in body or "BAD_ACTION" in body
               for _, body in said(answers, "onlinesim"))  # fmt: skip
    orders, rentals, _, _, tenant = house.state()
    assert [orders, rentals, tenant] == [before[0], before[1], before[4]]


def test_t7_members_that_nobody_asked_for_are_never_applied(house):
    before, plain = house.state(), sends(house)

    assert differing(sends(house, extras=EXTRAS), plain) == {}
    assert house.state() == before


@pytest.mark.parametrize("query", ["&x=%00", "&x=%ff%fe", "&x=1&x=2", "&x=" + "y" * 9_000, "&a=1" * 60])
def test_b1_b2_b4_broken_queries_are_refused_and_change_nothing(house, query):
    before = house.state()

    answers = sends(house, ids=house.ids, query=query)

    assert said(answers, "handler") == {(200, "BAD_ACTION")}
    assert said(answers, "rentverify") == {(400, "BAD_ACTION")}
    assert house.state()[3] == before[3], "addresses that read no query do what the body says"


RAW = {
    "nul": rb'"\u0000"', "utf-8": b'"\xff\xfe"', "raw nul": b'"\x00"', "deep": b"[" * 3_000,
    "long": b'"' + b"y" * 70_000 + b'"',
}  # fmt: skip


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_b1_b2_b4_broken_bodies_are_refused_and_change_nothing(house, raw):
    before = house.state()

    answers = sends(house, raw=raw)

    assert {json.loads(body)["status"] for _, body in said(answers, "onlinesim")} == {"ERROR"}
    posts = [name for name in answers if name.startswith("ping POST") and name.endswith("create")]
    assert {answers[name][0] for name in posts} <= {400, 413}
    assert house.state() == before


@pytest.mark.parametrize("number", ["9" * 30, "-1", "0x1", "%D9%A1%D9%A2", "1e3", ""])
def test_b3_what_cannot_be_an_id_is_one_that_nobody_has(house, number):
    ids = (number, "ord_" + "9" * 30), (number, "rnt_" + "9" * 30), 2**63 - 1
    before = house.state()

    sends(house, ids=ids)

    assert house.state() == before


def test_b10_cookies_count_for_nothing(house):
    client = Client()
    client.cookies["sessionid"] = "a" * 32
    answer = client.get(f"/stubs/handler_api.php?api_key={house.key}&action=getBalance")

    assert "Set-Cookie" not in answer.headers
    assert answer.content.startswith(b"ACCESS_BALANCE")


def test_s2_s3_keys_codes_and_phones_are_in_no_log(house, caplog, capsys):
    Activation.objects.filter(pk=house.order.pk).update(sms_code="QX73911", sms_text="canary QX73911")
    with caplog.at_level(logging.DEBUG):
        sends(house, ids=house.ids)
        sends(house, ids=house.ids, query="&x=%00")
    shown = caplog.text + "".join(capsys.readouterr())
    for secret in (house.key, house.marketplace.key, "QX73911", house.order.phone):
        assert secret not in shown


def test_s1_no_key_lies_in_the_database(house):
    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(k::text, '') FROM accounts_apikey k")
        keys = cursor.fetchone()[0]
        cursor.execute("SELECT string_agg(c::text, '') FROM activations_contract c")
        contracts = cursor.fetchone()[0]
    assert house.key[12:] not in keys
    assert house.marketplace.key not in contracts

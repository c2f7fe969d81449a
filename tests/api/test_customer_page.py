"""The page for customers' own programs: keys shown once, commands that work, what was asked for."""

import re
import shlex
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import ApiKey, Customer
from activations.models import Activation
from activations.services.checking import check_due
from api import diary
from api.models import RequestLine
from api.tours import TOURS
from providers.models import CodeMap
from providers.spellings import forget_spellings
from tests.factories import CustomerFactory, TenantFactory

PAGE = "/account/api/"
KEY = re.compile(r"pk_(?:live|test)_[0-9A-Za-z]{38}")


class Reader:
    """A customer in his browser, and his shell."""

    def __init__(self, customer):
        self.customer, self.host = customer, f"{customer.tenant.slug}.localhost"
        self.client = Client(headers={"host": self.host, "accept": "text/html"})
        self.client.force_login(customer.user)

    def page(self, **query):
        return self.client.get(PAGE, query).content.decode()

    def new_key(self, **fields):
        answer = self.client.post(f"{PAGE}keys/", {"name": "mine", "mode": "test", "scope": "all", **fields})
        return answer, KEY.findall(unescape(answer.content.decode()))

    def commands(self, answer):
        """Every command of the page that shows the key, by dialect in the order of the tabs."""
        found = re.findall(r'data-copy="(curl [^"]+)"', answer.content.decode())
        return [unescape(each) for each in found]


def run(command, **filled):
    """Send what curl would send; words in capitals filled in."""
    for word, value in filled.items():
        command = re.sub(rf"\b{word}\b", str(value), command)
    words, headers, method, body, address = shlex.split(command)[1:], {}, None, None, ""
    while words:
        word = words.pop(0)
        if word == "-H":
            name, value = words.pop(0).split(": ", 1)
            headers[name] = value
        elif word == "-X":
            method = words.pop(0)
        elif word == "-d":
            body = words.pop(0)
        else:
            address = word
    _, _, host, *rest = address.split("/")
    method = method or ("POST" if body is not None else "GET")
    kind = headers.pop("Content-Type", "application/x-www-form-urlencoded")
    answer = Client(headers={"host": host, **headers}).generic(
        method, "/" + "/".join(rest).partition("?")[0], body or "", kind,
        QUERY_STRING="/".join(rest).partition("?")[2],
    )  # fmt: skip
    return answer.status_code, answer.content.decode()


@pytest.fixture
def reader(db):
    customer = CustomerFactory(tenant=TenantFactory(twin=True), with_login=True, balance_micros=5_000_000)
    for scheme, service, country in (("handler", "tg", "187"), ("rentverify", "tg", "usa")):
        CodeMap.objects.create(scheme=scheme, kind="service", canonical_id="telegram", code=service)
        CodeMap.objects.create(scheme=scheme, kind="country", canonical_id="us", code=country)
    forget_spellings()
    diary.diary.write()
    RequestLine.objects.all().delete()
    yield Reader(customer)
    forget_spellings()


def test_a_key_is_shown_once_and_kept_as_a_digest(reader):
    answer, keys = reader.new_key(mode="live")

    assert answer.status_code == 200
    assert len(set(keys)) == 1
    assert "no-store" in answer["Cache-Control"]
    assert keys[0] not in reader.page()
    assert keys[0][:12] in reader.page()
    assert ApiKey.objects.get(customer=reader.customer).name == "mine"


def test_s1_a_live_key_stands_in_no_command(reader):
    answer, _ = reader.new_key(mode="live")

    assert reader.commands(answer) == []


def test_a_test_key_belongs_to_a_double_with_test_money(reader):
    reader.new_key()
    reader.new_key()

    double = Customer.objects.get(tenant__live_tenant=reader.customer.tenant_id)
    assert double.external_id == reader.customer.external_id
    assert double.wallet.balance_micros == 1_000_000_000
    assert ApiKey.objects.filter(customer=double).count() == 2


@pytest.mark.django_db(transaction=True)
def test_every_command_of_the_page_does_what_it_says(reader, shop):
    answer, _ = reader.new_key()
    commands = reader.commands(answer)
    handler, rentverify, ping = commands[:5], commands[5:10], commands[10:]

    assert run(handler[0]) == (200, "ACCESS_BALANCE:1000.00")
    assert '"tg"' in run(handler[1])[1]
    word, number, _ = run(handler[2])[1].split(":")
    assert word == "ACCESS_NUMBER"
    hex_id = Activation.objects.get(num_id=number).hex_id
    assert run(handler[3], ID=number) == (200, "STATUS_WAIT_CODE")
    page = reader.page()
    assert f"{PAGE}sms/{hex_id}/" in page
    assert "481 902" not in page
    assert reader.client.post(f"{PAGE}sms/{hex_id}/").status_code == 302
    check_due(now=timezone.now() + timedelta(seconds=30))
    assert run(handler[3], ID=number) == (200, "STATUS_OK:481902")

    assert run(rentverify[0])[0] == 200
    assert '"tg"' in run(rentverify[1])[1]
    number = run(rentverify[2])[1].split(":")[1]
    assert run(rentverify[3], ID=number) == (200, "STATUS_WAIT_CODE")
    assert run(rentverify[4], ID=number) == (200, "ACCESS_CANCEL")

    status, body = run(ping[0])
    assert (status, "svc_" in body) == (200, True)
    service = re.search(r"svc_[a-z0-9]{12}", body)[0]
    order = re.search(r"ord_[a-z0-9]{12}", run(ping[1], SERVICE_ID=service)[1])[0]
    assert '"pending"' in run(ping[2], ORDER_ID=order)[1]
    assert run(ping[3], ORDER_ID=order)[0] == 200


@pytest.mark.parametrize("dialect", [*TOURS, "nonsense"])
def test_each_dialect_has_a_tab_with_commands(reader, dialect):
    page = unescape(reader.page(dialect=dialect))

    assert page.count('aria-current="page"') >= 1
    assert f"http://{reader.host}/" in page
    assert "$KEY" in page


@pytest.mark.django_db(transaction=True)
def test_what_programs_asked_for_is_listed_with_polls_added_up(reader, shop):
    key = issue_key(tenant=reader.customer.tenant, customer=reader.customer)[1]
    shop.provider.serves_live = True
    shop.provider.save()
    client, address = Client(), "/stubs/handler_api.php"
    ask = lambda action, **params: client.get(  # noqa: E731
        address, {"api_key": key, "action": action, **params}, headers={"X-Request-Id": f"mine-{action}"}
    )
    number = ask("getNumber", service="tg", country="187").content.decode().split(":")[1]
    for _ in range(3):
        ask("getStatus", id=number)
    ask("getStatus", id="1")
    ask("nonsense")
    diary.diary.write()

    lines = {(line.route, line.outcome): line for line in RequestLine.objects.all()}
    order = Activation.objects.get(num_id=number)
    assert {name: line.count for name, line in lines.items()} == {
        ("getNumber", "ok"): 1, ("getStatus", "ok"): 3, ("getStatus", "unknown_activation"): 1,
        ("an unknown action", "unknown_path"): 1,
    }  # fmt: skip
    assert lines["getStatus", "ok"].order_ref == order.hex_id
    assert lines["getStatus", "unknown_activation"].order_ref == ""
    assert lines["getNumber", "ok"].request_id == "mine-getNumber"
    page = reader.page()
    assert f'href="/numbers/{order.hex_id}/"' in page
    assert "× 3" in page
    assert key not in page


@pytest.mark.django_db(transaction=True)
def test_s1_neither_keys_nor_codes_nor_phones_are_noted(reader, shop):
    key = issue_key(tenant=reader.customer.tenant, customer=reader.customer)[1]
    shop.provider.serves_live = True
    shop.provider.save()
    answer = Client().get(
        f"/api/v1/getNumber?service=tg&country=usa&api_key={key}", headers={"X-API-Token": key}
    ).content.decode()  # fmt: skip
    diary.diary.write()

    [line] = RequestLine.objects.values()
    kept = " ".join(str(value) for value in line.values())
    assert line["route"] == "GET /api/v1/getNumber"
    assert key not in kept
    assert answer.split(":")[2].lstrip("+") not in kept


def test_the_same_minute_is_added_to_by_another_process(reader):
    question = diary.Question(reader.customer.tenant_id, reader.customer.pk, "ping", "GET /x")
    for _ in range(2):
        other = diary.Diary()
        other.note(question, "ok", 200, "r")
        other.write()

    assert sum(RequestLine.objects.values_list("count", flat=True)) == 2


def test_what_is_older_than_a_day_is_forgotten(reader):
    question = diary.Question(reader.customer.tenant_id, reader.customer.pk, "ping", "GET /x")
    diary.diary.note(question, "ok", 200, "r")
    diary.diary.write()

    assert diary.forget_requests(before=timezone.now() - timedelta(hours=24)) == 0
    assert diary.forget_requests(before=timezone.now() + timedelta(minutes=2)) == 1


def test_no_more_lines_wait_than_there_is_room_for(reader, monkeypatch):
    monkeypatch.setattr(diary, "MOST_LINES", 2)
    waiting = diary.Diary()
    for n in range(5):
        waiting.note(diary.Question(1, reader.customer.pk, "ping", f"GET /{n}"), "ok", 200, "r")
    waiting.write()

    assert RequestLine.objects.count() == 2


def test_t1_nobody_ends_or_sees_what_is_anothers(reader):
    theirs = CustomerFactory(tenant=reader.customer.tenant, balance_micros=0)
    key, _ = issue_key(tenant=theirs.tenant, customer=theirs, name="theirs")
    diary.diary.note(diary.Question(theirs.tenant_id, theirs.pk, "ping", "GET /theirs"), "ok", 200, "r")
    diary.diary.write()

    assert reader.client.post(f"{PAGE}keys/{key.pk}/revoke/").status_code == 404
    assert reader.client.post(f"{PAGE}sms/{'f' * 24}/").status_code == 404
    assert "theirs" not in reader.page()
    key.refresh_from_db()
    assert key.revoked_at is None


def test_a_key_of_ones_own_ends_with_its_next_request(reader):
    _, [plaintext, *_] = reader.new_key(mode="live")
    key = ApiKey.objects.get(customer=reader.customer)
    asked = {"api_key": plaintext, "action": "getBalance"}

    before = Client().get("/stubs/handler_api.php", asked).content
    assert reader.client.post(f"{PAGE}keys/{key.pk}/revoke/").status_code == 302

    assert before == b"ACCESS_BALANCE:5.00"
    assert Client().get("/stubs/handler_api.php", asked).content == b"BAD_KEY"


@pytest.mark.django_db(transaction=True)
def test_a_key_that_only_looks_buys_nothing(reader, shop):
    _, [plaintext, *_] = reader.new_key(scope="read")
    asked = {"api_key": plaintext, "action": "getNumber", "service": "tg", "country": "187"}

    assert Client().get("/stubs/handler_api.php", asked).content == b"ACCOUNT_INACTIVE"


def test_there_is_an_end_to_keys(reader):
    for _ in range(10):
        issue_key(tenant=reader.customer.tenant, customer=reader.customer)

    answer, keys = reader.new_key(mode="live")

    assert (answer.status_code, keys) == (422, [])
    assert "Revoke one that you do not need" in answer.content.decode()


@pytest.mark.parametrize("fields", [{"mode": "both"}, {"scope": ""}, {"name": "x" * 81}, {"more": "1"}])
def test_b1_a_form_that_is_wrong_makes_no_key(reader, fields):
    answer, _ = reader.new_key(**fields)

    assert answer.status_code == 422
    assert not ApiKey.objects.exists()

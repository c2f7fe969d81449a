"""The stream of hints, read as a browser reads it: over HTTP from the running portal."""

import http.client
import threading
import time

import pytest
from django.conf import settings

from accounts.models import Tenant
from activations.hints import channel_of, tell_browser
from portal import live
from portal.hub import WAITING_HINTS
from tests.pages.conftest import Store

pytestmark = pytest.mark.django_db(transaction=True)

ID = "0123456789abcdef01234567"


class Stream:
    """One open `/events/`."""

    def __init__(self, port, store, client, *, host=""):
        cookie = client.cookies.get(settings.SESSION_COOKIE_NAME)
        headers = {
            "Host": host or store.host,
            "Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie.value if cookie else ''}",
        }
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        self.connection.request("GET", "/events/", headers=headers)
        self.answer = self.connection.getresponse()
        if self.answer.status == 200:
            assert self.answer.readline() == b"retry: 3000\n"
            assert self.answer.readline() == b"\n"

    def next(self):
        lines = []
        while line := self.answer.readline().strip():
            lines.append(line.decode())
        return lines

    def close(self):
        self.answer.close()
        self.connection.close()


@pytest.fixture
def listen(server, store):
    opened = []

    def open_stream(client, **options):
        opened.append(Stream(server, store, client, **options))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()


def tell(store, hex_id=ID, customer=None):
    tell_browser(tenant_id=store.tenant.pk, customer_id=(customer or store.customer).pk, hex_id=hex_id)


def subscribed(redis, store):
    """Wait until the portal listens to the store's customer."""
    channel = channel_of(tenant_id=store.tenant.pk, customer_id=store.customer.pk)
    deadline = time.monotonic() + 60
    while not redis.pubsub_numsub(channel)[0][1]:
        assert time.monotonic() < deadline, "nobody subscribed"
        time.sleep(0.02)


def test_a_hint_names_the_activation_and_nothing_else(store, listen, redis):
    stream = listen(store.signed_in())
    subscribed(redis, store)

    tell(store)

    assert stream.next() == ["event: sms", f"data: {ID}"]
    assert stream.answer.headers["Cache-Control"] == "no-store"


def test_t4_nobody_else_hears_it(store, listen, redis, other_upstream):
    elsewhere = Store(other_upstream)
    mine, stranger = listen(store.signed_in()), listen(store.stranger())
    assert listen(store.signed_in(), host=elsewhere.host).answer.status == 204
    subscribed(redis, store)

    tell(store)
    tell(elsewhere)

    assert mine.next() == ["event: sms", f"data: {ID}"]
    stranger.connection.sock.settimeout(0.5)
    with pytest.raises(TimeoutError):
        stranger.next()


@pytest.mark.parametrize("host", ["", "nobody.localhost", "evil.example.com"])
def test_t4_visitors_and_forged_hosts_get_no_stream(store, listen, host):
    assert listen(store.visitor(), host=host).answer.status == 204


def test_t6_a_suspended_tenant_has_no_streams(store, listen):
    client = store.signed_in()
    Tenant.objects.update(status="suspended")

    assert listen(client).answer.status == 204


def test_a_stream_ends_when_its_session_does(store, listen, redis, monkeypatch):
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.05)
    client = store.signed_in()
    stream = listen(client)
    client.logout()

    while b"still here" in (line := stream.answer.readline()) or line == b"\n":
        pass

    assert line == b""


def test_text_that_is_no_id_is_not_passed_on(store, listen, redis):
    stream = listen(store.signed_in())
    subscribed(redis, store)

    tell(store, "482913 is your code")
    tell(store)

    assert stream.next() == ["event: sms", f"data: {ID}"]


def test_a_slow_reader_loses_hints_and_nobody_waits(store, listen, redis):
    listen(store.signed_in())
    subscribed(redis, store)

    started = time.monotonic()
    for _ in range(WAITING_HINTS * 20):
        tell(store)

    assert time.monotonic() - started < 2


def test_streams_share_one_connection_to_redis(store, listen, redis):
    client = store.signed_in()
    listen(client)
    subscribed(redis, store)
    before = connections_to(redis)

    for _ in range(10):
        listen(client)

    assert connections_to(redis) <= before
    assert threading.active_count() < 100


def connections_to(redis):
    """How many connections this test process has."""
    number = str(redis.connection_pool.connection_kwargs.get("db", 0))
    return sum(client["db"] == number for client in redis.client_list())


def test_o2_without_redis_streams_stay_open_and_come_back(store, listen, redis):
    stream = listen(store.signed_in())
    subscribed(redis, store)
    redis.client_kill_filter(_type="pubsub")
    subscribed(redis, store)

    tell(store)

    assert stream.next() == ["event: sms", f"data: {ID}"]


def test_only_get_opens_a_stream(server, store):
    connection = http.client.HTTPConnection("127.0.0.1", server, timeout=60)
    connection.request("POST", "/events/", headers={"Host": store.host})

    assert connection.getresponse().status == 405

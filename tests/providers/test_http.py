"""One table of faults for both carriers: `send` (urllib3) and `send_many` (aiohttp)."""

import gzip
import logging

import pytest
from django.db import connections, transaction

from providers.contract import Call, OutcomeUnknown, OutOfStock, Unreachable
from providers.http import TransactionOpen, send, send_many
from tests.providers.wire import OK, within

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def one_of_many(call):
    [sent] = send_many([("tag", call)])
    if sent.error:
        raise sent.error
    return sent.value


@pytest.fixture(params=[send, one_of_many], ids=["send", "send_many"])
def carry(request):
    return request.param


def call(url, *, read=lambda reply: reply.text, **facts):
    facts = {"params": {}, "timeout_seconds": 1.0, "is_read": False, **facts}
    return Call(facts.pop("method", "POST"), f"{url}/path", read=read, **facts)


def test_a_call_carries_its_parts(carry, wire):
    answer = carry(call(wire.url, params={"a": "ü&", "n": 1}, headers={"X-Key": "k"}, json={"b": [1]}))

    head, body = wire.requests[0].split("\r\n\r\n")
    assert answer == "ok"
    assert head.startswith("POST /path?a=%C3%BC%26&n=1 HTTP/1.1\r\n")
    assert "X-Key: k" in head
    assert "Content-Type: application/json" in head
    assert "Accept-Encoding: identity" in head
    assert body == '{"b":[1]}'


def test_u3_refused_and_unknown_names_are_unreachable(carry, closed_port):
    for url in (closed_port, "http://no-such-host.invalid", "http://"):
        with pytest.raises(Unreachable):
            carry(call(url))


def test_u3_what_could_not_even_be_written_never_left(wire):
    with pytest.raises(Unreachable):
        send(call(wire.url, headers={"X-Key": "two\r\nlines"}))
    with pytest.raises(Unreachable):
        send(call(wire.url.replace("http:", "https:")))  # no TLS there, so no request either
    assert all("/path" not in request for request in wire.requests)


def test_credentials_in_the_address_become_a_header(carry, wire):
    carry(call(wire.url.replace("//", "//me:s%40e@")))
    assert "authorization: basic bwu6c0bl" in wire.requests[0].lower()


def test_u1_silence_after_the_request_is_outcome_unknown(carry, wire):
    wire.hang()
    with within(8), pytest.raises(OutcomeUnknown):
        carry(call(wire.url))


@pytest.mark.parametrize(
    "pieces",
    [[b"H", b"T", b"T", b"P", b"/"] * 9, [HEAD + b"Content-Length: 40\r\n\r\n", *[b"x"] * 40]],
    ids=["head", "body"],
)
def test_u11_the_time_limit_covers_the_whole_exchange_however_slowly_it_drips(carry, wire, pieces):
    wire.drip(*pieces, every=0.4)
    with within(8), pytest.raises(OutcomeUnknown):
        carry(call(wire.url))


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n",
        HEAD + b"Content-Length: 9000\r\n\r\n" + b"x" * 9_000,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n2328\r\n" + b"x" * 9_000 + b"\r\n0\r\n\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"ok"),
        HEAD + b"Content-Length: 5\r\n\r\nok",
        b"not http at all\r\n\r\n",
        b"",
    ],
    ids=["redirect", "too long", "too long, chunked", "packed", "cut", "no http", "closed"],
)
def test_u5_answers_that_cannot_be_believed_are_outcome_unknown(carry, wire, answer):
    def once(connection, request):
        connection.sendall(answer)
        return "close"

    wire.answer = once
    with pytest.raises(OutcomeUnknown):
        carry(call(wire.url, max_bytes=8_192))
    assert len(wire.requests) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_write_is_never_repeated_when_its_connection_breaks(carry, wire, method):
    carry(call(wire.url, method=method))
    wire.answer = lambda connection, request: "close"
    with pytest.raises(OutcomeUnknown):
        carry(call(wire.url, method=method))
    assert len(wire.requests) == 2


def test_broken_bytes_are_replaced(carry, wire):
    wire.answer = lambda connection, request: connection.sendall(HEAD + b"Content-Length: 3\r\n\r\na\xffb")
    assert carry(call(wire.url)) == "a�b"


def test_a_reader_that_stumbles_is_outcome_unknown_and_a_refusal_stays_one(carry, wire):
    def refuse(reply):
        raise OutOfStock

    with pytest.raises(OutcomeUnknown, match="unreadable answer"):
        carry(call(wire.url, read=lambda reply: {}["missing"]))
    with pytest.raises(OutOfStock):
        carry(call(wire.url, read=refuse))


def test_connections_are_kept(carry, wire):
    seen = set()

    def answer(connection, request):
        seen.add(connection.fileno())
        connection.sendall(OK)

    wire.answer = answer
    for _ in range(5):
        carry(call(wire.url))
    assert len(seen) == 1


def test_s3_no_key_query_body_or_answer_is_logged(carry, wire, caplog):
    caplog.set_level(logging.DEBUG)
    wire.answer = lambda connection, request: connection.sendall(OK) and None
    with pytest.raises(OutcomeUnknown):
        carry(
            call(
                wire.url,
                params={"api_key": "canary1"},
                headers={"X-Api-Key": "canary2"},
                json={"text": "canary3"},
                read=lambda reply: {}[reply.text],
            )
        )
    assert "provider_call" in caplog.text
    assert "/path" in caplog.text
    assert "canary" not in caplog.text


@pytest.mark.django_db(transaction=True)
def test_b6_no_call_leaves_while_a_transaction_is_open(carry, wire):
    with transaction.atomic(), pytest.raises(TransactionOpen):
        carry(call(wire.url))
    assert wire.requests == []
    assert carry(call(wire.url)) == "ok"


@pytest.fixture
def pooled(monkeypatch):
    """This thread's connection, taken from a pool."""
    mine = connections["default"]
    mine.close()
    monkeypatch.setitem(mine.settings_dict, "CONN_MAX_AGE", 0)
    monkeypatch.setitem(mine.settings_dict["OPTIONS"], "pool", {"min_size": 1, "max_size": 1})
    mine.ensure_connection()
    yield mine
    mine.close()
    mine.close_pool()


@pytest.mark.django_db(transaction=True)
def test_b6_a_pooled_connection_is_given_back_before_the_call(carry, wire, pooled):
    held = []

    def answer(peer, request):
        held.append(pooled.connection)
        peer.sendall(OK)

    wire.answer = answer
    assert pooled.connection is not None
    carry(call(wire.url))
    assert held == [None]

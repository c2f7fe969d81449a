"""What `send` writes, what it believes of what comes back, and which connections it uses again."""

import socket
import struct
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from providers.contract import Account, Call, OutcomeUnknown, Unreachable
from providers.http import connections, send
from providers.http.connections import place_of
from tests.certificates import self_signed
from tests.providers.wire import OK, Wire, within

OPEN = b"HTTP/1.1 200 OK\r\n"
TWO = b"Content-Length: 2\r\n"
CHUNKED = OPEN + b"Transfer-Encoding: chunked\r\n\r\n"


def call(url, *, read=lambda reply: reply.text, **facts):
    facts = {"method": "POST", "params": {}, "timeout_seconds": 1.0, "is_read": False, **facts}
    return Call(facts.pop("method"), f"{url}/path", read=read, **facts)


def answering(wire, answer, then="close"):
    """The wire's first answer is this one, as it stands; all others are in order."""
    answers = iter([answer])

    def once(connection, request):
        mine = next(answers, None)
        connection.sendall(OK if mine is None else mine)
        return None if mine is None else then

    wire.answer = once


# --- how it gets there ---


@pytest.fixture
def unanswered():
    """Makes addresses of this machine at which nobody takes a connection, on one port."""
    opened = []

    def make(*hosts, port=0):
        for host in hosts:
            listener = socket.create_server((host, port), backlog=0)
            port = listener.getsockname()[1]
            opened.append(listener)
            for _ in range(4):  # more than may wait
                waiting = socket.socket()
                waiting.setblocking(False)
                waiting.connect_ex((host, port))
                opened.append(waiting)
        return port

    yield make
    for each in opened:
        each.close()


@pytest.fixture
def named(monkeypatch):
    """A name of these addresses."""

    def name(*hosts):
        real = socket.getaddrinfo

        def found(host, port, *args, **facts):
            asked = hosts if host == "many.example" else [host]
            return [each for one in asked for each in real(one, port, *args, **facts)]

        monkeypatch.setattr("socket.getaddrinfo", found)
        return "many.example"

    return name


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_u11_many_addresses_that_do_not_answer_take_the_time_of_one_call(unanswered, named, scheme):
    hosts = [f"127.0.0.{number}" for number in range(2, 6)]
    port = unanswered(*hosts)

    with within(1.8), pytest.raises(Unreachable):
        send(call(f"{scheme}://{named(*hosts)}:{port}", timeout_seconds=1.0))


def test_u11_an_address_that_answers_is_reached_behind_one_that_does_not(
    unanswered, named, wire, monkeypatch
):
    monkeypatch.setattr(connections, "CONNECT_SECONDS", 0.3)
    unanswered("127.0.0.2", port=wire.port)

    assert send(call(f"http://{named('127.0.0.2', '127.0.0.1')}:{wire.port}")) == "ok"


# --- what leaves ---


@pytest.mark.parametrize(
    ("method", "json", "lengths"), [("GET", None, []), ("POST", None, ["0"]), ("POST", {"a": 1}, ["7"])]
)
def test_a_request_says_where_it_goes_and_how_long_it_is(wire, method, json, lengths):
    send(call(wire.url, method=method, json=json))

    head = wire.requests[0].split("\r\n\r\n")[0].split("\r\n")
    assert head[:2] == [f"{method} /path HTTP/1.1", f"Host: 127.0.0.1:{wire.port}"]
    assert [line.split(": ")[1] for line in head if line.startswith("Content-Length")] == lengths
    assert len({line.split(":")[0].lower() for line in head}) == len(head), "each header once"


@pytest.mark.parametrize(
    ("url", "host", "origin", "target"),
    [
        ("https://Example.com", "example.com", ("https", "example.com", 443), "/"),
        ("https://example.com:443/a?b=c#d", "example.com", ("https", "example.com", 443), "/a?b=c"),
        ("http://example.com.:81/ü x", "example.com:81", ("http", "example.com.", 81), "/%C3%BC%20x"),
        ("http://[::1]/", "[::1]", ("http", "::1", 80), "/"),
        ("http://[::1]:81/", "[::1]:81", ("http", "::1", 81), "/"),
    ],
)
def test_an_address_is_taken_apart(url, host, origin, target):
    place = place_of(url, is_guarded=False)
    assert (place.headers["Host"], place.origin, place.target) == (host, (*origin, False), target)


@pytest.mark.parametrize(
    "headers",
    [
        *({"X-Key": f"a{letter}b"} for letter in ["\r\n", "\n", "\r", "\r\n ", "\0", "\x7f", "\x1b", "€"]),
        *({name: "a"} for name in ["", "X Key", "X-Key:", "X-Key\r\nX-Other", "X-Ké"]),
    ],
    ids=ascii,
)
def test_u3_a_header_that_cannot_be_written_is_never_sent(wire, headers):
    with pytest.raises(Unreachable):
        send(call(wire.url, headers=headers))
    assert wire.requests == []


def test_u3_a_method_with_a_line_in_it_is_never_sent(wire):
    with pytest.raises(Unreachable):
        send(call(wire.url, method="GET / HTTP/1.1\r\nX-Key: a\r\n\r\nGET"))
    assert wire.requests == []


def test_a_header_may_hold_what_latin_has(wire):
    wire.answer = lambda connection, request: (
        connection.sendall(OK) if b"Key: \xe9\t~\r" in request else "close"
    )
    assert send(call(wire.url, headers={"X-Key": "é\t~"})) == "ok"


# --- what is believed ---


@pytest.mark.parametrize(
    ("answer", "is_kept"),
    [
        (OK, True),
        (OPEN + TWO + TWO + b"\r\nok", True),
        (OPEN + b"content-LENGTH:2\t\r\nX-Empty:\r\n\r\nok", True),
        (b"HTTP/1.1 200\nContent-Length: 2\n\nok", True),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, True),
        (CHUNKED + b"1\r\no\r\n01;a=b\r\nk\r\n0\r\nX-After: 1\r\n\r\n", True),
        (OPEN + b"Transfer-Encoding: Chunked\r\n" + b"Content-Length: 9\r\n\r\n2\r\nok\r\n0\r\n\r\n", False),
        (OPEN + b"Content-Encoding: Identity\r\nTransfer-Encoding:\r\n" + TWO + b"\r\nok", True),
        (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n" + TWO + b"\r\nok", True),
        (b"HTTP/1.0 200 OK\r\n" + TWO + b"\r\nok", False),
        (OPEN + b"Connection: Close\r\n" + TWO + b"\r\nok", False),
        (OK + b"HTTP/1.1 200 OK\r\n", False),
    ],
    ids=["plain", "length twice", "loose", "bare lines", "1xx", "chunked", "chunked and long", "said plainly",
         "1.0 kept", "1.0", "close", "surplus"],
)  # fmt: skip
def test_answers_are_read_and_connections_kept(wire, answer, is_kept):
    answering(wire, answer, then=None)

    assert send(call(wire.url)) == "ok"
    assert send(call(wire.url)) == "ok"
    assert (wire.connections, len(wire.requests)) == (1 if is_kept else 2, 2)


def test_an_answer_may_end_with_its_connection(wire):
    answering(wire, OPEN + b"\r\nok")
    assert send(call(wire.url)) == "ok"


@pytest.mark.parametrize("answer", [b"HTTP/1.1 204 No Content\r\n\r\n", b"HTTP/1.1 304 Same\r\n\r\n"])
def test_an_answer_may_have_no_body(wire, answer):
    answering(wire, answer, then=None)
    if b"304" in answer:
        with pytest.raises(OutcomeUnknown, match="redirected"):
            send(call(wire.url))
    else:
        assert send(call(wire.url)) == ""
    assert send(call(wire.url)) == "ok"
    assert wire.connections == 1


def test_nothing_follows_an_answer_to_head(wire):
    answering(wire, OPEN + b"Content-Length: 500\r\n\r\n", then=None)
    assert send(call(wire.url, method="HEAD")) == ""
    assert send(call(wire.url)) == "ok"


def test_headers_come_with_small_names_and_repeated_ones_joined(wire):
    answering(wire, OPEN + b"X-Name: a\r\nx-name:b\r\n\t c\r\nRetry-After: 5 \r\n" + TWO + b"\r\nok")
    headers = send(call(wire.url, read=lambda reply: reply.headers))
    assert headers == {"x-name": "a, b c", "retry-after": "5", "content-length": "2"}


def test_a_body_may_be_as_long_as_the_limit(wire):
    for answer in (OPEN + b"Content-Length: 9\r\n\r\n123456789", CHUNKED + b"9\r\n123456789\r\n0\r\n\r\n"):
        answering(wire, answer, then=None)
        assert send(call(wire.url, max_bytes=9)) == "123456789"
        answering(wire, answer, then=None)
        with pytest.raises(OutcomeUnknown, match="too long"):
            send(call(wire.url, max_bytes=8))


@pytest.mark.parametrize(
    "answer",
    [
        OPEN + b"X-Key: " + b"a" * 300_000,
        CHUNKED + b"2;" + b"a" * 300_000,
        CHUNKED + b"5\r\n12345\r\n5\r\n67890\r\n0\r\n\r\n",
        OPEN + b"\r\n123456789",
    ],
    ids=["head", "line of a chunk", "chunks together", "until the end"],
)
def test_u5_what_is_too_long_is_not_read_on(wire, answer):
    answering(wire, answer)
    with pytest.raises(OutcomeUnknown, match="too long"):
        send(call(wire.url, max_bytes=8))


BROKEN = {
    "other version": b"HTTP/2 200 OK\r\n" + TWO + b"\r\nok",
    "no status": b"HTTP/1.1 OK\r\n" + TWO + b"\r\nok",
    "long status": b"HTTP/1.1 2000 OK\r\n" + TWO + b"\r\nok",
    "status 099": b"HTTP/1.1 099 OK\r\n" + TWO + b"\r\nok",
    "other switch": b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\nPRI",
    "only waiting": b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + OK,
    "no colon": OPEN + b"Content-Type\r\n" + TWO + b"\r\nok",
    "blank name": OPEN + b"X Key: a\r\n" + TWO + b"\r\nok",
    "no name": OPEN + b": a\r\n" + TWO + b"\r\nok",
    "zero byte": OPEN + b"X-Key: a\0b\r\n" + TWO + b"\r\nok",
    "many headers": OPEN + b"X-Key: a\r\n" * 101 + TWO + b"\r\nok",
    "long header": OPEN + b"X-Key: " + b"a" * 70_000 + b"\r\n" + TWO + b"\r\nok",
    "cut head": OPEN + b"Content-Length: 2\r\n",
    "length below 0": OPEN + b"Content-Length: -2\r\n\r\nok",
    "length +2": OPEN + b"Content-Length: +2\r\n\r\nok",
    "no length": OPEN + b"Content-Length:\r\n\r\nok",
    "two lengths": OPEN + TWO + b"Content-Length: 3\r\n\r\nok",
    "packed on the way": OPEN + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunk below 0": CHUNKED + b"-2\r\nok\r\n0\r\n\r\n",
    "chunk 0x2": CHUNKED + b"0x2\r\nok\r\n0\r\n\r\n",
    "chunk unsized": CHUNKED + b"\r\nok\r\n0\r\n\r\n",
    "chunk too short": CHUNKED + b"1\r\nok\r\n0\r\n\r\n",
    "chunk cut": CHUNKED + b"9\r\nok",
    "chunks without end": CHUNKED + b"2\r\nok\r\n",
    "after the chunks endless": CHUNKED + b"2\r\nok\r\n0\r\n" + b"X-After: a\r\n" * 200 + b"\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_u5_what_is_no_clean_answer_is_outcome_unknown_and_its_connection_is_left(wire, answer):
    answering(wire, answer)
    with pytest.raises(OutcomeUnknown):
        send(call(wire.url))
    assert len(wire.requests) == 1

    assert send(call(wire.url)) == "ok"
    assert (wire.connections, len(wire.requests)) == (2, 2)


def test_u5_the_rest_of_a_broken_answer_is_no_answer_to_the_next_call(wire):
    """A body that is left behind could be taken for the answer to somebody else's order."""
    answering(wire, OPEN + b"Content-Encoding: gzip\r\nContent-Length: 52\r\n\r\n" + OK, then=None)
    with pytest.raises(OutcomeUnknown):
        send(call(wire.url))
    answering(wire, OK.replace(b"ok", b"me"))
    assert send(call(wire.url)) == "me"


@pytest.mark.parametrize(
    "pieces",
    [[CHUNKED, *[b"1\r\nx\r\n"] * 40], [b"HTTP/1.1 100 Continue\r\n\r\n"] * 15],
    ids=["chunks", "1xx"],
)
def test_u11_what_drips_within_its_form_ends_with_the_time_limit(wire, pieces):
    wire.drip(*pieces, every=0.4)
    with within(8), pytest.raises(OutcomeUnknown):
        send(call(wire.url))


def test_u11_a_request_that_nobody_takes_ends_with_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with within(8), pytest.raises(OutcomeUnknown):
            send(call(url, json={"text": "x" * 30_000_000}))


# --- which connection ---


def test_a_connection_that_was_closed_meanwhile_is_not_used(wire):
    ended = threading.Event()

    def answer(connection, request):
        connection.sendall(OK)
        connection.shutdown(socket.SHUT_RDWR)
        ended.set()
        return "close"

    wire.answer = answer
    for _ in range(3):
        assert send(call(wire.url)) == "ok"
        assert ended.wait(60)
        ended.clear()
    assert (wire.connections, len(wire.requests)) == (3, 3)


def test_a_connection_on_which_something_came_unasked_is_not_used(wire):
    """Whatever it is, it is no answer to the next call."""
    read, said = threading.Event(), threading.Event()

    def answer(connection, request):
        connection.sendall(OK)
        read.wait(60)
        connection.sendall(OK.replace(b"ok", b"no"))
        said.set()

    wire.answer = answer
    assert send(call(wire.url)) == "ok"
    read.set()
    assert said.wait(60)
    wire.answer = lambda connection, request: connection.sendall(OK)
    assert send(call(wire.url)) == "ok"
    assert wire.connections == 2


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_write_whose_connection_is_reset_is_not_repeated(wire, method):
    def reset(connection, request):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return "close"

    assert send(call(wire.url, method=method)) == "ok"
    wire.answer = reset
    with pytest.raises(OutcomeUnknown):
        send(call(wire.url, method=method))
    assert (wire.connections, len(wire.requests)) == (1, 2)


def test_threads_share_no_connection_and_leave_none_behind(wire):
    together = threading.Barrier(4)
    ended = []

    def work(_):
        together.wait(60)
        return [send(call(wire.url)) for _ in range(3)]

    def answer(connection, request):
        connection.sendall(OK)
        if connection not in ended:
            ended.append(connection)

    wire.answer = answer
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [["ok"] * 3] * 4
    assert wire.connections == 4
    with within(8):
        while any(connection.fileno() >= 0 for connection in ended):
            wire.stopped.wait(0.01)


def test_of_many_places_the_one_that_was_left_longest_is_closed(monkeypatch):
    monkeypatch.setattr(connections, "KEPT_MOST", 2)
    first, second, third = wires = [Wire() for _ in range(3)]

    def work():
        for wire in (first, second, first, third, first, second):
            send(call(wire.url))

    with ThreadPoolExecutor(1) as threads:
        threads.submit(work).result()
    assert [wire.connections for wire in wires] == [1, 2, 1]
    for wire in wires:
        wire.close()


def test_w9_a_guarded_call_uses_no_connection_of_an_open_one(wire, settings):
    settings.ADDRESS_EXCEPTIONS = [f"127.0.0.1:{wire.port}"]
    guarded = Account(wire.url, "", is_guarded=True)
    for account in (None, guarded, None, guarded):
        assert send(call(wire.url, account=account)) == "ok"
    assert wire.connections == 2


# --- TLS ---


@pytest.fixture
def secure(tmp_path, monkeypatch):
    """A server that is `localhost` by its certificate, which is believed; `names` are those asked for."""
    context, certificate = self_signed(tmp_path, name="localhost")
    wire = Wire(context)
    wire.names = []
    context.sni_callback = lambda connection, name, context: wire.names.append(name)
    monkeypatch.setattr("certifi.where", lambda: str(certificate))
    yield wire
    wire.close()


def in_a_new_thread(*calls):
    """What is believed is read once by each thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(lambda: [send(one) for one in calls]).result()


@pytest.mark.parametrize("is_guarded", [False, True])
def test_a_name_that_its_certificate_proves_is_spoken_to(secure, settings, is_guarded):
    settings.ADDRESS_EXCEPTIONS = [f"localhost:{secure.port}"]
    url = f"https://localhost:{secure.port}"
    one = call(url, account=Account(url, "", is_guarded=is_guarded))

    assert in_a_new_thread(one, one) == ["ok", "ok"]
    assert (secure.names, secure.connections) == (["localhost"], 1)


@pytest.mark.parametrize("is_guarded", [False, True])
def test_u3_another_name_than_the_certificates_hears_nothing(secure, settings, is_guarded):
    settings.ADDRESS_EXCEPTIONS = [f"127.0.0.1:{secure.port}"]
    url = f"https://127.0.0.1:{secure.port}"

    with pytest.raises(Unreachable):
        in_a_new_thread(call(url, account=Account(url, "", is_guarded=is_guarded)))
    assert secure.requests == []


def test_w9_a_public_name_that_leads_inward_now_is_not_connected_to(secure, monkeypatch):
    inward = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", secure.port))]
    monkeypatch.setattr("portal.addresses.PORTS", {secure.port})
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: inward)
    url = f"https://shop.example.com:{secure.port}"

    with pytest.raises(Unreachable, match="not of the public internet"):
        in_a_new_thread(call(url, account=Account(url, "", is_guarded=True)))
    assert secure.connections == 0


def test_u3_a_certificate_that_nobody_vouches_for_is_not_believed(secure, monkeypatch):
    monkeypatch.undo()
    with pytest.raises(Unreachable):
        in_a_new_thread(call(f"https://localhost:{secure.port}"))
    assert secure.requests == []

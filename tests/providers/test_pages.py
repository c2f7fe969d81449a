"""Lists that come in pages: one by one with `send_all`, many side by side with `send_many`."""

import re
from dataclasses import replace

import pytest

from providers.contract import Call, OutcomeUnknown
from providers.http import send_all, send_many


def one_by_one(call):
    return send_all(call)


def side_by_side(call):
    [sent] = send_many([("tag", call)])
    if sent.error is not None:
        raise sent.error
    return sent.value


both = pytest.mark.parametrize("fetch", [one_by_one, side_by_side])


def serve(wire, *, last):
    """Page n holds the line n; pages end with `last`."""

    def answer(connection, request):
        number = int(re.search(rb"page=(\d+)", request)[1])
        body = f"{number} {'end' if number == last else 'more'}".encode()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    wire.answer = answer


def pages(url, number=0):
    call = Call("GET", url, {"page": number}, lambda reply: [int(reply.text.split()[0])])
    return replace(call, follow=lambda reply: pages(url, number + 1) if "more" in reply.text else None)


@both
def test_a_list_in_pages_comes_whole_and_in_order(wire, fetch):
    serve(wire, last=4)

    assert list(fetch(pages(wire.url))) == [0, 1, 2, 3, 4]
    assert len(wire.requests) == 5


@both
def test_a_list_that_never_ends_is_outcome_unknown(wire, fetch, monkeypatch):
    monkeypatch.setattr("providers.http.single.PAGES_MAX", 3)
    monkeypatch.setattr("providers.http.many.PAGES_MAX", 3)
    serve(wire, last=-1)

    with pytest.raises(OutcomeUnknown):
        fetch(pages(wire.url))


@both
@pytest.mark.parametrize("slip", [ValueError, KeyError, RecursionError])
def test_u5_a_page_that_cannot_be_read_is_outcome_unknown(wire, fetch, slip):
    def stumble(reply):
        raise slip

    serve(wire, last=0)

    with pytest.raises(OutcomeUnknown):
        fetch(replace(pages(wire.url), follow=stumble))

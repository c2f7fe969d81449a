"""The short way of programs' requests through the WSGI handler answers as Django's own way does."""

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_started
from django.db import connection
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import RequestFactory
from django.urls import clear_script_prefix, path

from portal.handler import Handler

pytestmark = pytest.mark.django_db(transaction=True)  # at a request's end connections go back


def pieces(request):
    return StreamingHttpResponse([b"one, ", b"two"], headers={"X-Sent": "in pieces"})


def keeps(request):
    request.FILES["kept"].read()
    connection.ensure_connection()
    connection.close_at = 0  # it is too old, so it is not kept
    request.kept_by.append((request.FILES["kept"], connection.connection is not None))
    response = HttpResponse("kept", status=201)
    response.set_cookie("crumb", "1")
    return response


def spoils(request):
    def fail():
        raise OSError("on purpose")

    request.FILES["kept"].close = fail
    return HttpResponse("spoiled")


def fails(request):
    raise ValueError("on purpose")


urlpatterns = [
    path("api/v1/trial/pieces", pieces),
    path("api/v1/trial/keeps", keeps),
    path("api/v1/trial/spoils", spoils),
    path("api/v1/trial/fails", fails),
]
UPLOAD = {
    "method": "POST",
    "kind": "multipart/form-data; boundary=x",
    "body": b'--x\r\nContent-Disposition: form-data; name="kept"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n',
    "HTTP_HOST": "localhost",
}
handler404 = "portal.pages.not_found"
handler500 = "portal.pages.server_error"


def ask(application, address, method="GET", body=b"", kind="application/json", **meta):
    """(status, headers, body, what the server was given)."""
    environ = (
        RequestFactory().generic(method, address, body, kind, HTTP_X_REQUEST_ID="the-same", **meta).environ
    )
    started = []
    given = application(environ, lambda status, headers: started.append((status, headers)))
    text = b"".join(given)
    if hasattr(given, "close"):
        given.close()
    [(status, headers)] = started
    names = dict(headers)
    assert len(names) == len(headers)
    assert names["X-Request-Id"] == "the-same"
    return status, names, text, given


def both_ways(address, **options):
    own, djangos = ask(Handler(), address, **options), ask(WSGIHandler(), address, **options)
    assert isinstance(own[3], list)
    assert not isinstance(djangos[3], list)
    return own[:3], djangos[:3]


CASES = {
    "an answer": ("{a}/balance", {}),
    "a customer nobody has": ("retail/a/customer/nobody/balance", {}),
    "a method that is not there": ("{a}/balance", {"method": "POST"}),
    "no such address": ("retail/b", {}),
    "no such address with odd bytes": ("retail/%FF%00", {}),
    "no key": ("{a}/balance", {"HTTP_X_API_KEY": ""}),
    "a forged host": ("{a}/balance", {"HTTP_HOST": "evil.example/"}),
    "a body that is no JSON": ("{a}/activation", {"method": "POST", "body": b"{"}),
}


@pytest.mark.parametrize("case", CASES)
def test_both_ways_answer_the_same(partner, case):
    address, options = CASES[case]
    given = {"HTTP_HOST": "localhost", "HTTP_X_API_KEY": partner.key, **options}

    own, djangos = both_ways(f"/api/v1/{address.format(a=partner.a)}", **given)

    assert own == djangos
    assert own[0].startswith(("200", "4"))


def test_a_failure_is_the_same_sentence(settings, partner):
    settings.ROOT_URLCONF = __name__

    own, djangos = both_ways("/api/v1/trial/fails", HTTP_HOST="localhost")

    assert own == djangos
    assert own[0] == "500 Internal Server Error"


def test_no_address_of_a_machine_is_still_a_page_of_refusal(settings):
    settings.ROOT_URLCONF = __name__

    own, djangos = both_ways("/api/v1/trial/nothing", HTTP_HOST="localhost")

    assert own == djangos
    assert own[0] == "404 Not Found"


def test_an_answer_in_pieces_is_sent_in_pieces_and_ends_djangos_way(settings):
    settings.ROOT_URLCONF = __name__

    status, headers, text, given = ask(Handler(), "/api/v1/trial/pieces", HTTP_HOST="localhost")

    assert (status, text, headers["X-Sent"]) == ("200 OK", b"one, two", "in pieces")
    assert isinstance(given, StreamingHttpResponse)
    assert given.closed  # which tells Django's receivers that the request is over


def test_the_connection_goes_back_and_files_are_closed_before_the_answer_is_sent(settings, monkeypatch):
    settings.ROOT_URLCONF = __name__
    kept = []
    monkeypatch.setattr(HttpRequest, "kept_by", kept, raising=False)

    status, headers, text, _ = ask(Handler(), "/api/v1/trial/keeps", **UPLOAD)

    assert (status, text) == ("201 Created", b"kept")
    assert headers["Set-Cookie"].strip().startswith("crumb=1;")
    assert [(file.closed, was_connected) for file, was_connected in kept] == [(True, True)]
    assert connection.connection is None


def test_a_file_that_cannot_be_closed_keeps_no_answer_back(settings):
    settings.ROOT_URLCONF = __name__

    status, _, text, _ = ask(Handler(), "/api/v1/trial/spoils", **UPLOAD)

    assert (status, text) == ("200 OK", b"spoiled")


@pytest.mark.parametrize(
    ("address", "meta"),
    [("/sign-in/", {}), ("/healthz", {}), ("/api/v1/retail/b", {"SCRIPT_NAME": "/portal"})],
    ids=["page", "probe", "below a prefix"],
)
def test_pages_and_what_is_below_a_prefix_go_djangos_way(address, meta):
    heard = []

    def hear(**_):
        heard.append(1)

    request_started.connect(hear)
    try:
        environ = RequestFactory().get(address, HTTP_HOST="localhost").environ | meta
        answer = Handler()(environ, lambda status, headers: None)
        answer.close()
    finally:
        request_started.disconnect(hear)
        clear_script_prefix()  # Django leaves it to this thread's later tests

    assert not isinstance(answer, list)
    assert heard == [1]

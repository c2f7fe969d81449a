"""Views that behave badly on purpose, under a path that needs no tenant."""

from django.db import connection
from django.http import HttpResponse
from django.urls import path


def ask(request):
    """One query, held for `?seconds=`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [float(request.GET.get("seconds", "0"))])
    return HttpResponse("asked")


def cut(request):
    """Lose the connection in the middle of the request."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    return HttpResponse("never")


def fail(request):
    """Fail while a code is at hand."""
    raise ValueError("the message says your code is 482913, key " + request.GET["api_key"])


def read_only(request):
    """Write where nothing may be written."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = on")
        try:
            cursor.execute(
                "CREATE TEMPORARY TABLE a (b int); INSERT INTO django_session VALUES ('a', 'b', now())"
            )
        finally:
            cursor.execute("SET default_transaction_read_only = off")
    return HttpResponse("never")


urlpatterns = [
    path("api/v1/trial/ask", ask),
    path("api/v1/trial/cut", cut),
    path("api/v1/trial/fail", fail),
    path("api/v1/trial/read-only", read_only),
]
handler400 = "portal.pages.bad_request"
handler404 = "portal.pages.not_found"
handler500 = "portal.pages.server_error"

"""S1: what a stolen copy of the database is good for."""

import base64
import io

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.models import Session
from django.db import connection

from accounts.keys import issue_key
from accounts.sessions import stored
from tests.accounts.conftest import is_signed_in, link_in, sign_in
from tests.accounts.factories import CustomerFactory

pytestmark = pytest.mark.django_db


def every_byte():
    """All rows of all tables, as PostgreSQL copies them out: text, and binary columns decoded."""
    out = io.BytesIO()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            for shape in ("TEXT", "BINARY"):
                with cursor.copy(f'COPY "{table}" TO STDOUT (FORMAT {shape})') as rows:
                    for piece in rows:
                        out.write(piece)
    return out.getvalue()


def test_s1_a_stolen_database_holds_no_usable_key_login_or_password(acme, jar, confirmed):
    user = confirmed(tenant=acme, password="canary password 17")
    client = jar(acme)
    sign_in(client, user.email, "canary password 17")
    assert is_signed_in(client)
    customer = CustomerFactory(tenant=acme)
    keys = [issue_key(tenant=acme)[1], issue_key(tenant=acme, customer=customer)[1]]
    cookie = client.cookies["sessionid"].value

    stolen = every_byte()

    assert user.email.encode() in stolen  # the copy is complete
    assert stored(cookie).encode() in stolen
    for secret in ("canary password 17", cookie, *keys, *(key[12:] for key in keys)):
        assert secret.encode() not in stolen


def test_s1_the_row_of_a_session_is_not_a_cookie(acme, jar, confirmed):
    client = jar(acme)
    sign_in(client, confirmed(tenant=acme).email)
    thief = jar(acme)
    thief.cookies["sessionid"] = stored(client.cookies["sessionid"].value)

    assert thief.get("/accounts/password/change/").status_code == 302
    assert client.get("/accounts/password/change/").status_code == 200


def test_signing_out_removes_the_session_from_the_database(acme, jar, confirmed):
    client = jar(acme)
    sign_in(client, confirmed(tenant=acme).email)
    cookie = client.cookies["sessionid"].value

    client.post("/accounts/logout/")

    assert stored(cookie).encode() not in every_byte()


def test_s1_a_reset_that_was_begun_leaves_nothing_usable_in_the_database(acme, jar, confirmed, letters):
    client, user = jar(acme), confirmed(tenant=acme)
    client.post("/accounts/password/reset/", {"email": user.email})
    _, path = link_in(letters(1)[0])
    assert client.get(path).status_code == 302  # the key is in the session now
    key = path.rstrip("/").rpartition("/")[2].partition("-")[2]

    assert key.encode() not in b"".join(open_sessions())
    assert key.encode() not in every_byte()


def open_sessions():
    """What the rows say to someone without the encryption key: text, and text that is only encoded."""
    for row in Session.objects.all():
        yield row.session_data.encode()
        yield base64.urlsafe_b64decode(row.session_data.partition(":")[0] + "==")


def test_s5_a_session_that_no_key_opens_is_signed_out(acme, jar, confirmed, settings):
    client = jar(acme)
    sign_in(client, confirmed(tenant=acme).email)

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]

    assert client.get("/accounts/password/change/").status_code == 302

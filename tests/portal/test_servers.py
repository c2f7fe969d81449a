"""The throw-away servers that every other test stands on."""

import os
import socket
import subprocess

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from portal.embedded.places import CHECKOUT
from tests.conftest import DATABASE


@pytest.mark.django_db
def test_tests_are_the_role_that_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, current_database()")
        assert cursor.fetchone() == ("portal", DATABASE)
        cursor.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner <> 'portal_owner'"
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.django_db
def test_the_application_cannot_truncate(app_connection):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        app_connection.execute("TRUNCATE django_session")


def test_sockets_beyond_loopback_are_off():
    with pytest.raises(OSError, match="only loopback"):
        socket.create_connection(("192.0.2.1", 80), timeout=1)


def test_the_cache_is_this_workers_own(redis):
    cache.set("a", 1)

    assert [key for key in redis.scan_iter() if key.endswith(b":a")] == [b"portal:1:a"]


@pytest.mark.django_db
def test_probes_answer_on_any_host():
    client = Client(headers={"host": "192.0.2.7"})

    assert client.get("/healthz").content == b"ok\n"
    state = client.get("/readyz").json()
    assert (state["database"], state["redis"], state["work"]) == ("ok", "ok", "ok")
    assert client.get("/metrics").status_code == 404


def test_no_tracked_file_names_a_package_index():
    words = [
        "py" + "pi.org",
        "python" + "hosted.org",
        "npm" + "js.org",
        "--index" + "-url ",
        "extra-index" + "-url",
    ]
    command = ["git", "grep", "-nIF", *(f"-e{word}" for word in words)]
    found = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, env=os.environ, check=False)

    assert found.stdout == ""

"""Databases that go away and views that fail, under the server that production uses."""

import os
import re
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

from portal.embedded import postgres
from portal.embedded.places import CHECKOUT
from tests.conftest import DATABASE, SERVERS

pytestmark = pytest.mark.xdist_group("failures")
KEY = "pk_live_abcdefghijklmnop"


class Web:
    def __init__(self, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.log = folder / "web.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port",
                    str(self.port), "--workers", "1", "--blocking-threads", "32", "portal.wsgi:application",
                ],
                cwd=CHECKOUT,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "tests.portal.trial_settings",
                    "DATABASE_POOL_MAX_CONNECTIONS": "2",
                    "DATABASE_POOL_WAIT_SECONDS": "0.5",
                    "LOG_LEVEL": "INFO",
                    "LOG_REQUESTS": "1",
                },
                stdout=log,
                stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                self.get("/healthz")
                return
            except requests.ConnectionError:
                time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def get(self, path, **headers):
        return requests.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, timeout=20)


@pytest.fixture(scope="module")
def web(tmp_path_factory, django_db_setup):
    web = Web(tmp_path_factory.mktemp("web"))
    yield web
    web.process.terminate()
    web.process.wait(10)


def cut_all_connections():
    with psycopg.connect(
        postgres.address(SERVERS.sockets, postgres.ADMIN, "postgres"), autocommit=True
    ) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND usename = %s",
            [DATABASE, postgres.APP],
        )


def is_ours(response):
    """A 503 of the portal: it says when to come back and which request it was."""
    return response.headers["Retry-After"] == "2" and response.json() == {
        "errorName": "ServiceUnavailable",
        "errorMessage": "The service is busy. Please try again in a moment.",
        "requestId": response.headers["X-Request-Id"],
    }


def test_o5_a_connection_lost_in_a_request_is_503_and_the_next_one_works(web):
    lost = web.get("/api/v1/trial/cut")

    assert (lost.status_code, is_ours(lost)) == (503, True)
    assert web.get("/api/v1/trial/ask").text == "asked"


def test_o5_after_all_connections_were_cut_the_first_success_comes_within_five_seconds(web):
    with ThreadPoolExecutor(2) as pool:  # both connections of the pool exist
        list(pool.map(lambda _: web.get("/api/v1/trial/ask?seconds=0.2"), range(2)))
    cut_all_connections()
    begun, statuses = time.monotonic(), []
    while time.monotonic() < begun + 5 and 200 not in statuses:
        statuses.append(web.get("/api/v1/trial/ask").status_code)

    assert statuses[-1] == 200
    assert set(statuses) <= {200, 503}


def test_o5_a_database_that_accepts_nobody_is_503_until_it_is_back(web, owner_connection):
    with psycopg.connect(
        postgres.address(SERVERS.sockets, postgres.ADMIN, "postgres"), autocommit=True
    ) as admin:
        admin.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false")
        try:
            cut_all_connections()
            away = [web.get("/api/v1/trial/ask") for _ in range(3)]
            assert web.get("/readyz").status_code == 503
            assert web.get("/healthz").status_code == 200
        finally:
            admin.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true")
    begun, status = time.monotonic(), 0
    while time.monotonic() < begun + 5 and status != 200:
        status = web.get("/api/v1/trial/ask").status_code

    assert [(response.status_code, is_ours(response)) for response in away] == [(503, True)] * 3
    assert status == 200


def test_o8_more_requests_than_connections_wait_or_are_503(web):
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: web.get("/api/v1/trial/ask?seconds=0.2"), range(20)))

    statuses = [response.status_code for response in found]
    assert set(statuses) == {200, 503}
    assert all(is_ours(response) for response in found if response.status_code == 503)
    assert web.get("/api/v1/trial/ask").status_code == 200


def test_o6_a_read_only_database_is_503(web):
    assert web.get("/api/v1/trial/read-only").status_code == 503


def test_an_unforeseen_failure_is_a_sentence_and_never_a_trace(web):
    as_json = web.get(f"/api/v1/trial/fail?api_key={KEY}")
    as_page = web.get(f"/api/v1/trial/fail?api_key={KEY}", Accept="text/html")

    assert (as_json.status_code, as_page.status_code) == (500, 500)
    assert as_json.json()["errorName"] == "InternalError"
    assert as_page.headers["Content-Type"] == "text/html; charset=utf-8"
    for body in (as_json.text, as_page.text):
        assert re.search(r"Traceback|ValueError|482913|pk_live", body) is None


def test_s2_s3_the_log_has_the_place_and_the_request_but_neither_key_nor_code(web):
    response = web.get(f"/api/v1/trial/fail?api_key={KEY}&text=482913", Referer=f"http://a/?k={KEY}")
    time.sleep(0.2)
    log = web.log.read_text()

    assert response.headers["X-Request-Id"] in log
    assert "trial_urls.py" in log
    assert "ValueError" in log
    assert KEY not in log
    assert "482913" not in log


def test_a_request_keeps_the_callers_id_only_when_it_is_harmless(web):
    kept = web.get("/healthz", **{"X-Request-Id": "order-2026-11-21"})
    replaced = web.get("/healthz", **{"X-Request-Id": "a b\tc<script>"})

    assert kept.headers["X-Request-Id"] == "order-2026-11-21"
    assert re.fullmatch("[0-9a-f]{32}", replaced.headers["X-Request-Id"])

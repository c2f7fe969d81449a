"""Servers, databases and the browser for every test.

The first pytest process starts a throw-away PostgreSQL and Valkey; each worker clones the migrated template
and has a Valkey database of its own. Tests are logged in as the application's role, which owns nothing.
"""

import ipaddress
import os
import re
import socket
from pathlib import Path
from zlib import crc32

import django
import psycopg
import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import settings as hypothesis_settings
from redis import Redis

from portal.embedded import browser, postgres, throwaway
from portal.embedded.throwaway import Servers
from tests.matrix.report import pytest_terminal_summary  # noqa: F401  (a hook: deeper is too late for it)

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
NUMBER = int(re.sub(r"\D", "", WORKER) or -1) + 1
DATABASE = f"test_{WORKER}"
IS_FIRST = "PORTAL_TEST_SERVERS" not in os.environ
SERVERS = throwaway.reserve() if IS_FIRST else Servers(Path(os.environ["PORTAL_TEST_SERVERS"]))

os.environ["PORTAL_TEST_SERVERS"] = str(SERVERS.root)
os.environ.update(throwaway.environment(SERVERS, database=DATABASE, number=NUMBER))
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
os.environ["ROUTES_REMEMBERED_SECONDS"] = "0"  # tests change a price and buy in the same second
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the browser's driver runs an event loop in the test's thread
django.setup()
del os.environ["DJANGO_SETTINGS_MODULE"]  # a worker that inherits it would load the settings before this file
settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # Argon2 is slow on purpose

# The same examples every time, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=explore
# tries new ones.
hypothesis_settings.register_profile("steady", derandomize=True)
hypothesis_settings.register_profile("explore", derandomize=False)
hypothesis_settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

running = []


def pytest_sessionstart(session):
    if IS_FIRST and not session.config.option.collectonly:
        running.extend(throwaway.start(SERVERS))


def pytest_sessionfinish(session):
    if IS_FIRST:
        throwaway.stop(SERVERS, running)


# --- Data -------------------------------------------------------------------------------------------------
@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker):
    """A copy of the migrated template for this worker."""
    postgres.clone(SERVERS.sockets, template=throwaway.TEMPLATE, database=DATABASE)
    yield
    with django_db_blocker.unblock():
        connections.close_all()


@pytest.fixture
def owner_connection():
    """psycopg, autocommit, as the role that owns the tables: for what the portal itself may not do."""
    with psycopg.connect(os.environ["DATABASE_OWNER_URL"], autocommit=True) as connection:
        yield connection


@pytest.fixture
def app_connection():
    """psycopg, autocommit, a further connection as the application's role: for races and kills."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


KEPT_TABLES = ["django_migrations", "django_content_type", "auth_permission"]
# Rows are deleted, for TRUNCATE makes every table and index that hangs on the used ones anew, which took
# longer than most tests. The locks wait for transactions that a test left behind.
EMPTY_ALL = """
DO $$
DECLARE used text[] := '{}'; name text; found boolean;
BEGIN
    FOR name IN SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname <> ALL ('{kept}')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s)', name) INTO found;
        IF found THEN used := used || name; END IF;
    END LOOP;
    IF cardinality(used) > 0 THEN
        PERFORM set_config('session_replication_role', 'replica', true);  -- no foreign keys, no guards
        EXECUTE 'LOCK ' || array_to_string(used, ', ') || ' IN SHARE ROW EXCLUSIVE MODE';
        FOREACH name IN ARRAY used LOOP
            EXECUTE 'DELETE FROM ' || name;
        END LOOP;
        PERFORM setval(s.seqrelid, s.seqstart, false)
        FROM pg_sequence s JOIN pg_depend d ON d.objid = s.seqrelid AND d.classid = 'pg_class'::regclass
        WHERE d.refobjid = ANY (used::regclass[]) AND d.deptype IN ('a', 'i');
    END IF;
END $$
""".replace("{kept}", "{" + ",".join(KEPT_TABLES) + "}")
GROWN = """
SELECT string_agg(oid::regclass::text, ', ') FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 500000
"""


def _empty_all(test_case):
    """Django's own flush, but by a superuser: the application's role may not touch all of it."""
    address = postgres.address(SERVERS.sockets, postgres.ADMIN, DATABASE)
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        connection.execute(EMPTY_ALL)
        (grown,) = connection.execute(GROWN).fetchone()
        if grown:
            connection.execute(f"VACUUM {grown}")


TransactionTestCase._fixture_teardown = _empty_all


@pytest.fixture(scope="session")
def redis():
    """A client of this worker's Valkey database."""
    with Redis.from_url(os.environ["REDIS_URL"]) as client:
        yield client


@pytest.fixture(autouse=True)
def _empty_redis(redis):
    redis.flushdb()


# --- Network ----------------------------------------------------------------------------------------------
_connect = socket.socket.connect


def _connect_near(self, address):
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_near(address[0]):
        raise OSError(f"tests may not reach {address[0]}: only loopback is open")
    return _connect(self, address)


def _is_near(host):
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


socket.socket.connect = _connect_near


# --- Browser ----------------------------------------------------------------------------------------------
def pytest_collection_modifyitems(items):
    """Browser tests last, by file: their driver leaves an event loop running, so no other can start."""
    items.sort(key=_has_browser)
    for item in items:
        if _has_browser(item):
            item.add_marker(pytest.mark.xdist_group(f"browser{crc32(bytes(item.path)) % 2}"))


def _has_browser(item):
    return "playwright" in item.fixturenames


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args):
    """The browser of the system; as root it needs its own sandbox off."""
    args = ["--no-sandbox"] if os.geteuid() == 0 else []
    return {**browser_type_launch_args, "executable_path": str(browser.found()), "args": args}

"""The fast lane reads what Django would, on the pool's own connections, and gives them back."""

import os
import subprocess
import sys

import pytest
from django.db import connection

from portal.fastlane import fetch_one

POOLED = """
import gc, os, weakref
import django; django.setup()
import psycopg
from django.db import DataError, OperationalError, connection, transaction
from portal.fastlane import fetch_all, fetch_one
from portal.fastlane import _statements
connection.pool.timeout = 1.0
fetch_alone = lambda lent, sql: _statements(lent).fetch_all(sql, {})
assert [fetch_one("SELECT %(n)s::int, 'a'", {"n": n}) for n in range(5)] == [(n, "a") for n in range(5)]
assert connection.connection is None, "nothing stays checked out"
try:
    fetch_one("SELECT 1 / %(n)s::int", {"n": 0})
except Exception as error:
    assert type(error).__module__ == "django.db.utils", type(error)
assert fetch_one("SELECT 1", {}) == (1,), "a failed statement does not spoil its connection"
with transaction.atomic():
    (number,) = fetch_one("SELECT txid_current()", {})
    assert fetch_one("SELECT txid_current()", {}) == (number,), "it is part of an open transaction"
MANY = '''SELECT now(), now()::date, uuidv7(), 7::bigint, 1.5::float8, 1.50::numeric, true, NULL, 'a'::text,
    'a'::varchar, decode('00ff', 'hex'), ARRAY['a', 'b'], jsonb_build_object('a', 1, 'b', ARRAY[NULL, 'c'])'''
with transaction.atomic():
    through_django = fetch_one(MANY, {})
connection.close()
assert [type(one) for one in fetch_one(MANY, {})] == [type(one) for one in through_django], "read alike"
assert fetch_one(MANY, {})[3:] == through_django[3:], "read alike"
assert fetch_one(MANY, {})[0].utcoffset() == through_django[0].utcoffset()
assert fetch_all("SELECT 4", {}, is_one_of_few=False) == [(4,)]
PREPARED = "SELECT name, statement FROM pg_prepared_statements WHERE name LIKE 'portal%%'"
kept = [text for _, text in fetch_all(PREPARED, {})]
assert "SELECT 1" in kept and "SELECT 4" not in kept, "one of many is not kept"
assert fetch_all(PREPARED, {}) == fetch_all(PREPARED, {}), "nothing is prepared twice"
assert fetch_one("SELECT %s::text || %s, '%%'", ["a", "b"]) == ("ab", "%"), "values by their place"
assert fetch_one("SELECT %(a)s::text, %(a)s::text, %(b)s::int", {"a": "x", "b": None}) == ("x", "x", None)
assert [fetch_one("SELECT %(n)s + 1", {"n": n}) for n in (1, 10**5, 10**10)] == [(2,), (10**5 + 1,),
    (10**10 + 1,)]
KINDS = "SELECT pg_typeof(%(n)s)::text, pg_typeof(%(flag)s)::text"
for lane in (open(os.devnull), transaction.atomic()):
    with lane:
        kinds = {fetch_one(KINDS, {"n": n, "flag": True}) for n in (1, 10**5, 10**10)}
        assert kinds == {("bigint", "boolean")}
        assert fetch_one("SELECT pg_typeof(%s)::text", [2**63 - 1]) == ("bigint",)
    connection.close()
for lane in (open(os.devnull), transaction.atomic()):
    try:
        with lane:
            fetch_one("SELECT %(n)s::bigint", {"n": 2**63})
    except DataError:
        connection.close()
    else:
        raise AssertionError("a number beyond bigint")
assert fetch_one("SELECT 1", {}) == (1,), "and its connection is good"
class Undone(Exception):
    pass
for is_within in (False, True):
    assert fetch_one("SELECT 5", {}) == (5,)
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                for _ in range(8):  # psycopg prepares it, and drops all statements when it is rolled back
                    cursor.execute("SELECT 6")
            with transaction.atomic() if is_within else open(os.devnull):
                raise Undone
    except Undone:
        pass
    connection.close()
    assert fetch_one("SELECT 5", {}) == (5,), "prepared again where Django rolled back"
with connection.pool.connection() as lent:
    lent.execute("CREATE TEMPORARY TABLE changing AS SELECT 1 AS a")
    assert fetch_alone(lent, "SELECT * FROM changing") == [(1,)]
    lent.execute("ALTER TABLE changing ADD b int DEFAULT 2")
    try:
        fetch_alone(lent, "SELECT * FROM changing")
    except psycopg.errors.FeatureNotSupported:
        assert fetch_alone(lent, "SELECT * FROM changing") == [(1, 2)], "prepared anew"
connection.ensure_connection()
assert fetch_one("SELECT 3", {}) == (3,), "who holds Django's connection waits for no second one"
connection.close()
taken = connection.pool.getconn()
try:
    fetch_one("SELECT 1", {})
except OperationalError:
    print("refused")
connection.pool.putconn(taken)
with connection.pool.connection() as lent:
    lent.execute("SELECT 1")
    (pid,) = _statements(lent).fetch_all("SELECT pg_backend_pid()", {})[0]
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
try:
    fetch_one("SELECT 2", {})
except OperationalError:
    print("lost")
lost = weakref.ref(lent)
del lent, taken, cursor
assert fetch_one("SELECT 2", {}) == (2,), "a lost connection is replaced"
gc.collect()
assert lost() is None, "and nothing holds on to it"
connection.close_pool()
"""

LATEST = """
import django; django.setup()
from django.db import connection
from portal.fastlane import fetch_one
WHO = "SELECT pg_backend_pid()"
fetch_one(WHO, {})
lent = [connection.pool.getconn() for _ in range(3)]
for one in lent:
    connection.pool.putconn(one)
assert {fetch_one(WHO, {})[0] for _ in range(5)} == {lent[-1].info.backend_pid}
connection.pool._shrink_pool()  # as after ten quiet minutes; the first time it only begins to count
connection.pool._shrink_pool()
assert fetch_one(WHO, {}) == (lent[-1].info.backend_pid,), "what is closed is what was idle for longest"
assert [one.closed for one in lent] == [True, False, False]
connection.close_pool()
print("one of three")
"""


@pytest.mark.django_db
def test_without_a_pool_it_uses_djangos_connection():
    assert fetch_one("SELECT %(n)s::int", {"n": 7}) == (7,)
    assert connection.connection is not None


@pytest.mark.django_db
def test_no_row_is_none():
    assert fetch_one("SELECT 1 WHERE %(n)s::int = 0", {"n": 1}) is None


def test_o8_with_a_pool_it_borrows_one_connection_and_says_when_there_is_none(django_db_setup):
    assert said_by(POOLED, connections=1) == "refused\nlost"


def test_the_connection_that_came_back_last_goes_out_first(django_db_setup):
    assert said_by(LATEST, connections=3) == "one of three"


def said_by(script, *, connections):
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_POOL_MAX_CONNECTIONS": str(connections),
    }
    done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

"""Threads that ask by one statement at the same time share a round trip, and each gets its own row."""

import os
import subprocess
import sys

import pytest
from django.db import DatabaseError, connection

from portal.together import SharedRead, for_many
from tests.factories import TenantFactory

START = """
import threading, time
import django; django.setup()
from django.db import connection, transaction, DatabaseError
from portal import fastlane, together
from portal.together import SharedRead
together.PATIENCE_SECONDS = 10.0

def at_once(read, wishes):
    '''What each of these threads got; the first one reads alone and the others wait behind it.'''
    got = [None] * len(wishes)
    def ask(number, wish):
        try:
            got[number] = read.fetch_one(wish)
        except Exception as error:
            got[number] = type(error).__name__
    threads = [threading.Thread(target=ask, args=pair) for pair in enumerate(wishes)]
    threads[0].start()
    while read._reader is None:
        time.sleep(0.001)
    for thread in threads[1:]:
        thread.start()
    for thread in threads:
        thread.join(30)
    return got

def waits(read, count):
    deadline = time.monotonic() + 30
    while len(read._waiting) < count:
        assert time.monotonic() < deadline
        time.sleep(0.001)
"""

SHARED = """
read = SharedRead('''
    SELECT %(n)s::int, %(text)s::text, %(blob)s::bytea, now() >= %(at)s::timestamptz, txid_current(),
        pg_sleep(0.3)::text
    WHERE %(n)s <> 7''')
from django.utils import timezone
wishes = [{"n": n, "text": f"'{n}\\u00e9%s", "blob": bytes([n, 255]), "at": timezone.now()}
          for n in range(20)]
got = at_once(read, wishes)
assert got.pop(7) is None, "who has no row gets none"
del wishes[7]
assert [row[:4] for row in got] == [(w["n"], w["text"], w["blob"], True) for w in wishes]
assert len({row[4] for row in got}) == 2, "one read alone, nineteen together"
assert read._reader is None and not read._waiting
"""

NONSENSE = """
read = SharedRead("SELECT 100 / %(n)s::int, %(text)s::text, pg_sleep(0.2)::text")
asked = [(1, "a"), (2, "b"), (0, "c"), (4, "\\0"), (5, "\\ud800"), (10 ** 30, "d"), (4, "e")]
got = at_once(read, [{"n": n, "text": text} for n, text in asked])
assert [row if isinstance(row, str) else row[:2] for row in got] == [
    (100, "a"), (50, "b"), "DataError", "DataError", "UnicodeEncodeError", "DataError", (25, "e")]
"""

LATER = """
import os
tenant = int(os.environ["TENANT"])
read = SharedRead("SELECT name, pg_sleep(%(for)s::float8)::text FROM accounts_tenant WHERE id = %(tenant)s")
got = {}
def ask(name, seconds):
    got[name] = read.fetch_one({"for": seconds, "tenant": tenant})[0]
first = threading.Thread(target=ask, args=("first", "1"))
first.start()
while read._reader is None:
    time.sleep(0.001)
time.sleep(0.3)
fastlane.fetch_all("UPDATE accounts_tenant SET name = 'new' WHERE id = %(tenant)s RETURNING id",
                   {"tenant": tenant})
others = [threading.Thread(target=ask, args=(name, "0")) for name in "ab"]
for thread in others:
    thread.start()
for thread in (first, *others):
    thread.join(30)
assert got == {"first": "old", "a": "new", "b": "new"}, got
"""

HANGING = """
together.PATIENCE_SECONDS = 0.2
read = SharedRead("SELECT %(n)s::int, pg_sleep(%(for)s::float8)::text")
got, started = {}, time.monotonic()
def ask(n, seconds):
    row = read.fetch_one({"n": n, "for": seconds})
    got[n] = (row[0], time.monotonic() - started)
hanging = threading.Thread(target=ask, args=(0, "3"))
hanging.start()
while read._reader is None:
    time.sleep(0.001)
behind = threading.Thread(target=ask, args=(1, "0"))
behind.start()
waits(read, 1)
time.sleep(0.3)
ask(2, "0")
behind.join(2)
assert {n: row for n, (row, _) in got.items()} == {1: 1, 2: 2}, got
assert max(seconds for _, seconds in got.values()) < 2.5
hanging.join(30)
assert got[0][0] == 0 and read._reader is None
"""

KILLED = """
read = SharedRead("SELECT %(n)s::int, pg_sleep(CASE WHEN %(n)s = 0 THEN 20 ELSE 0 END)::text")
got = {}
def ask(n):
    try:
        got[n] = read.fetch_one({"n": n})[0]
    except Exception as error:
        got[n] = type(error).__name__
threads = [threading.Thread(target=ask, args=(n,)) for n in range(4)]
threads[0].start()
while not fastlane.fetch_all("SELECT pid FROM pg_stat_activity WHERE query LIKE %(like)s AND state = 'active'"
                             " AND pid <> pg_backend_pid() AND datname = current_database()",
                             {"like": "%pg_sleep(CASE%"}):
    time.sleep(0.01)
for thread in threads[1:]:
    thread.start()
waits(read, 3)
fastlane.fetch_all("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE %(like)s"
                   " AND state = 'active' AND pid <> pg_backend_pid() AND datname = current_database()",
                   {"like": "%pg_sleep(CASE%"})
for thread in threads:
    thread.join(30)
assert got == {0: "OperationalError", 1: 1, 2: 2, 3: 3}, got
"""

IN_TRANSACTION = """
read = SharedRead("SELECT txid_current(), %(n)s::int")
with transaction.atomic():
    (mine,) = fastlane.fetch_one("SELECT txid_current()", {})
    assert read.fetch_one({"n": 1}) == (mine, 1), "a transaction reads for itself"
    assert read._reader is None
"""


def play(told, **env):
    """Run a script in a process that has a pool; what it printed."""
    env |= {**os.environ, "DJANGO_SETTINGS_MODULE": "portal.settings", "DATABASE_POOL_MAX_CONNECTIONS": "4"}
    done = subprocess.run(
        [sys.executable, "-c", START + told], env=env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    "told",
    [
        pytest.param(SHARED, id="each_gets_its_own_row"),
        pytest.param(NONSENSE, id="b2_nonsense_fails_for_who_asked_it_alone"),
        pytest.param(HANGING, id="a_reader_that_hangs_is_replaced"),
        pytest.param(KILLED, id="o8_a_lost_connection_is_the_readers_alone"),
        pytest.param(IN_TRANSACTION, id="an_open_transaction_is_shared_with_nobody"),
    ],
)
def test_with_a_pool(django_db_setup, told):
    printed = play(told)

    assert ("shared_read_failed" in printed) == (told is NONSENSE)


@pytest.mark.django_db(transaction=True)
def test_t6_who_comes_later_sees_what_was_committed_before():
    tenant = TenantFactory(name="old")

    assert "shared_read_failed" not in play(LATER, TENANT=str(tenant.pk))


@pytest.mark.django_db
def test_without_a_pool_it_uses_djangos_connection():
    assert SharedRead("SELECT %(n)s::int").fetch_one({"n": 7}) == (7,)


@pytest.mark.django_db
def test_what_is_asked_is_never_read_as_sql():
    statement, asked = for_many("SELECT %(text)s::text", [{"text": "'; DROP TABLE x; --"}, {"text": "%(n)s"}])
    with connection.cursor() as cursor:
        cursor.execute(statement, {"asked": asked})
        assert cursor.fetchall() == [(0, "'; DROP TABLE x; --"), (1, "%(n)s")]


@pytest.mark.django_db
def test_a_value_of_the_wrong_kind_is_an_error_of_the_database():
    statement, asked = for_many("SELECT %(n)s", [{"n": 1}, {"n": "two"}])
    with connection.cursor() as cursor, pytest.raises(DatabaseError):
        cursor.execute(statement, {"asked": asked})

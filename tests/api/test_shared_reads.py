"""Every route's SELECT of its caller answers several callers at once just as it answers each alone (T1)."""

from collections import defaultdict
from contextlib import contextmanager

import pytest
from django.db import connection
from psycopg.types.numeric import Int8

from portal.together import for_many
from tests.api.test_every_address import House, sends
from tests.api.test_keys import OF_THE_ACCOUNT, routes
from tests.factories import CountryFactory, ServiceFactory

pytestmark = pytest.mark.django_db
WHO_CALLS = "FROM accounts_apikey k\n"
NOBODY = {"digest": b"\0" * 32}


@contextmanager
def callers_read():
    """Text → parameters of each SELECT of a caller inside the block, as threads share them."""
    found = defaultdict(list)

    def note(execute, text, params, many, context):
        if WHO_CALLS in text:
            found[text].append(
                {name: int(value) if type(value) is Int8 else value for name, value in params.items()}
            )
        return execute(text, params, many, context)

    with connection.execute_wrapper(note):
        yield found


def rows(text, params):
    with connection.cursor() as cursor:
        cursor.execute(text, params)
        return cursor.fetchall()


@pytest.fixture
def recorded(partner, stranger, settings):
    """What every address of every dialect asked for two resellers and their customers."""
    for name in ("HANDLER_RATES", "RENTVERIFY_RATES", "PING_RATES"):
        setattr(settings, name, dict.fromkeys(getattr(settings, name), 1_000_000))
    ServiceFactory(id="telegram")
    CountryFactory(id="us")
    with callers_read() as found:
        for house in (House(), House()):
            sends(house, ids=house.ids)
        for who in (partner, stranger):
            for method, path, *_ in [*OF_THE_ACCOUNT, *routes(who.customer.external_id, "f" * 24)]:
                who.ask(method, path, b"{}")
    return found


def test_t1_callers_read_together_get_what_each_gets_alone(recorded):
    assert len(recorded) > 20, "each dialect has its own"
    for text, wishes in recorded.items():
        wishes = [wishes[0], wishes[0] | NOBODY, wishes[-1], wishes[0]]
        statement, asked = for_many(text, wishes)

        together = {number: row for number, *row in rows(statement, {"asked": asked})}

        alone = [[list(row) for row in rows(text, wish)] for wish in wishes]
        assert [len(rows) for rows in alone] == [1, 0, 1, 1], text
        assert alone[0] != alone[2], "two resellers"
        assert [[together[n]] if n in together else [] for n in range(4)] == alone, text

"""What a poll costs: one SELECT, a tenth of a Redis call, nothing written."""

from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activations.masking import MASK
from api.limits import block_of
from tests.api.test_management import RECEIVED, activation

pytestmark = pytest.mark.django_db


@pytest.fixture
def polled(partner, catalogue):
    order = activation(partner.customer, phone="14155552671", formatted="+1 415 555-2671", **RECEIVED)
    return f"{partner.a}/activation/{order.hex_id}"


def test_p3_a_poll_is_one_select(partner, polled):
    with CaptureQueriesContext(connection) as queries:
        answers = [partner.get(polled) for _ in range(5)]

    assert len(queries) == 5
    assert all(query["sql"].lstrip().startswith("SELECT") for query in queries)
    assert answers[0][0] == 200
    assert answers[0][1]["phone"] == "14155552671"


def test_s4_a_poll_and_the_history_show_a_code_for_a_day(partner, catalogue):
    def told(ago):
        ended_at = timezone.now() - ago
        order = activation(
            partner.customer, ended_at=ended_at, **RECEIVED | {"activation_status": "finalized"}
        )
        polled = partner.get(f"{partner.a}/activation/{order.hex_id}")[1]
        listed = partner.get(f"{partner.a}/activation/history")[1]["activations"][0]
        assert listed == polled
        return polled["sms_code"], polled["sms_text"]

    assert told(timedelta(hours=23)) == (RECEIVED["sms_code"], RECEIVED["sms_text"])
    assert told(timedelta(hours=25)) == (MASK, MASK)


def test_p3_the_balance_is_one_select_too(partner, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert partner.get(f"{partner.a}/balance") == (200, {"total": 10_000, "reserved": 0})


def test_p3_a_hundred_polls_ask_redis_at_most_twenty_times(partner, polled, redis):
    for _ in range(100):
        partner.get(polled)

    # What was leased tells how often Redis was asked; its own counters count the other workers' tests too.
    leased = sum(int(redis.get(key)) for key in redis.scan_iter("*rate:*retail:poll*"))
    assert leased >= 100
    assert leased / block_of(settings.RETAIL_RATES["poll"]) <= 20


def test_a_poll_touches_no_session(partner, polled):
    partner.client.cookies["sessionid"] = "a" * 32

    assert partner.get(polled)[0] == 200
    assert isinstance(getattr(partner.last.wsgi_request, "user", AnonymousUser()), AnonymousUser)
    assert not hasattr(partner.last.wsgi_request, "session")


def test_a_missing_activation_costs_no_more(partner, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert partner.get(f"{partner.a}/activation/{'f' * 24}")[0] == 404

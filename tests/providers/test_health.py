import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from billing.prices import Rules
from portal.errors import UpstreamUnavailable
from providers.contract import (
    BadCredentials,
    Banned,
    OutcomeUnknown,
    OutOfFunds,
    OutOfStock,
    Throttled,
    Unreachable,
)
from providers.health import flag, note_failure, note_success, resume, take_probe
from providers.http import GivenUp
from providers.models import ProviderHealth
from providers.router import find_route
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def after(**time):
    return NOW + timedelta(**time)


def health(provider):
    row = ProviderHealth.objects.filter(provider=provider).first()
    return (row.state, row.failures, row.blocked_until) if row else None


@pytest.mark.parametrize(
    ("error", "state", "until"),
    [
        (OutOfFunds(), "out_of_funds", after(minutes=10)),
        (BadCredentials(), "bad_credentials", after(minutes=10)),
        (Banned(until=after(hours=2)), "banned", after(hours=2)),
        (Banned(), "banned", after(minutes=15)),
        (Throttled(until=after(seconds=7)), "degraded", after(seconds=7)),
        (Throttled(), "degraded", after(seconds=30)),
    ],
)
def test_u6_operators_trouble_pauses_the_provider_and_is_told_once(error, state, until):
    provider = make_provider(tenant=make_tenant())

    for _ in range(3):
        note_failure(provider.pk, error, NOW)

    assert health(provider)[0::2] == (state, until)
    [alert] = provider.alerts.all()
    assert (alert.told, alert.current, alert.reason) == ("ok", state, error.code)


def test_ordinary_refusals_are_no_failure():
    provider = make_provider()
    note_failure(provider.pk, OutOfStock(), NOW)
    assert health(provider) is None


def test_u12_failures_in_a_row_open_the_breaker_for_longer_each_time():
    provider = make_provider()
    for _ in range(4):
        note_failure(provider.pk, OutcomeUnknown(), NOW)
    assert health(provider) == ("ok", 4, None)

    note_failure(provider.pk, Unreachable(), NOW)
    assert health(provider) == ("degraded", 5, after(seconds=5))
    note_failure(provider.pk, Unreachable(), NOW)  # was under way when it opened
    assert health(provider) == ("degraded", 5, after(seconds=5))

    note_failure(provider.pk, Unreachable(), after(seconds=6))
    assert health(provider) == ("degraded", 6, after(seconds=16))
    note_failure(provider.pk, Unreachable(), after(hours=1), times=40)
    assert health(provider)[2] == after(hours=1, seconds=300)


def test_u12_the_failed_calls_of_one_sweep_open_the_breaker_for_its_first_time_only():
    provider = make_provider()
    note_failure(provider.pk, OutcomeUnknown(), NOW)

    note_failure(provider.pk, Unreachable(), NOW, times=40)

    assert health(provider) == ("degraded", 5, after(seconds=5))


def test_u12_one_probe_goes_through_and_its_failure_lengthens_the_pause():
    provider = make_provider()
    note_failure(provider.pk, Unreachable(), NOW, times=5)
    assert not take_probe(provider.pk, after(seconds=4))

    assert [take_probe(provider.pk, after(seconds=6)) for _ in range(3)] == [True, False, False]
    note_failure(provider.pk, OutcomeUnknown(), after(seconds=14))
    assert health(provider) == ("degraded", 6, after(seconds=24))
    assert take_probe(provider.pk, after(seconds=25))
    assert take_probe(provider.pk, after(seconds=41))  # the one before never reported
    note_success(provider.pk, now=after(seconds=42))
    assert health(provider) == ("ok", 0, None)


def test_u12_a_refusal_of_the_probe_is_an_answer_and_closes_the_breaker():
    provider = make_provider()
    note_failure(provider.pk, Unreachable(), NOW, times=5)
    note_failure(provider.pk, GivenUp(), NOW, times=500)
    assert health(provider)[1] == 5
    take_probe(provider.pk, after(seconds=6))

    note_failure(provider.pk, OutOfStock(), after(seconds=7))
    assert health(provider) == ("ok", 0, None)


def test_a_sweep_counts_its_failures_at_once():
    provider = make_provider()
    note_failure(provider.pk, OutcomeUnknown(), NOW, times=32)
    assert health(provider) == ("degraded", 32, after(seconds=5))


def test_a_success_closes_the_breaker_and_tells_it(django_assert_num_queries):
    provider = make_provider(tenant=make_tenant())
    note_failure(provider.pk, OutcomeUnknown(), NOW, times=5)

    note_success(provider.pk, now=after(seconds=1))

    assert health(provider) == ("ok", 0, None)
    assert list(provider.alerts.values_list("current", "due_at")) == [("ok", None)]
    with django_assert_num_queries(3):  # savepoint and one statement that changes nothing
        note_success(provider.pk, now=after(seconds=2))


def test_u15_what_a_status_check_can_and_cannot_prove():
    provider = make_provider()
    note_failure(provider.pk, OutOfFunds(), NOW)
    note_success(provider.pk, now=after(seconds=1))
    assert health(provider)[0] == "out_of_funds"
    note_success(provider.pk, ordered=True, now=after(seconds=1))
    assert health(provider)[0] == "ok"

    note_failure(provider.pk, Banned(until=after(hours=1)), NOW)
    note_success(provider.pk, now=after(minutes=59))
    assert health(provider)[0] == "banned"
    note_success(provider.pk, now=after(minutes=61))
    assert health(provider)[0] == "ok"

    note_failure(provider.pk, BadCredentials(), NOW)
    resume(provider.pk, now=after(seconds=1))
    assert health(provider)[0] == "ok"


def test_u7_a_provider_that_charged_a_wrong_price_is_flagged():
    provider = make_provider(tenant=make_tenant())
    flag(provider.pk, "wrong_price", NOW)
    note_success(provider.pk, now=after(seconds=1))

    assert health(provider) == ("degraded", 1, after(minutes=5))
    assert provider.alerts.get().reason == "wrong_price"


@pytest.mark.django_db(transaction=True)
def test_u12_the_breaker_is_shared_and_told_once_by_racing_workers():
    provider = make_provider(tenant=make_tenant())
    barrier = threading.Barrier(8)

    def fail():
        try:
            barrier.wait(60)
            note_failure(provider.pk, OutcomeUnknown(), NOW)
        finally:
            connection.close()

    workers = [threading.Thread(target=fail) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert health(provider) == ("degraded", 5, after(seconds=5))
    assert provider.alerts.get().current == "degraded"


@pytest.mark.django_db(transaction=True)
def test_u12_of_many_buyers_one_tries_a_provider_that_hung():
    tenant, offer = make_tenant(), make_offer(make_provider())
    note_failure(offer.provider_id, OutcomeUnknown(), NOW, times=5)
    barrier, found = threading.Barrier(8), []

    def buy():
        try:
            barrier.wait(60)
            route = find_route(
                tenant_id=tenant.pk, is_test=False, wish=Wish(), rules=Rules(), now=after(seconds=6)
            )
            found.append(route.candidates[0].may_be_asked(after(seconds=6)))
        except UpstreamUnavailable:  # another one has it already
            found.append(False)
        finally:
            connection.close()

    buyers = [threading.Thread(target=buy) for _ in range(8)]
    for buyer in buyers:
        buyer.start()
    for buyer in buyers:
        buyer.join(60)
    assert sorted(found) == [False] * 7 + [True]

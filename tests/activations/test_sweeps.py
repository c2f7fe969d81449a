"""Sweeps: lists and single calls, claims, trouble that stays local (O1, O7), the queries."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.identity import Buyer
from activations import policy
from activations.models import Check, ListCheck
from activations.phones import format_phone
from activations.queries import activations_of, active_rows, find_any, find_row, row_by_id
from activations.services.checking import check_due, expire_due, reconcile_due
from activations.services.checking.claims import claim_due
from activations.services.checking.matching import Lost, match
from activations.services.closing import request_retry
from activations.services.sandbox import deliver_test_sms
from portal.errors import UnknownActivation
from providers.adapters.sandbox import Sandbox
from providers.contract import Can, ListedLease, UpstreamState
from tests.activations.races import together
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db(transaction=True)


def seconds(number):
    return timedelta(seconds=number)


def test_one_list_call_serves_all_numbers_and_a_list_without_news_writes_one_row(shop, now):
    for _ in range(5):
        shop.order(now=now)
    check_due(now + seconds(40))
    shop.upstream.calls.clear()

    with CaptureQueriesContext(
        connection,
    ) as seen:
        check_due(now + seconds(50))

    assert dict(shop.upstream.calls) == {"list": 1}
    writes = [query["sql"] for query in seen if query["sql"].startswith(("UPDATE", "INSERT", "DELETE"))]
    assert all("activations_listcheck" in sql for sql in writes)


def test_providers_without_a_list_are_asked_side_by_side(shop, now, single):
    rows = [shop.order(now=now) for _ in range(6)]
    shop.sms(rows[2], "Your code is 2468")

    check_due(now + seconds(6))

    assert shop.upstream.calls["status"] == 6
    assert shop.upstream.calls["list"] == 0
    assert shop.row(rows[2].hex_id).sms_code == "2468"
    assert Check.objects.count() == 5


def test_u17_a_crowd_is_asked_in_batches_each_number_once_and_ends_in_time(shop, now, single, monkeypatch):
    """Sweeps that run at once share the numbers; the oldest due comes first, whoever it belongs to."""
    monkeypatch.setattr(policy, "CHECK_BATCH", 3)
    other = CustomerFactory(balance_micros=100_000_000)
    crowd = [shop.order(now=now) for _ in range(8)]
    crowd.append(shop.order(now=now + seconds(1), buyer=Buyer.of(other)))

    together(*[lambda: check_due(now + seconds(40))] * 3)
    assert shop.upstream.calls["status"] == len(crowd)
    assert Check.objects.filter(due_at__gt=now + seconds(40)).count() == len(crowd)

    expire_due(crowd[-1].expire_at + seconds(1))
    assert {shop.row(row.hex_id).activation_status for row in crowd} == {"expired"}


def test_open_numbers_share_what_their_provider_answers_in_a_minute(shop, now, single):
    shop.provider.check_seconds, shop.provider.checks_per_minute = 2, 12
    shop.provider.save()
    for _ in range(4):
        shop.order(now=now)
    check_due(now + seconds(2))  # a number's first question comes when it is new
    shop.upstream.calls.clear()

    for second in range(3, 63):
        check_due(now + seconds(second))

    assert shop.upstream.calls["status"] == 12


def test_checks_come_rarer_with_age_and_never_after_the_end(shop, now, single):
    row = shop.order(now=now)
    waits = []
    for age in (10, 200, 400, 1170):
        check_due(now + seconds(age))
        waits.append((Check.objects.get().due_at - now - seconds(age)).total_seconds())

    assert waits[:3] == [5, 10, 20]
    assert Check.objects.get().due_at <= row.expire_at


def test_o1_rows_of_a_killed_worker_come_back_by_themselves(shop, now, single):
    shop.order(now=now)
    assert len(claim_due(now=now + seconds(6))) == 1
    assert claim_due(now=now + seconds(7)) == []

    assert len(claim_due(now=now + seconds(40))) == 1


def test_o7_a_number_that_always_fails_is_parked_and_its_neighbours_go_on(
    shop, now, single, owner_connection
):
    bad, good = shop.order(now=now), shop.order(now=now)
    owner_connection.execute("ALTER TABLE activations_message ADD CONSTRAINT poison CHECK (text <> 'poison')")
    try:
        shop.sms(bad, "poison")
        shop.sms(good, "Your code is 1357")
        for step in range(1, 20):
            check_due(now + seconds(step * 60))
    finally:
        owner_connection.execute("ALTER TABLE activations_message DROP CONSTRAINT poison")

    assert shop.row(good.hex_id).sms_code == "1357"
    parked = Check.objects.get(activation=bad.id)
    assert (parked.parked_reason, shop.row(bad.hex_id).billing_status) == ("Unstorable", "reserved")
    expire_due(bad.expire_at + seconds(1))
    assert shop.row(bad.hex_id).billing_status == "billed", "parked, but asked once more before the end"


def test_u12_a_provider_whose_checks_fail_is_asked_rarer_and_its_numbers_end_in_time(shop, now, single):
    row = shop.order(now=now)
    shop.upstream.fault("status", "html", times=-1)
    for step in range(1, 20):
        check_due(now + seconds(step * 60))
    assert (Check.objects.get().parked_reason, Check.objects.get().tries) == ("", 19)

    expire_due(row.expire_at + seconds(60))

    assert shop.row(row.hex_id).activation_status == "expired"


def test_u12_u15_after_the_trouble_the_same_numbers_go_on(shop, now, single):
    row = shop.order(now=now)
    shop.upstream.fault("status", "bad_key", times=12)
    for step in range(1, 13):
        check_due(now + seconds(step * 61))
    shop.sms(row, "Your code is 1234")

    check_due(now + seconds(13 * 61))

    assert shop.row(row.hex_id).sms_code == "1234"


def test_u5_a_failing_list_is_asked_later_and_later(shop, now):
    shop.order(now=now)
    shop.upstream.fault("list", "html", times=-1)
    for second in range(5, 65):
        check_due(now + seconds(second))

    assert 3 <= shop.upstream.calls["list"] <= 6
    assert ListCheck.objects.get().tries == shop.upstream.calls["list"]


def test_a_number_that_the_list_lacks_is_asked_about_singly(shop, now):
    row = shop.order(now=now)
    shop.state(row, "expired")

    check_due(now + seconds(40))
    check_due(now + seconds(41))

    assert shop.upstream.calls["status"] == 1
    assert shop.row(row.hex_id).activation_status == "expired"


def test_a_number_the_provider_does_not_know_ends_after_three_answers_within_a_minute(shop, now, single):
    """README 2.2 of the protocols: one such answer, or two, may be a slip of theirs."""
    row = shop.order(now=now)
    shop.upstream.fault("status", "unknown_order", times=-1)
    for second in range(5, 60):
        check_due(now + seconds(second))
        if second == 44:
            assert (shop.upstream.calls["status"], shop.row(row.hex_id).activation_status) == (2, "active")

    assert shop.upstream.calls["status"] == 3
    assert (shop.row(row.hex_id).activation_status, shop.row(row.hex_id).billing_status) == (
        "expired",
        "released",
    )
    assert shop.money()[1] == shop.money()[3] == 0


def test_a_number_that_is_known_again_in_between_goes_on(shop, now, single):
    row = shop.order(now=now)
    second = 10
    for _ in range(4):
        shop.upstream.fault("status", "unknown_order", times=2)
        for _ in range(3):
            check_due(now + seconds(second))
            second += 21

    assert shop.row(row.hex_id).activation_status == "active"
    assert shop.upstream.calls["status"] == 12


def test_a_used_number_the_provider_does_not_know_keeps_its_bill(shop, now, single):
    row = shop.order(now=now)
    shop.sms(row, "Your code is 1234")
    check_due(now + seconds(6))
    request_retry(buyer=shop.buyer, hex_id=row.hex_id, now=now + seconds(7))
    shop.upstream.fault("status", "unknown_order", times=-1)
    for step in range(1, 6):
        check_due(now + seconds(7 + step * 21))

    assert (shop.row(row.hex_id).activation_status, shop.row(row.hex_id).billing_status) == (
        "active",
        "billed",
    )


def test_a_list_without_messages_finds_lost_orders_and_codes_are_asked_for_singly(shop, now, monkeypatch):
    monkeypatch.setattr(Sandbox, "can", Sandbox.can - {Can.MESSAGES_IN_LIST})
    shop.upstream.fault("order", "lost", after=True)
    row = shop.order(now=now)
    reconcile_due(now + seconds(10))
    assert shop.row(row.hex_id).lease_state == "leased"
    shop.sms(row, "Your code is 2468")
    shop.upstream.calls.clear()

    check_due(now + seconds(16))

    assert shop.row(row.hex_id).sms_code == "2468"
    assert dict(shop.upstream.calls) == {"status": 1}


def test_a_lost_check_row_is_made_again_at_the_end(shop, now):
    row = shop.order(now=now)
    Check.objects.all().delete()

    expire_due(row.expire_at + seconds(1))

    assert shop.row(row.hex_id).activation_status == "expired"


def lost(reference, started_at, **changes):
    facts = {
        "id": None, "hex_id": "", "tenant_id": 1, "customer_id": 1, "price_micros": 0, "due_price_micros": 0,
        "due_customer_price_micros": 0, "provider_id": 1, "our_ref": reference, "ceiling_micros": 100,
        "started_at": started_at, "empty_lists": 0, "upstream_ref": "", "service": "tg", "country": "us",
    }  # fmt: skip
    return Lost(**{**facts, **changes})


def listed(reference, created_at, **changes):
    facts = {
        "phone": "1",
        "state": UpstreamState.WAITING,
        "service": "tg",
        "country": "us",
        "cost_micros": 100,
    }
    return ListedLease(upstream_ref=reference, created_at=created_at, **{**facts, **changes})


def test_without_references_leases_are_matched_by_service_country_time_and_price(now):
    orders = [lost("b", now + seconds(5)), lost("a", now), lost("c", now, country="de")]
    leases = [
        listed("2", now + seconds(7)),
        listed("1", now + seconds(1)),
        listed("dear", now, cost_micros=101),
        listed("old", now - seconds(300)),
        listed("other", now, service="wa"),
    ]

    matched = match(orders, leases, by_reference=False)

    assert {ours: lease.upstream_ref for ours, lease in matched.items()} == {"a": "1", "b": "2"}


# --- Reads ---


def test_t3_lists_start_from_their_owner(shop, now):
    mine = shop.order(now=now)
    neighbour = shop.neighbour()
    shop.order(now=now, buyer=neighbour)
    stranger = CustomerFactory()

    assert [row.hex_id for row in active_rows(tenant_id=shop.tenant.pk, customer_id=shop.customer.pk)] == [
        mine.hex_id
    ]
    assert activations_of(shop.tenant).count() == 2
    assert activations_of(shop.customer).count() == 1
    assert activations_of(stranger.tenant).count() == activations_of(stranger).count() == 0
    assert found_by(stranger, mine) == dict.fromkeys(READS, False)


READS = {
    "find_row": lambda tenant, row: find_row(tenant_id=tenant.pk, hex_id=row.hex_id),
    "row_by_id": lambda tenant, row: row_by_id(tenant_id=tenant.pk, activation_id=row.id),
    "find_any": lambda tenant, row: find_any(tenant_id=tenant.pk, reference=row.hex_id),
    "active_rows": lambda tenant, row: active_rows(tenant_id=tenant.pk, customer_id=row.customer_id),
    "activations_of": lambda tenant, row: activations_of(tenant).filter(hex_id=row.hex_id).first(),
}
TENANT_FILTER = re.compile(r'(?:\ba|"activations_activation")\."?tenant_id"? = %s')


def found_by(stranger, row):
    """Which reads give a stranger's tenant this order."""
    return {name: bool(read(stranger.tenant, row)) for name, read in READS.items()}


def unfiltered(execute, sql, params, many, context):
    """Sends each statement without its condition on the order's tenant."""
    return execute(TENANT_FILTER.sub("%s::bigint IS NOT NULL", sql), params, many, context)


def test_an_order_is_found_by_its_phone_as_pages_write_it(shop, now):
    mine = shop.order(now=now)
    written = format_phone(mine.phone)

    assert written != f"+{mine.phone}", "a number without gaps proves nothing"
    for reference in (written, mine.phone, f"+{mine.phone}"):
        assert find_any(tenant_id=shop.tenant.pk, reference=reference).hex_id == mine.hex_id
    assert find_any(tenant_id=shop.tenant.pk, reference="+") is None


def test_t3_counter_test_without_the_tenant_filter_a_stranger_reads_it(shop, now):
    """Each read fails its test above when the condition is taken out of the very statement that it sends."""
    mine = shop.order(now=now)

    with connection.execute_wrapper(unfiltered):
        assert found_by(CustomerFactory(), mine) == dict.fromkeys(READS, True)


@pytest.mark.parametrize("name", ["hex_id", "num_id", "ord_id", "phone", "formatted_plus"])
def test_a_test_message_reaches_a_sandbox_number_by_any_id(shop, now, name):
    row = shop.order(now=now)
    reference = f"+{row.phone}" if name == "formatted_plus" else str(getattr(row, name))

    assert deliver_test_sms(tenant=shop.tenant, reference=reference, text="Code 9753") == row.hex_id
    check_due(now + seconds(6))

    assert shop.row(row.hex_id).sms_code == "9753"


def test_t1_a_test_message_for_another_tenants_number_finds_nothing(shop, now):
    row = shop.order(now=now)

    with pytest.raises(UnknownActivation):
        deliver_test_sms(tenant=CustomerFactory().tenant, reference=row.hex_id, text="Code 9753")

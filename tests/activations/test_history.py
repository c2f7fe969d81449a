"""Lists of past orders: every filter, exact totals from stored counts, and pages at any depth."""

import random
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from django.db import ProgrammingError, connection, transaction

from activations.history import Cursor, HistoryFilter, count_due, history_page
from activations.models import Activation, Contract, HistoryCount, HistoryMark
from activations.services.marketplace.contracts import open_contract
from tests.factories import ActivationFactory, CustomerFactory, OfferFactory

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)
STATES = [
    {},
    {"billed": True},
    {"billed": True, "activation_status": "finalized"},
    {"billed": True, "activation_status": "expired", "report_status": "inReview"},
    {"canceled": True},
    {"refunded": True, "activation_status": "finalized", "report_status": "approved"},
]
pytestmark = pytest.mark.django_db


@pytest.fixture
def customer():
    return CustomerFactory(balance_micros=1_000_000_000)


@pytest.fixture
def orders(customer):
    """Twelve days of orders in every state of two customers of a tenant, and of a stranger; counted."""
    offer = OfferFactory()
    dice = random.Random(7)
    other = CustomerFactory(tenant=customer.tenant, balance_micros=1_000_000_000)
    stranger = CustomerFactory(balance_micros=1_000_000_000)
    for number, (state, owner) in enumerate(product(STATES * 2, (customer, other, stranger))):
        created = NOW - timedelta(hours=9 * number, minutes=dice.randint(0, 59))
        ActivationFactory(customer=owner, offer=offer, created_at=created, **state)
    ActivationFactory(customer=customer, offer=offer, canceled=True, created_at=NOW - timedelta(days=3))
    Activation.objects.filter(customer=customer, created_at=NOW - timedelta(days=3)).update(
        lease_state="unsold"
    )
    count(NOW)


@pytest.fixture
def sold(customer):
    """A contract with a marketplace, which took numbers every few hours; to be asked for before `orders`."""
    contract = open_contract(Contract(tenant=customer.tenant, name="OnlineSim", rub_per_usd=90))
    for number, state in enumerate(STATES * 3):
        created = NOW - timedelta(hours=11 * number, minutes=7)
        ActivationFactory(customer=contract.customer, created_at=created, customer_price_micros=0, **state)
    return contract.customer


def count(now):
    for _ in range(20):  # a week's worth at a time
        count_due(now=now)


def total(customer, *, of_all=False, **narrow):
    return page(customer, of_all=of_all, **narrow).total


def page(customer, *, of_all=False, number=1, limit=100, cursor=None, **narrow):
    return history_page(
        tenant_id=customer.tenant_id,
        customer_id=None if of_all else customer.pk,
        narrow=HistoryFilter(**narrow),
        page=number,
        limit=limit,
        cursor=cursor,
    )


FILTERS = [
    {},
    {"sms_status": ("smsRequested",)},
    {"activation_status": ("active", "expired")},
    {"billing_status": ("refunded", "billed"), "exclude_active": True},
    {"exclude_reported": True},
    {"exclude_reported": True, "exclude_active": True, "sms_status": ("smsReceived",)},
]
SPANS = [
    {},
    {"created_from": NOW - timedelta(days=4)},
    {"created_before": NOW - timedelta(days=1)},
    {"created_before": NOW - timedelta(minutes=30)},
    {"created_from": NOW - timedelta(days=5, hours=3), "created_before": NOW - timedelta(days=2)},
    {"created_from": NOW - timedelta(days=2, hours=3), "created_before": NOW - timedelta(days=2)},
    {"created_from": NOW - timedelta(hours=14), "created_before": NOW},
    {"created_from": NOW, "created_before": NOW - timedelta(days=2)},
    {"created_from": datetime(2026, 3, 4, tzinfo=UTC), "created_before": datetime(2026, 3, 6, tzinfo=UTC)},
]


@pytest.mark.parametrize("of_all", [False, True])
def test_every_total_is_the_number_of_rows(customer, orders, of_all):
    assert HistoryCount.objects.exists()
    for narrow, span in product(FILTERS, SPANS):
        found = page(customer, of_all=of_all, **narrow, **span)
        assert (found.total, found.next) == (len(found.rows), None), (narrow, span)
    assert total(customer, of_all=of_all) == (24 if of_all else 12)


def test_what_marketplaces_took_is_no_customers_order(customer, sold, orders):
    ActivationFactory(customer=sold, created_at=NOW, customer_price_micros=0)  # beyond the mark
    for narrow, span in product(FILTERS, SPANS):
        whole = page(customer, of_all=True, **narrow, **span)
        assert whole.total == len(whole.rows), (narrow, span)
        assert sold.external_id not in {owner for _, owner in whole.rows}
        for number in (1, 2, 3, 6):
            found = page(customer, of_all=True, limit=4, number=number, **narrow, **span)
            assert found.rows == whole.rows[(number - 1) * 4 : number * 4], (narrow, span, number)
    assert total(customer, of_all=True) == 24
    assert page(customer, of_all=True, customer_external_id=sold.external_id).rows == []
    assert total(sold) == 19


def test_t3_a_customer_of_another_tenant_is_found_nowhere(customer, orders):
    stranger = CustomerFactory()
    assert page(customer, of_all=True, customer_external_id=stranger.external_id).rows == []
    assert total(customer, of_all=True, customer_external_id=stranger.external_id) == 0
    assert total(customer, of_all=True, customer_external_id=customer.external_id) == 12
    assert {owner for _, owner in page(customer).rows} == {customer.external_id}


def test_totals_follow_orders_that_change_late(customer, orders):
    def seen():
        return [
            (total(customer, of_all=of_all, **narrow), len(page(customer, of_all=of_all, **narrow).rows))
            for of_all, narrow in product((False, True), FILTERS)
        ]

    mine = Activation.objects.filter(customer=customer, created_at__lt=NOW - timedelta(days=1))
    mine.filter(billing_status="billed", activation_status="finalized").update(billing_status="refunded")
    mine.filter(report_status="inReview").update(report_status="declined")
    mine.filter(activation_status="canceled", lease_state="leased").update(lease_state="unsold")

    assert all(stated == there for stated, there in seen())
    assert total(customer) < 12


def test_counting_again_changes_nothing_and_the_newest_orders_are_counted_live(customer, orders):
    marks = set(HistoryMark.objects.values_list("counted_until", flat=True))
    assert max(marks) <= NOW - timedelta(hours=2)
    before = total(customer)
    stored = list(HistoryCount.objects.order_by("id").values_list())

    assert count_due(now=NOW + timedelta(minutes=4)) == 0
    assert list(HistoryCount.objects.order_by("id").values_list()) == stored
    ActivationFactory(customer=customer, created_at=NOW)
    assert total(customer) == before + 1


def test_cursors_walk_through_everything_once(customer):
    offer = OfferFactory()
    for number in range(7):  # pairs share their moment
        ActivationFactory(customer=customer, offer=offer, created_at=NOW - timedelta(hours=number // 2))
    whole = [row.hex_id for row, _ in page(customer).rows]

    seen, cursor = [], None
    while True:
        found = page(customer, limit=3, cursor=cursor)
        seen += [row.hex_id for row, _ in found.rows]
        assert found.total == 7
        if found.next is None:
            break
        cursor = Cursor.read(found.next.text())
        assert cursor == found.next
    assert seen == whole
    assert [row.hex_id for row, _ in page(customer, limit=3, number=2).rows] == whole[3:6]


@pytest.mark.parametrize("text", ["", "x" * 32, "A" * 31, "!" * 32, "_" * 32, "é" * 32, "A" * 36])
def test_b3_what_is_no_cursor_is_none(text):
    found = Cursor.read(text)
    assert found is None or found.created_at.year <= 9999


def test_a_page_and_its_total_are_one_statement(customer, orders, django_assert_num_queries):
    with django_assert_num_queries(1):
        page(customer)
    with django_assert_num_queries(2):  # the other one: which accounts are nobody's
        page(customer, of_all=True)


def test_an_order_is_never_deleted(customer, orders):
    one = Activation.objects.filter(customer=customer).first()
    with pytest.raises(ProgrammingError, match="never deleted"), transaction.atomic():
        Activation.objects.filter(pk=one.pk).delete()
    assert Activation.objects.filter(pk=one.pk).exists()


@pytest.mark.parametrize("of_all", [False, True])
def test_pages_by_number_show_what_lies_there(customer, orders, of_all):
    ActivationFactory(customer=customer, created_at=NOW)  # beyond the mark
    for narrow, span in product(FILTERS, SPANS):
        whole = page(customer, of_all=of_all, **narrow, **span)
        for limit, number in product((1, 3, 5), (1, 2, 3, 5, 9, 10**6)):
            found = page(customer, of_all=of_all, limit=limit, number=number, **narrow, **span)
            begin = (number - 1) * limit
            assert found.rows == whole.rows[begin : begin + limit], (narrow, span, limit, number)
            assert found.total == whole.total


def test_a_page_is_found_in_the_index_alone(customer, orders, owner_connection):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(
            "EXPLAIN SELECT id FROM activations_activation WHERE tenant_id = %s AND lease_state <> 'unsold'"
            " ORDER BY created_at DESC, id DESC LIMIT 10 OFFSET 20",
            [customer.tenant_id],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Index Only Scan using activation_newest" in plan

"""What the vendor does not have and a reseller may switch on (docs/protocols/ping.md PG-2, PG-3)."""

from datetime import timedelta

import pytest
from django.utils import timezone

from api.models import DialectSettings
from tests.api.ping.conftest import Pinger, micros, refusal
from tests.factories import ActivationFactory, CustomerFactory, RentalFactory

pytestmark = pytest.mark.django_db
EXTENSIONS = ["balance", "orders", "rentals", "rentals/rnt_000000000000"]


@pytest.fixture
def extended(pinger):
    """The customer of a reseller who has switched them on."""
    DialectSettings.objects.create(tenant=pinger.customer.tenant, ping_extensions=True)
    return pinger


@pytest.mark.parametrize("path", EXTENSIONS)
def test_without_the_setting_there_is_nothing(pinger, foreigner, path):
    DialectSettings.objects.create(tenant=foreigner.customer.tenant, ping_extensions=True)

    assert refusal(pinger.get(path)) == (404, "")
    assert refusal(pinger.get(path, key="")) == (401, "MISSING_API_KEY")
    assert refusal(pinger.post(path)) == (405, "METHOD_NOT_ALLOWED")


def test_m14_the_balance_and_what_is_held_of_it(extended):
    order = ActivationFactory(customer=extended.customer)

    _, answer = extended.get("balance")

    total, held = extended.money()
    assert answer["balance"] == {"total": total / 1e6, "reserved": held / 1e6, "currency": "USD"}
    assert micros(answer["balance"]["reserved"]) == order.customer_price_micros


def test_balances_are_rounded_down(extended, django_assert_num_queries):
    customer = CustomerFactory(tenant=extended.customer.tenant, balance_micros=9_999)
    poor = Pinger(customer)
    poor.get("balance")

    with django_assert_num_queries(1):
        poor.get("balance")

    assert b'"total":0.00,"reserved":0.00' in poor.last.content


def test_orders_are_listed_newest_first_and_only_ones_own(extended, neighbour, foreigner):
    now = timezone.now()
    mine = [
        ActivationFactory(customer=extended.customer, created_at=now - timedelta(minutes=n), billed=n == 1)
        for n in range(3)
    ]
    for other in (neighbour, foreigner):
        ActivationFactory(customer=other.customer)

    _, answer = extended.get("orders")
    pages = [extended.get(f"orders?skip={skip}&limit=2")[1] for skip in (0, 1, 2, 3)]

    assert (answer["total"], answer["skip"], answer["limit"]) == (3, 0, 50)
    assert [one["public_id"] for one in answer["orders"]] == [order.ord_id for order in mine]
    assert [one["status"] for one in answer["orders"]] == ["pending", "completed", "pending"]
    assert answer["orders"][1]["code"] == "123456"
    assert [[one["public_id"] for one in page["orders"]] for page in pages] == [
        [mine[0].ord_id, mine[1].ord_id], [mine[1].ord_id, mine[2].ord_id], [mine[2].ord_id], [],
    ]  # fmt: skip
    known = extended.get(f"services/{answer['orders'][0]['service_id']}")[1]["service"]
    assert known["type"] == "verification", "the id is the one of the services"


def test_rentals_are_listed_and_read(extended, neighbour, foreigner):
    mine = [RentalFactory(customer=extended.customer) for _ in range(2)]
    theirs = [RentalFactory(customer=other.customer) for other in (neighbour, foreigner)]

    _, answer = extended.get("rentals?limit=1&skip=1")

    assert (answer["total"], [one["public_id"] for one in answer["rentals"]]) == (2, [mine[0].rnt_id])
    _, one = extended.get(f"rentals/{mine[0].rnt_id}")
    assert one["rental"] == answer["rentals"][0]
    assert (one["rental"]["days"], one["rental"]["cost"]) == (7, 4.2)
    for other in theirs:
        assert refusal(extended.get(f"rentals/{other.rnt_id}")) == (404, "RENTAL_NOT_FOUND")


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "skip=-1", "skip=99999999999"])
def test_b3_pages_that_make_no_sense(extended, query):
    for path in ("orders", "rentals"):
        assert refusal(extended.get(f"{path}?{query}")) == (400, "VALIDATION_ERROR")

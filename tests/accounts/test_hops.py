"""Orders that go from portal to portal: which header they carry, and when they are refused as a circle."""

from uuid import uuid4

import pytest

from accounts import hops
from accounts.models import Installation
from portal import errors

AN_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forgotten():
    hops.installation_id.cache_clear()
    yield
    hops.installation_id.cache_clear()


def ids(number):
    return [str(uuid4()) for _ in range(number)]


def test_the_id_is_drawn_once_and_kept():
    drawn = hops.installation_id()
    hops.installation_id.cache_clear()

    assert hops.installation_id() == drawn == str(Installation.objects.get().id)


def test_an_order_of_our_own_names_us_alone():
    hops.check()

    assert hops.onward() == hops.installation_id()


def test_an_order_from_elsewhere_names_us_last_and_only_while_it_is_worked():
    before = ids(2)
    with hops.passing(",".join(before).upper()):
        hops.check()
        assert hops.onward() == ", ".join([*before, hops.installation_id()])

    assert hops.onward() == hops.installation_id()


def test_an_order_that_came_through_us_is_refused():
    with hops.passing(", ".join([*ids(1), hops.installation_id(), *ids(1)])), pytest.raises(errors.NoNumbers):
        hops.check()


def test_an_order_may_pass_five_portals_and_no_more():
    with hops.passing(",".join(ids(4))):
        hops.check()
    with hops.passing(",".join(ids(5))), pytest.raises(errors.NoNumbers, match="5"):
        hops.check()


@pytest.mark.parametrize(
    "header", ["x", "1,2", "," * 50, f"{AN_ID},", "\u0661", f"{AN_ID} {AN_ID}", ",".join([AN_ID] * 101)]
)
def test_b12_what_is_no_list_of_ids_is_refused(header):
    with hops.passing(header), pytest.raises(errors.ValidationError) as refusal:
        hops.check()
    assert set(refusal.value.details) == {"X-Portal-Hops"}

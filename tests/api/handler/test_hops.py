"""An order that went round is "no numbers" to old clients."""

from uuid import uuid4

import pytest

from accounts import hops
from activations.models import Activation

pytestmark = pytest.mark.django_db(transaction=True)


def test_an_order_that_came_through_us_is_no_numbers(family, shop):
    header = f"{hops.installation_id()}, {uuid4()}"
    params = {"api_key": family.key, "action": "getNumber", "service": "tg", "country": "187"}
    answer = family.client.get(family.address, params, headers={hops.HEADER: header})

    assert answer.content == b"NO_NUMBERS"
    assert not Activation.objects.exists()
    family.order()

"""Every form of a page refuses a field that it does not have, naming it (FAULTS, T7 and B12)."""

import pytest

from activations.models import Activation, Rental
from tests.access.matrix import rows
from tests.access.walk import example
from tests.access.world import build
from webhooks.models import Endpoint

pytestmark = pytest.mark.django_db

CUSTOMERS = ("account/", "buy/", "numbers/", "pause/", "rent/", "rentals/", "wallet/")
MEMBERS = ("operator/", "providers/", "webhooks/")
FORMS = [
    (address, "customer" if address.startswith(CUSTOMERS) else "owner")
    for address, method, _ in rows()
    if method == "POST" and address.startswith(CUSTOMERS + MEMBERS)
]


def rows_of(*models):
    return [list(model.objects.order_by("pk").values()) for model in models]


@pytest.mark.parametrize(("address", "login"), FORMS)
def test_t7_b12_an_unknown_field_is_refused_by_name_and_changes_nothing(address, login):
    acme = build("acme")
    before = rows_of(Activation, Rental, Endpoint)

    answer = acme.client(login).post(example(address, acme), {"tenant<b>": "2"})

    assert answer.status_code in {400, 422}
    assert "There is no field tenant&lt;b&gt; here." in answer.content.decode()
    assert rows_of(Activation, Rental, Endpoint) == before


def test_b12_the_forms_of_pages_are_among_these():
    assert len(FORMS) > 25

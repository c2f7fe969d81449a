"""The page for customers' programs in a browser."""

import pytest

from accounts.keys import issue_key
from api import diary

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("dialect", ["handler", "rentverify", "ping"])
def test_it_fits_a_narrow_screen(store, browsing, dialect):
    issue_key(tenant=store.tenant, customer=store.customer, name="a program with a rather long name")
    question = diary.Question(store.tenant.pk, store.customer.pk, "ping", "POST /v1/nonvoip/orders/create")
    diary.diary.note(question, "no_numbers", 409, "4f1d0c2c9b7e4a8b9d0e1f2a3b4c5d6e")
    diary.diary.write()

    page = browsing.open(f"/account/api/?dialect={dialect}", viewport={"width": 360, "height": 800})

    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.get_by_text("no_numbers").is_visible()
    assert page.complaints == []

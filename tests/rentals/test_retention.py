"""S4 for rentals: texts are masked a day after the end and gone after thirty; money and counts stay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.masking import MASK
from activations.rental_models import RentalMessage
from activations.rental_queries import rental_messages, rental_row_by_rnt_id
from activations.services.erasing import erase_due
from activations.services.receiving import reference_of
from billing.models import Entry
from providers.contract import Sms
from tests.factories import RentalFactory

pytestmark = pytest.mark.django_db
CODE, TEXT = "482913", "Your code: 482913"
DIGEST = reference_of(Sms(text="", code=CODE))


def message(rental, at, number=1, **fields):
    return RentalMessage.objects.create(
        tenant=rental.tenant, rental=rental, msg_id=f"msg_{rental.num_id}{number}", text=TEXT, code=CODE,
        upstream_ref=f"{DIGEST[:40]}-{number}", received_at=at, **fields,
    )  # fmt: skip


def ended(ago):
    """A rental that ran for a week and ended so long ago, with two messages."""
    at = timezone.now() - ago
    rental = RentalFactory(created_at=at - timedelta(days=7), rental_status="expired", ended_at=at)
    for number in (1, 2):
        message(rental, at, number)
    return rental


def shown(rental):
    row = rental_row_by_rnt_id(tenant_id=rental.tenant_id, rnt_id=rental.rnt_id)
    return {(one.text, one.code) for one in rental_messages(row)}


def test_s4_texts_are_masked_a_day_after_the_end():
    fresh, old = ended(timedelta(hours=23, minutes=59)), ended(timedelta(hours=24, minutes=1))

    assert shown(fresh) == {(TEXT, CODE)}
    assert shown(old) == {(MASK, MASK)}


def test_s4_after_thirty_days_neither_text_nor_a_digest_of_it_is_left():
    old, young = ended(timedelta(days=30, minutes=1)), ended(timedelta(days=29, hours=23))
    entries = Entry.objects.count()

    for _ in range(2):  # O4: a second run changes nothing
        erase_due(timezone.now())

    assert {(one.text, one.code) for one in old.messages.all()} == {("", None)}
    assert not old.messages.filter(upstream_ref__contains=DIGEST[:20]).exists()
    assert young.messages.filter(text=TEXT, code=CODE, upstream_ref__contains=DIGEST[:20]).count() == 2
    assert (RentalMessage.objects.count(), Entry.objects.count()) == (4, entries)


def test_s4_a_message_that_comes_after_all_was_erased_goes_in_its_turn():
    rental = ended(timedelta(days=90))
    erase_due(timezone.now())
    late = message(rental, timezone.now() - timedelta(days=31), 3, visible=False)

    erase_due(timezone.now())

    late.refresh_from_db()
    assert (late.text, late.code, DIGEST[:20] in late.upstream_ref) == ("", None, False)

"""S4: shown for a day, masked for a month, then gone; orders, entries and counts stay."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.evidence import Evidence, keep, store
from activations.masking import MASK
from activations.models import Activation, Message, Report
from activations.queries import find_row
from activations.report_queries import report_of
from activations.services.erasing import erase_due
from activations.services.receiving import reference_of
from billing.models import Entry
from providers.contract import Sms
from tests.factories import ActivationFactory, CustomerFactory
from webhooks.models import InboxMessage

pytestmark = pytest.mark.django_db

CODE, TEXT = "123456", "Your code: 123456"


def ended(ago, **fields):
    """An order with its message, report and callback, closed so long ago."""
    at = timezone.now() - ago
    fields = {"activation_status": "finalized", "ended_at": at, "created_at": at, "billed": True, **fields}
    order = ActivationFactory(**fields)
    Message.objects.create(
        tenant=order.tenant, activation=order, msg_id=f"m{order.num_id}", text=TEXT, code=CODE,
        upstream_ref="1", received_at=at,
    )  # fmt: skip
    Report.objects.create(
        tenant=order.tenant, customer=order.customer, activation=order, reason_id=3, snapshot={"a": 1},
        snapshot_code=CODE, snapshot_text=TEXT, evidence_kind="png", created_at=at,
        evidence_name=keep(Evidence(TEXT.encode(), "png")), message=TEXT,
    )  # fmt: skip
    body = TEXT.encode()
    InboxMessage.objects.create(
        tenant=order.tenant, provider_id=order.provider_id, body=body, headers={"x": TEXT}, received_at=at
    )
    return order


def shown(order):
    row = find_row(tenant_id=order.tenant_id, hex_id=order.hex_id)
    return row.sms_code, row.sms_text


def everything(order):
    """All that is kept of an order, as text."""
    order.refresh_from_db()
    message, report = order.messages.get(), order.report
    return repr(
        [
            order.sms_code, order.sms_text, message.text, message.code, report.snapshot_code,
            report.snapshot_text, report.message, [bytes(one.body) for one in InboxMessage.objects.all()],
            [one.headers for one in InboxMessage.objects.all()],
        ]
    )  # fmt: skip


def test_s4_code_and_text_are_masked_a_day_after_the_end():
    fresh, old = ended(timedelta(hours=23, minutes=59)), ended(timedelta(hours=24, minutes=1))

    assert shown(fresh) == (CODE, TEXT)
    assert shown(old) == (MASK, MASK)
    row = find_row(tenant_id=old.tenant_id, hex_id=old.hex_id)
    snapshot = report_of(tenant_id=old.tenant_id, customer_id=old.customer_id, row=row).snapshot
    assert (snapshot["sms_code"], snapshot["sms_text"]) == (MASK, MASK)


def test_s4_the_mask_may_come_earlier_and_open_numbers_have_none(settings):
    settings.TEXT_SHOWN_HOURS = 1
    old = ended(timedelta(minutes=61))
    running = ActivationFactory(billed=True, created_at=timezone.now() - timedelta(days=3))

    assert shown(old) == (MASK, MASK)
    assert shown(running) == (CODE, TEXT)


def test_s4_after_thirty_days_nothing_of_the_text_is_left():
    order = ended(timedelta(days=30, minutes=1))
    entries, kept = Entry.objects.count(), order.report.evidence_name
    assert everything(order).count(CODE) > 6

    erase_due(timezone.now())

    assert CODE not in everything(order)
    assert shown(order) == (None, None)
    assert (order.billing_status, order.customer_price_micros) == ("billed", 300_000)
    assert (Entry.objects.count(), Message.objects.count(), InboxMessage.objects.count()) == (entries, 1, 1)
    assert not store().exists(kept)
    assert Report.objects.get().evidence_name == ""


def test_s4_what_is_younger_stays(settings):
    order = ended(timedelta(days=29, hours=23))

    erase_due(timezone.now())
    assert everything(order).count(CODE) > 6

    settings.TEXT_KEPT_DAYS = 7
    erase_due(timezone.now())
    assert CODE not in everything(order)


def test_s4_hints_are_deleted_with_their_bodies_and_younger_ones_stay():
    now = timezone.now()
    for days in (31, 29):
        came = {"received_at": now - timedelta(days=days), "processed_at": now}
        InboxMessage.objects.create(provider_id=1, body=b"%d" % days, outcome="hint", **came)

    erase_due(now)

    assert [bytes(one.body) for one in InboxMessage.objects.all()] == [b"29"]


def test_s4_a_message_that_comes_after_all_was_erased_goes_in_its_turn():
    order = ended(timedelta(days=90))
    erase_due(timezone.now())
    late = Message.objects.create(
        tenant=order.tenant, activation=order, msg_id="late", text=TEXT, code=CODE, upstream_ref="2",
        visible=False, received_at=timezone.now() - timedelta(days=31),
    )  # fmt: skip

    erase_due(timezone.now())

    late.refresh_from_db()
    assert (late.text, late.code) == ("", None)


def test_s4_no_digest_is_left_from_which_a_code_could_be_guessed():
    """A provider that names no id of a message: its reference is made of what it says."""
    order = ended(timedelta(days=30, minutes=1))
    digest = reference_of(Sms(text="", code=CODE))
    Message.objects.update(upstream_ref=digest)
    for number in range(2):
        Message.objects.create(
            tenant=order.tenant, activation=order, msg_id=f"more{number}", text=TEXT, code=CODE,
            upstream_ref=f"{digest[:40]}-{number}", received_at=timezone.now() - timedelta(days=31),
        )  # fmt: skip

    erase_due(timezone.now())

    assert not Message.objects.filter(upstream_ref__contains=digest[:20]).exists()
    assert Message.objects.count() == 3


def test_o4_a_second_run_changes_nothing():
    order = ended(timedelta(days=31))
    now = timezone.now()
    erase_due(now)

    erase_due(now + timedelta(hours=1))

    order.refresh_from_db()
    assert order.erased_at == now
    assert Activation.objects.filter(erased_at=None).count() == 0


def test_files_whose_report_was_never_written_are_removed(monkeypatch):
    name = keep(Evidence(b"stray", "png"))

    erase_due(timezone.now())
    assert store().exists(name)
    erase_due(timezone.now() + timedelta(days=2))

    assert not store().exists(name)


def test_s4_counter_test_rows_read_past_the_mask_show_the_code():
    order = ended(timedelta(days=2), customer=CustomerFactory(balance_micros=1_000_000))

    assert Activation.objects.get(pk=order.pk).sms_code == CODE, "the mask lies in row_from alone"

"""Reports: reasons by state, one per activation, decided once (K9, M11), and told to the provider."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from activations.evidence import Evidence, store
from activations.models import Activation, MoneyAtRisk, Report
from activations.queries import find_row
from activations.reasons import instant_decline, reasons_for
from activations.services.closing import cancel, refund
from activations.services.provider_reports import MOST_TRIES, send_due_reports
from activations.services.reporting import Filed, approve, decline, file_report
from billing import ledger
from billing.models import Transaction
from portal import errors
from tests.activations.races import together
from tests.factories import CustomerFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)

PNG = Evidence(b"\x89PNG\r\n\x1a\n" + b"0" * 100, "png")


@pytest.fixture(autouse=True)
def _books_are_right(db):
    yield
    call_command("check_ledger", stdout=io.StringIO())


def bought(shop, *, code=True, now):
    row = shop.order(now=now)
    if code:
        shop.take_sms(row, "Your code: 482913", now=now)
    return find_row(tenant_id=shop.tenant.pk, hex_id=row.hex_id)


def filed(shop, row, *, reason_id=3, now):
    answer = file_report(buyer=shop.buyer, hex_id=row.hex_id, reason_id=reason_id, evidence=PNG, now=now)
    assert answer == Filed(is_accepted=True)
    return Report.objects.get(activation_id=row.id)


def offered(row, now):
    return {one.reason_id: one.evidence_required for one in reasons_for(row, now=now)}


def test_reasons_follow_the_state_of_the_number(shop, now):
    waiting = bought(shop, code=False, now=now)
    received = bought(shop, now=now)

    assert offered(waiting, now) == {1: True, 3: True, 4: True, 7: True}
    expected = {2: False, 3: True, 4: True, 5: True, 6: False, 7: True}
    assert offered(received, now) == expected
    assert offered(received._replace(activation_status="finalized"), now) == expected
    assert offered(received._replace(activation_status="expired"), now) == {**expected, 6: True}
    assert offered(waiting._replace(activation_status="expired", billing_status="released"), now) == {}
    assert offered(waiting._replace(activation_status="canceled", billing_status="released"), now) == {}
    assert offered(received._replace(report_status="declined"), now) == {}
    assert offered(received._replace(billing_status="refunded"), now) == {}
    assert offered(waiting._replace(lease_state="ordering"), now) == {}


def test_a_report_is_taken_for_one_hour(shop, now):
    row = bought(shop, now=now)
    last, late = row.created_at + timedelta(hours=1), row.created_at + timedelta(hours=1, seconds=1)

    assert offered(row, last)
    with pytest.raises(errors.ReportDeadlinePassed):
        reasons_for(row, now=late)
    with pytest.raises(errors.ReportDeadlinePassed):
        file_report(buyer=shop.buyer, hex_id=row.hex_id, reason_id=3, evidence=PNG, now=late)


def test_what_costs_nothing_is_declined_at_once_and_leaves_no_report(shop, now):
    waiting, received = bought(shop, code=False, now=now), bought(shop, now=now)

    first = file_report(buyer=shop.buyer, hex_id=waiting.hex_id, reason_id=1, evidence=PNG, now=now)
    second = file_report(buyer=shop.buyer, hex_id=received.hex_id, reason_id=2, now=now)

    assert (first, second) == (Filed(False, 1), Filed(False, 2))
    assert not Report.objects.exists()
    assert set(Activation.objects.values_list("report_status", flat=True)) == {None}
    assert instant_decline(received._replace(is_retriable=False), 2) is None
    filed(shop, received, now=now)


def test_a_report_keeps_the_state_and_its_evidence(shop, now):
    row = bought(shop, now=now)

    report = filed(shop, row, now=now)

    assert Activation.objects.get(pk=row.id).report_status == "inReview"
    assert report.snapshot == {
        "activation_status": "active", "sms_status": "smsReceived", "billing_status": "billed",
        "updated_at": int(row.updated_at.timestamp()),
    }  # fmt: skip
    assert (report.snapshot_code, report.snapshot_text) == ("482913", "Your code: 482913")
    assert "482913" not in json.dumps(report.snapshot)
    assert store().open(report.evidence_name).read() == PNG.content
    assert Event.objects.filter(type="report.updated", order_id=row.id).count() == 1


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [({"reason_id": 1, "evidence": PNG}, "reason_id"), ({"reason_id": 3}, "evidence")],
)
def test_a_report_without_a_fitting_reason_or_evidence_is_refused(shop, now, fields, at_fault):
    row = bought(shop, now=now)

    with pytest.raises(errors.ValidationError) as refusal:
        file_report(buyer=shop.buyer, hex_id=row.hex_id, now=now, **fields)

    assert list(refusal.value.details) == [at_fault]
    assert not Report.objects.exists()


def test_two_reports_at_once_are_one(shop, now):
    row = bought(shop, now=now)
    buyer = shop.buyer

    def report():
        return file_report(buyer=buyer, hex_id=row.hex_id, reason_id=7, evidence=PNG, now=now)

    results = together(*[report] * 5)

    assert sorted(type(one).__name__ for one in results) == ["Filed"] + ["ReportExists"] * 4
    assert Report.objects.count() == 1
    kept = [name for folder in store().listdir("")[0] for name in store().listdir(folder)[1]]
    assert Report.objects.get().evidence_name.split("/")[1] in kept


def test_t1_another_customers_number_cannot_be_reported(shop, now):
    row = bought(shop, now=now)
    stranger = CustomerFactory(balance_micros=1)

    for buyer in (shop.neighbour(), shop.buyer_of(stranger)):
        with pytest.raises(errors.UnknownActivation):
            file_report(buyer=buyer, hex_id=row.hex_id, reason_id=3, evidence=PNG, now=now)


def test_m11_two_people_who_approve_at_once_refund_once(shop, now):
    before = shop.money()
    row = bought(shop, now=now)
    report = filed(shop, row, now=now)

    results = together(*[lambda: approve(report_id=report.pk, now=now)] * 4)

    assert sorted(map(str, (one if isinstance(one, str) else type(one).__name__ for one in results))) == (
        ["AlreadyRefunded"] * 3 + ["refunded"]
    )
    assert Transaction.objects.filter(kind="refund").count() == 1
    assert shop.money() == before
    state = Activation.objects.get(pk=row.id)
    assert (state.report_status, state.billing_status) == ("approved", "refunded")
    assert MoneyAtRisk.objects.get().kind == "refund"


def test_m11_a_refund_and_an_approval_at_once_refund_once(shop, now):
    before = shop.money()
    row = bought(shop, now=now)
    report = filed(shop, row, now=now)

    together(
        lambda: approve(report_id=report.pk, now=now),
        lambda: refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now),
    )

    assert Transaction.objects.filter(kind="refund").count() == 1
    assert shop.money() == before


def test_m11_past_the_lock_a_unique_rule_still_stops_a_second_refund(shop, now):
    row = bought(shop, now=now)
    refund(tenant_id=shop.tenant.pk, hex_id=row.hex_id, now=now)

    with pytest.raises(errors.AlreadyRefunded):
        ledger.refund(order_id=row.id, now=now)


def test_approval_and_decline_at_once_leave_one_decision(shop, now):
    row = bought(shop, now=now)
    report = filed(shop, row, now=now)

    results = together(
        lambda: approve(report_id=report.pk, now=now),
        lambda: decline(report_id=report.pk, decline_id=1, now=now),
    )

    assert sum(isinstance(one, errors.PortalError) for one in results) == 1
    report.refresh_from_db()
    assert (report.status == "approved") == (Transaction.objects.filter(kind="refund").count() == 1)


def test_approval_before_any_sms_closes_a_number_that_cannot_be_cancelled(shop, now):
    before = shop.money()
    row = bought(shop, code=False, now=now)
    Activation.objects.filter(pk=row.id).update(cancelable_after=None)
    report = filed(shop, row, now=now)

    assert approve(report_id=report.pk, now=now) == "canceled"

    assert shop.money() == before
    assert Activation.objects.get(pk=row.id).activation_status == "canceled"
    assert shop.upstream.leases[0].state == "canceled"
    assert not MoneyAtRisk.objects.exists()


def test_what_the_provider_does_not_take_back_is_money_at_risk(shop, now):
    row = bought(shop, code=False, now=now)
    report = filed(shop, row, now=now)
    shop.upstream.fault("cancel", "too_early")

    assert approve(report_id=report.pk, now=now) == "canceled"

    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("kept_fee", row_cost(row))


def row_cost(row):
    return Activation.objects.get(pk=row.id).cost_micros


def test_approval_after_release_moves_nothing(shop, now):
    before = shop.money()
    row = bought(shop, code=False, now=now)
    report = filed(shop, row, now=now)
    shop.state(row, "canceled")
    Activation.objects.filter(pk=row.id).update(cancelable_after=now)
    cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    assert approve(report_id=report.pk, now=now) == "nothing"
    assert shop.money() == before
    with pytest.raises(errors.InvalidState):
        approve(report_id=report.pk, now=now)


def test_a_declined_report_moves_nothing_and_stays_declined(shop, now):
    row = bought(shop, now=now)
    report, before = filed(shop, row, now=now), shop.money()

    decline(report_id=report.pk, decline_id=2, now=now)

    with pytest.raises(errors.InvalidState):
        approve(report_id=report.pk, now=now)
    assert shop.money() == before
    assert Activation.objects.get(pk=row.id).report_status == "declined"
    assert Event.objects.filter(type="report.updated").count() == 2


def test_the_provider_is_told_once_and_again_until_it_answers(shop, now):
    report = filed(shop, bought(shop, now=now), now=now)
    shop.upstream.fault("report", "html")

    assert send_due_reports(now) == 1
    assert send_due_reports(now) == 0
    assert send_due_reports(now + timedelta(seconds=61)) == 1

    report.refresh_from_db()
    assert (report.upstream_state, report.upstream_due_at) == ("accepted", None)
    assert shop.upstream.leases[0].reported == 3
    assert shop.upstream.calls["report"] == 2


def test_o7_a_provider_that_never_answers_is_given_up(shop, now):
    report = filed(shop, bought(shop, now=now), now=now)
    shop.upstream.fault("report", "html", times=-1)

    for minutes in range(MOST_TRIES + 2):
        send_due_reports(now + timedelta(minutes=2 * minutes))

    report.refresh_from_db()
    assert (report.upstream_state, shop.upstream.calls["report"]) == ("unknown", MOST_TRIES)

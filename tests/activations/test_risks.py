"""Money at risk: settled once, by somebody, with a reason; totals by provider and age."""

from datetime import UTC, datetime, timedelta

import pytest

from activations.models import MoneyAtRisk
from activations.risk_admin import totals
from activations.services import risks
from portal.errors import InvalidState
from tests.activations.races import together
from tests.factories import ActivationFactory, OfferFactory, UserFactory

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=UTC)


@pytest.fixture
def by(db):
    return UserFactory()


def case(*, offer=None, kind="orphan", micros=200_000, age=timedelta(0), **order):
    order = ActivationFactory(offer=offer or OfferFactory(), **order)
    what = {"tenant": order.tenant, "activation": order, "provider": order.provider, "kind": kind}
    return MoneyAtRisk.objects.create(**what, amount_micros=micros, created_at=NOW - age)


def test_a_case_is_claimed_and_then_recovered_in_part(by):
    risk = case()
    risks.claim(risk.pk, note="ticket 7", by=by, now=NOW)
    risks.recover(risk.pk, micros=150_000, note="", by=by, now=NOW + timedelta(days=1))

    risk.refresh_from_db()
    assert (risk.state, risk.recovered_micros, risk.changed_by, risk.changed_at) == (
        "recovered", 150_000, by, NOW + timedelta(days=1))  # fmt: skip


def test_a_write_off_says_why_and_by_whom(by):
    risk = case()
    risks.write_off(risk.pk, reason="they closed shop", by=by, now=NOW)

    risk.refresh_from_db()
    assert (risk.state, risk.reason, risk.changed_by) == ("written_off", "they closed shop", by)


@pytest.mark.parametrize("micros", [0, -1, 200_001])
def test_what_came_back_is_at_most_what_was_at_risk(by, micros):
    risk = case()
    with pytest.raises(InvalidState, match="at most"):
        risks.recover(risk.pk, micros=micros, note="", by=by, now=NOW)
    assert MoneyAtRisk.objects.get().state == "open"


def test_a_settled_case_stays_settled(by):
    risk = case()
    risks.write_off(risk.pk, reason="x", by=by, now=NOW)
    for again in (
        lambda: risks.claim(risk.pk, note="", by=by, now=NOW),
        lambda: risks.write_off(risk.pk, reason="y", by=by, now=NOW),
        lambda: risks.recover(risk.pk, micros=1, note="", by=by, now=NOW),
    ):
        with pytest.raises(InvalidState, match="already"):
            again()


@pytest.mark.django_db(transaction=True)
def test_two_people_settle_a_case_once(by):
    risk = case()
    outcomes = together(
        lambda: risks.write_off(risk.pk, reason="x", by=by, now=NOW),
        lambda: risks.recover(risk.pk, micros=1, note="", by=by, now=NOW),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["InvalidState", "MoneyAtRisk"]


def test_totals_are_by_provider_and_age(by):
    offer = OfferFactory(provider__public_no=71, provider__display_name="Dear")
    other = OfferFactory(provider__public_no=72, provider__display_name="Small")
    for age, micros in ((timedelta(hours=1), 1_000_000), (timedelta(days=3), 2_000_000),
                        (timedelta(days=8), 4_000_000), (timedelta(days=31), 8_000_000)):  # fmt: skip
        case(offer=offer, age=age, micros=micros)
    case(offer=other, micros=500_000)
    rows = MoneyAtRisk.objects.all()

    assert totals(rows, names=True, now=NOW) == [
        ["71 · Dear", "4", "$1.00", "$2.00", "$4.00", "$8.00", "$15.00"],
        ["72 · Small", "1", "$0.50", "$0.00", "$0.00", "$0.00", "$0.50"],
    ]
    assert totals(rows, names=False, now=NOW)[0][0] == "no. 71"

"""Whom an order asks, one after the other, and what it tells of those that must not be asked again."""

from datetime import timedelta

import pytest
from django.core import mail

from accounts.services import create_operator
from activations.database import call
from activations.models import Attempt, MoneyAtRisk
from activations.risk_admin import totals
from activations.services import closing, risks, steps
from activations.services.kept_fees import note_fee_of_unsold
from portal.errors import InvalidState, NoNumbers, UpstreamUnavailable
from providers import routing_memory
from providers.contract import Unreachable
from providers.health import note_failure, note_success, take_probe
from providers.models import ProviderHealth
from providers.services.alerting import tell_due
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def failed(provider, now):
    """Its breaker was opened a while ago: one order may try it again."""
    note_failure(provider.pk, Unreachable(), now - timedelta(minutes=5), times=5)


def health(provider):
    return ProviderHealth.objects.get(provider=provider)


def outcomes(row):
    attempts = Attempt.objects.filter(activation_id=row.id).order_by("id")
    return list(attempts.values_list("provider_id", "outcome", "reason"))


@pytest.fixture
def doubtful(shop, other_upstream, now):
    """A second, dearer provider whose breaker was open."""
    provider = other_upstream.provider()
    shop.sell(provider, tier=1)
    failed(provider, now)
    return provider


def test_u12_an_order_that_the_first_provider_fills_leaves_the_seconds_probe(
    shop, other_upstream, doubtful, now
):
    first = shop.order(now=now, quality_factor=0)
    shop.upstream.fault("order", "out_of_stock")
    second = shop.order(now=now + timedelta(seconds=2), quality_factor=0, max_price_micros=20_000_000)

    assert [shop.row(one.hex_id).provider_id for one in (first, second)] == [shop.provider.pk, doubtful.pk]
    assert other_upstream.calls["order"] == 1
    assert (health(doubtful).state, health(doubtful).failures) == ("ok", 0)


def test_u12_a_provider_that_another_order_tries_is_passed_over(shop, other_upstream, now, monkeypatch):
    """The probe goes to somebody else between the ranking and the call."""
    sound = other_upstream.provider()
    shop.sell(sound, tier=1)
    failed(shop.provider, now)
    race(monkeypatch, shop.provider)

    row = shop.order(now=now, quality_factor=0, max_price_micros=20_000_000)

    assert shop.row(row.hex_id).provider_id == sound.pk
    assert outcomes(row) == [(shop.provider.pk, "unreachable", "tripped"), (sound.pk, "leased", "")]
    assert shop.upstream.calls["order"] == 0
    assert health(shop.provider).failures == 5  # nothing new was learnt


def test_u12_whom_nobody_may_ask_is_not_available_and_costs_nothing(shop, now, monkeypatch):
    failed(shop.provider, now)
    race(monkeypatch, shop.provider)

    with pytest.raises(UpstreamUnavailable):
        shop.order(now=now)

    assert shop.upstream.calls["order"] == 0
    assert shop.money() == (100_000_000, 0, 10_000_000_000, 0)


@pytest.fixture
def remembering(settings):
    settings.ROUTES_REMEMBERED_SECONDS = 1
    routing_memory._latest = None
    yield
    routing_memory._latest = None


def test_u15_the_refusal_of_a_key_that_was_replaced_a_moment_ago_pauses_nobody(
    shop, other_upstream, now, remembering
):
    now = now.replace(microsecond=0)
    shop.order(now=now)
    shop.provider.secret = other_upstream.key
    shop.provider.save()
    shop.upstream.fault("order", "bad_key", times=-1)

    with pytest.raises(UpstreamUnavailable):
        shop.order(now=now)  # its route was remembered

    assert not ProviderHealth.objects.filter(provider=shop.provider).exists()
    assert shop.order(now=now).lease_state == "leased"
    assert (shop.upstream.calls["order"], other_upstream.calls["order"]) == (2, 1)


def test_u6_the_refusal_of_the_key_that_is_stored_pauses_its_provider(shop, now):
    shop.upstream.fault("order", "bad_key")

    with pytest.raises(UpstreamUnavailable):
        shop.order(now=now)

    assert health(shop.provider).state == "bad_credentials"


def test_u7_a_provider_that_charges_a_wrong_price_is_flagged_and_its_people_are_told(
    shop, other_upstream, now
):
    create_operator(email="op@example.com", password="correct-horse-battery")
    sound = other_upstream.provider()
    shop.sell(sound, tier=1)
    shop.upstream.fault("order", "wrong_price")

    row = shop.order(now=now, quality_factor=0, max_price_micros=20_000_000)

    assert shop.row(row.hex_id).provider_id == sound.pk
    flagged = health(shop.provider)
    assert (flagged.state, flagged.reason) == ("degraded", "wrong_price")
    assert flagged.blocked_until >= now + timedelta(minutes=5)

    note_success(shop.provider.pk, now=now + timedelta(minutes=1))  # its other calls go well
    shop.order(now=now + timedelta(minutes=2), quality_factor=0, max_price_micros=20_000_000)
    assert (shop.upstream.calls["order"], other_upstream.calls["order"]) == (1, 2)
    tell_due(now=now + timedelta(minutes=2))
    [letter] = mail.outbox
    assert letter.bcc == ["op@example.com"]
    assert "wrong price" in letter.body

    later = shop.order(now=now + timedelta(minutes=6), quality_factor=0)
    assert shop.row(later.hex_id).provider_id == shop.provider.pk
    assert health(shop.provider).state == "ok"


def test_u16_the_fees_for_two_numbers_that_were_not_sold_are_added_up(shop, now):
    """Both are of one order and one provider; the third, which the buyer cancels, costs a fee like them."""
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    shop.sell(shop.provider, tier=1)
    shop.sell(shop.provider, tier=2)
    last = int(shop.order(now=now).phone)
    unwanted = (str(last + 1), str(last + 2))

    row = shop.order(now=now, exclude_prefixes=unwanted, max_price_micros=20_000_000)
    assert fees(row) == [10_000]

    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)
    assert fees(row) == [15_000]
    again = {"id": row.id, "tenant": shop.tenant.pk, "provider": shop.provider.pk, "note": "", "now": now}
    call("activation_at_risk", kind="kept_fee", micros=5_000, **again)
    assert fees(row) == [15_000]


def test_u16_the_fee_of_one_attempt_is_counted_once_however_often_it_is_told(shop, now):
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    with pytest.raises(NoNumbers):
        shop.order(now=now, exclude_prefixes=("1",))
    attempt = Attempt.objects.get()

    for _ in range(2):
        note_fee_of_unsold(
            attempt.activation_id,
            tenant_id=shop.tenant.pk,
            provider_id=shop.provider.pk,
            fee_micros=5_000,
            now=now,
        )

    assert fees(attempt.activation) == [5_000]


@pytest.mark.parametrize("told_by", ["the order's own cancel", "a number that came late"])
def test_u16_a_fee_that_comes_after_its_case_was_settled_opens_it_again(shop, now, told_by):
    shop.provider.cancel_fee_micros = 5_000
    shop.provider.save()
    shop.sell(shop.provider, tier=1)
    unwanted = str(int(shop.order(now=now).phone) + 1)
    row = shop.order(now=now, exclude_prefixes=(unwanted,), max_price_micros=20_000_000)
    by, risk = UserFactory(), MoneyAtRisk.objects.get()
    risks.recover(risk.pk, micros=5_000, note="", by=by, now=now)

    if told_by == "a number that came late":
        note_fee_of_unsold(
            row.id, tenant_id=shop.tenant.pk, provider_id=shop.provider.pk, fee_micros=5_000, now=now
        )
    else:
        closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    risk.refresh_from_db()
    assert (risk.state, risk.amount_micros, risk.recovered_micros) == ("open", 10_000, 5_000)
    assert "settled as recovered" in risk.note
    [[_, _, *amounts]] = totals(MoneyAtRisk.objects.all(), names=True, now=now)
    assert amounts[-1] == "$0.005"
    with pytest.raises(InvalidState, match="at most"):
        risks.recover(risk.pk, micros=5_001, note="", by=by, now=now)
    risks.recover(risk.pk, micros=5_000, note="", by=by, now=now)
    assert MoneyAtRisk.objects.get().recovered_micros == 10_000


def fees(row):
    kept = MoneyAtRisk.objects.filter(activation_id=row.id, kind="kept_fee")
    return list(kept.values_list("amount_micros", flat=True))


def race(monkeypatch, provider):
    """Another order takes the probe when ours is opened."""
    opened = steps.open_activation

    def overtaken(*args, **facts):
        result = opened(*args, **facts)
        assert take_probe(provider.pk, facts["now"])
        return result

    monkeypatch.setattr(steps, "open_activation", overtaken)

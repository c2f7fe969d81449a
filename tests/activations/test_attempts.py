"""Whom an order asks, one after the other, and what it tells of those that must not be asked again."""

from datetime import timedelta

import pytest

from activations.models import Attempt
from activations.services import steps
from portal.errors import UpstreamUnavailable
from providers.contract import Unreachable
from providers.health import note_failure, take_probe
from providers.models import ProviderHealth

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


def race(monkeypatch, provider):
    """Another order takes the probe when ours is opened."""
    opened = steps.open_activation

    def overtaken(*args, **facts):
        result = opened(*args, **facts)
        assert take_probe(provider.pk, facts["now"])
        return result

    monkeypatch.setattr(steps, "open_activation", overtaken)

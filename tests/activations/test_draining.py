"""A provider that drains is done when its last number has ended."""

from datetime import UTC, datetime

import pytest

from activations.models import Activation, Check, Rental
from activations.services.draining import note_drained_providers
from providers.models import ProviderAlert
from providers.services.accounts import drain, resume
from tests.factories import ActivationFactory, RentalFactory

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
pytestmark = pytest.mark.django_db


def drained():
    note_drained_providers(NOW)
    return list(ProviderAlert.objects.filter(subject="drained").values_list("provider", flat=True))


def test_it_is_told_when_nothing_is_open_any_more():
    order = ActivationFactory()
    rental = RentalFactory(offer__provider=order.provider)
    ActivationFactory(canceled=True)
    drain(provider_ids=[order.provider_id], now=NOW)
    assert drained() == []

    Check.objects.all().delete()
    Activation.objects.filter(pk=order.pk).update(
        activation_status="canceled", billing_status="released", ended_at=NOW
    )
    assert drained() == []
    Rental.objects.filter(pk=rental.pk).update(rental_status="finished", ended_at=NOW)
    assert drained() == [order.provider_id]


def test_what_is_closed_here_but_not_there_still_counts():
    order = ActivationFactory(canceled=True)
    Check.objects.create(
        activation=order, tenant=order.tenant, provider=order.provider, kind="cancel", due_at=NOW
    )
    drain(provider_ids=[order.provider_id], now=NOW)

    assert drained() == []


def test_who_sells_again_is_not_drained():
    order = ActivationFactory(canceled=True)
    drain(provider_ids=[order.provider_id], now=NOW)
    resume(provider_ids=[order.provider_id], now=NOW)

    assert drained() == []

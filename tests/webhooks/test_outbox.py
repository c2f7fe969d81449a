"""Events leave the outbox once, whoever sweeps and however often."""

import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

from accounts.models import Tenant
from webhooks.models import Event
from webhooks.services import dispatch_due

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.django_db(transaction=True)
def test_o3_two_sweeps_at_once_hand_each_event_on_once():
    tenant = Tenant.objects.create(slug="acme", name="Acme")
    Event.objects.bulk_create(Event(tenant=tenant, type="customer.updated") for _ in range(1200))
    barrier, handed = threading.Barrier(2), []

    def sweep():
        barrier.wait()
        handed.append(dispatch_due(now=NOW))
        connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]

    assert sum(handed) == 1200
    assert not Event.objects.filter(dispatched_at=None).exists()
    assert dispatch_due(now=NOW) == 0

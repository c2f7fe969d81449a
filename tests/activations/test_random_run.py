"""A random day of a shop with a provider that misbehaves: at its end the provider's books and ours agree."""

import os
import random
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from activations.models import Activation, Attempt, Check, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due, reconcile_due
from billing.models import Hold
from portal.errors import PortalError
from providers.sandbox.control import Unknown
from tests.activations.races import together

pytestmark = pytest.mark.django_db(transaction=True)
FAULTS = [
    ("order", "lost", {}),
    ("order", "lost", {"after": True}),
    ("order", "html", {"after": True}),
    ("order", "doubled", {}),
    ("order", "wrong_price", {}),
    ("order", "old_id", {}),
    ("order", "out_of_stock", {}),
    ("cancel", "lost", {}),
    ("cancel", "lost", {"after": True}),
    ("list", "html", {}),
    ("status", "cut", {}),
]


def buyer_at_work(shop, seed):
    """Orders, and does with each number one of the things that customers do."""
    dice, buyer = random.Random(seed), shop.neighbour()

    def work():
        for number in range(8):
            if dice.random() < 0.5:
                action, kind, facts = dice.choice(FAULTS)
                shop.upstream.fault(action, kind, **facts)
            try:
                row = shop.order(buyer=buyer, key=f"{seed}-{number}")
                if row.is_checking:
                    continue
                what = dice.choice(["sms", "sms", "cancel", "both", "nothing"])
                if what in ("sms", "both"):
                    shop.sms(row, f"Your code is {row.num_id}")
                if what in ("cancel", "both"):
                    closing.cancel(buyer=buyer, hex_id=row.hex_id, now=timezone.now() + timedelta(seconds=5))
            except (PortalError, Unknown):  # refused, or the number has ended at the provider
                pass

    return work


def sweeper():
    for _ in range(6):
        now = timezone.now() + timedelta(seconds=30)
        check_due(now)
        reconcile_due(now)


def test_the_books_agree_after_a_random_run(shop, now):
    seed = int(os.environ.get("SEED") or 1)
    print(f"SEED={seed}")

    results = together(*[buyer_at_work(shop, seed + number) for number in range(6)], sweeper, sweeper)
    assert [result for result in results if result is not None] == []
    shop.upstream.heal()
    for later in range(60, 1_500, 20):
        check_due(now + timedelta(seconds=later))
        reconcile_due(now + timedelta(seconds=later))
        expire_due(now + timedelta(seconds=later))

    assert not Check.objects.exists()
    assert not Activation.objects.filter(activation_status="active").exists()
    assert not Activation.objects.filter(lease_state="ordering").exists()
    assert not Hold.objects.filter(state="open").exists()
    assert not Attempt.objects.filter(outcome__in=["", "unknown"]).exists()
    call_command("check_ledger")
    compare_books(shop)


def compare_books(shop):
    """Every lease that the provider charged is billed here or at risk; every bill here was charged there."""
    billed = set(Activation.objects.filter(billing_status="billed").values_list("upstream_ref", flat=True))
    paid = [lease for lease in shop.upstream.leases if lease.charged > lease.refunded]
    charged = {str(lease.id) for lease in paid if lease.messages}  # without one its end pays it back
    at_risk = set(MoneyAtRisk.objects.values_list("activation__upstream_ref", flat=True))
    assert billed <= charged
    assert charged - billed - at_risk == set()

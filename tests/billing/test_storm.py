"""Many connections doing anything to the same orders at once: no deadlock, and right books afterwards."""

import os
import random
import threading
import uuid

import pytest
from django.db import connection, transaction
from django.utils import timezone

from billing import ledger
from billing.checks import CHECKS
from billing.models import Transaction
from portal.errors import PortalError
from tests.factories import CustomerFactory, TenantFactory

pytestmark = pytest.mark.django_db(transaction=True)
THREADS, STEPS = 8, 60


class Storm:
    """Random steps of one seed, spread over threads that share customers and orders."""

    def __init__(self, customers, seed):
        self.customers, self.seed = customers, seed
        self.orders, self.faults = [], []

    def run(self):
        threads = [threading.Thread(target=self.work, args=(number,)) for number in range(THREADS)]
        [thread.start() for thread in threads]
        [thread.join(120) for thread in threads]

    def work(self, number):
        dice = random.Random(f"{self.seed}-{number}")
        try:
            for _ in range(STEPS):
                self.step(dice)
        except Exception as fault:  # whatever is not a refusal of ours, a deadlock above all
            self.faults.append(fault)
        finally:
            connection.close()

    def step(self, dice):
        do = dice.choice(
            [self.order, self.adjust, self.bill, self.bill, self.release, self.refund, self.move]
        )
        try:
            with transaction.atomic():
                do(dice)
        except PortalError:
            pass

    def order(self, dice):
        customer, order_id = dice.choice(self.customers), uuid.UUID(int=dice.getrandbits(128))
        hold = {"order_id": order_id, "tenant_id": customer.tenant_id}
        ledger.hold(**hold, customer_id=customer.pk, micros=dice.randint(0, 900_000))
        ledger.hold(**hold, customer_id=None, micros=dice.randint(0, 900_000))
        self.orders.append((customer, order_id))

    def pick(self, dice):
        return dice.choice(self.orders[-12:]) if self.orders else (self.customers[0], uuid.uuid4())

    def adjust(self, dice):
        customer, order_id = self.pick(dice)
        owner = dice.choice([customer.pk, None])
        micros = dice.randint(1, 900_000)
        ledger.adjust_hold(order_id=order_id, tenant_id=customer.tenant_id, customer_id=owner, micros=micros)

    def bill(self, dice):
        ledger.bill(
            order_id=self.pick(dice)[1],
            customer_micros=dice.randint(0, 300_000),
            tenant_micros=dice.randint(0, 300_000),
            cost_micros=dice.randint(0, 300_000),
            own_provider=False,
            now=timezone.now(),
        )

    def release(self, dice):
        ledger.release(order_id=self.pick(dice)[1], now=timezone.now())

    def refund(self, dice):
        ledger.refund(order_id=self.pick(dice)[1], now=timezone.now())

    def move(self, dice):
        customer = dice.choice(self.customers)
        ledger.move(
            tenant_id=customer.tenant_id,
            customer_id=customer.pk,
            kind="topup",
            micros=dice.randint(1, 500_000),
            external_id=f"{dice.getrandbits(24)}",
            gateway="",
            note="",
            now=timezone.now(),
        )


def test_a_storm_leaves_right_books_and_no_deadlock():
    tenant = TenantFactory(balance_micros=20_000_000)
    seed = int(os.environ.get("SEED") or 1)
    storm = Storm([CustomerFactory(tenant=tenant, balance_micros=5_000_000) for _ in range(3)], seed)

    storm.run()

    assert storm.faults == [], f"seed {seed}"
    assert [breach for check in CHECKS for breach in check.breaches(5)] == [], f"seed {seed}"
    kinds = set(Transaction.objects.values_list("kind", flat=True))
    assert kinds == {"topup", "charge", "refund"}, f"seed {seed}"

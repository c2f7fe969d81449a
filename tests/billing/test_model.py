"""Random operations on the ledger against a plain model in Python: they never disagree."""

from uuid import uuid4

import pytest
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger
from billing.checks import CHECKS
from billing.models import Wallet
from portal.errors import PortalError
from tests.factories import CustomerFactory

MICROS = st.integers(1, 2_000_000)
PRICE = st.just(0) | MICROS  # nothing is held for a price of zero
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("hold"), PRICE, PRICE),
        st.tuples(st.just("adjust"), st.integers(0, 9), MICROS),
        st.tuples(st.just("bill"), st.integers(0, 9), PRICE, PRICE),
        st.tuples(st.just("release"), st.integers(0, 9)),
        st.tuples(st.just("refund"), st.integers(0, 9)),
        st.tuples(st.just("move"), st.integers(-3_000_000, 3_000_000).filter(bool)),
    ),
    max_size=25,
)


class Model:
    """What the ledger should do, in a few plain lines. A wallet is [balance, held]."""

    def __init__(self):
        self.wallets = {"customer": [3_000_000, 0], "tenant": [3_000_000, 0]}
        self.orders = []

    def hold(self, customer, tenant):
        for wallet, micros in (("customer", customer), ("tenant", tenant)):
            if micros and self.wallets[wallet][0] - self.wallets[wallet][1] < micros:
                return False  # what is free asks no wallet, not even one in debt
        for wallet, micros in (("customer", customer), ("tenant", tenant)):
            self.wallets[wallet][1] += micros
        state = "open" if customer or tenant else "free"
        self.orders.append({"state": state, "customer": customer, "tenant": tenant})
        return True

    def adjust(self, order, micros):
        balance, held = self.wallets["customer"]
        if order["state"] != "open" or order["customer"] == 0:
            return False
        if balance - held < micros - order["customer"] > 0:
            return False
        self.wallets["customer"][1] += micros - order["customer"]
        order["customer"] = micros
        return True

    def bill(self, order, customer, tenant):
        if order["state"] != "open" or customer > order["customer"] or tenant > order["tenant"]:
            return False
        for wallet, micros in (("customer", customer), ("tenant", tenant)):
            self.wallets[wallet][0] -= micros
            self.wallets[wallet][1] -= order[wallet]
        order.update(state="billed", customer=customer, tenant=tenant)
        return True

    def release(self, order):
        if order["state"] != "open":
            return False
        for wallet in ("customer", "tenant"):
            self.wallets[wallet][1] -= order[wallet]
        order["state"] = "released"
        return True

    def refund(self, order):
        if order["state"] != "billed":
            return False
        for wallet in ("customer", "tenant"):
            self.wallets[wallet][0] += order[wallet]
        order["state"] = "refunded"
        return True

    def move(self, micros):
        self.wallets["customer"][0] += micros
        return True


class Real:
    """The same operations on the database; False where it refused."""

    def __init__(self):
        self.customer = CustomerFactory(balance_micros=3_000_000, tenant__balance_micros=3_000_000)
        self.tenant_id = self.customer.tenant_id
        self.orders = []

    def run(self, name, *arguments):
        try:
            with transaction.atomic():
                return getattr(self, name)(*arguments) is not False
        except PortalError:
            return False

    def hold(self, customer, tenant):
        order_id = uuid4()
        for owner, micros in ((self.customer.pk, customer), (None, tenant)):
            ledger.hold(order_id=order_id, tenant_id=self.tenant_id, customer_id=owner, micros=micros)
        self.orders.append(order_id)

    def adjust(self, number, micros):
        ledger.adjust_hold(
            order_id=self.orders[number],
            tenant_id=self.tenant_id,
            customer_id=self.customer.pk,
            micros=micros,
        )

    def bill(self, number, customer, tenant):
        ledger.bill(
            order_id=self.orders[number],
            customer_micros=customer,
            tenant_micros=tenant,
            cost_micros=1,
            own_provider=False,
            now=timezone.now(),
        )

    def release(self, number):
        return ledger.release(order_id=self.orders[number], now=timezone.now())

    def refund(self, number):
        ledger.refund(order_id=self.orders[number], now=timezone.now())

    def move(self, micros):
        ledger.move(
            tenant_id=self.tenant_id,
            customer_id=self.customer.pk,
            kind="topup" if micros > 0 else "adjust",
            micros=micros,
            external_id=uuid4().hex,
            gateway="",
            note="",
            now=timezone.now(),
        )

    def wallets(self):
        rows = Wallet.objects.filter(tenant=self.tenant_id)
        return {
            "customer" if row.customer_id else "tenant": [row.balance_micros, row.held_micros] for row in rows
        }


@pytest.mark.django_db
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(STEPS)
def test_the_ledger_does_what_the_model_says(db, steps):
    with transaction.atomic():
        model, real = Model(), Real()
        for name, *arguments in steps:
            if name in ("adjust", "bill", "release", "refund"):
                if not model.orders:
                    continue
                number = arguments[0] % len(model.orders)
                expected = getattr(model, name)(model.orders[number], *arguments[1:])
                assert real.run(name, number, *arguments[1:]) == expected
            else:
                assert real.run(name, *arguments) == getattr(model, name)(*arguments)
            assert real.wallets() == model.wallets
        assert [breach for check in CHECKS for breach in check.breaches(3)] == []
        transaction.set_rollback(True)

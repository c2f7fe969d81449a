"""Random lives of rentals against a plain model (model.py): moves N1–N5 and N7, faults M1–M3, M6, M11, U1–U3,
U7, U9, U10.

After each step wallets, holds, terms, states and messages are the model's; at the end the ledger is right and
the provider's books agree. Time stands still but for `wait`, there and here. The same lives each time;
SEED=number plays another.
"""

import os
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import time_machine
from django.core import mail
from django.core.management import call_command
from django.db.models import Min
from django.test import Client

from activations.models import Rental, RentalDue, RentalMessage, RentalTerm
from activations.services.rentals.renewing import set_auto_renew
from billing.models import Hold, Transaction
from billing.money import round_up, with_markup
from portal.errors import PortalError
from providers.models import Offer, ProviderHealth
from providers.sandbox.stock import rental_shelves
from tests.factories import PriceRuleFactory, UserFactory
from tests.rentals.conftest import COUNTRY, SERVICE, Desk
from tests.rentals.model import CENT, LISTEN_AFTER, Model, No

pytestmark = pytest.mark.django_db(transaction=True)
START = datetime(2026, 11, 21, 12, tzinfo=UTC)
BALANCE, MOST = 40_000_000, 4
TENANT_PPM, CUSTOMER_PPM = 137_000, 210_000
STEPS, TEN_MINUTES = 60, 600
APART = 30  # seconds: no two waits end at the same second of ten minutes, so nothing falls on a boundary
HOURS = [4, 24, 24, 72, 168]
SPOILT = [*["lost", "lost after"] * 2, "out_of_stock", "wrong_state", "unreachable", "wrong_price"]
CANCEL_SPOILT = [*["lost", "lost after"] * 2, "wrong_state", "too_early", "unreachable"]
WAITS = [0, 0, 0, 1_500, 4 * 3_600, 22 * 3_600, 80 * 3_600]
DEEDS = {
    "rent": 5,
    "extend": 6,
    "again": 2,
    "cancel": 2,
    "finish": 1,
    "renew": 4,
    "message": 4,
    "price": 1,
    "wait": 6,
}


class Real:
    """The same on the real services, their sweeps, and the sandbox over HTTP."""

    def __init__(self, supplier, clock, *, is_own, pays_days_back):
        self.clock = clock
        self.desk = Desk(supplier, balance_micros=BALANCE, own=is_own, check_seconds=3_600)
        self.upstream, self.provider = supplier, self.desk.provider
        self.provider.rental_pays_days_back = pays_days_back
        self.provider.save()
        supplier.settings(guard_seconds=1_200)
        customer = self.desk.customer
        customer.user, customer.max_active = UserFactory(tenant=self.desk.tenant), MOST
        customer.save()
        PriceRuleFactory(layer="platform", tenant=None, percent_ppm=TENANT_PPM)
        PriceRuleFactory(layer="tenant", tenant=self.desk.tenant, percent_ppm=CUSTOMER_PPM)
        self.tenant_had = self.desk.money()[2]

    @property
    def now(self):
        return datetime.now(UTC)

    def rows(self):
        """Every rental, unsold ones too, in the order in which they were asked for."""
        return list(Rental.objects.filter(tenant=self.desk.tenant).order_by("num_id"))

    # --- steps ---

    def rent(self, hours, key, fault):
        digest = f"rent {hours}".encode()
        with Spoilt(self, "rent", fault):
            self.desk.rent(hours, key=key, digest=digest, now=self.now)

    def extend(self, which, hours, key, fault):
        digest = f"extend {which} {hours}".encode()
        with Spoilt(self, "extend", fault):
            self.desk.extend(self.rows()[which], hours, key=key, digest=digest, now=self.now)

    def cancel(self, which, fault):
        with Spoilt(self, "rental_cancel", fault):
            self.desk.cancel(self.rows()[which], now=self.now)

    def finish(self, which):
        self.desk.finish(self.rows()[which], now=self.now)

    def renew(self, which, is_on):
        rnt_id = self.rows()[which].rnt_id
        set_auto_renew(buyer=self.desk.buyer, rnt_id=rnt_id, is_on=is_on, now=self.now)

    def message(self, which, text, is_told):
        refs = set(self.rows()[which].attempts.values_list("our_ref", flat=True))
        lease = next((one for one in self.upstream.leases if one.ref in refs), None)
        if lease is None:
            return  # nothing was rented
        self.upstream.sms(str(lease.id), text, late=True)
        if is_told:
            body, headers = self.upstream.callback(str(lease.id))
            path = f"/callbacks/{self.provider.callback_token}/"
            answer = Client().post(path, body, content_type="application/json", headers=headers)
            assert answer.status_code == 200

    def price(self, percent):
        for hours, cost in rental_shelves()[SERVICE, COUNTRY].items():
            lines = Offer.objects.filter(provider=self.provider, duration_hours=hours)
            lines.update(cost_micros=round_up(cost * percent // 100, CENT))

    def wait(self, until, fault):
        """Beat at every moment at which something is due."""
        soon = self.now + timedelta(seconds=LISTEN_AFTER)
        RentalDue.objects.filter(kind="status").update(due_at=soon)
        with Spoilt(self, "extend", fault):
            for _ in range(2_000):
                due = RentalDue.objects.aggregate(at=Min("due_at"))["at"]
                if due is None or due > until:
                    break
                self.clock.move_to(max(due, self.now))
                self.desk.sweep(self.now)
            else:
                raise AssertionError("something is due for ever")
        self.clock.move_to(until)

    # --- what there is now ---

    def wallets(self):
        balance, held, tenant_balance, tenant_held = self.desk.money()
        return {"customer": (balance, held), "tenant": (tenant_balance - self.tenant_had, tenant_held)}

    def state(self):
        return [self.state_of(row) for row in self.rows()]

    def state_of(self, row):
        messages = RentalMessage.objects.filter(rental=row).order_by("id")
        return {
            "states": (row.lease_state, row.rental_status, row.billing_status),
            "ends": row.ends_at and round(row.ends_at.timestamp()),
            "is_cancelling": row.cancel_requested_at is not None,
            "extending": row.extending is not None,
            "days_back": row.refund_days,
            "renewing": (row.auto_renew, row.renew_refusal),
            "shown": [one.text for one in messages if one.visible],
            "late": [one.text for one in messages if not one.visible],
            "counted": row.messages_count,
            "terms": [term_of(term) for term in RentalTerm.objects.filter(rental=row).order_by("number")],
        }

    def told(self):
        return sum(one.subject == "Your rented number could not be renewed" for one in mail.outbox)


def term_of(term):
    """A term with its moves of money: how many holds are open, charges and refunds."""
    kinds = Counter(Transaction.objects.filter(order_id=term.pk).values_list("kind", flat=True))
    return {
        "what": (term.hours, term.is_renewal, term.state),
        "prices": (term.customer_price_micros, term.price_micros, term.cost_micros),
        "back": (term.customer_refund_micros, term.refund_micros),
        "holds": Hold.objects.filter(order_id=term.pk, state="open").count(),
        "moves": (kinds.pop("rental_charge", 0), kinds.pop("rental_refund", 0), dict(kinds)),
    }


class Spoilt:
    """Within it a call goes wrong in this way; afterwards the provider is well and its breaker closed."""

    def __init__(self, real, action, fault):
        self.real, self.action, self.fault = real, action, fault

    def __enter__(self):
        provider, fault = self.real.provider, self.fault
        if fault == "unreachable":
            provider.base_url = "http://127.0.0.1:9"
            provider.save()
        elif fault:
            facts = {"at": round(self.real.now.timestamp()) + 60} if fault == "too_early" else {}
            self.real.upstream.fault(self.action, fault.split()[0], after=fault.endswith("after"), **facts)

    def __exit__(self, *error):
        self.real.upstream.heal()
        self.real.provider.base_url = self.real.upstream.url
        self.real.provider.save()
        ProviderHealth.objects.all().delete()


class Life:
    """One random run: each step on both, then they are compared."""

    def __init__(self, real, model, dice):
        self.real, self.model, self.dice = real, model, dice
        self.waits, self.is_later, self.texts = 0, True, 0
        self.keyed, self.keys = [], 0  # requests with a key

    def run(self, steps):
        for name in self.dice.choices(list(DEEDS), list(DEEDS.values()), k=steps):
            getattr(self, name)()
            self.compare()

    # --- steps ---

    def rent(self):
        self.at_a_new_moment()
        request = self.dice.choice(HOURS), self.key()
        self.keyed.append(("rent", *request, None))
        self.both("rent", *request, self.perhaps(SPOILT))

    def extend(self):
        if (which := self.one()) is not None:
            request = self.dice.choice(HOURS), self.key()
            self.keyed.append(("extend", *request, which))
            self.both("extend", *request, self.perhaps(SPOILT), rental=which)

    def key(self):
        """None, or mostly a new one."""
        self.keys += 1
        return self.dice.choice([None, *[f"key{self.keys}"] * 4, f"key{self.keys // 2}"])

    def again(self):
        """One of the last requests with the same key."""
        if self.keyed:
            self.at_a_new_moment()
            name, hours, key, which = self.dice.choice(self.keyed[-4:])
            self.both(name, hours, key, self.perhaps(SPOILT), rental=which)

    def cancel(self):
        self.of("cancel", self.perhaps(CANCEL_SPOILT))

    def finish(self):
        self.of("finish")

    def renew(self):
        self.at_a_new_moment()
        self.of("renew", self.dice.random() < 0.8)

    def message(self):
        self.texts += 1
        self.of("message", f"Your code is {self.texts}", self.dice.random() < 0.5)

    def price(self):
        self.model.percent = self.dice.choice([100] * 3 + [150, 60])
        self.real.price(self.model.percent)

    def wait(self):
        self.pass_time(self.dice.choice(WAITS), self.perhaps(["lost", "lost after", "out_of_stock"]))

    def perhaps(self, faults):
        return self.dice.choice(faults) if self.dice.random() < 0.3 else None

    def at_a_new_moment(self):
        """Two of one moment would be due in one moment, and nobody could say which is first."""
        if not self.is_later:
            self.pass_time(0, None)
        self.is_later = False

    def one(self):
        """The number of a rental, mostly of one that runs."""
        numbers = range(len(self.model.rentals))
        running = [number for number in numbers if self.model.rentals[number].is_open]
        return self.dice.choice(running if running and self.dice.random() < 0.9 else numbers or [None])

    def of(self, name, *arguments):
        if (which := self.one()) is not None:
            self.both(name, *arguments, rental=which)

    def both(self, name, *arguments, rental=None):
        """Both do it, or both refuse with the same code."""
        real, model = getattr(self.real, name), getattr(self.model, name)
        now = round(self.real.now.timestamp())
        if rental is not None:
            real, model = partial(real, rental), partial(model, self.model.rentals[rental])
        assert code_of(real, *arguments) == code_of(model, *arguments, now), (name, arguments)

    def pass_time(self, seconds, fault):
        self.waits, self.is_later = self.waits + 1, True
        now = round(self.real.now.timestamp())
        until = now + seconds
        until += (self.waits * APART - until) % TEN_MINUTES or TEN_MINUTES
        self.real.wait(datetime.fromtimestamp(until, UTC), fault)
        self.model.wait(now, until, fault)
        self.compare()

    def compare(self):
        for number, (state, rental) in enumerate(zip(self.real.state(), self.model.rentals, strict=True)):
            assert state == expected(rental), f"rental {number}"
        assert self.real.wallets() == {
            side: (self.model.balance[side], self.model.held(side)) for side in ("customer", "tenant")
        }
        assert self.real.told() == sum(rental.told for rental in self.model.rentals)

    def end(self):
        """Whatever still runs is ended; then nothing is open anywhere, and the books agree."""
        self.pass_time(TEN_MINUTES, None)
        for which, rental in enumerate(self.model.rentals):
            if rental.is_open:
                self.both("finish", rental=which)
        self.compare()
        assert not RentalDue.objects.exists()
        assert not Hold.objects.filter(state="open").exists()
        call_command("check_ledger")
        for row, rental in zip(self.real.rows(), self.model.rentals, strict=True):
            if rental.lease == "leased":
                lease = self.real.upstream.lease(row.upstream_ref)
                there = rental.there
                assert (lease.charged, lease.refunded) == (there.charged, there.refunded)
                assert row.cost_micros == lease.charged


def expected(rental):
    return {
        "states": (rental.lease, rental.status, rental.billing),
        "ends": rental.ends or None,
        "is_cancelling": rental.cancel_asked is not None,
        "extending": rental.pending is not None,
        "days_back": rental.days_back,
        "renewing": (rental.is_renewing, rental.renew_refusal),
        "shown": rental.shown,
        "late": rental.late,
        "counted": len(rental.shown),
        "terms": [
            {
                "what": (term.hours, term.is_renewal, term.state),
                "prices": (term.customer, term.tenant, term.cost),
                "back": (term.customer_back, term.tenant_back),
                "holds": (term.state == "pending") * (1 if rental.is_own else 2),
                "moves": (term.state == "billed", bool(term.customer_back), {}),
            }
            for term in rental.terms
        ],
    }


def code_of(do, *arguments):
    try:
        do(*arguments)
    except (PortalError, No) as refusal:
        return refusal.code
    return None


@pytest.mark.parametrize("number", range(10))
def test_m1_m2_m3_m11_u1_u2_whatever_happens_rentals_do_what_the_model_says(make_supplier, number):
    seed = int(os.environ.get("SEED") or number)
    print(f"SEED={seed}")
    dice = random.Random(seed)
    is_own, pays_days_back = dice.random() < 0.4, dice.random() < 0.5
    with time_machine.travel(START, tick=False) as clock:
        real = Real(make_supplier(), clock, is_own=is_own, pays_days_back=pays_days_back)
        model = Model(
            balance=BALANCE,
            lines=rental_shelves()[SERVICE, COUNTRY],
            markup=(
                lambda cost: round_up(with_markup(cost, TENANT_PPM), CENT),
                lambda price: round_up(with_markup(price, CUSTOMER_PPM), CENT),
            ),
            is_own=is_own,
            pays_days_back=pays_days_back,
            most=MOST,
        )
        life = Life(real, model, dice)
        life.run(STEPS)
        life.end()

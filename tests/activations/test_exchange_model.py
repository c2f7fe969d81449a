"""Random days of orders whose numbers are exchanged, beside a plain model of what must come of them.

The model knows which messages providers took for which order, and nothing of how we work. The same days each
time; SEED=number plays another.
"""

import os
import random

import pytest
from django.core.management import call_command

from activations.models import Activation, Attempt, Exchange, Message, MoneyAtRisk
from activations.services import closing
from activations.services.checking import check_due, expire_due
from activations.services.exchanging import exchange_due
from billing.models import Hold, Transaction
from portal.errors import PortalError
from providers.sandbox.control import Unknown
from tests.activations.exchanging import Healing, seconds

pytestmark = pytest.mark.django_db(transaction=True)
FAULTS = [
    ("order", "lost", {}),
    ("order", "lost", {"after": True}),
    ("order", "out_of_stock", {}),
    ("order", "html", {"after": True}),
    ("order", "wrong_price", {}),
    ("order", "old_id", {}),
    ("cancel", "lost", {}),
    ("cancel", "lost", {"after": True}),
    ("cancel", "wrong_state", {}),
    ("list", "html", {}),
    ("status", "cut", {}),
]
OPEN = {"waiting", "received", "retrying"}


class Story:
    """What must be true of one order, told by what went in."""

    def __init__(self, row):
        self.row, self.price = row, row.customer_price_micros
        self.codes = {}  # code → the lease that its provider took it for
        self.seen = set()  # leases whose number the buyer was shown: only to those he can have a code sent
        self.is_canceled = False  # we said so to the buyer

    def must_be_billed(self):
        return bool(self.codes) and not self.is_canceled

    def check_end(self, number):
        shown = number.sms_code
        stored = set(Message.objects.filter(activation=number).values_list("code", flat=True))
        assert stored == set(self.codes), "no code is lost, and none is invented"
        if self.must_be_billed():
            assert number.billing_status == "billed"
            assert self.codes[shown] == (number.provider_id, number.upstream_ref), "the code's own number"
            assert number.customer_price_micros == self.price
        else:
            assert (number.billing_status, shown) == ("released", None)
        visible = Message.objects.filter(activation=number, visible=True).values_list("code", flat=True)
        assert list(visible) == ([shown] if shown else [])


class Day:
    def __init__(self, healing, now, dice):
        self.healing, self.now, self.dice = healing, now, dice
        self.stories = [Story(healing.shop.order(now=now)) for _ in range(3)]
        self.heard_by = set()

    def run(self, steps):
        often = [self.wait, self.sweep] * 3
        deeds = [*often, self.check, self.fault, self.message]
        for _ in range(steps):
            self.dice.choice([*deeds, self.cancel] if self.dice.random() < 0.3 else deeds)()
            self.check_always()

    def wait(self):
        self.now += seconds(self.dice.choice([3, 20, 45]))

    def sweep(self):
        exchange_due(self.now)

    def check(self):
        check_due(self.now)

    def fault(self):
        action, kind, facts = self.dice.choice(FAULTS)
        self.dice.choice(list(self.healing.suppliers.values())).fault(action, kind, **facts)

    def leases_of(self, story):
        """Every lease that some provider has for this order, by the references that we sent."""
        refs = set(Attempt.objects.filter(activation_id=story.row.id).values_list("our_ref", flat=True))
        return [
            (provider_id, supplier, lease)
            for provider_id, supplier in self.healing.suppliers.items()
            for lease in supplier.leases
            if lease.ref in refs
        ]

    def message(self):
        """A code comes to one of an order's numbers that is open at its provider."""
        story = self.dice.choice(self.stories)
        if self.healing.number(story.row).activation_status != "active":
            return
        choices = [
            (provider_id, supplier, lease)
            for provider_id, supplier, lease in self.leases_of(story)
            if lease.state == "waiting" and (provider_id, str(lease.id)) in story.seen
        ]
        if not choices:
            return
        provider_id, supplier, lease = self.dice.choice(choices)
        code = str(self.dice.randrange(100_000, 999_999))
        try:
            supplier.sms(str(lease.id), f"Your code is {code}")
        except Unknown:
            return
        story.codes[code] = (provider_id, str(lease.id))

    def cancel(self):
        story = self.dice.choice(self.stories)
        try:
            row = closing.cancel(buyer=self.healing.shop.buyer, hex_id=story.row.hex_id, now=self.now)
        except PortalError:
            return
        story.is_canceled = row.activation_status == "canceled"

    def check_always(self):
        numbers = [self.healing.number(story.row) for story in self.stories]
        for story, number in zip(self.stories, numbers, strict=True):
            story.seen.add((number.provider_id, number.upstream_ref))
        waiting = sum(n.customer_price_micros for n in numbers if n.billing_status == "reserved")
        assert self.healing.shop.money()[1] == waiting
        for number in numbers:
            charges = Transaction.objects.filter(kind="charge", order_id=number.pk).count()
            assert charges == (number.billing_status == "billed")
            assert Exchange.objects.filter(activation=number, swapped_at__isnull=False).count() <= 2
            assert Exchange.objects.filter(activation=number, state="buying").count() <= 1

    def end(self):
        for supplier in self.healing.suppliers.values():
            supplier.heal()
        for _ in range(130):
            self.now += seconds(20)
            check_due(self.now)
            exchange_due(self.now)
            expire_due(self.now)
        for story in self.stories:
            # A cancel whose answer was lost and that was found out later is a cancel, too.
            number = self.healing.number(story.row)
            story.is_canceled = story.is_canceled or number.activation_status == "canceled"
            story.check_end(number)

    def check_books(self):
        assert not Activation.objects.filter(activation_status="active").exists()
        assert not Exchange.objects.filter(due_at__isnull=False).exists()
        assert not Attempt.objects.filter(outcome__in=["", "unknown"]).exists()
        assert not Hold.objects.filter(state="open").exists()
        call_command("check_ledger")
        billed = set(
            Activation.objects.filter(billing_status="billed").values_list("provider_id", "upstream_ref")
        )
        charged = {
            (provider_id, str(lease.id))
            for provider_id, supplier in self.healing.suppliers.items()
            for lease in supplier.leases
            if lease.charged > lease.refunded and lease.messages  # without one its end pays it back
        }
        kept = Exchange.objects.filter(state="kept").values_list("provider_id", "upstream_ref")
        late = Activation.objects.exclude(billing_status="billed").filter(money_at_risk__kind="late_code")
        at_risk = set(kept) | set(late.values_list("provider_id", "upstream_ref"))
        assert billed <= charged, "nothing is billed that was not paid for"
        assert charged <= billed | at_risk, "nothing is paid for that nobody knows of"
        for exchange in Exchange.objects.filter(state="kept"):
            assert MoneyAtRisk.objects.filter(
                activation=exchange.activation_id, provider=exchange.provider_id
            ).exists()


@pytest.mark.parametrize("number", range(6))
def test_u18_u19_whatever_happens_one_number_is_billed_and_no_code_is_lost(shop, make_supplier, now, number):
    seed = int(os.environ.get("SEED") or number)
    print(f"SEED={seed}")
    suppliers = [make_supplier(), make_supplier()]
    healing = Healing(shop, *suppliers)
    for supplier in healing.suppliers.values():
        supplier.settings(life_seconds=1_800)
    day = Day(healing, now, random.Random(seed))

    day.run(45)
    day.end()
    day.check_books()

"""Numbers sold to marketplaces: contracts, what was sold under them, and the messages passed on.

A marketplace is no customer with a wallet: it pays the tenant outside of the portal, and only for what it
reports as sold. So a **sale** stands beside the ordinary order (or rental) that buys the number. The order is
placed by an account of the contract's own at a price of zero and goes its usual way, tenant's money included;
the sale says what the marketplace owes, and its income is booked under the order's id.
"""

from __future__ import annotations

import secrets
from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Customer, Tenant
from activations.blocked_senders import USUAL
from portal.encryption import EncryptedSecret
from providers.models import Country, Service

SUM = {"max_digits": 14, "decimal_places": 4}  # in the contract's currency


def new_token() -> str:
    """128 random bits and more in an address that nobody can guess."""
    return secrets.token_urlsafe(24)


class Contract(models.Model):
    """What was agreed with one marketplace, how it is spoken to, and how much may be at stake."""

    class Currency(models.TextChoices):
        RUB = "RUB"
        USD = "USD"

    class PhoneShape(models.TextChoices):
        TEXT = "text"
        NUMBER = "number"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="contracts")
    customer = models.OneToOneField(
        Customer, models.PROTECT, related_name="contract", help_text="The account its orders are placed with."
    )
    name = models.CharField(max_length=60)
    token = models.CharField(max_length=40, unique=True, default=new_token, editable=False)
    key_digest = models.BinaryField(
        max_length=32, editable=False, help_text="SHA-256 of the key it calls with."
    )
    push_key_encrypted = models.BinaryField(default=b"", blank=True)
    push_key = EncryptedSecret()
    push_url = models.CharField("address for messages", max_length=500, blank=True)
    rent_push_url = models.CharField(
        "address for messages of rentals", max_length=500, blank=True, help_text="Empty: the one above."
    )
    is_active = models.BooleanField(
        default=True, help_text="Off: nothing new is sold. Open operations go on and are settled."
    )
    currency = models.CharField(max_length=3, choices=Currency.choices, default=Currency.RUB)
    rub_per_usd = models.DecimalField(
        "roubles per dollar", max_digits=10, decimal_places=4, validators=[MinValueValidator(Decimal("0.01"))]
    )
    least_margin_micros = models.BigIntegerField(
        default=0, validators=[MinValueValidator(0)],
        help_text="What a sale must bring beyond the number's cost.",
    )  # fmt: skip
    daily_cap = models.PositiveIntegerField(
        null=True, blank=True, help_text="Operations per day (UTC); empty: no cap."
    )
    countries = ArrayField(
        models.CharField(max_length=9), default=list, blank=True, help_text="Empty: every country."
    )
    stock_percent = models.PositiveSmallIntegerField(
        "share of the stock that is shown", default=100,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="Percent. Empty promises are punished by marketplaces.",
    )  # fmt: skip
    stock_most = models.PositiveSmallIntegerField(
        "most numbers shown per line", default=10, validators=[MinValueValidator(1)]
    )
    lists_any = models.BooleanField(
        "“any” beside operators", default=True,
        help_text="Show the sum of all operators too; some marketplaces want it left out.",
    )  # fmt: skip
    phone_shape = models.CharField(
        "phones in messages are", max_length=6, choices=PhoneShape.choices, default=PhoneShape.TEXT
    )
    rent_hours = models.PositiveIntegerField(
        "hours rented at a time", default=24,
        validators=[MinValueValidator(0), MaxValueValidator(720)],
        help_text="Renewed by as much until the marketplace ends the rental; 0: no rentals are sold.",
    )  # fmt: skip
    blocked_senders = models.TextField(
        default=USUAL, blank=True, help_text="One name per line: their messages are never passed on."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name = "marketplace contract"
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="contract_name_once"),
            models.CheckConstraint(condition=Q(rub_per_usd__gt=0), name="contract_rate_positive"),
            models.CheckConstraint(
                condition=Q(least_margin_micros__gte=0), name="contract_margin_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ContractPrice(models.Model):
    """The least that is taken for a service under a contract. The most particular line counts."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    contract = models.ForeignKey(Contract, models.CASCADE, related_name="prices")
    service = models.ForeignKey(
        Service, models.CASCADE, null=True, blank=True, related_name="+", db_index=False,
        help_text="Empty: every service. Rentals are the service of any sender.",
    )  # fmt: skip
    country = models.ForeignKey(
        Country, models.CASCADE, null=True, blank=True, related_name="+", db_index=False,
        help_text="Empty: every country.",
    )  # fmt: skip
    least_sum = models.DecimalField(
        **SUM, validators=[MinValueValidator(0)], help_text="In the contract's currency."
    )

    class Meta:
        verbose_name = "price"
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "service", "country"], name="contract_price_once", nulls_distinct=False
            ),
            models.CheckConstraint(condition=Q(least_sum__gte=0), name="contract_price_not_negative"),
        ]


class ContractCode(models.Model):
    """How this marketplace spells a service or country, where it differs from its protocol."""

    class Kind(models.TextChoices):
        SERVICE = "service"
        COUNTRY = "country"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    contract = models.ForeignKey(Contract, models.CASCADE, related_name="codes")
    kind = models.CharField(max_length=7, choices=Kind.choices)
    code = models.CharField(max_length=60, help_text="The marketplace's word.")
    canonical_id = models.CharField("means", max_length=30, help_text="Our id of the service or country.")

    class Meta:
        verbose_name = "spelling"
        constraints = [
            models.UniqueConstraint(fields=["contract", "kind", "code"], name="contract_code_once"),
            models.UniqueConstraint(fields=["contract", "kind", "canonical_id"], name="contract_word_once"),
        ]


class Sale(models.Model):
    """A number issued to a marketplace: one operation, open until the marketplace ends it."""

    class State(models.TextChoices):
        ISSUED = "issued"
        RECEIVING = "receiving", "receiving: a message was accepted"
        FINISHED = "finished"
        CANCELED = "canceled"
        REFUNDED = "refunded"

    class Ending(models.TextChoices):
        UNWANTED = "unwanted", "not wanted for this service"
        SOLD = "sold"
        CANCELED = "canceled", "nothing was delivered"
        REFUNDED = "refunded"
        LATE = "late", "we were too late"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="sales", db_index=False)
    number = models.BigIntegerField(unique=True, help_text="The order's: what the marketplace knows it by.")
    activation = models.OneToOneField(
        "activations.Activation", models.PROTECT, null=True, related_name="sale"
    )
    rental = models.OneToOneField("activations.Rental", models.PROTECT, null=True, related_name="sale")
    phone = models.CharField(max_length=20)
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    country = models.ForeignKey(
        Country, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    state = models.CharField(max_length=9, choices=State.choices, default=State.ISSUED)
    ending = models.CharField(max_length=8, choices=Ending.choices, blank=True, default="")
    sum = models.DecimalField(**SUM, help_text="Promised when it was issued.")
    currency = models.CharField(max_length=3)
    rub_per_usd = models.DecimalField(max_digits=10, decimal_places=4)
    expected_micros = models.BigIntegerField(help_text="The same in micro-USD.")
    paid_sum = models.DecimalField(**SUM, null=True, help_text="Named when it was sold.")
    income_micros = models.BigIntegerField(default=0, help_text="Booked when it was sold.")
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True, help_text="Empty: open.")
    lease_due_at = models.DateTimeField(null=True, help_text="When something is due at the provider.")
    flagged_at = models.DateTimeField(null=True, help_text="Open for too long; a person should look.")

    class Meta:
        verbose_name = "marketplace sale"
        constraints = [
            models.CheckConstraint(
                condition=Q(activation=None, rental__isnull=False) | Q(activation__isnull=False, rental=None),
                name="sale_is_of_one_order",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["issued", "receiving"], ended_at=None, ending="")
                | Q(~Q(state__in=["issued", "receiving"]), ~Q(ending=""), ended_at__isnull=False),
                name="sale_is_open_or_ended",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["finished", "refunded"]) | Q(income_micros=0),
                name="sale_only_sold_ones_earn",
            ),
            models.CheckConstraint(condition=Q(income_micros__gte=0), name="sale_income_not_negative"),
            models.UniqueConstraint(
                fields=["contract", "phone"], condition=Q(ended_at=None), name="number_in_one_operation"
            ),
        ]
        indexes = [
            models.Index(F("contract"), F("created_at").desc(), name="sale_newest"),
            models.Index(
                fields=["lease_due_at"], condition=Q(lease_due_at__isnull=False), name="sale_lease_due"
            ),
            models.Index(
                fields=["created_at"], condition=Q(ended_at=None, flagged_at=None), name="sale_open_unflagged"
            ),
            models.Index(fields=["id"], condition=Q(ended_at=None), name="sale_open"),
        ]

    def __str__(self) -> str:
        return str(self.number)

    @property
    def is_open(self) -> bool:
        return self.ended_at is None


class Push(models.Model):
    """One message passed on to a marketplace, again and again until it is accepted. Its id tells messages
    apart there.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        REFUSED = "refused", "not wanted there"
        BLOCKED = "blocked", "of a sender that is never passed on"
        GIVEN_UP = "given_up"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    contract = models.ForeignKey(Contract, models.PROTECT, related_name="+", db_index=False)
    sale = models.ForeignKey(Sale, models.PROTECT, related_name="pushes")
    message = models.OneToOneField(
        "activations.Message", models.PROTECT, null=True, related_name="push", db_constraint=False
    )
    rental_message = models.OneToOneField(
        "activations.RentalMessage", models.PROTECT, null=True, related_name="push", db_constraint=False
    )
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    deliver_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    tries = models.PositiveIntegerField(default=0)
    last_status = models.PositiveSmallIntegerField(null=True)
    last_word = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        verbose_name = "marketplace message"
        constraints = [
            models.CheckConstraint(
                condition=Q(message=None, rental_message__isnull=False)
                | Q(message__isnull=False, rental_message=None),
                name="push_is_of_one_message",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", ended_at=None) | Q(~Q(state="pending"), ended_at__isnull=False),
                name="push_is_pending_or_ended",
            ),
        ]
        indexes = [
            models.Index(fields=["contract", "deliver_at"], condition=Q(state="pending"), name="push_due")
        ]

    def __str__(self) -> str:
        return str(self.pk)


class NumberRecord(models.Model):
    """What a marketplace's experience with a number means for offering it again."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    contract = models.ForeignKey(Contract, models.CASCADE, related_name="numbers", db_index=False)
    phone = models.CharField(max_length=20)
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    is_excluded = models.BooleanField(default=False, help_text="Not wanted there for this service.")
    offers_left = models.PositiveSmallIntegerField(
        null=True, help_text="How often it may be offered again; empty: it was never cancelled there."
    )
    silent_rents = models.PositiveSmallIntegerField(default=0, help_text="In a row, without a message.")
    silent_at = models.DateTimeField(null=True, help_text="When the latest of them ended.")
    hidden_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = "number at a marketplace"
        verbose_name_plural = "numbers at marketplaces"
        constraints = [
            models.UniqueConstraint(fields=["contract", "phone", "service"], name="number_record_once"),
        ]

    def __str__(self) -> str:
        return f"{self.phone} {self.service_id}"

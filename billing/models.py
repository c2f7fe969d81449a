"""Money: wallets, holds, transactions with entries that sum to zero, and price rules. Amounts are integer
micro-USD.

Only the SQL functions in billing/sql change wallets and holds; entries and transactions are append-only
(trigger and role).
Orders are named by `order_id` (the UUID of the activation, or of a rental's term): they live above this app,
so there is no foreign key; `check_ledger` proves the link.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Customer, Tenant


class Wallet(models.Model):
    """A tenant's own wallet (`customer` empty) or a customer's. Available = balance − held."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="wallets")
    customer = models.OneToOneField(Customer, models.PROTECT, null=True, related_name="wallet")
    balance_micros = models.BigIntegerField(default=0, help_text="May be negative after a deduction.")
    held_micros = models.BigIntegerField(default=0)
    low_balance_micros = models.BigIntegerField(
        null=True, blank=True, help_text="Tell when available falls below."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(customer=None), name="wallet_one_per_tenant"
            ),
            models.CheckConstraint(condition=Q(held_micros__gte=0), name="wallet_held_not_negative"),
        ]

    def __str__(self) -> str:
        return f"wallet {self.pk}"

    @property
    def available_micros(self) -> int:
        return self.balance_micros - self.held_micros


class Hold(models.Model):
    """Money set aside for one order on one wallet; ends once."""

    class State(models.TextChoices):
        OPEN = "open"
        BILLED = "billed"
        RELEASED = "released"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    wallet = models.ForeignKey(Wallet, models.PROTECT, related_name="holds", db_index=False)
    order_id = models.UUIDField()
    amount_micros = models.BigIntegerField()
    billed_micros = models.BigIntegerField(default=0)
    state = models.CharField(max_length=8, choices=State.choices, db_default=State.OPEN, default=State.OPEN)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_id", "wallet"], name="hold_one_per_order_and_wallet"),
            models.CheckConstraint(condition=Q(amount_micros__gte=0), name="hold_not_negative"),
            models.CheckConstraint(
                condition=Q(billed_micros__gte=0, billed_micros__lte=F("amount_micros")),
                name="hold_billed_at_most_held",
            ),
            models.CheckConstraint(
                condition=Q(state="billed") | Q(billed_micros=0), name="hold_billed_amount_only_when_billed"
            ),
        ]
        indexes = [models.Index(fields=["wallet"], condition=Q(state="open"), name="hold_open_by_wallet")]


class Transaction(models.Model):
    """One business fact, once. Never changed after it is written."""

    class Kind(models.TextChoices):
        TOPUP = "topup"
        ADJUST = "adjust"
        CHARGE = "charge"
        REFUND = "refund"
        CANCEL_FEE = "cancel_fee"
        RENTAL_CHARGE = "rental_charge"
        RENTAL_REFUND = "rental_refund"
        INCOME = "income"
        INCOME_REVERSAL = "income_reversal"

    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="transactions", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(
        Customer, models.PROTECT, null=True, related_name="transactions", db_index=False
    )
    kind = models.CharField(max_length=16, choices=Kind.choices)
    external_id = models.CharField(max_length=80, null=True, help_text="The retail transaction_id.")
    gateway = models.CharField(max_length=50, blank=True)
    order_id = models.UUIDField(null=True)
    corrects = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="corrections", db_index=False
    )
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "external_id"],
                condition=Q(kind__in=["topup", "adjust"]),
                name="transaction_id_once",
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="charge"), name="order_billed_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="refund"), name="order_refunded_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="cancel_fee"), name="cancel_fee_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="rental_charge"), name="rental_billed_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="rental_refund"), name="rental_refunded_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="income"), name="order_earned_once"
            ),
            models.UniqueConstraint(
                fields=["order_id"], condition=Q(kind="income_reversal"), name="order_reversed_once"
            ),
        ]
        indexes = [
            models.Index(F("tenant"), F("created_at").desc(), F("id").desc(), name="transaction_newest"),
            models.Index(
                F("tenant"),
                F("customer"),
                F("created_at").desc(),
                F("id").desc(),
                name="transaction_of_customer",
            ),
        ]


class Entry(models.Model):
    """One line of a transaction; the lines of a transaction sum to zero."""

    class Account(models.TextChoices):
        CUSTOMER = "customer", "customer wallet"
        TENANT = "tenant", "tenant wallet"
        TENANT_REVENUE = "tenant_revenue"
        PLATFORM_REVENUE = "platform_revenue"
        GATEWAY = "gateway"
        PROVIDER = "provider"
        MARKETPLACE = "marketplace", "what a marketplace owes"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    transaction = models.ForeignKey(Transaction, models.PROTECT, related_name="entries")
    account = models.CharField(max_length=16, choices=Account.choices)
    wallet = models.ForeignKey(Wallet, models.PROTECT, null=True, related_name="entries", db_index=False)
    amount_micros = models.BigIntegerField()
    balance_after_micros = models.BigIntegerField(
        null=True, help_text="Of the wallet, right after this entry."
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    account__in=["customer", "tenant"],
                    wallet__isnull=False,
                    balance_after_micros__isnull=False,
                )
                | Q(~Q(account__in=["customer", "tenant"]), wallet=None, balance_after_micros=None),
                name="entry_wallet_matches_account",
            ),
        ]
        indexes = [
            models.Index(fields=["wallet", "id"], condition=Q(wallet__isnull=False), name="entry_of_wallet")
        ]


class PriceRule(models.Model):
    """How a price is made from the one below it: platform rules make the tenant's price from cost, tenant
    rules the customer's from that.

    price = cap(floor(round_up(base × (1 + percent) + fixed))). The most particular rule in force wins (see
    billing.prices).
    """

    class Layer(models.TextChoices):
        PLATFORM = "platform", "cost → tenant price"
        TENANT = "tenant", "tenant price → customer price"

    layer = models.CharField(max_length=8, choices=Layer.choices)
    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="price_rules",
        help_text="Empty: every tenant.",
    )
    service_id = models.SlugField(max_length=30, blank=True, help_text="Empty: every service.")
    country_id = models.SlugField(max_length=9, blank=True, help_text="Empty: every country.")
    customer_group = models.SlugField(max_length=40, blank=True, help_text="Empty: every customer.")
    percent_ppm = models.IntegerField(default=0, help_text="Markup in millionths: 250000 is 25 %.")
    fixed_micros = models.BigIntegerField(default=0)
    floor_micros = models.BigIntegerField(null=True, blank=True)
    cap_micros = models.BigIntegerField(null=True, blank=True)
    rounding_micros = models.BigIntegerField(
        default=10_000, help_text="Rounded up to a multiple: 10000 is one cent."
    )
    valid_from = models.DateTimeField(null=True, blank=True)
    valid_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(percent_ppm__gte=-1_000_000), name="rule_percent_not_below_minus_100"
            ),
            models.CheckConstraint(condition=Q(rounding_micros__gte=1), name="rule_rounding_positive"),
            models.CheckConstraint(
                condition=Q(floor_micros=None) | Q(cap_micros=None) | Q(cap_micros__gte=F("floor_micros")),
                name="rule_cap_not_below_floor",
            ),
            models.CheckConstraint(
                condition=Q(layer="platform") | Q(tenant__isnull=False), name="rule_of_a_tenant_names_it"
            ),
            models.CheckConstraint(
                condition=Q(layer="tenant") | Q(customer_group=""), name="rule_group_only_of_tenant"
            ),
        ]

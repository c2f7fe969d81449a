"""Orders: activations with their attempts, messages, request keys, due checks and money at risk.

An order writes a dozen rows, and each foreign key costs a look-up and a lock on a row that everybody
shares. So only the keys that hold an order together are constraints (customer, provider, activation); tenant,
service, country and offer columns have none (`db_constraint=False`): their rows are never deleted, and
`check_ledger` proves the tenants.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now

from accounts.models import Customer, Tenant, User
from activations.ending_models import Ending
from activations.exchange_models import Exchange
from activations.marketplace_models import (
    Contract,
    ContractCode,
    ContractPrice,
    NumberRecord,
    Push,
    Sale,
)
from activations.rental_models import (
    Rental,
    RentalAttempt,
    RentalDue,
    RentalMessage,
    RentalTerm,
)
from activations.report_models import Report
from providers.models import Country, Offer, Provider, Service

# Of activations/sql/legal_states.sql. PostgreSQL reads a constraint's tree anew for each statement that
# writes: spelled with AND and OR, this one alone cost each of them about 20 µs, as one pattern 30, as a
# function 4.
STATES_ARE_LEGAL = Func(
    F("activation_status"),
    F("sms_status"),
    F("billing_status"),
    function="activation_states_are_legal",
    output_field=models.BooleanField(),
)


class Activation(models.Model):
    """One number for one verification. States and moves: docs/protocols/README.md section 1.4; amounts in
    micro-USD.
    """

    class SmsStatus(models.TextChoices):
        REQUESTED = "smsRequested"
        RECEIVED = "smsReceived"
        RETRY_REQUESTED = "retryRequested"
        RETRY_RECEIVED = "retryReceived"

    class Status(models.TextChoices):
        ACTIVE = "active"
        FINALIZED = "finalized"
        EXPIRED = "expired"
        CANCELED = "canceled"

    class BillingStatus(models.TextChoices):
        RESERVED = "reserved"
        RELEASED = "released"
        BILLED = "billed"
        REFUNDED = "refunded"

    class ReportStatus(models.TextChoices):
        IN_REVIEW = "inReview"
        APPROVED = "approved"
        DECLINED = "declined"

    class LeaseState(models.TextChoices):
        """Ours, not the wire's: `ordering` until the upstream's answer is known, `unsold` when there was
        none to be had.
        """

        ORDERING = "ordering"
        LEASED = "leased"
        UNSOLD = "unsold"

    class BillingMode(models.TextChoices):
        FIXED = "fixed"
        DYNAMIC = "dynamic"

    id = models.UUIDField(primary_key=True, db_default=Func(function="uuidv7"), editable=False)
    num_id = models.BigIntegerField(
        unique=True, editable=False, db_default=Func(Value("activations_num_id_seq"), function="nextval")
    )
    hex_id = models.CharField(max_length=24, editable=False)
    ord_id = models.CharField(max_length=16, editable=False)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="activations", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="activations", db_index=False)
    channel = models.CharField(max_length=12, help_text="The dialect it was ordered through, or portal.")

    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    country = models.ForeignKey(
        Country, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    operator = models.CharField(max_length=40, default="any", db_default="any")
    capability = models.CharField(max_length=8, default="sms", db_default="sms")
    provider = models.ForeignKey(
        Provider, models.PROTECT, null=True, related_name="activations", db_index=False
    )
    offer = models.ForeignKey(
        Offer, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    phone = models.CharField(max_length=20, blank=True, default="", db_default="")
    formatted = models.CharField(max_length=40, blank=True, default="", db_default="")

    lease_state = models.CharField(
        max_length=8, choices=LeaseState.choices, default="ordering", db_default="ordering"
    )
    sms_status = models.CharField(
        max_length=14, choices=SmsStatus.choices, default="smsRequested", db_default="smsRequested"
    )
    activation_status = models.CharField(
        max_length=9, choices=Status.choices, default="active", db_default="active"
    )
    billing_status = models.CharField(
        max_length=8, choices=BillingStatus.choices, default="reserved", db_default="reserved"
    )
    report_status = models.CharField(max_length=8, choices=ReportStatus.choices, null=True, blank=True)
    cancel_requested_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Cancel was sent upstream and its outcome is not known yet (page: cancelling).",
    )

    billing_mode = models.CharField(
        max_length=7, choices=BillingMode.choices, default="fixed", db_default="fixed"
    )
    cost_micros = models.BigIntegerField(default=0, db_default=0, help_text="What the provider charges.")
    price_micros = models.BigIntegerField(help_text="What the tenant pays (held until billed).")
    customer_price_micros = models.BigIntegerField(help_text="What the customer pays (held until billed).")
    due_price_micros = models.BigIntegerField(
        default=0, db_default=0, help_text="What the first message bills the tenant; at most what is held."
    )
    due_customer_price_micros = models.BigIntegerField(
        default=0, db_default=0, help_text="What the first message bills the customer; at most what is held."
    )
    max_price_micros = models.BigIntegerField(help_text="The ceiling in tenant price.")
    quality_factor = models.FloatField(default=50, db_default=50)
    markup_percent = models.PositiveIntegerField(null=True, blank=True)
    cancel_fee_micros = models.BigIntegerField(
        default=0, db_default=0, help_text="What a cancel costs the customer, at most the price."
    )
    ends_finalized = models.BooleanField(
        default=False, db_default=False, help_text="Used, it is finalized at its end, not expired."
    )

    is_retriable = models.BooleanField(default=False, db_default=False)
    cancelable_after = models.DateTimeField(null=True, blank=True, help_text="Empty: it cannot be cancelled.")
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    expire_at = models.DateTimeField()
    received_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    ready_at = models.DateTimeField(null=True, blank=True)
    replaced_at = models.DateTimeField(
        null=True, blank=True, help_text="When its number last became another, because it stayed silent."
    )

    sms_code = models.CharField(max_length=40, null=True, blank=True)
    sms_text = models.TextField(null=True, blank=True)
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="When text and code were erased (retention)."
    )

    upstream_ref = models.CharField(max_length=80, blank=True, default="", db_default="")
    upstream_state = models.CharField(max_length=16, blank=True, default="", db_default="")
    refusal = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="Why it was not sold."
    )
    routing = models.JSONField(
        default=dict, blank=True, help_text="The router's decision: ranking and rejections."
    )

    class Meta:
        constraints = [
            # Constraints, not unique=True: that would add a second index per column for LIKE.
            models.UniqueConstraint(fields=["hex_id"], name="activation_hex_id"),
            models.UniqueConstraint(fields=["ord_id"], name="activation_ord_id"),
            models.UniqueConstraint(
                fields=["provider", "upstream_ref"],
                condition=~Q(upstream_ref=""),
                name="lease_belongs_to_one_activation",
            ),
            models.CheckConstraint(name="activation_state_is_legal", condition=STATES_ARE_LEGAL),
            models.CheckConstraint(
                condition=~Q(lease_state="leased") | ~Q(upstream_ref=""), name="lease_has_a_reference"
            ),
            models.CheckConstraint(
                condition=~Q(lease_state="unsold") | Q(activation_status="canceled"), name="unsold_is_closed"
            ),
            models.CheckConstraint(
                condition=Q(
                    cost_micros__gte=0,
                    price_micros__gte=0,
                    customer_price_micros__gte=0,
                    cancel_fee_micros__gte=0,
                ),
                name="activation_amounts_not_negative",
            ),
        ]
        indexes = [
            models.Index(
                F("tenant"),
                F("created_at").desc(),
                F("id").desc(),
                name="activation_newest",
                include=["lease_state"],
            ),
            models.Index(
                F("tenant"),
                F("customer"),
                F("created_at").desc(),
                F("id").desc(),
                name="activation_of_customer",
                include=["lease_state"],
            ),
            models.Index(
                fields=["tenant", "customer"],
                condition=Q(activation_status="active"),
                name="activation_open_of_customer",
            ),
            # What is never null below keeps these two from being planned for a customer's open numbers, while
            # the table is small and all indexes look equally good.
            models.Index(
                fields=["provider", "phone"],  # some callbacks name a phone and nothing else
                condition=Q(activation_status="active", provider__isnull=False),
                name="activation_open_at_provider",
            ),
            models.Index(
                fields=["expire_at"],
                condition=Q(activation_status="active", expire_at__isnull=False),
                name="activation_open_by_expiry",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(erased_at=None, ended_at__isnull=False),
                name="activation_to_erase",
            ),
        ]

    def __str__(self) -> str:
        return self.hex_id

    @property
    def is_open(self) -> bool:
        return self.activation_status == self.Status.ACTIVE


class Attempt(models.Model):
    """One order call to one provider, written before it is sent (`outcome` empty) and settled after."""

    class Outcome(models.TextChoices):
        LEASED = "leased"
        REFUSED = "refused"
        UNREACHABLE = "unreachable"
        UNKNOWN = "unknown"
        RELEASED = "released", "unknown, then proven empty or cancelled upstream"
        EXCHANGED = "exchanged", "leased, then replaced because it stayed silent"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    activation = models.ForeignKey(Activation, models.CASCADE, related_name="attempts")
    provider = models.ForeignKey(
        Provider, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    offer_id = models.BigIntegerField(null=True)
    our_ref = models.CharField(max_length=40, help_text="The reference that we send along.")
    upstream_ref = models.CharField(
        max_length=80,
        blank=True,
        default="",
        db_default="",
        help_text="A lease that must be cancelled there.",
    )
    ceiling_micros = models.BigIntegerField(help_text="In cost.")
    kept_fee_micros = models.BigIntegerField(
        default=0, db_default=0, help_text="What cancelling its number cost, which nobody was sold."
    )
    outcome = models.CharField(max_length=11, choices=Outcome.choices, blank=True, default="", db_default="")
    reason = models.CharField(max_length=80, blank=True, default="", db_default="")
    empty_lists = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Upstream lists that did not show it."
    )
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    look_at = models.DateTimeField(
        null=True, help_text="When the provider's list is read again, lest it was sold late."
    )

    class Meta:
        constraints = [models.UniqueConstraint(fields=["our_ref"], name="attempt_reference_once")]
        indexes = [
            models.Index(fields=["look_at"], condition=Q(look_at__isnull=False), name="attempt_to_look_for")
        ]


class Message(models.Model):
    """An SMS or call as it came; never overwritten. `visible` is false for a late or unrequested one."""

    id = models.BigAutoField(primary_key=True)
    msg_id = models.CharField(max_length=16)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    activation = models.ForeignKey(Activation, models.PROTECT, related_name="messages", db_index=False)
    kind = models.CharField(max_length=5, default="sms", db_default="sms")
    sender = models.CharField(max_length=80, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")
    code = models.CharField(max_length=40, null=True)
    is_cut = models.BooleanField(
        default=False, db_default=False, help_text="Was longer than we store, or had bytes replaced."
    )
    visible = models.BooleanField(default=True, db_default=True)
    upstream_ref = models.CharField(max_length=80, help_text="The upstream's id, or a digest of the content.")
    received_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["activation", "upstream_ref"], name="message_once"),
            models.UniqueConstraint(fields=["msg_id"], name="message_public_id"),
        ]
        indexes = [
            models.Index(fields=["received_at"], condition=Q(erased_at=None), name="message_to_erase"),
        ]


class RequestKey(models.Model):
    """A caller's idempotency key: what it asked (digest) and what became of it. Kept 7 days."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, related_name="+", db_index=False,
        help_text="None: what a tenant's program asked about customers and their money.",
    )  # fmt: skip
    key = models.CharField(max_length=255)
    digest = models.BinaryField(max_length=32, help_text="SHA-256 of what was asked.")
    activation = models.ForeignKey(Activation, models.CASCADE, null=True, related_name="request_keys")
    term = models.ForeignKey(
        RentalTerm, models.CASCADE, null=True, related_name="request_keys", db_index=False,
        help_text="Of a rental: what the key rented, or by what it made it longer.",
    )  # fmt: skip
    refusal = models.JSONField(null=True, help_text="{code, text, extra} when nothing was created.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer", "key"], name="request_key_once"),
            models.UniqueConstraint(
                fields=["tenant", "key"], condition=Q(customer=None), name="request_key_of_tenant_once"
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], name="request_key_age"),
            models.Index(fields=["term"], condition=Q(term__isnull=False), name="request_key_of_term"),
        ]


class PriceToken(models.Model):
    """Continues an order that was refused for its price: bound to whom and what, ten minutes, once."""

    token = models.CharField(max_length=24, primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="+", db_index=False)
    service = models.ForeignKey(Service, models.CASCADE, related_name="+", db_index=False)
    country = models.ForeignKey(Country, models.CASCADE, related_name="+", db_index=False)
    quality_factor = models.FloatField(null=True)
    exclude_prefixes = ArrayField(models.CharField(max_length=20), default=list)
    suggested_micros = models.BigIntegerField()
    expires_at = models.DateTimeField(db_index=True)
    used_at = models.DateTimeField(null=True)


class Check(models.Model):
    """When an open activation is asked about next. Narrow on purpose: it is the only row that a check
    without news writes.
    """

    class Kind(models.TextChoices):
        STATUS = "status"
        RECONCILE = "reconcile"
        CANCEL = "cancel", "closed here, to be cancelled there"

    activation = models.OneToOneField(Activation, models.CASCADE, primary_key=True, related_name="check_row")
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    provider = models.ForeignKey(
        Provider, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=9, choices=Kind.choices)
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")
    gone = models.PositiveSmallIntegerField(
        default=0,
        db_default=0,
        help_text="How often in a row the provider said that it knows no such number.",
    )
    ready_due_at = models.DateTimeField(
        null=True, help_text="When the provider is told that the buyer has sent for his code."
    )
    parked_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        indexes = [
            models.Index(fields=["kind", "due_at"], condition=Q(parked_reason=""), name="check_due"),
            models.Index(
                fields=["ready_due_at"], condition=Q(ready_due_at__isnull=False), name="check_ready_due"
            ),
        ]


class ListCheck(models.Model):
    """When a provider that can list its open leases is asked for the whole list next: one row instead of one
    per number.
    """

    provider = models.OneToOneField(Provider, models.CASCADE, primary_key=True, related_name="list_check")
    due_at = models.DateTimeField()
    compared_at = models.DateTimeField(
        null=True, help_text="When the list was last searched for numbers that it lacks or has too many."
    )
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")


class RefundCheck(models.Model):
    """When the funds at a provider that does not promise to pay expired numbers back are read next, and what
    they were the last time.
    """

    provider = models.OneToOneField(Provider, models.CASCADE, primary_key=True, related_name="refund_check")
    due_at = models.DateTimeField()
    balance_micros = models.BigIntegerField(null=True)
    read_at = models.DateTimeField(null=True)


class MoneyAtRisk(models.Model):
    """Money that a provider keeps or may keep for something no customer paid for."""

    class Kind(models.TextChoices):
        ORPHAN = "orphan", "order whose outcome could not be found out"
        OVERCHARGE = "overcharge", "provider charged more than the hold covered"
        LATE_CODE = "late_code", "code after the money was released"
        KEPT_FEE = "kept_fee", "provider kept a fee"
        REFUND = "refund", "customer got his money back"
        UNRETURNED = "unreturned", "provider did not pay an expired number back"

    class State(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        WRITTEN_OFF = "written_off"
        RECOVERED = "recovered"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="money_at_risk")
    activation = models.ForeignKey(Activation, models.PROTECT, null=True, related_name="money_at_risk")
    term = models.ForeignKey(
        RentalTerm, models.PROTECT, null=True, related_name="money_at_risk", db_index=False
    )
    provider = models.ForeignKey(Provider, models.PROTECT, null=True, related_name="+")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    amount_micros = models.BigIntegerField()
    note = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=11, choices=State.choices, default=State.OPEN)
    recovered_micros = models.BigIntegerField(
        default=0,
        db_default=0,
        help_text="What the provider paid back; what the customer got is in the ledger.",
    )
    reason = models.CharField(
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Why it was settled so, or whom we asked.",
    )
    changed_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    changed_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["activation", "kind", "provider"], name="risk_once_per_kind"),
            models.CheckConstraint(
                condition=Q(recovered_micros=0)
                | Q(recovered_micros__gt=0, recovered_micros__lte=F("amount_micros")),
                name="risk_comes_back_once",
            ),
            models.UniqueConstraint(
                fields=["term", "kind"],
                condition=Q(term__isnull=False),
                name="risk_once_per_kind_of_term",
            ),
            models.CheckConstraint(
                condition=Q(activation__isnull=False, term=None) | Q(activation=None, term__isnull=False),
                name="risk_is_of_one_order",
            ),
        ]
        verbose_name_plural = "money at risk"


__all__ = [
    "Activation",
    "Attempt",
    "Check",
    "Contract",
    "ContractCode",
    "ContractPrice",
    "Ending",
    "Exchange",
    "ListCheck",
    "Message",
    "MoneyAtRisk",
    "NumberRecord",
    "PriceToken",
    "Push",
    "RefundCheck",
    "Rental",
    "RentalAttempt",
    "RentalDue",
    "RentalMessage",
    "RentalTerm",
    "Report",
    "RequestKey",
    "Sale",
]


class HistoryMark(models.Model):
    """Before when a tenant's orders are counted in HistoryCount (activations/sql/history_counts.sql)."""

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="+")
    counted_until = models.DateTimeField()


class HistoryCount(models.Model):
    """How many orders of a UTC day are in a state: of a customer, or (customer empty) of the whole tenant."""

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    day = models.DateField()
    sms_status = models.CharField(max_length=14)
    activation_status = models.CharField(max_length=9)
    billing_status = models.CharField(max_length=8)
    report_status = models.CharField(max_length=8, blank=True, help_text="Empty: not reported.")
    count = models.BigIntegerField()

    class Meta:
        constraints = [
            # Also the index that totals are read by: a tenant's or a customer's days.
            models.UniqueConstraint(
                fields=["tenant", "customer", "day", "sms_status", "activation_status", "billing_status",
                        "report_status"],
                name="history_count_once", nulls_distinct=False, include=["count"],
            ),
        ]  # fmt: skip

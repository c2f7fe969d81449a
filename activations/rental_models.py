"""Rentals: a number for hours or days with every message that comes, its paid terms, and due work.

What is paid is a **term**: the rent itself (N1) and each extension (N3) are one. A term has a hold, one
charge and at most one refund, all under the term's id; the first term has the rental's own. As for
activations, only the keys that hold a rental together are constraints.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Now
from django.db.models.lookups import Regex

from accounts.models import Customer, Tenant
from providers.models import Country, Offer, Provider, Service

STATES = Func(
    F("lease_state"),
    Value(" "),
    F("rental_status"),
    Value(" "),
    F("billing_status"),
    arg_joiner=" || ",
    output_field=models.TextField(),
    template="(%(expressions)s)",
)
LEGAL_STATES = (
    "^(ordering active reserved"
    "|unsold canceled released"
    "|leased (active|finished|expired|canceled) billed"
    "|leased canceled refunded)$"
)


class Rental(models.Model):
    """One rented number. Moves N1–N7: docs/protocols/README.md section 1.4; micro-USD, over all terms."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        FINISHED = "finished"
        EXPIRED = "expired"
        CANCELED = "canceled"

    class BillingStatus(models.TextChoices):
        """`refunded`: at least a part was paid back."""

        RESERVED = "reserved"
        RELEASED = "released"
        BILLED = "billed"
        REFUNDED = "refunded"

    class LeaseState(models.TextChoices):
        """As of an activation: `ordering` until the upstream's answer is known, `unsold` when it had none."""

        ORDERING = "ordering"
        LEASED = "leased"
        UNSOLD = "unsold"

    id = models.UUIDField(primary_key=True, db_default=Func(function="uuidv7"), editable=False)
    num_id = models.BigIntegerField(
        unique=True, editable=False, db_default=Func(Value("activations_num_id_seq"), function="nextval")
    )
    rnt_id = models.CharField(max_length=16, editable=False)
    tenant = models.ForeignKey(
        Tenant, models.PROTECT, related_name="rentals", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="rentals", db_index=False)
    channel = models.CharField(max_length=12, help_text="The dialect it was ordered through, or portal.")
    service = models.ForeignKey(
        Service, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    country = models.ForeignKey(
        Country, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    operator = models.CharField(max_length=40, default="any", db_default="any")
    provider = models.ForeignKey(Provider, models.PROTECT, null=True, related_name="rentals", db_index=False)
    offer = models.ForeignKey(
        Offer, models.SET_NULL, null=True, related_name="+", db_index=False, db_constraint=False
    )
    phone = models.CharField(max_length=20, blank=True, default="", db_default="")
    formatted = models.CharField(max_length=40, blank=True, default="", db_default="")

    lease_state = models.CharField(
        max_length=8, choices=LeaseState.choices, default="ordering", db_default="ordering"
    )
    rental_status = models.CharField(
        max_length=8, choices=Status.choices, default="active", db_default="active"
    )
    billing_status = models.CharField(
        max_length=8, choices=BillingStatus.choices, default="reserved", db_default="reserved"
    )
    cancel_requested_at = models.DateTimeField(
        null=True, blank=True, help_text="Cancel was sent upstream and its outcome is not known yet."
    )
    extending = models.UUIDField(
        null=True, blank=True, help_text="The term that the upstream is being asked for; no end meanwhile."
    )

    hours = models.PositiveIntegerField(help_text="All terms together.")
    cost_micros = models.BigIntegerField(help_text="What the provider charges.")
    price_micros = models.BigIntegerField(help_text="What the tenant pays.")
    customer_price_micros = models.BigIntegerField(help_text="What the customer pays.")
    day_price_micros = models.BigIntegerField(help_text="What the customer pays for a day of the first term.")
    cost_refund_micros = models.BigIntegerField(default=0, db_default=0)
    refund_micros = models.BigIntegerField(default=0, db_default=0, help_text="What the tenant got back.")
    customer_refund_micros = models.BigIntegerField(default=0, db_default=0)
    refund_days = models.PositiveIntegerField(default=0, db_default=0, help_text="Unused days paid back.")

    can_cancel = models.BooleanField(default=False, db_default=False)
    can_extend = models.BooleanField(default=False, db_default=False)
    guard_until = models.DateTimeField(
        null=True, blank=True, help_text="Cancelled before that and without a message: everything back."
    )
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until its buyer ends it.")
    ended_at = models.DateTimeField(null=True, blank=True)

    messages_count = models.PositiveIntegerField(default=0, db_default=0, help_text="Late ones left out.")
    last_message_at = models.DateTimeField(null=True, blank=True)

    auto_renew = models.BooleanField(default=False, db_default=False)
    renew_hours = models.PositiveIntegerField(null=True, blank=True)
    renew_max_price_micros = models.BigIntegerField(
        null=True, blank=True, help_text="What the customer agreed to pay at most for each renewal."
    )
    renew_refusal = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="Why the last renewal failed."
    )

    upstream_ref = models.CharField(max_length=80, blank=True, default="", db_default="")
    upstream_state = models.CharField(max_length=16, blank=True, default="", db_default="")
    refusal = models.CharField(
        max_length=40, blank=True, default="", db_default="", help_text="Why it was not sold."
    )
    routing = models.JSONField(default=dict, blank=True, help_text="The router's decision.")
    erased_at = models.DateTimeField(null=True, blank=True, help_text="When its texts were erased.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rnt_id"], name="rental_rnt_id"),
            models.UniqueConstraint(
                fields=["provider", "upstream_ref"],
                condition=~Q(upstream_ref=""),
                name="upstream_rental_once",
            ),
            models.CheckConstraint(name="rental_state_is_legal", condition=Regex(STATES, LEGAL_STATES)),
            models.CheckConstraint(
                condition=~Q(lease_state="leased") | ~Q(upstream_ref=""), name="rental_has_a_reference"
            ),
            models.CheckConstraint(
                condition=Q(extending=None) | Q(rental_status="active", lease_state="leased"),
                name="only_a_running_rental_is_extended",
            ),
            models.CheckConstraint(
                condition=Q(cost_micros__gte=0, price_micros__gte=0, customer_price_micros__gte=0),
                name="rental_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(
                    customer_refund_micros__gte=0,
                    customer_refund_micros__lte=F("customer_price_micros"),
                    refund_micros__gte=0,
                    refund_micros__lte=F("price_micros"),
                ),
                name="rental_refund_at_most_paid",
            ),
            models.CheckConstraint(
                condition=Q(auto_renew=False)
                | Q(renew_hours__isnull=False, renew_max_price_micros__isnull=False),
                name="renewal_has_a_term_and_a_cap",
            ),
        ]
        indexes = [
            models.Index(
                F("tenant"), F("created_at").desc(), F("id").desc(), name="rental_newest",
                include=["lease_state"],
            ),
            models.Index(
                F("tenant"), F("customer"), F("created_at").desc(), F("id").desc(),
                name="rental_of_customer", include=["lease_state"],
            ),
            models.Index(
                fields=["tenant", "customer"],
                condition=Q(rental_status="active"),
                name="rental_open_of_customer",
            ),
            models.Index(
                fields=["provider", "phone"],
                condition=Q(rental_status="active", provider__isnull=False),
                name="rental_open_at_provider",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(erased_at=None, ended_at__isnull=False),
                name="rental_to_erase",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.rnt_id

    @property
    def is_open(self) -> bool:
        return self.rental_status == self.Status.ACTIVE


class RentalTerm(models.Model):
    """A paid part of a rental: the rent (number 1, its id is the rental's) or an extension. Micro-USD."""

    class State(models.TextChoices):
        PENDING = "pending"
        BILLED = "billed"
        RELEASED = "released"

    id = models.UUIDField(primary_key=True, db_default=Func(function="uuidv7"), editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    rental = models.ForeignKey(Rental, models.CASCADE, related_name="terms", db_index=False)
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=State.choices, default="pending", db_default="pending")
    is_renewal = models.BooleanField(default=False, db_default=False)
    hours = models.PositiveIntegerField()
    cost_micros = models.BigIntegerField()
    price_micros = models.BigIntegerField()
    customer_price_micros = models.BigIntegerField()
    refund_micros = models.BigIntegerField(default=0, db_default=0)
    customer_refund_micros = models.BigIntegerField(default=0, db_default=0)
    extends_from = models.DateTimeField(null=True, help_text="The end before; empty for the first term.")
    created_at = models.DateTimeField(db_default=Now())
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rental", "number"], name="term_once_per_number"),
            # However often and by whomever it is asked for: one end is moved once.
            models.UniqueConstraint(
                fields=["rental", "extends_from"],
                condition=~Q(state="released") & Q(extends_from__isnull=False),
                name="end_extended_once",
            ),
        ]
        indexes = [models.Index(fields=["settled_at"], name="term_by_settling")]  # a day's for daily caps

    def __str__(self) -> str:
        return f"{self.rental} term {self.number}"


class RentalAttempt(models.Model):
    """One call to one provider for a term, written before it is sent (`outcome` empty) and settled after."""

    class Outcome(models.TextChoices):
        LEASED = "leased"
        REFUSED = "refused"
        UNREACHABLE = "unreachable"
        UNKNOWN = "unknown"
        RELEASED = "released", "unknown, then proven empty or cancelled upstream"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    rental = models.ForeignKey(Rental, models.CASCADE, related_name="attempts")
    term = models.ForeignKey(RentalTerm, models.CASCADE, related_name="attempts")
    provider = models.ForeignKey(
        Provider, models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    offer_id = models.BigIntegerField(null=True)
    our_ref = models.CharField(max_length=40, help_text="The reference that we send along.")
    upstream_ref = models.CharField(
        max_length=80, blank=True, default="", db_default="",
        help_text="A lease that must be cancelled there.",
    )  # fmt: skip
    ceiling_micros = models.BigIntegerField(help_text="In cost.")
    outcome = models.CharField(max_length=11, choices=Outcome.choices, blank=True, default="", db_default="")
    reason = models.CharField(max_length=80, blank=True, default="", db_default="")
    empty_lists = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Upstream answers that did not show it."
    )
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["our_ref"], name="rental_attempt_reference_once")]


class RentalMessage(models.Model):
    """A message of a rental as it came. Apart from those of activations, whose table every order writes."""

    id = models.BigAutoField(primary_key=True)
    msg_id = models.CharField(max_length=16)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    rental = models.ForeignKey(Rental, models.PROTECT, related_name="messages", db_index=False)
    kind = models.CharField(max_length=5, default="sms", db_default="sms")
    sender = models.CharField(max_length=80, blank=True, default="", db_default="")
    text = models.TextField(blank=True, default="", db_default="")
    code = models.CharField(max_length=40, null=True)
    is_cut = models.BooleanField(
        default=False, db_default=False, help_text="Was longer than we store, or had bytes replaced."
    )
    visible = models.BooleanField(default=True, db_default=True, help_text="No: it came after the end.")
    upstream_ref = models.CharField(max_length=80, help_text="The upstream's id, or a digest of the content.")
    received_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["rental", "upstream_ref"], name="rental_message_once"),
            models.UniqueConstraint(fields=["msg_id"], name="rental_message_public_id"),
        ]
        indexes = [
            models.Index(F("rental"), F("received_at").desc(), F("id").desc(), name="rental_message_newest"),
            models.Index(fields=["received_at"], condition=Q(erased_at=None), name="rental_message_to_erase"),
        ]


class RentalDue(models.Model):
    """What must happen to a rental, and when. Narrow: it is the only row that a check without news writes."""

    class Kind(models.TextChoices):
        STATUS = "status", "ask for state and messages"
        RECONCILE = "reconcile", "find out whether it was rented"
        EXTENSION = "extension", "find out whether it was extended"
        EXPIRE = "expire", "end it"
        GUARD = "guard", "end it if nothing came"
        REMIND = "remind", "tell that its end is near"
        RENEW = "renew"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    rental = models.ForeignKey(Rental, models.CASCADE, related_name="due_rows", db_index=False)
    provider = models.ForeignKey(
        Provider, models.CASCADE, null=True, related_name="+", db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=9, choices=Kind.choices)
    due_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")
    parked_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["rental", "kind"], name="due_once_per_kind")]
        indexes = [models.Index(fields=["kind", "due_at"], condition=Q(parked_reason=""), name="rental_due")]
        verbose_name_plural = "rental due work"

"""The outbox of events, the endpoints that are told of them, and the inbox of raw provider callbacks."""

from __future__ import annotations

import secrets
import string

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import MD5, Now

from accounts.models import Customer, Tenant
from portal.encryption import EncryptedSecret

LOWER_ALNUM = string.ascii_lowercase + string.digits


def public_id(prefix: str, *, length: int = 12) -> str:
    """A random public id such as `evt_k3…`: 36 letters, about 61 bits in twelve of them."""
    drawn = secrets.token_bytes(length)
    return prefix + "".join([LOWER_ALNUM[byte % 36] for byte in drawn])


def endpoint_id() -> str:
    return public_id("wh_")


class Event(models.Model):
    """Something that became true, written in the transaction that made it true. Never holds a phone, text or
    code.
    """

    id = models.BigAutoField(primary_key=True)
    public_id = models.CharField(
        max_length=16, null=True, help_text="`evt_…`; given when the first receiver is to be told."
    )
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, related_name="events", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(
        Customer, models.CASCADE, null=True, related_name="events", db_index=False, db_constraint=False
    )
    type = models.CharField(max_length=40)
    order_id = models.UUIDField(null=True, help_text="The activation or rental it is about.")
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now())
    dispatched_at = models.DateTimeField(null=True, help_text="When it was handed to its receivers.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["public_id"], condition=Q(public_id__isnull=False), name="event_public_id"
            )
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(dispatched_at=None), name="event_undispatched"),
            # For replays of a window; events come in the order of time, and this costs their writers nothing.
            BrinIndex(fields=["created_at"], name="event_by_time"),
        ]

    def __str__(self) -> str:
        return self.public_id or f"event {self.pk}"


class Endpoint(models.Model):
    """Where a tenant, or one of its customers (`customer` set), wants to be told of events."""

    class Off(models.TextChoices):
        BY_HAND = "by_hand", "switched off by hand"
        GONE = "gone", "the receiver answered 410 Gone"
        FAILING = "failing", "nothing arrived for seven days"
        OPERATOR = "operator", "switched off by the operator of the platform"

    class Mail(models.TextChoices):
        PARKED = "parked"
        OFF = "off"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="endpoints", db_index=False)
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="endpoints")
    public_id = models.CharField(max_length=15, unique=True, default=endpoint_id, editable=False)
    url = models.CharField(max_length=500)
    event_types = ArrayField(models.CharField(max_length=60), help_text="Names as deliveries carry them.")
    secret_encrypted = models.BinaryField(default=b"", editable=False)
    secret = EncryptedSecret()
    previous_secret_encrypted = models.BinaryField(default=b"", editable=False)
    previous_secret = EncryptedSecret()
    previous_until = models.DateTimeField(null=True, help_text="Until then deliveries carry both signatures.")
    is_enabled = models.BooleanField(default=True)
    off_reason = models.CharField(max_length=8, choices=Off.choices, blank=True)
    off_at = models.DateTimeField(null=True)
    failing_since = models.DateTimeField(null=True, help_text="The first failure after the last success.")
    paused_until = models.DateTimeField(null=True, help_text="It asked us to wait (Retry-After).")
    mail_due = models.CharField(
        max_length=6, choices=Mail.choices, blank=True, help_text="What its owner is still to be told."
    )
    was_told = models.BooleanField(default=False, help_text="Its owner knows of these failures.")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "id"], name="endpoint_by_tenant"),
            models.Index(fields=["id"], condition=~Q(mail_due=""), name="endpoint_mail_due"),
        ]

    def __str__(self) -> str:
        return self.public_id


class Delivery(models.Model):
    """One event for one endpoint, until it has arrived. The row's due time brings it back; its body is made
    anew for each try and stored nowhere.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        PARKED = "parked"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    endpoint = models.ForeignKey(Endpoint, models.CASCADE, related_name="deliveries", db_index=False)
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries")
    type = models.CharField(max_length=60, help_text="What the event is called for this endpoint.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    tries = models.PositiveSmallIntegerField(default=0, help_text="Since it was made or sent again by hand.")
    deliver_at = models.DateTimeField(help_text="When it is due.")
    last_status = models.PositiveSmallIntegerField(null=True)
    last_error = models.CharField(max_length=80, blank=True)
    delivered_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["endpoint", "event"], name="delivery_once_per_event")]
        indexes = [
            models.Index(
                fields=["endpoint", "deliver_at"], condition=Q(state="pending"), name="delivery_due"
            ),
            models.Index(F("endpoint"), F("id").desc(), name="delivery_newest"),
        ]
        verbose_name_plural = "deliveries"

    def __str__(self) -> str:
        return f"delivery {self.pk}"


class DeliveryAttempt(models.Model):
    """One try of a delivery and what came of it."""

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts")
    sent_at = models.DateTimeField()
    milliseconds = models.PositiveIntegerField(default=0)
    status = models.PositiveSmallIntegerField(null=True, help_text="HTTP status; empty: there was no answer.")
    error = models.CharField(max_length=80, blank=True)
    excerpt = models.CharField(
        max_length=500, blank=True, help_text="Beginning of the answer, codes covered."
    )

    def __str__(self) -> str:
        return f"attempt {self.pk}"


class InboxMessage(models.Model):
    """A provider's callback as it came, so that it can be worked again. The body is erased with the codes
    (retention). A hint that comes again is not kept again.
    """

    HINT, UNREADABLE = "hint", "unreadable"  # outcomes of what brought nothing by itself

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, models.CASCADE, null=True, help_text="Empty: a provider of the shared pool."
    )
    provider_id = models.BigIntegerField(
        help_text="providers.Provider; no key because providers lie above webhooks."
    )
    body = models.BinaryField()
    headers = models.JSONField(default=dict)
    received_at = models.DateTimeField(db_default=Now())
    processed_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                F("provider_id"),
                MD5("body"),
                condition=Q(outcome="hint") & ~Q(body=b""),
                name="inbox_hint_once",
            )
        ]
        indexes = [
            models.Index(
                fields=["provider_id", "received_at"], condition=Q(outcome="hint"), name="inbox_hints"
            ),
            models.Index(fields=["id"], condition=Q(processed_at=None), name="inbox_unprocessed"),
            models.Index(fields=["provider_id"], condition=Q(outcome="unreadable"), name="inbox_unreadable"),
            models.Index(fields=["received_at"], condition=~Q(body=b""), name="inbox_to_erase"),
        ]

"""Lists that callers fetch whole: written when what they are made from changes, sent as they are. What a
tenant may choose about the dialects its customers speak. What customers' programs asked for lately.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Customer, Tenant

CANCEL_FEE_MICROS = 100_000


class Publication(models.Model):
    """When the lists of a topic are written anew for a tenant. Its row is the lock:
    who writes holds it, so there is one writer at a time. What not every tenant is asked for has an edition,
    which is its list's name.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    topic = models.CharField(max_length=9)
    edition = models.CharField(max_length=60, blank=True, default="", db_default="")
    due_at = models.DateTimeField(null=True, help_text="Empty: nothing that is known will change it.")
    built_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "topic", "edition"], name="publication_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="publication_due"),
        ]


class PublishedList(models.Model):
    """One list as it is sent: gzip of a JSON array or object. Unpacked it is the plain form, whose SHA-1 is
    the ETag.

    `parts` says where the entry of an id lies in `packed` ([offset, length]); each is packed by itself.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=60)
    etag = models.CharField(max_length=40)
    packed = models.BinaryField()
    parts = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "name"], name="list_once"),
        ]


class DialectSettings(models.Model):
    """How a tenant's dialects sound, where clients differ in what they expect. No row: the defaults.

    They hold for the tenant's test twin as well.
    """

    class HandlerStyle(models.TextChoices):
        BOWER = "bower"
        CLASSIC = "classic"
        HERO = "hero"

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="dialects")
    handler_style = models.CharField(
        "handler: which member of the family it sounds like",
        max_length=7,
        choices=HandlerStyle.choices,
        default=HandlerStyle.BOWER,
        db_default=HandlerStyle.BOWER,
    )
    handler_rents = models.BooleanField(
        "handler: rents numbers out",
        default=True,
        db_default=True,
        help_text="Off: its clients cannot rent; rentals that run go on, on the pages.",
    )
    rentverify_cancel_fee_micros = models.BigIntegerField(
        "rentverify: what a cancel costs the customer",
        default=CANCEL_FEE_MICROS,
        db_default=CANCEL_FEE_MICROS,
        help_text="At most the number's price. Clients of the protocol expect 0.10.",
    )
    ping_extensions = models.BooleanField(
        "ping: balance and lists",
        default=False,
        db_default=False,
        help_text="Answers /balance, /orders, /rentals, /rentals/<id> too, which the vendor does not have.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    rentverify_cancel_fee_micros__gte=0, rentverify_cancel_fee_micros__lte=10_000_000
                ),
                name="rentverify_cancel_fee_is_bounded",
                violation_error_message="The fee lies between 0 and 10 USD.",
            ),
        ]
        verbose_name_plural = "dialect settings"

    def __str__(self) -> str:
        return str(self.tenant)


class RequestLine(models.Model):
    """Equal requests of one minute by a customer's keys: no key, parameter, phone or code. Kept for a day
    (api.diary writes them). Nothing is checked against other tables, so that noting a request locks none.
    """

    tenant = models.ForeignKey(
        Tenant, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    customer = models.ForeignKey(
        Customer, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    minute = models.DateTimeField()
    dialect = models.CharField(max_length=10)
    route = models.CharField(max_length=60)
    outcome = models.CharField(max_length=40, help_text="ok, or a refusal's code.")
    order_ref = models.CharField(max_length=24, blank=True, help_text="Public id of the order or rental.")
    status = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField()
    last_at = models.DateTimeField()
    request_id = models.CharField(max_length=64, help_text="Of the last one.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer", "minute", "dialect", "route", "outcome", "order_ref"],
                name="request_line_once",
            ),
        ]
        indexes = [models.Index(fields=["minute"], name="request_line_minute")]

    def __str__(self) -> str:
        return f"{self.route} {self.outcome}"

    @property
    def is_rental(self) -> bool:
        """Whether the order that it is about is a rental."""
        return self.order_ref.startswith("rnt_")

"""Numbers that stayed silent, exchanged for one of another provider inside the same order."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from accounts.models import Tenant
from providers.models import Provider


class Exchange(models.Model):
    """One exchange of an order's number. The row holds the lease that the order does not show: until the swap
    the one that is bought, after it the former one, until the provider took it back. Amounts are micro-USD.
    """

    class State(models.TextChoices):
        BUYING = "buying"
        UNSOLD = "unsold", "no other number was to be had"
        RETURNING = "returning", "being given back"
        RETURNED = "returned", "given back"
        KEPT = "kept", "the provider keeps its price"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False, db_constraint=False)
    activation = models.ForeignKey("activations.Activation", models.CASCADE, related_name="exchanges")
    provider = models.ForeignKey(
        Provider, models.PROTECT, null=True, related_name="+", db_index=False, db_constraint=False
    )
    offer_id = models.BigIntegerField(null=True)
    our_ref = models.CharField(
        max_length=40, blank=True, help_text="Of the attempt that bought, or buys, the lease held here."
    )
    upstream_ref = models.CharField(max_length=80, blank=True, default="", db_default="")
    phone = models.CharField(max_length=20, blank=True, default="", db_default="")
    formatted = models.CharField(max_length=40, blank=True, default="", db_default="")
    operator = models.CharField(max_length=40, default="any", db_default="any")
    cost_micros = models.BigIntegerField(
        default=0, db_default=0, help_text="The ceiling, until it is bought."
    )
    due_price_micros = models.BigIntegerField(default=0, db_default=0)
    due_customer_price_micros = models.BigIntegerField(default=0, db_default=0)
    expire_at = models.DateTimeField(null=True)
    cancelable_after = models.DateTimeField(null=True, help_text="Empty: it cannot be given back.")
    is_retriable = models.BooleanField(default=False, db_default=False)

    state = models.CharField(max_length=9, choices=State.choices)
    reason = models.CharField(max_length=80, blank=True, default="", db_default="")
    due_at = models.DateTimeField(null=True, help_text="When the provider is asked next.")
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")
    gone = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="How often in a row the provider did not know it."
    )
    routing = models.JSONField(default=dict, blank=True, help_text="The router's decision.")
    started_at = models.DateTimeField(db_default=Now())
    swapped_at = models.DateTimeField(null=True, help_text="When the order's number became another.")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "upstream_ref"],
                condition=~Q(upstream_ref=""),
                name="exchange_lease_once",
            ),
            models.UniqueConstraint(
                fields=["activation"], condition=Q(state="buying"), name="exchange_buys_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["buying", "returning"], due_at__isnull=False)
                | Q(state__in=["unsold", "returned", "kept"], due_at=None),
                name="exchange_is_due_while_open",
            ),
        ]
        indexes = [
            models.Index(F("state"), F("due_at"), condition=Q(due_at__isnull=False), name="exchange_due"),
        ]

    def __str__(self) -> str:
        return f"exchange {self.pk}"

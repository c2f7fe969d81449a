"""What a provider has to be told of a lease's end."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Tenant
from providers.models import Provider


class Ending(models.Model):
    """A lease whose provider must be told how it ended (Can.TELL_END). Written with the lease; a trigger
    makes it due when the lease ends or is refunded (activations/sql/endings.sql), and it stays due until the
    provider has confirmed.
    """

    class Told(models.TextChoices):
        SOLD = "sold"
        UNUSED = "unused"
        REFUNDED = "refunded"
        USED = "used"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False, db_constraint=False)
    provider = models.ForeignKey(
        Provider, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    activation = models.ForeignKey(
        "activations.Activation", models.CASCADE, null=True, related_name="endings", db_index=False
    )
    rental = models.ForeignKey(
        "activations.Rental", models.CASCADE, null=True, related_name="endings", db_index=False
    )
    upstream_ref = models.CharField(max_length=80)
    native_amount = models.DecimalField(
        max_digits=14, decimal_places=4, null=True, help_text="What was agreed, in the provider's currency."
    )
    native_currency = models.CharField(max_length=3, blank=True, default="", db_default="")
    fx_rate = models.DecimalField(
        max_digits=24,
        decimal_places=12,
        null=True,
        help_text="US dollars for one unit of it, as it was then.",
    )
    due_at = models.DateTimeField(null=True, help_text="Empty: it runs, or all of it is told.")
    told = models.CharField(max_length=8, choices=Told.choices, blank=True, default="", db_default="")
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")
    parked_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["activation", "upstream_ref"],
                condition=Q(activation__isnull=False),
                name="ending_of_activation_once",
            ),
            models.UniqueConstraint(
                fields=["rental", "upstream_ref"],
                condition=Q(rental__isnull=False),
                name="ending_of_rental_once",
            ),
            models.CheckConstraint(
                condition=Q(activation=None, rental__isnull=False) | Q(activation__isnull=False, rental=None),
                name="ending_is_of_one_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False, parked_reason=""), name="ending_due"
            ),
            models.Index(fields=["id"], condition=~Q(parked_reason=""), name="ending_parked"),
        ]

    def __str__(self) -> str:
        return self.upstream_ref

"""Reports: a customer's claim that a number was no good, with what the number's state was then."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Customer, Tenant, User


class Report(models.Model):
    """The one report of an activation. What was declined on the spot is only logged and has no row.

    The snapshot's code and text have columns of their own, which retention erases.
    """

    class Reason(models.IntegerChoices):
        NOT_COMING = 1, "SMS is not coming"
        WRONG_SMS = 2, "Wrong SMS received"
        NOT_ACCEPTED = 3, "Service not accepting the number"
        USED_BEFORE = 4, "Number has been used before"
        BLOCKED_AFTER = 5, "Blocked after activation"
        TOO_LATE = 6, "SMS received too late"
        OTHER = 7, "Other reason"

    class Status(models.TextChoices):
        IN_REVIEW = "inReview", "in review"
        APPROVED = "approved"
        DECLINED = "declined"

    class Decline(models.IntegerChoices):
        OTHER_NUMBER = 1, "Try another number"
        SAME_NUMBER = 2, "Ask again on the same number"

    class UpstreamState(models.TextChoices):
        NONE = "", "not reported"
        DUE = "due"
        ACCEPTED = "accepted"
        REFUSED = "refused"
        UNKNOWN = "unknown", "no answer"

    id = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    customer = models.ForeignKey(Customer, models.PROTECT, related_name="reports", db_index=False)
    activation = models.OneToOneField("activations.Activation", models.PROTECT, related_name="report")
    reason_id = models.PositiveSmallIntegerField(choices=Reason.choices)
    message = models.CharField(max_length=1000, blank=True)
    evidence_name = models.CharField(max_length=60, blank=True, help_text="Its random name in the store.")
    evidence_kind = models.CharField(max_length=4, blank=True)
    evidence_bytes = models.PositiveIntegerField(default=0)
    snapshot = models.JSONField(help_text="The activation's state when it was reported, without its SMS.")
    snapshot_code = models.CharField(max_length=40, null=True)
    snapshot_text = models.TextField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.IN_REVIEW)
    decline_id = models.PositiveSmallIntegerField(choices=Decline.choices, null=True, blank=True)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+", db_index=False)
    decided_at = models.DateTimeField(null=True)
    upstream_state = models.CharField(
        max_length=8, choices=UpstreamState.choices, default=UpstreamState.NONE, blank=True
    )
    upstream_due_at = models.DateTimeField(null=True, help_text="When the provider is told next.")
    upstream_tries = models.PositiveSmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())
    erased_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(status="declined", decline_id__isnull=False)
                | (~Q(status="declined") & Q(decline_id=None)),
                name="declined_report_says_why",
            ),
        ]
        indexes = [
            models.Index("tenant", "customer", models.F("id").desc(), name="report_of_customer"),
            models.Index(
                fields=["upstream_due_at"],
                condition=Q(upstream_due_at__isnull=False),
                name="report_due_upstream",
            ),
            models.Index(fields=["created_at"], condition=Q(erased_at=None), name="report_to_erase"),
        ]

    def __str__(self) -> str:
        return f"{self.activation_id}"

"""What operators and owners are to be told about a provider, and what they were told last."""

from __future__ import annotations

from django.db import models
from django.db.models import Q


class ProviderAlert(models.Model):
    """One thing about a provider that people are told of when it changed. While it was not told yet a change
    back takes it out again, and after each telling there is quiet for a while: a breaker that flaps makes one
    mail and not a hundred.
    """

    class Subject(models.TextChoices):
        STATE = "state"
        WORDS = "words", "words that nobody mapped"
        DRAINED = "drained"

    id = models.BigAutoField(primary_key=True)
    provider = models.ForeignKey("providers.Provider", models.CASCADE, related_name="alerts", db_index=False)
    subject = models.CharField(max_length=7, choices=Subject.choices)
    told = models.CharField(max_length=40, blank=True, help_text="What people know.")
    current = models.CharField(max_length=40, blank=True, help_text="What is true now.")
    reason = models.CharField(max_length=200, blank=True)
    count = models.PositiveIntegerField(default=0, db_default=0, help_text="New words not told of yet.")
    due_at = models.DateTimeField(null=True, help_text="When people are told; empty: they know.")
    told_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="provider_alert_once"),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="provider_alert_due"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} of {self.provider_id}"

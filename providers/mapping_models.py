"""Words of upstreams that nobody has mapped to a canonical name yet."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class UnmappedCode(models.Model):
    """A service, country or operator in a provider's price list that no code map names. Lines of an unmapped
    service or country are sold to nobody; those of an operator under its own word.
    """

    class Kind(models.TextChoices):
        SERVICE = "service"
        COUNTRY = "country"
        OPERATOR = "operator"

    id = models.BigAutoField(primary_key=True)
    provider = models.ForeignKey(
        "providers.Provider", models.CASCADE, related_name="unmapped_codes", db_index=False
    )
    kind = models.CharField(max_length=8, choices=Kind.choices)
    code = models.CharField(max_length=60, help_text="The upstream's own.")
    name = models.CharField(max_length=80, blank=True, help_text="As the upstream's catalogue says it.")
    lines = models.PositiveIntegerField(default=0, help_text="Lines of the last price list that have it.")
    is_ignored = models.BooleanField(default=False, help_text="Somebody decided that it stays unmapped.")
    seen_at = models.DateTimeField(db_default=Now(), help_text="When its lines last changed.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "kind", "code"], name="unmapped_code_once"),
        ]
        indexes = [
            models.Index(F("lines").desc(), F("id").desc(), name="unmapped_most_lines"),
            models.Index(fields=["provider"], condition=Q(is_ignored=False), name="unmapped_open"),
        ]

    def __str__(self) -> str:
        return self.name or self.code

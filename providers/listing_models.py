"""What a reseller does with the catalogue: services and countries that he does not sell or renames."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from accounts.models import Tenant


class Listing(models.Model):
    """How a reseller lists one service or one country; without a row it is sold under the shared name.

    Everything reads it through the functions of providers/sql/listings.sql. A test twin has none of its own.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="listings", db_index=False)
    service = models.ForeignKey(
        "providers.Service", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    country = models.ForeignKey(
        "providers.Country", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    is_off = models.BooleanField(
        "switched off", default=False, db_default=False, help_text="Neither listed nor sold."
    )
    name = models.CharField(
        "own name", max_length=80, blank=True, default="", db_default="", help_text="Empty: the shared name."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["tenant", "service"],
                condition=Q(service__isnull=False),
                name="listing_of_service_once",
                violation_error_message="This reseller has a line for this service.",
            ),
            models.UniqueConstraint(
                fields=["tenant", "country"],
                condition=Q(country__isnull=False),
                name="listing_of_country_once",
                violation_error_message="This reseller has a line for this country.",
            ),
            models.CheckConstraint(
                condition=Q(service__isnull=True) ^ Q(country__isnull=True),
                name="listing_of_one_thing",
                violation_error_message="Choose a service or a country, one of them.",
            ),
        ]

    def __str__(self) -> str:
        return str(self.service or self.country)

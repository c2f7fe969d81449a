"""What the router knows besides offers: how good routes have proven to be.

A route is what one provider sells of a service in a country, from one operator. An empty part means "all of
them", so that each figure exists four times: with the operator, for the service in the country, for the
country, and for the provider.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from providers.scoring import wilson_low


class Route(models.Model):
    """The key of a figure. No foreign keys of service and country: empty is a value here."""

    id = models.BigAutoField(primary_key=True)
    provider = models.ForeignKey("providers.Provider", models.CASCADE, related_name="+", db_index=False)
    service_id = models.CharField(max_length=30, blank=True, help_text="Empty: all services.")
    country_id = models.CharField(max_length=9, blank=True, help_text="Empty: all countries.")
    operator = models.CharField(max_length=40, blank=True, help_text="Empty: all operators.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return " ".join([self.service_id or "all", self.country_id or "all", self.operator or "any"])


class RouteOutcome(Route):
    """How many numbers of a route ended on a UTC day after which wait for the first code: what RouteQuality
    is added up from (activations/sql/route_quality.sql).
    """

    day = models.DateField()
    wait = models.SmallIntegerField(help_text="Place in the table of waits; −1: no code came.")
    orders = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "service_id", "country_id", "operator", "day", "wait"],
                name="route_outcome_once",
            ),
        ]


class RouteQuality(Route):
    """Success and speed of a route over the last days, measured by our own orders. The router reads it."""

    orders = models.PositiveIntegerField(default=0, help_text="Numbers that ended.")
    codes = models.PositiveIntegerField(default=0, help_text="Those of them that received a code.")
    median_seconds = models.PositiveIntegerField(null=True, help_text="Half of the codes came within it.")
    p90_seconds = models.PositiveIntegerField(null=True, help_text="Nine of ten codes came within it.")
    due_at = models.DateTimeField(help_text="When it is added up again.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["service_id", "country_id", "provider", "operator"],
                name="route_quality_once",
            ),
            models.CheckConstraint(condition=Q(codes__lte=models.F("orders")), name="route_codes_of_orders"),
        ]
        indexes = [models.Index(fields=["due_at"], name="route_quality_due")]
        verbose_name_plural = "route quality"

    @property
    def success(self) -> float | None:
        """The share of numbers that received a code, 0…1."""
        return self.codes / self.orders if self.orders else None

    @property
    def at_least(self) -> float | None:
        """Wilson's lower bound of `success` (95 %): how good it is at least, given so few or many orders."""
        return wilson_low(self.codes, self.orders) if self.orders else None


class RouteSheet(models.Model):
    """The figures of a pair of service and country in one row, as the router reads them with each order: JSON
    rows of provider, operator, orders, codes and the seconds within which nine of ten codes came.
    """

    id = models.BigAutoField(primary_key=True)
    service_id = models.CharField(max_length=30, blank=True)
    country_id = models.CharField(max_length=9, blank=True)
    figures = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["service_id", "country_id"], name="route_sheet_once"),
        ]


class RouteMark(models.Model):
    """Up to when ended numbers are counted in RouteOutcome; one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    counted_until = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="route_mark_single")]

"""What the router knows besides offers: how good routes have proven to be, and what each tenant wants.

A route is what one provider sells of a service in a country, from one operator. An empty part means "all of
them", so that each figure exists four times: with the operator, for the service in the country, for the
country, and for the provider.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from accounts.models import Tenant
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
            models.CheckConstraint(condition=Q(codes__lte=F("orders")), name="route_codes_of_orders"),
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


class RoutingPolicy(models.Model):
    """How a tenant's orders are routed. Without a row the platform's defaults hold."""

    class Replaces(models.TextChoices):
        NEVER = "", "never"
        PAGES = "pages", "in orders made on pages"
        ALL = "all", "in all orders"

    tenant = models.OneToOneField(Tenant, models.CASCADE, primary_key=True, related_name="routing_policy")
    quality_factor = models.FloatField(
        null=True,
        blank=True,
        help_text="0: the cheapest number, 100: the best at any price. For orders that name none; empty: 50.",
    )
    min_success_percent = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        help_text="Routes that received codes less often are left out. Routes of few orders are tried.",
    )
    replaces_silent = models.CharField(
        "replace silent numbers",
        max_length=5,
        choices=Replaces.choices,
        blank=True,
        default="",
        db_default="",
        help_text="A number whose SMS is later than nine of ten of its route is exchanged for one of another "
        "provider, at no higher price. Choose all orders only if your partners' programs read the phone from "
        "each poll: those that keep the first one would wait in vain.",
    )
    shows_decisions = models.BooleanField(
        default=False,
        help_text="The reseller's members see how each order was routed, providers by their numbers.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(quality_factor=None) | Q(quality_factor__gte=0, quality_factor__lte=100),
                name="policy_quality_factor_is_percent",
                violation_error_message="The quality factor lies between 0 and 100.",
            ),
            models.CheckConstraint(
                condition=Q(min_success_percent=None) | Q(min_success_percent__lte=100),
                name="policy_min_success_is_percent",
                violation_error_message="The minimum success lies between 0 and 100 percent.",
            ),
        ]
        verbose_name_plural = "routing policies"

    def __str__(self) -> str:
        return f"routing of {self.tenant}"


class RoutingRule(models.Model):
    """What a tenant wants of a provider, for a service, a country, both or everything.

    Each setting is taken from the most particular rule that has it: one that names the provider before one
    for all, then service and country, service alone, country alone, neither.
    """

    class Verdict(models.TextChoices):
        NONE = "", "–"
        ALLOW = "allow", "allow"
        DENY = "deny", "never buy here"

    policy = models.ForeignKey(
        RoutingPolicy, models.CASCADE, related_name="rules", db_column="tenant_id", db_index=False
    )
    provider = models.ForeignKey(
        "providers.Provider",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        help_text="Empty: all providers.",
    )
    service = models.ForeignKey(
        "providers.Service", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    country = models.ForeignKey(
        "providers.Country", models.CASCADE, null=True, blank=True, related_name="+", db_index=False
    )
    verdict = models.CharField(max_length=5, choices=Verdict.choices, blank=True, default="")
    boost_percent = models.SmallIntegerField(
        null=True, blank=True, help_text="−50 to 50; each point improves the score by 0.01."
    )
    min_success_percent = models.PositiveSmallIntegerField(null=True, blank=True)
    daily_cap_micros = models.BigIntegerField(
        null=True, blank=True, help_text="What may be spent here in a day (UTC)."
    )
    spent_until = models.DateTimeField(
        null=True, editable=False, help_text="The cap is reached; set by the sweep that adds up."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "provider", "service", "country"],
                name="routing_rule_once",
                nulls_distinct=False,
                violation_error_message="There is a rule for this provider, service and country.",
            ),
            models.CheckConstraint(
                condition=Q(boost_percent=None) | Q(boost_percent__gte=-50, boost_percent__lte=50),
                name="routing_rule_boost_is_bounded",
                violation_error_message="A boost lies between −50 and 50.",
            ),
            models.CheckConstraint(
                condition=Q(min_success_percent=None) | Q(min_success_percent__lte=100),
                name="routing_rule_min_success_is_percent",
                violation_error_message="The minimum success lies between 0 and 100 percent.",
            ),
            models.CheckConstraint(
                condition=Q(daily_cap_micros=None)
                | Q(daily_cap_micros__gte=0, provider__isnull=False, service=None, country=None),
                name="routing_rule_cap_is_of_a_provider",
                violation_error_message="A daily cap is for one provider, whatever the service and country.",
            ),
        ]

    def __str__(self) -> str:
        return " ".join([self.service_id or "all services", self.country_id or "all countries"])


class ProviderSpend(models.Model):
    """What numbers that ended on a UTC day cost at a provider: daily caps are checked against it."""

    id = models.BigAutoField(primary_key=True)
    provider = models.ForeignKey("providers.Provider", models.CASCADE, related_name="+", db_index=False)
    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="+", db_index=False)
    day = models.DateField()
    cost_micros = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["day", "provider", "tenant"], name="provider_spend_once"),
        ]

    def __str__(self) -> str:
        return f"{self.provider_id} on {self.day}"

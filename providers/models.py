"""What can be bought and from whom: the catalogue of services and countries, providers, their offers, code
maps and health.
"""

from __future__ import annotations

import secrets

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.models import Tenant
from portal.encryption import EncryptedSecret
from providers.alert_models import ProviderAlert
from providers.listing_models import Listing
from providers.mapping_models import UnmappedCode
from providers.routing_models import (
    ProviderSpend,
    RouteMark,
    RouteOutcome,
    RouteQuality,
    RouteSheet,
    RoutingPolicy,
    RoutingRule,
)

CANONICAL_ID = r"^[a-z0-9][a-z0-9_.-]*$"


def new_callback_token() -> str:
    """128 random bits in an address that nobody can guess."""
    return secrets.token_urlsafe(24)


class Service(models.Model):
    """A brand that sends codes. `id` is the canonical slug (docs/protocols/README.md section 4)."""

    id = models.CharField(primary_key=True, max_length=30)
    name = models.CharField(max_length=80)
    alt_names = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    website = models.CharField(max_length=120, blank=True)
    icon = models.CharField(max_length=40, blank=True, help_text="simple-icons slug; empty: a letter tile.")
    popular_rank = models.PositiveIntegerField(null=True, blank=True)
    prohibited = models.BooleanField(default=False)
    description = models.TextField(blank=True)
    warning = models.TextField(blank=True)
    is_other = models.BooleanField(default=False)
    code_pattern = models.CharField(
        max_length=200,
        blank=True,
        help_text="Regular expression whose first group is the code; tried before the general one.",
    )

    def __str__(self) -> str:
        return self.name


class Country(models.Model):
    """A country as it is sold. `id` is lower-case ISO 3166-1 alpha-2 (`uk` for GB), `_v` added for
    virtual-only numbers.
    """

    id = models.CharField(primary_key=True, max_length=9)
    name = models.CharField(max_length=80)
    alt_names = ArrayField(models.CharField(max_length=80), default=list, blank=True)
    iso2 = models.CharField(max_length=2)
    dial_codes = ArrayField(models.CharField(max_length=7), default=list, blank=True)
    is_virtual = models.BooleanField(default=False)
    parent = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="variants")

    class Meta:
        verbose_name_plural = "countries"

    def __str__(self) -> str:
        return self.name


class CodeMap(models.Model):
    """How a protocol, or one provider's account, spells a service, country or operator."""

    class Kind(models.TextChoices):
        SERVICE = "service"
        COUNTRY = "country"
        OPERATOR = "operator"

    class Source(models.TextChoices):
        DEFAULT = "default"
        SYNC = "sync"
        MANUAL = "manual"

    scheme = models.CharField(max_length=40, help_text="A protocol's name, or provider:<public_no>.")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    canonical_id = models.CharField(max_length=30)
    code = models.CharField(max_length=60)
    source = models.CharField(max_length=8, choices=Source.choices, default=Source.DEFAULT)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["scheme", "kind", "code"], name="code_once_per_scheme"),
        ]
        indexes = [models.Index(fields=["scheme", "kind", "canonical_id"], name="code_by_canonical")]


class Provider(models.Model):
    """An account at an upstream. `tenant` empty: the operator's shared pool; set: that tenant's own account,
    which he pays himself.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, blank=True, related_name="providers")
    public_no = models.PositiveIntegerField(unique=True, help_text="Stable small number shown to customers.")
    display_name = models.CharField(max_length=80)
    protocol = models.CharField(max_length=20, help_text="A name of providers.registry.")
    base_url = models.URLField(max_length=300)
    secret_encrypted = models.BinaryField(default=b"", blank=True)
    secret = EncryptedSecret()
    callback_secret_encrypted = models.BinaryField(default=b"", blank=True)
    callback_secret = EncryptedSecret()
    callback_token = models.CharField(max_length=40, unique=True, default=new_callback_token, editable=False)
    options = models.JSONField(
        default=dict, blank=True, help_text="Protocol-specific settings of this account."
    )
    priority = models.PositiveSmallIntegerField(default=100, help_text="Lower wins a tie.")
    is_enabled = models.BooleanField(
        default=True, help_text="Off: nothing new is ordered; running numbers go on."
    )
    draining_since = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Off for good: told when the last number ended."
    )
    serves_test = models.BooleanField(
        default=False, help_text="Sells to test twins (and only providers so marked do)."
    )
    serves_live = models.BooleanField(default=True)
    cancel_lock_seconds = models.PositiveIntegerField(default=120)
    life_seconds = models.PositiveIntegerField(
        default=1200, help_text="Life of a number when the upstream names none."
    )
    cancel_fee_micros = models.BigIntegerField(default=0)
    timeout_seconds = models.PositiveSmallIntegerField(default=8, help_text="Longest wait for one answer.")
    check_seconds = models.PositiveSmallIntegerField(
        default=5, help_text="Interval between status checks of a number."
    )
    checks_per_minute = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="How many questions about running numbers it answers in a minute. The more run, the more"
        " seldom each is asked about. Empty: no limit is known.",
    )
    sync_seconds = models.PositiveIntegerField(
        default=300, help_text="Interval between readings of the price list; 0: only by hand."
    )
    rental_pays_days_back = models.BooleanField(
        default=False,
        db_default=False,
        help_text="A rental cancelled later gets its whole unused days paid back.",
    )
    rental_ends_unused = models.BooleanField(
        default=False,
        db_default=False,
        help_text="Closes and pays back a rental without a message when its guard time ends.",
    )
    daily_cap_micros = models.BigIntegerField(
        null=True, blank=True, help_text="What may be spent here in a day (UTC); empty: no cap."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return self.display_name


class ProviderHealth(models.Model):
    """What stops a provider from being asked, kept narrow because every worker reads and trips it (the
    shared breaker).
    """

    class State(models.TextChoices):
        OK = "ok"
        DEGRADED = "degraded"
        OUT_OF_FUNDS = "out_of_funds"
        BAD_CREDENTIALS = "bad_credentials"
        BANNED = "banned"
        PAUSED = "paused", "paused by the operator"
        SPENT = "spent", "daily cap reached"

    provider = models.OneToOneField(Provider, models.CASCADE, primary_key=True, related_name="health")
    state = models.CharField(max_length=16, choices=State.choices, default=State.OK, db_default=State.OK)
    reason = models.CharField(max_length=200, blank=True, default="", db_default="")
    failures = models.PositiveIntegerField(
        default=0, db_default=0, help_text="In a row; a success resets it."
    )
    blocked_until = models.DateTimeField(
        null=True, blank=True, help_text="Not asked for numbers before that."
    )
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "provider health"


class Offer(models.Model):
    """One line that a provider sells: service, country, operator and price tier."""

    class Kind(models.TextChoices):
        ACTIVATION = "activation"
        RENTAL = "rental"

    id = models.BigAutoField(primary_key=True)
    # Found by provider through the unique key, else by what is in stock: each further index would be written
    # with every change of a count.
    provider = models.ForeignKey(Provider, models.CASCADE, related_name="offers", db_index=False)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.ACTIVATION)
    service = models.ForeignKey(Service, models.CASCADE, related_name="offers", db_index=False)
    country = models.ForeignKey(Country, models.CASCADE, related_name="offers", db_index=False)
    operator = models.CharField(max_length=40, default="any")
    cost_micros = models.BigIntegerField()
    count = models.PositiveIntegerField(default=0)
    physical_count = models.PositiveIntegerField(null=True, blank=True)
    quality = models.FloatField(null=True, blank=True)
    success_rate = models.FloatField(null=True, blank=True)
    estimated_wait_seconds = models.PositiveIntegerField(null=True, blank=True)
    capabilities = ArrayField(models.CharField(max_length=8), default=list, help_text="sms, voice")
    duration_hours = models.PositiveIntegerField(
        null=True, blank=True, help_text="Term of a rental; empty where the upstream sells it without one."
    )
    upstream_operator = models.CharField(
        max_length=60, blank=True, default="", db_default="", help_text="Empty: `operator` is its own word."
    )
    upstream_service = models.CharField(max_length=60)
    upstream_country = models.CharField(max_length=60)
    upstream_ref = models.CharField(max_length=200, blank=True, help_text="Price tier, price id or the like.")
    changed_at = models.DateTimeField(
        db_default=Now(), help_text="When it last differed from the upstream's list."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "provider",
                    "kind",
                    "service",
                    "country",
                    "operator",
                    "upstream_ref",
                    "duration_hours",
                ],
                name="offer_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(kind="rental") | Q(duration_hours=None), name="offer_only_rentals_have_a_term"
            ),
            models.CheckConstraint(condition=Q(cost_micros__gt=0), name="offer_cost_positive"),
            models.CheckConstraint(
                condition=Q(quality=None) | Q(quality__gte=0, quality__lte=1), name="offer_quality_is_a_share"
            ),
        ]
        indexes = [
            models.Index(
                fields=["service", "country"],
                condition=Q(kind="activation", count__gt=0),
                name="offer_in_stock",
            ),
            models.Index(
                fields=["country", "service"],
                condition=Q(kind="activation", count__gt=0),
                name="offer_by_country",
            ),
            models.Index(
                fields=["service", "country"],
                condition=Q(kind="rental", count__gt=0),
                name="rental_offer_in_stock",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.service_id} {self.country_id} {self.operator}"


class OfferDay(models.Model):
    """What an offer cost on a day and how many there were, for charts. There is a row only for days on which
    its price changed, or its stock at least about halved or doubled; between two rows nothing did.
    """

    id = models.BigAutoField(primary_key=True)
    offer = models.ForeignKey(Offer, models.CASCADE, related_name="days", db_index=False, db_constraint=False)
    day = models.DateField(help_text="Of UTC.")
    low_micros = models.BigIntegerField(help_text="The day's lowest cost.")
    high_micros = models.BigIntegerField()
    cost_micros = models.BigIntegerField(help_text="The day's last cost.")
    count = models.PositiveIntegerField(help_text="Stock when the row was last written.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["offer", "day"], name="offer_day_once")]
        indexes = [BrinIndex(fields=["day"], name="offer_day_to_prune")]

    def __str__(self) -> str:
        return f"{self.offer_id} on {self.day}"


class CatalogueSync(models.Model):
    """When a provider's price list is read next, and what came of the last reading. Narrow: sweeps claim it
    by moving `next_sync_at` forward.
    """

    class Asked(models.TextChoices):
        NOTHING = "", "nothing"
        SYNC = "sync", "read it now"
        ACCEPT = "accept", "read it now, however short it is"

    provider = models.OneToOneField(Provider, models.CASCADE, primary_key=True, related_name="sync")
    next_sync_at = models.DateTimeField(null=True, blank=True, help_text="Empty: only when asked.")
    asked = models.CharField(
        max_length=6, choices=Asked.choices, blank=True, default="", db_default="", help_text="By a person."
    )
    tries = models.PositiveSmallIntegerField(default=0, db_default=0, help_text="Failures in a row.")
    trouble = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text="Why the last reading failed."
    )
    synced_at = models.DateTimeField(null=True, blank=True, help_text="When a list was last taken over.")
    offers = models.PositiveIntegerField(default=0, db_default=0, help_text="In that list, and mapped.")
    balance_micros = models.BigIntegerField(null=True, help_text="Our funds there, asked with the list.")
    balance_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["next_sync_at"], name="sync_due")]

    def __str__(self) -> str:
        return f"sync of {self.provider_id}"


class CatalogueChange(models.Model):
    """That something changed which published lists are made from; the sweep that takes note removes it.

    Only ever added, so that whoever changes an offer or a rule waits for nobody. Triggers write most of them
    (providers/sql/catalogue_changes.sql), a synchronisation its own.
    """

    class Topic(models.TextChoices):
        PRICES = "prices"
        CATALOGUE = "catalogue", "countries and services"

    topic = models.CharField(max_length=9, choices=Topic.choices)
    tenant = models.ForeignKey(
        Tenant,
        models.CASCADE,
        null=True,
        related_name="+",
        db_index=False,
        help_text="Empty: it concerns everybody.",
    )


__all__ = [
    "CatalogueChange",
    "CatalogueSync",
    "CodeMap",
    "Country",
    "Listing",
    "Offer",
    "OfferDay",
    "Provider",
    "ProviderAlert",
    "ProviderHealth",
    "ProviderSpend",
    "RouteMark",
    "RouteOutcome",
    "RouteQuality",
    "RouteSheet",
    "RoutingPolicy",
    "RoutingRule",
    "Service",
    "UnmappedCode",
]

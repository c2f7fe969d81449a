"""Who there is: tenants with their host names, members, customers, logins and API keys."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractBaseUser, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower, Now

from accounts.hosts import DIALECTS
from accounts.managers import UserManager

CUSTOMER_ID = r"^[a-zA-Z0-9]{1,80}$"


class Installation(models.Model):
    """This installation of the portal: an id of its own, which the orders that it sends to others name
    (accounts/hops.py). One row; a copy of the database is the same installation.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.PositiveSmallIntegerField(unique=True, default=1)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(number=1), name="installation_is_one")]

    def __str__(self) -> str:
        return str(self.id)


class Tenant(models.Model):
    """A reseller. A test twin (`live_tenant` set) holds the same reseller's test customers and test money,
    apart by the tenant rule.
    """

    class Status(models.TextChoices):
        ACTIVE = "active"
        SUSPENDED = "suspended"

    slug = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.ACTIVE)
    live_tenant = models.OneToOneField(
        "self", models.PROTECT, null=True, blank=True, related_name="test_tenant"
    )
    signup_open = models.BooleanField(default=True, help_text="Visitors may open an account of their own.")
    support_email = models.EmailField(blank=True)
    brand_color = models.CharField(
        max_length=7, default="#2557d6", validators=[RegexValidator(r"^#[0-9a-fA-F]{6}$")]
    )
    max_active = models.PositiveIntegerField(
        null=True, blank=True, help_text="Cap on open numbers of all customers."
    )
    blocked_until = models.DateTimeField(null=True, blank=True, help_text="Orders are refused until then.")
    deferred_cancel = models.BooleanField(
        "cancels before the provider allows it",
        default=False,
        db_default=False,
        help_text="For protocols that let customers cancel at any time: the money goes back at once and the"
        " provider is told as soon as it allows. A message that comes in between is at your cost.",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(live_tenant=F("id")), name="tenant_is_not_its_own_twin"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_test(self) -> bool:
        return self.live_tenant_id is not None


class Domain(models.Model):
    """A host name (no port, lower case) that leads to a live tenant: to its pages and to every dialect, or to
    programs of one dialect alone.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="domains")
    host = models.CharField(max_length=253)
    is_primary = models.BooleanField(default=False)
    dialect = models.CharField(
        max_length=10, blank=True, default="", db_default="", choices=[(name, name) for name in DIALECTS],
        help_text="Only programs that speak it are served here, and no pages. Empty: pages and every"
        " dialect.",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(is_primary=False) | Q(dialect=""),
                name="domain_primary_has_pages",
                violation_error_message="Links lead to the primary host, so it must have pages.",
            ),
            models.UniqueConstraint(Lower("host"), name="domain_host_unique"),
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(is_primary=True), name="domain_one_primary"
            ),
        ]

    def __str__(self) -> str:
        return self.host


class User(AbstractBaseUser, PermissionsMixin):
    """A login. The same e-mail may exist once per tenant; a platform operator belongs to no tenant."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, blank=True, related_name="users")
    email = models.EmailField()
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False, help_text="May open the admin (operators and members).")
    date_joined = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "uuid"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["email"]
    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint("tenant", Lower("email"), name="user_email_per_tenant"),
            models.UniqueConstraint(Lower("email"), condition=Q(tenant=None), name="user_email_of_operators"),
        ]

    def get_full_name(self) -> str:
        """What the admin's theme calls its user."""
        return self.email

    def get_username(self) -> str:
        """The unique name as text: the theme takes its first letter."""
        return str(self.uuid)

    def __str__(self) -> str:
        return self.email


class Member(models.Model):
    """Someone who works for a tenant."""

    class Role(models.TextChoices):
        OWNER = "owner"
        MANAGER = "manager"
        SUPPORT = "support"
        VIEWER = "viewer"

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="members")
    user = models.OneToOneField(User, models.CASCADE, related_name="member")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEWER)
    is_active = models.BooleanField(default=True)

    def __str__(self) -> str:
        return f"{self.user.email} ({self.role})"


class Customer(models.Model):
    """Who buys numbers from a tenant; `external_id` is the retail protocol's customer_id."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"
        DISABLED = "disabled"
        MARKED_FOR_DELETION = "markedForDeletion"

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="customers")
    user = models.OneToOneField(User, models.SET_NULL, null=True, blank=True, related_name="customer")
    external_id = models.CharField(max_length=80, validators=[RegexValidator(CUSTOMER_ID)])
    status = models.CharField(max_length=20, choices=Status.choices, default=Status.ACTIVE)
    group = models.SlugField(max_length=40, blank=True, help_text="Price rules may name a customer group.")
    max_active = models.PositiveIntegerField(null=True, blank=True, help_text="Empty: the portal's default.")
    blocked_until = models.DateTimeField(null=True, blank=True)
    unblocks_used = models.PositiveSmallIntegerField(
        default=0, help_text="Self-unblocks in the current window."
    )
    unblocks_since = models.DateTimeField(null=True, blank=True, help_text="Start of that 24-hour window.")
    success_counted_from = models.DateTimeField(
        null=True, blank=True, help_text="Orders before this do not count for the success rate."
    )
    is_internal = models.BooleanField(
        default=False, db_default=False, editable=False,
        help_text="An account of the portal's own, as of a contract with a marketplace: nobody's customer.",
    )  # fmt: skip
    marked_at = models.DateTimeField(
        "marked for deletion at", null=True, editable=False,
        help_text="His data is erased settings.PURGE_AFTER_DAYS later.",
    )  # fmt: skip
    purged_at = models.DateTimeField(
        "data erased at", null=True, editable=False, help_text="His id, orders and money stay."
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(purged_at=None) | Q(status="markedForDeletion"), name="customer_purged_is_marked"
            ),
            models.UniqueConstraint(fields=["tenant", "external_id"], name="customer_id_per_tenant"),
            models.CheckConstraint(
                condition=Q(external_id__regex=CUSTOMER_ID), name="customer_id_alphanumeric"
            ),
        ]
        indexes = [models.Index(F("tenant"), F("created_at").desc(), F("id").desc(), name="customer_newest")]

    def __str__(self) -> str:
        return self.external_id


class ApiKey(models.Model):
    """A key of a tenant (retail) or of one customer (its `customer` set). Only the SHA-256 of the key is
    kept.
    """

    tenant = models.ForeignKey(Tenant, models.CASCADE, related_name="api_keys")
    customer = models.ForeignKey(Customer, models.CASCADE, null=True, blank=True, related_name="api_keys")
    name = models.CharField(max_length=80, blank=True)
    hint = models.CharField(
        max_length=16, editable=False, help_text="First characters, to recognise the key by."
    )
    digest = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(
        models.CharField(max_length=20), default=list, blank=True, help_text="Empty: everything."
    )
    allowed_networks = ArrayField(
        models.CharField(max_length=43),
        default=list,
        blank=True,
        help_text="CIDR blocks; empty: from anywhere.",
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.hint}…"

"""Reads of tenants, logins, members, customers and keys. All but the first start from a tenant."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db.models import F, QuerySet
from django.db.models.functions import Lower

from accounts.models import ApiKey, Customer, Domain, Member, Tenant, User


def domain_at(host: str) -> Domain | None:
    """The domain of this name (`hosts.host_of` gives it) with its live tenant, or None. One indexed query."""
    named = Domain.objects.annotate(lower_host=Lower("host")).filter(lower_host=host)
    return named.select_related("tenant").first()


def tenant_by_id(tenant_id: int) -> Tenant:
    """The tenant that a key or a job names."""
    return Tenant.objects.get(pk=tenant_id)


def primary_host(tenant: Tenant) -> str:
    """The host name that links to this tenant begin with; "" when it has no domain."""
    owner = tenant.live_tenant_id or tenant.pk
    rows = Domain.objects.filter(tenant_id=owner, dialect="").order_by("-is_primary", "id")
    return rows.values_list("host", flat=True).first() or ""


def users_of(tenant: Tenant) -> QuerySet[User]:
    return User.objects.filter(tenant=tenant)


def logins_with(tenant: Tenant | None, email: str) -> QuerySet[User]:
    """Who may sign in with this e-mail on the tenant's host: at most one row, an operator before a namesake.

    No tenant: operators only.
    """
    named = User.objects.annotate(lower_email=Lower("email")).filter(lower_email=email.strip().lower())
    operators = named.filter(tenant=None)
    rows = operators if tenant is None else operators | named.filter(tenant=tenant)
    return rows.select_related("member", "customer").order_by(F("tenant_id").asc(nulls_first=True))[:1]


def members_of(tenant: Tenant) -> QuerySet[Member]:
    return Member.objects.filter(tenant=tenant).select_related("user").order_by("id")


def mails_of_owners(tenant: Tenant) -> list[str]:
    """Where a reseller's owners read mail."""
    owners = members_of(tenant).filter(role=Member.Role.OWNER, is_active=True, user__is_active=True)
    return list(owners.values_list("user__email", flat=True))


def mails_of_operators() -> list[str]:
    """Where the platform's operators read mail."""
    people = User.objects.filter(tenant=None, is_superuser=True, is_active=True)
    return sorted(people.values_list("email", flat=True))


def people(customers: QuerySet[Customer]) -> QuerySet[Customer]:
    """Those who are somebody's customers: accounts of the portal's own are in no list of them, and no address
    names them (api.auth.NAMED). Wallets, entries and orders have them like any other.
    """
    return customers.filter(is_internal=False)


def customers_of(tenant: Tenant) -> QuerySet[Customer]:
    """The newest first."""
    return people(Customer.objects.filter(tenant=tenant)).order_by("-created_at", "-id")


def nobodys_among(customer_ids: Collection[int]) -> set[int]:
    """Those of these accounts that are nobody's customers."""
    rows = Customer.objects.filter(pk__in=customer_ids, is_internal=True)
    return set(rows.values_list("pk", flat=True))


def marked_before(moment: datetime) -> QuerySet[Customer]:
    """Everybody's customers who were marked for deletion before then and whose data is still there."""
    rows = people(Customer.objects.filter(status=Customer.Status.MARKED_FOR_DELETION, purged_at=None))
    return rows.filter(marked_at__lt=moment).order_by("pk")


def keys_of(tenant: Tenant) -> QuerySet[ApiKey]:
    """Every key of the tenant and of its customers, the newest first."""
    return ApiKey.objects.filter(tenant=tenant).select_related("customer").order_by("-id")


def keys_of_customers(customer_ids: Sequence[int]) -> QuerySet[ApiKey]:
    """Their own keys, the newest first."""
    return ApiKey.objects.filter(customer__in=customer_ids).select_related("tenant").order_by("-id")


def find_double(customer: Customer) -> Customer | None:
    """The customer of the same id in his tenant's test twin; None until one is needed."""
    return (
        Customer.objects.filter(tenant__live_tenant=customer.tenant_id, external_id=customer.external_id)
        .select_related("tenant")
        .first()
    )

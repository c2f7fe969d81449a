"""Writes to logins, members, customers' states, keys and tenants.

What opens a wallet as well, a new tenant or customer, is in billing.services.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, transaction
from django.db.models import F, Value
from django.db.models.functions import Coalesce
from django.utils import timezone

from accounts.keys import ALPHABET, issue_key
from accounts.models import ApiKey, Customer, Member, Tenant, User
from accounts.queries import customers_of, keys_of, keys_of_customers, marked_before, members_of
from portal.errors import Duplicate, InvalidState, ValidationError

EXTERNAL_ID_LENGTH = 16
KEY_OVERLAP = timedelta(hours=24)  # for which a replaced key still works


def new_external_id() -> str:
    """A customer id for someone who signed up himself: 16 random letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(EXTERNAL_ID_LENGTH))


@transaction.atomic
def create_login(
    *, tenant: Tenant | None, email: str, password: str | None, is_confirmed: bool = False
) -> User:
    """A login without any role yet; no password = cannot sign in until it is set by mail.

    `is_confirmed`: whoever makes it vouches for the e-mail, so that no mail asks for it to be confirmed.
    Raises Duplicate when the tenant (or, without one, the platform) has this e-mail already.
    """
    user = User(tenant=tenant, email=email.strip().lower())
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise Duplicate(field="email") from error
    if is_confirmed:
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@transaction.atomic
def create_operator(*, email: str, password: str | None) -> User:
    """A platform operator, who sees every tenant."""
    user = create_login(tenant=None, email=email, password=password, is_confirmed=True)
    user.is_staff = user.is_superuser = True
    user.save(update_fields=["is_staff", "is_superuser"])
    return user


@transaction.atomic
def create_member(*, tenant: Tenant, email: str, role: str, password: str | None = None) -> Member:
    """Someone who works for the tenant, with a login that opens the admin. Raises Duplicate (email)."""
    if role not in Member.Role.values:
        raise ValidationError({"role": "must be one of " + ", ".join(Member.Role.values)})
    user = create_login(tenant=tenant, email=email, password=password, is_confirmed=True)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    return Member.objects.create(tenant=tenant, user=user, role=role)


def set_member_active(*, tenant: Tenant, member_id: int, is_active: bool) -> bool:
    """Let a member in or shut him out from his next request on; False when the tenant has no such member."""
    return bool(members_of(tenant).filter(pk=member_id).update(is_active=is_active))


def set_customer_status(
    *, tenant: Tenant, external_id: str, status: str, now: datetime | None = None
) -> bool:
    """Change what a customer may do from his next request on; False when the tenant has no such customer.

    Raises InvalidState once his data was erased. Marked again, he is marked as long as before.
    """
    if status not in Customer.Status.values:
        raise ValidationError({"status": "must be one of " + ", ".join(Customer.Status.values)})
    now = now or timezone.now()
    is_marked = status == Customer.Status.MARKED_FOR_DELETION
    marked_at = Coalesce(F("marked_at"), Value(now)) if is_marked else None
    rows = customers_of(tenant).filter(external_id=external_id)
    changed = rows.filter(purged_at=None).update(status=status, marked_at=marked_at, updated_at=now)
    if not changed and rows.exists():
        raise InvalidState("This customer's data was erased; the status cannot be changed any more.")
    return bool(changed)


def claim_marked(*, customer_id: int, before: datetime) -> Customer | None:
    """The customer, locked until the transaction ends, if he was marked for deletion before then, still is
    and is not being purged by somebody else.
    """
    return marked_before(before).filter(pk=customer_id).select_for_update(skip_locked=True).first()


@transaction.atomic
def erase_customer(*, customer: Customer, now: datetime) -> None:
    """Delete his keys, and his login with its e-mail; from now on nobody is found by his id."""
    keys_of_customers([customer.pk]).delete()
    _erase_login(customer)
    Customer.objects.filter(pk=customer.pk).update(
        status=Customer.Status.MARKED_FOR_DELETION, marked_at=Coalesce(F("marked_at"), Value(now)),
        user=None, purged_at=now, updated_at=now,
    )  # fmt: skip


def _erase_login(customer: Customer) -> None:
    """The admin's log names logins by their e-mail. Who works for the reseller keeps his login."""
    user = User.objects.filter(customer=customer, is_staff=False, member=None).first()
    if user is not None:
        kind = ContentType.objects.get_for_model(User)
        LogEntry.objects.filter(content_type=kind, object_id=str(user.pk)).update(object_repr="erased")
        user.delete()


def set_tenant_status(*, tenant: Tenant, status: str) -> None:
    """Suspend or reopen a tenant with its test twin, from the next request on."""
    if status not in Tenant.Status.values:
        raise ValidationError({"status": "must be one of " + ", ".join(Tenant.Status.values)})
    live = tenant.live_tenant_id or tenant.pk
    Tenant.objects.filter(pk=live).update(status=status)
    Tenant.objects.filter(live_tenant_id=live).update(status=status)


def revoke_key(*, tenant: Tenant, key_id: int, now: datetime | None = None) -> ApiKey | None:
    """End a key, from the next request on; None when the tenant has no such key. A second time changes
    nothing.
    """
    keys_of(tenant).filter(pk=key_id, revoked_at=None).update(revoked_at=now or timezone.now())
    return keys_of(tenant).filter(pk=key_id).first()


@transaction.atomic
def rotate_key(*, tenant: Tenant, key_id: int, now: datetime | None = None) -> tuple[ApiKey, str]:
    """A new key with the same rights and its plaintext, shown once; the old one works for 24 hours more.

    Raises InvalidState when the old one ends within that time anyway: it was replaced before, and what takes
    its place should not end with it. Raises ApiKey.DoesNotExist when the tenant has no such key.
    """
    now = now or timezone.now()
    ends = now + KEY_OVERLAP
    old = keys_of(tenant).select_for_update(of=("self",)).get(pk=key_id)
    if old.expires_at is not None and old.expires_at <= ends:
        raise InvalidState("This key was replaced already, or its time is nearly over. Use its successor.")
    new, plaintext = issue_key(
        tenant=tenant,
        customer=old.customer,
        name=old.name,
        scopes=old.scopes,
        allowed_networks=old.allowed_networks,
        expires_at=old.expires_at,
    )
    old.expires_at = ends
    old.save(update_fields=["expires_at"])
    return new, plaintext

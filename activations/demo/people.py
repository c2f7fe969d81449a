"""The demo's tenants, logins, customers and keys. Amounts: integer micro-USD."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.keys import digest, issue_key
from accounts.models import Customer, Domain, Member, Tenant, User
from accounts.queries import customers_of, keys_of, users_of
from accounts.services import create_login, create_member, create_operator
from activations.demo.memory import Memory
from billing.models import Wallet
from billing.services import create_customer, create_tenant, double_of, move_money
from portal.errors import Duplicate

DOLLAR = 1_000_000
RICH_MICROS = 1_000 * DOLLAR
TENANT_MICROS = 10_000 * DOLLAR
OPERATOR = "operator@portal.example"
KEY_NAME = "demo"


def tenant(slug: str, name: str, hosts: Sequence[str]) -> Tenant:
    """The tenant with its twin and all its hosts, made when missing."""
    found = Tenant.objects.filter(slug=slug).select_related("test_tenant").first()
    if found is None:
        return create_tenant(slug=slug, name=name, hosts=hosts)
    for host in hosts:
        Domain.objects.get_or_create(host=host, defaults={"tenant": found})
    return found


def fill_tenant_wallets(tenant: Tenant, *, now: datetime) -> None:
    """10 000 USD for the tenant and as much test money for its twin, once."""
    for owner in (tenant, tenant.test_tenant):
        with suppress(Duplicate), transaction.atomic():
            move_money(
                tenant_id=owner.pk,
                customer_id=None,
                amount_micros=TENANT_MICROS,
                transaction_id="demo-opening",
                gateway="manual",
                note="Opening balance of the demo",
                now=now,
            )


def operator(memory: Memory) -> dict[str, str]:
    """E-mail and password of the platform's operator."""
    user = User.objects.filter(tenant=None, email=OPERATOR).first()
    if user is None:
        password = new_password()
        create_operator(email=OPERATOR, password=password)
        return {"email": OPERATOR, "password": password}
    return _login(memory, user)


def members(memory: Memory, tenant: Tenant) -> list[dict[str, str]]:
    """One member for each role, the owner first."""
    return [_member(memory, tenant, role) for role in Member.Role.values]


def _member(memory: Memory, tenant: Tenant, role: str) -> dict[str, str]:
    email = f"{role}@{tenant.slug}.example"
    user = users_of(tenant).filter(email=email).first()
    if user is not None:
        return {**_login(memory, user), "role": role}
    password = new_password()
    create_member(tenant=tenant, email=email, role=role, password=password)
    return {"email": email, "password": password, "role": role}


def customers_with(price_micros: int) -> list[tuple[str, int]]:
    """The customers' names with their opening balances: plenty, one number of this price, nothing."""
    return [("rich", RICH_MICROS), ("once", price_micros), ("empty", 0)]


def customer(
    memory: Memory, tenant: Tenant, name: str, opening_micros: int, *, now: datetime
) -> dict[str, Any]:
    """A customer who can sign in, and his double in the test twin, each with a key."""
    external_id = tenant.slug + name.capitalize()
    email = f"{name}@{tenant.slug}.example"
    found = customers_of(tenant).filter(external_id=external_id).select_related("user").first()
    if found is None:
        login = {"email": email, "password": new_password()}
        user = create_login(tenant=tenant, is_confirmed=True, **login)
        found = create_customer(
            tenant=tenant, external_id=external_id, opening_micros=opening_micros, user=user, now=now
        )
    else:
        login = _login(memory, found.user) if found.user else {"email": email, "password": ""}
    double = double_of(found, opening_micros=opening_micros, now=now)
    return {
        "customer_id": external_id,
        **login,
        "key": key(memory, tenant, found),
        "test_key": key(memory, tenant.test_tenant, double),
        "balance_micros": Wallet.objects.get(customer=found).balance_micros,
    }


def key(memory: Memory, tenant: Tenant, customer: Customer | None = None) -> str:
    """The demo's key of the tenant or customer; a new one when the file and the database do not agree."""
    rows = keys_of(tenant).filter(customer=customer, name=KEY_NAME, revoked_at=None)
    known = {digest(plaintext): plaintext for plaintext in memory.keys}
    for row in rows:
        if plaintext := known.get(bytes(row.digest)):
            return plaintext
    rows.delete()
    return issue_key(tenant=tenant, customer=customer, name=KEY_NAME)[1]


def _login(memory: Memory, user: User) -> dict[str, str]:
    """The remembered password if it still opens the login, else a new one."""
    password = memory.passwords.get(user.email, "")
    if not password or not user.check_password(password):
        password = new_password()
        user.set_password(password)
        user.save(update_fields=["password"])
    return {"email": user.email, "password": password}


def new_password() -> str:
    return secrets.token_urlsafe(12)

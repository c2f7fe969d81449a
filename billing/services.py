"""Writes that touch wallets: opening them with their tenant or customer, and moving money in or out."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.models import Customer, Domain, Tenant, User
from accounts.queries import find_double
from billing import ledger
from billing.models import Transaction, Wallet
from billing.queries import wallets_of
from portal.errors import Duplicate, ValidationError
from portal.sqlstates import sql_refusals

MAX_NOTE = 200
MAX_MICROS = 10**15


@transaction.atomic
def create_tenant(*, slug: str, name: str, hosts: Iterable[str] = ()) -> Tenant:
    """A reseller with wallet, test twin (with wallet) and host names, the first of them primary."""
    tenant = Tenant.objects.create(slug=slug, name=name)
    twin = Tenant.objects.create(slug=f"{slug}-test", name=f"{name} (test)", live_tenant=tenant)
    Wallet.objects.bulk_create([Wallet(tenant=tenant), Wallet(tenant=twin)])
    for place, host in enumerate(hosts):
        Domain.objects.create(tenant=tenant, host=host.lower(), is_primary=place == 0)
    return tenant


@transaction.atomic
def create_customer(
    *,
    tenant: Tenant,
    external_id: str,
    opening_micros: int = 0,
    user: User | None = None,
    now: datetime | None = None,
) -> Customer:
    """A customer with a wallet and, above zero, an opening balance. Raises Duplicate for a taken id."""
    now = now or timezone.now()
    with sql_refusals(), transaction.atomic():
        customer = Customer.objects.create(
            tenant=tenant, external_id=external_id, user=user, created_at=now, updated_at=now
        )
    Wallet.objects.create(tenant=tenant, customer=customer)
    if opening_micros > 0:
        ledger.move(
            tenant_id=tenant.pk,
            customer_id=customer.pk,
            kind=Transaction.Kind.TOPUP,
            micros=opening_micros,
            external_id=f"initial_{secrets.token_hex(12)}",
            gateway="initial",
            note="",
            now=now,
        )
    return customer


def double_of(customer: Customer, *, opening_micros: int, now: datetime | None = None) -> Customer:
    """The customer's double in the test twin of his tenant, made with that much test money if need be.

    Raises Tenant.DoesNotExist when the tenant has no test twin.
    """
    found = find_double(customer)
    if found is None:
        twin = Tenant.objects.get(live_tenant=customer.tenant_id)
        try:
            found = create_customer(
                tenant=twin, external_id=customer.external_id, opening_micros=opening_micros, now=now
            )
        except Duplicate:  # another request was quicker
            found = find_double(customer)
            assert found is not None
    return found


def set_low_balance(*, tenant: Tenant, customer: Customer | None, micros: int | None) -> bool:
    """From now on tell once whenever what is available falls below so much; None: never. False when there is
    no such wallet.

    `customer` None is the tenant's own wallet. What is below already is told after its next fall only.
    Raises ValidationError (low_balance).
    """
    if micros is not None and (type(micros) is not int or not 0 <= micros <= MAX_MICROS):
        raise ValidationError({"low_balance": "must be from 0 to a billion dollars"})
    wallet = wallets_of(tenant).filter(customer=customer)
    return bool(wallet.update(low_balance_micros=micros))


def move_money(
    *,
    tenant_id: int,
    customer_id: int | None,
    amount_micros: int,
    transaction_id: str,
    gateway: str = "",
    note: str = "",
    now: datetime | None = None,
) -> int:
    """Top a wallet up, or with a negative amount deduct, even below zero; returns the transaction's id.

    `customer_id` None is the tenant's own wallet. Raises Duplicate when the tenant has used `transaction_id`,
    ValidationError for an amount that is zero, absurd or not an integer.
    """
    if type(amount_micros) is not int or not 0 < abs(amount_micros) <= MAX_MICROS:
        raise ValidationError({"amount": "must be a whole number, not zero, of at most a billion dollars"})
    kind = Transaction.Kind.TOPUP if amount_micros > 0 else Transaction.Kind.ADJUST
    return ledger.move(
        tenant_id=tenant_id,
        customer_id=customer_id,
        kind=kind,
        micros=amount_micros,
        external_id=transaction_id,
        gateway=gateway,
        note=note[:MAX_NOTE],
        now=now or timezone.now(),
    )

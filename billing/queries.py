"""Reads of money, each starting from a tenant. Amounts: micro-USD."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import QuerySet

from accounts.models import Customer, Tenant
from billing.models import Entry, Hold, Transaction, Wallet

BOOKED_BY_HAND = (Transaction.Kind.TOPUP, Transaction.Kind.ADJUST)


class Balance(NamedTuple):
    """What is in a wallet, and how much of it is set aside."""

    total_micros: int
    held_micros: int

    @property
    def available_micros(self) -> int:
        return self.total_micros - self.held_micros


def wallets_of(tenant: Tenant) -> QuerySet[Wallet]:
    """The tenant's own wallet and its customers'."""
    return Wallet.objects.filter(tenant=tenant)


def balance_of(customer: Customer) -> Balance:
    """One row read, so that total = available + held in every answer (M14)."""
    wallet = Wallet.objects.filter(tenant=customer.tenant_id, customer=customer)
    return Balance(*wallet.values_list("balance_micros", "held_micros").get())


def balance_of_tenant(tenant: Tenant) -> Balance:
    wallet = Wallet.objects.filter(tenant=tenant, customer=None)
    return Balance(*wallet.values_list("balance_micros", "held_micros").get())


def bookings_of(tenant: Tenant) -> QuerySet[Entry]:
    """Top-ups and corrections of the tenant's customers, newest first: the retail protocol's transactions.
    Accounts of marketplaces are nobody's customers.

    Each is the wallet's line, with its transaction and customer at hand.
    """
    lines = Entry.objects.filter(
        tenant=tenant,
        account=Entry.Account.CUSTOMER,
        transaction__kind__in=BOOKED_BY_HAND,
        transaction__tenant=tenant,
        transaction__customer__is_internal=False,
    )
    newest = ("-transaction__created_at", "-transaction_id")
    return lines.select_related("transaction", "transaction__customer").order_by(*newest)


def movements_of(customer: Customer) -> QuerySet[Entry]:
    """Everything that changed the customer's balance, newest first, with its transaction at hand."""
    lines = Entry.objects.filter(tenant=customer.tenant_id, wallet__customer=customer)
    return lines.select_related("transaction").order_by("-id")


def open_holds_of(customer: Customer) -> QuerySet[Hold]:
    """What is set aside for running orders, newest first."""
    holds = Hold.objects.filter(tenant=customer.tenant_id, wallet__customer=customer, state=Hold.State.OPEN)
    return holds.order_by("-id")

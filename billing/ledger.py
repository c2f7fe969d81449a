"""The moves of money for one order, each one round trip to a SQL function (billing/sql). Amounts: micro-USD.

They run in the caller's transaction. Locks: the customer's wallet first, the tenant's last.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from portal.sqlstates import sql_refusals


def hold(*, order_id: UUID, tenant_id: int, customer_id: int | None, micros: int) -> None:
    """Set money aside on a customer's wallet, or on the tenant's own (`customer_id` None).

    Raises InsufficientBalance (scope customer or account).
    """
    _call("ledger_hold(%s, %s, %s, %s)", order_id, tenant_id, customer_id, micros)


def adjust_hold(*, order_id: UUID, tenant_id: int, customer_id: int | None, micros: int) -> None:
    """Change what the order holds. Raises InsufficientBalance, or InvalidState when the hold has ended."""
    _call("ledger_adjust_hold(%s, %s, %s, %s)", order_id, tenant_id, customer_id, micros)


def bill(
    *,
    order_id: UUID,
    customer_micros: int,
    tenant_micros: int,
    cost_micros: int,
    own_provider: bool,
    now: datetime,
) -> int:
    """End both holds as a charge and give the rest back; returns the transaction's id.

    With the tenant's own provider account only the customer pays us; the cost is recorded, not charged.
    Raises InvalidState when nothing is held, more is billed than held, or it was billed before.
    """
    return int(
        _call(
            "ledger_bill(%s, %s, %s, %s, %s, %s)",
            order_id, customer_micros, tenant_micros, cost_micros, own_provider, now,
        )
    )  # fmt: skip


def take_cancel_fee(*, order_id: UUID, micros: int, now: datetime) -> None:
    """Take what a cancel costs from what the customer's order still holds, at most all of it, once; call it
    before `release`.
    """
    _call("ledger_cancel_fee(%s, %s, %s)", order_id, micros, now)


def release(*, order_id: UUID, now: datetime) -> bool:
    """Give back everything the order holds; False when nothing was open."""
    return bool(_call("ledger_release(%s, %s)", order_id, now))


def refund(*, order_id: UUID, now: datetime) -> int:
    """Pay customer and tenant back, once; returns the transaction's id.

    Raises AlreadyRefunded, or InvalidState when the order was not billed.
    """
    return int(_call("ledger_refund(%s, %s)", order_id, now))


def earn(*, order_id: UUID, tenant_id: int, customer_id: int, micros: int, now: datetime) -> int | None:
    """Book what a marketplace owes the tenant for an order, once; None for nothing owed. No wallet moves."""
    found = _call("ledger_income(%s, %s, %s, %s, %s)", order_id, tenant_id, customer_id, micros, now)
    return None if found is None else int(found)


def reverse_income(*, order_id: UUID, now: datetime) -> int | None:
    """Take an order's income back, once; None when there was none."""
    found = _call("ledger_reverse_income(%s, %s)", order_id, now)
    return None if found is None else int(found)


def move(
    *,
    tenant_id: int,
    customer_id: int | None,
    kind: str,
    micros: int,
    external_id: str | None,
    gateway: str,
    note: str,
    now: datetime,
    corrects_id: int | None = None,
) -> int:
    """Money in or out against the gateway account; returns the transaction's id. Raises Duplicate."""
    return int(
        _call(
            "ledger_move(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            tenant_id, customer_id, kind, micros, external_id, gateway, note, corrects_id, now,
        )
    )  # fmt: skip


def _call(function: str, *arguments: Any) -> Any:
    with sql_refusals(), connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}", arguments)
        return cursor.fetchone()[0]

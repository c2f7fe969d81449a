"""What the retail dialect sends: cents, Unix seconds, the Activation object (retail.md 3, 9)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import Customer
from activations.queries import ActivationRow, Shown
from api.wire import json_response as json_response
from billing.models import Entry
from billing.money import cents_down, cents_up

SUCCESS = b'{"result":"success"}'


def unix(moment: datetime) -> int:
    """Unix seconds, the fraction cut off."""
    return int(moment.timestamp())


def activation(row: ActivationRow | Shown, customer_id: str) -> dict[str, Any]:
    """The Activation object. While it is not known whether a number was sold, `phone` is empty."""
    if not isinstance(row, Shown):
        row = row.shown
    return {
        "activation_id": row.hex_id,
        "customer_id": customer_id,
        "customer_price": cents_up(row.customer_price_micros),
        "price": cents_up(row.price_micros),
        "phone": row.phone,
        "country_id": row.country_id,
        "service_id": row.service_id,
        "sms_status": row.sms_status,
        "activation_status": row.activation_status,
        "billing_status": row.billing_status,
        "report_status": row.report_status,
        "sms_code": row.sms_code,
        "sms_text": row.sms_text,
        "expire_at": row.expire_at,
        "updated_at": row.updated_at,
        "created_at": row.created_at,
        "is_retriable": row.is_retriable,
        "cancelable_after": row.cancelable_after,
        "formatted": row.formatted,
    }


def balance(*, balance_micros: int, held_micros: int) -> dict[str, int]:
    """Cents. What is left to spend is rounded down, so `reserved` is whatever then remains of `total`."""
    total = cents_down(balance_micros)
    return {"total": total, "reserved": total - cents_down(balance_micros - held_micros)}


def customer(row: Customer) -> dict[str, Any]:
    """One line of M3; `balance` is the whole of it, the held part included. No wallet yet is no money yet."""
    wallet = getattr(row, "wallet", None)
    return {
        "customer_id": row.external_id,
        "balance": cents_down(wallet.balance_micros) if wallet else 0,
        "status": row.status,
        "created_at": unix(row.created_at),
        "updated_at": unix(row.updated_at),
    }


def booking(entry: Entry) -> dict[str, Any]:
    """One line of M5 and A10. Amounts are whole cents, for they came in as cents."""
    booked = entry.transaction
    return {
        "customer_id": booked.customer.external_id if booked.customer else None,
        "transaction_id": booked.external_id,
        "gateway": booked.gateway,
        "amount": cents_down(entry.amount_micros),
        "created_at": unix(booked.created_at),
    }

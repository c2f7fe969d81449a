"""What the examples of the retail API show: one customer, one number, one code."""

from __future__ import annotations

from typing import Any

CUSTOMER_ID = "shop7user42"
ACTIVATION_ID = "0123456789abcdef01234567"
WEBHOOK_ID = "wh_0123456789ab"
KEY_ID = "42"
EARLIER = 1767225600

CUSTOMER = {
    "customer_id": CUSTOMER_ID, "balance": 2300, "status": "active",
    "created_at": 1767225600, "updated_at": 1767229200,
}  # fmt: skip
TRANSACTION = {
    "customer_id": CUSTOMER_ID, "transaction_id": "63f4d0dab040a865d80da08a", "gateway": "stripe",
    "amount": 1900, "created_at": 1767225600,
}  # fmt: skip
SERVICE = {
    "service_id": "telegram", "name": "Telegram", "alt_name": "Telegram", "has_description": False,
    "has_warning": False, "prohibited": False,
}  # fmt: skip
PRICE = {"price": {"min": 21, "max": 51, "suggested": 31}, "quality": {"avg": 0.93}, "count": 143}
ACTIVATION: dict[str, Any] = {
    "activation_id": ACTIVATION_ID, "customer_id": CUSTOMER_ID, "customer_price": 80, "price": 31,
    "phone": "14155552671", "country_id": "us", "service_id": "telegram", "sms_status": "smsRequested",
    "activation_status": "active", "billing_status": "reserved", "report_status": None, "sms_code": None,
    "sms_text": None, "expire_at": 1767226800, "updated_at": 1767225600, "created_at": 1767225600,
    "is_retriable": True, "cancelable_after": 1767225720, "formatted": "+1 415-555-2671",
}  # fmt: skip
RECEIVED: dict[str, Any] = {
    **ACTIVATION, "sms_status": "smsReceived", "billing_status": "billed", "sms_code": "482913",
    "sms_text": "Your code is 482913", "updated_at": 1767225660,
}  # fmt: skip
FINISHED: dict[str, Any] = {**RECEIVED, "activation_status": "finalized", "updated_at": 1767225700}
REPORT = {
    "reason_id": 2, "reason_name": "Wrong SMS received", "message": "The code was for another account.",
    "activation_state_snapshot": '{"activation_status":"finalized","sms_status":"smsReceived",'
    '"billing_status":"billed","updated_at":1767225700,"sms_code":"482913","sms_text":"Your code is 482913"}',
    "updated_at": 1767225800, "created_at": 1767225800,
}  # fmt: skip
REPORTED: dict[str, Any] = {**REPORT, "activation": {**FINISHED, "report_status": "inReview"}}


WEBHOOK: dict[str, Any] = {
    "webhook_id": WEBHOOK_ID, "url": "https://hooks.example.com/numbers",
    "event_types": ["customer.activation.updated"], "is_enabled": True, "off_reason": None,
    "created_at": 1767225600,
}  # fmt: skip
KEY: dict[str, Any] = {
    "key_id": KEY_ID, "name": "shop", "begins_with": "pk_test_8fK2", "scopes": [], "networks": [],
    "expires_at": None, "last_used_at": 1767225600, "created_at": 1767225600,
}  # fmt: skip


def page(*, next_cursor: Any = ..., **items: list[Any]) -> dict[str, Any]:
    """A list with one item on its only page."""
    paging = {"page": 1, "limit": 10, "pages": 1, "total": 1}
    return {**items, **paging, **({} if next_cursor is ... else {"next_cursor": next_cursor})}


PROVIDER = {"provider": 7, "before": "ok", "state": "out_of_funds", "reason": "out_of_funds"}

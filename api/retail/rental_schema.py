"""JSON Schema and examples of rentals."""

from __future__ import annotations

from typing import Any

from activations.models import Rental
from api.retail.examples import CUSTOMER_ID as A_CUSTOMER
from api.retail.schema import (
    CENTS,
    COUNT,
    CUSTOMER_ID,
    MAYBE_SECONDS,
    MAYBE_WORD,
    SECONDS,
    TRUTH,
    WHOLE,
    WORD,
    Schema,
    about,
    array,
    object_of,
    one_of,
)

RENTAL_ID: Schema = {"type": "string", "pattern": "^rnt_[a-z0-9]{12}$"}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}
MAYBE_CENTS: Schema = {"type": ["integer", "null"], "description": "US cents."}
HOURS = about(WHOLE, "All terms together.")

RENTAL: dict[str, Schema] = {
    "rental_id": RENTAL_ID,
    "customer_id": CUSTOMER_ID,
    "service_id": about(WORD, "`full`: messages of any service."),
    "country_id": WORD,
    "phone": about(WORD, "Digits with country code. Empty while `is_checking`."),
    "formatted": WORD,
    "rental_status": one_of(Rental.Status.values),
    "billing_status": one_of(Rental.BillingStatus.values),
    "hours": HOURS,
    "customer_price": about(CENTS, "What the customer paid so far, in US cents."),
    "price": about(CENTS, "What you paid so far, in US cents."),
    "customer_refund": about(CENTS, "What the customer got back, in US cents."),
    "messages_count": COUNT,
    "can_cancel": about(TRUTH, "Whether the provider takes it back at all."),
    "can_extend": TRUTH,
    "is_checking": about(TRUTH, "It is being found out whether the number was rented; ask again."),
    "is_extending": about(TRUTH, "An extension is under way, or being found out; nothing else ends it then."),
    "is_cancelling": about(TRUTH, "The provider has not confirmed the cancellation yet."),
    "guard_until": about(MAYBE_SECONDS, "Cancelled before that and without a message: everything back."),
    "starts_at": MAYBE_SECONDS,
    "ends_at": MAYBE_SECONDS,
    "ended_at": MAYBE_SECONDS,
    "auto_renew": TRUTH,
    "renew_hours": MAYBE_WHOLE,
    "renew_max_price": about(MAYBE_CENTS, "What a renewal may cost the customer at most, in US cents."),
    "renew_refusal": about(WORD, "Why the last renewal failed; empty: it did not."),
    "created_at": SECONDS,
    "updated_at": SECONDS,
}
MESSAGE: dict[str, Schema] = {
    "message_id": {"type": "string", "pattern": "^msg_[a-z0-9]{12}$"},
    "sender": WORD,
    "text": WORD,
    "code": about(MAYBE_WORD, "The code in it, when we recognise one."),
    "kind": one_of(["sms", "voice"]),
    "received_at": SECONDS,
}
TERM = object_of(
    hours=WHOLE,
    customer_price=CENTS,
    price=CENTS,
    customer_refund=CENTS,
    is_renewal=TRUTH,
    created_at=SECONDS,
)
COMPONENTS: dict[str, Schema] = {
    "Rental": object_of(**RENTAL),
    "RentalDetail": object_of(
        **RENTAL,
        terms=about(array(TERM), "What was paid: the rent, then each extension."),
        refund_if_cancelled=about(MAYBE_CENTS, "What the customer would get back now; null: no cancelling."),
    ),
    "RentalMessage": object_of(**MESSAGE),
    "RentalPrice": object_of(
        service_id=WORD, country_id=WORD, hours=WHOLE, customer_price=CENTS, price=CENTS, count=COUNT
    ),
    "ExtensionPrice": object_of(hours=WHOLE, customer_price=CENTS),
}

A_RENTAL = "rnt_0123456789ab"
EXAMPLE: dict[str, Any] = {
    "rental_id": A_RENTAL, "customer_id": A_CUSTOMER, "service_id": "full", "country_id": "us",
    "phone": "12125550142", "formatted": "+1 212-555-0142", "rental_status": "active",
    "billing_status": "billed", "hours": 24, "customer_price": 139, "price": 139, "customer_refund": 0,
    "messages_count": 1, "can_cancel": True, "can_extend": True, "is_checking": False,
    "is_extending": False, "is_cancelling": False, "guard_until": 1767226800, "starts_at": 1767225600,
    "ends_at": 1767312000, "ended_at": None, "auto_renew": False, "renew_hours": None,
    "renew_max_price": None, "renew_refusal": "", "created_at": 1767225600, "updated_at": 1767225660,
}  # fmt: skip
LONGER = {**EXAMPLE, "hours": 48, "customer_price": 278, "price": 278, "ends_at": 1767398400}
RENEWING = {**LONGER, "auto_renew": True, "renew_hours": 24, "renew_max_price": 150}
ENDED = {"ended_at": 1767227000, "updated_at": 1767227000}
EXAMPLE_TERM = {"hours": 24, "customer_price": 139, "price": 139, "customer_refund": 0, "is_renewal": False,
                "created_at": 1767225600}  # fmt: skip
EXAMPLE_MESSAGE = {
    "message_id": "msg_0123456789ab", "sender": "Telegram", "text": "Your code is 482913", "code": "482913",
    "kind": "sms", "received_at": 1767225660,
}  # fmt: skip

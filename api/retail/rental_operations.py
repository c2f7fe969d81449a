"""Rentals as the readers of the API see them: words, refusals, an example of each."""

from __future__ import annotations

from api.input import Reader
from api.retail import rentals
from api.retail.examples import page
from api.retail.operation import Operation
from api.retail.rental_schema import (
    ENDED,
    EXAMPLE,
    EXAMPLE_MESSAGE,
    EXAMPLE_TERM,
    LONGER,
    RENEWING,
)
from api.retail.schema import Schema, array, body_of, page_of, ref

MONEY = ("insufficient_balance", "no_numbers", "max_price_exceeded", "order_in_progress",
         "request_key_mismatch", "upstream_unavailable", "service_prohibited", "unknown_service",
         "unknown_country", "invalid_duration")  # fmt: skip
END = ("rental_not_active", "order_in_progress")


def own_body(readers: dict[str, Reader]) -> Schema:
    """A body of ours: nothing else in it."""
    return {**body_of(readers), "additionalProperties": False}


RENTALS = [
    Operation(
        "rental_prices", "Rentals", "List what can be rented", rentals.prices,
        text="Prices of the whole term of `hours`, for this customer and for you. A line of 24 hours is sold "
             "for any number of days.",
        reply=array(ref("RentalPrice")),
        gives=[{"service_id": "full", "country_id": "us", "hours": 24, "customer_price": 139, "price": 139,
                "count": 500}],
        query=rentals.PRICES, asks={"hours": 24, "country_id": "us"},
    ),
    Operation(
        "rent", "Rentals", "Rent a number", rentals.rent,
        text="Charged in full at once. Within twenty minutes and before a message came, a cancel pays "
             "everything back. `max_price` limits what you pay, `customer_price` sets what the customer "
             "pays; without it your price rules do.",
        reply=ref("Rental"), gives=EXAMPLE, body=own_body(rentals.RENT), has_request_key=True,
        sends={"any service, a day": {"service_id": "full", "country_id": "us", "hours": 24}},
        refuses=(*MONEY, "low_success_rate", "too_many_active"),
    ),
    Operation(
        "list_rentals", "Rentals", "List the rentals of a customer", rentals.listing,
        text="The newest first.",
        reply=page_of("rentals", "Rental"), gives=page(rentals=[EXAMPLE]), query=rentals.LIST,
        asks={"only_active": True, "page": 1, "limit": 10},
    ),
    Operation(
        "read_rental", "Rentals", "Read one rental", rentals.read,
        reply=ref("RentalDetail"), gives={**EXAMPLE, "terms": [EXAMPLE_TERM], "refund_if_cancelled": 139},
        refuses=("rental_unknown",),
    ),
    Operation(
        "rental_messages", "Rentals", "List the messages of a rental", rentals.messages,
        text="The newest first. Texts are shown for a day after the end, then masked; erased after a month.",
        reply=page_of("messages", "RentalMessage"), gives=page(messages=[EXAMPLE_MESSAGE]),
        query=rentals.MESSAGES, asks={"page": 1, "limit": 100}, refuses=("rental_unknown",),
    ),
    Operation(
        "rental_extension_price", "Rentals", "Tell what an extension costs", rentals.extension_price,
        reply=ref("ExtensionPrice"), gives={"hours": 24, "customer_price": 139},
        query=rentals.EXTENSION_PRICE, asks={"hours": 24},
        refuses=("rental_unknown", "rental_not_active", "invalid_duration", "upstream_unavailable"),
    ),
    Operation(
        "extend_rental", "Rentals", "Make a rental longer", rentals.extend,
        text="Added to the present end and charged at once. While the provider's answer is unknown the "
             "rental `is_extending`; repeating the request with its key does not pay twice.",
        reply=ref("Rental"), gives=LONGER, body=own_body(rentals.EXTEND), has_request_key=True,
        sends={"a day more": {"hours": 24}}, refuses=(*MONEY, "rental_unknown", "rental_not_active"),
    ),
    Operation(
        "auto_renew_rental", "Rentals", "Switch automatic renewal", rentals.auto_renew,
        text="Shortly before its end the rental is extended by `hours` (its first term, if you name none), "
             "if that costs the customer at most `max_customer_price` (today's price, if you name none).",
        reply=ref("Rental"), gives=RENEWING, body=own_body(rentals.RENEW),
        sends={"on": {"enabled": True, "hours": 24}, "off": {"enabled": False}},
        refuses=("rental_unknown", *MONEY, "rental_not_active"),
    ),
    Operation(
        "finish_rental", "Rentals", "End a rental early", rentals.finish, text="Nothing is paid back.",
        reply=ref("Rental"), gives={**RENEWING, **ENDED, "rental_status": "finished"},
        refuses=("rental_unknown", *END),
    ),
    Operation(
        "cancel_rental", "Rentals", "Cancel a rental", rentals.cancel,
        text="Pays back what `refund_if_cancelled` names: everything at first, later whole unused days where "
             "the provider pays them back.",
        reply=ref("Rental"),
        gives={**EXAMPLE, **ENDED, "rental_status": "canceled", "billing_status": "refunded",
               "customer_refund": 139},
        refuses=("rental_unknown", "rental_not_cancelable", "early_cancel", "upstream_unavailable", *END),
    ),
]  # fmt: skip

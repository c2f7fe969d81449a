"""What webhooks say in the retail dialect: event types and their `data` (docs/protocols/retail.md 15)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from accounts.queries import nobodys_among
from activations.queries import ActivationRow, channels_of, row_by_id
from activations.rental_queries import rental_message, rental_row_by_id
from api.retail import examples, rental_schema, rentals, wire
from billing.money import cents_down
from billing.queries import balance_of, balance_of_tenant
from providers.codes import code_of
from webhooks.models import Event
from webhooks.payloads import Dialect, Names

RECEIVED = "customer.activation.updated"
RECEIVED_BY_TENANT = "activation.updated"
RECEIVED_HANDLER = "alternative.activation.updated"
REPORT = "customer.activation_report.updated"
REPORT_SHORT = "activation_report.updated"
CLOSED = "customer.activation.closed"
REPLACED = "customer.activation.number_replaced"
LOW_CUSTOMER, LOW_ACCOUNT = "customer.low_balance", "account.low_balance"
CUSTOMER = "customer.updated"
PROVIDER = "provider.state_changed"

RENTED, SMS_OF_RENTAL = "rental.created", "rental.message_received"
RENTAL_EVENTS = {
    RENTED: "A number was rented.",
    SMS_OF_RENTAL: "A message came for a rented number.",
    "rental.extended": "A rental was made longer.",
    "rental.ends_soon": "A rental ends soon, or renews itself then.",
    "rental.ended": "A rental ended.",
}

TYPES = {
    RECEIVED: "A message came for a number.",
    RECEIVED_HANDLER: "A message came for a number that was ordered through the handler API.",
    RECEIVED_BY_TENANT: "A message came for a number that belongs to no customer.",
    REPORT: "The state of a report changed.",
    REPORT_SHORT: "The same under the name that some clients expect.",
    LOW_CUSTOMER: "A customer's available balance fell below its threshold.",
    LOW_ACCOUNT: "The reseller's available balance fell below its threshold.",
    CUSTOMER: "The status of a customer changed.",
    CLOSED: "A number was cancelled, expired, finished or refunded.",
    REPLACED: "A number that stayed silent was replaced: `phone` is another one.",
    PROVIDER: "The state of an account of your own at a provider changed.",
    **RENTAL_EVENTS,
}
OPTIONAL = frozenset({REPORT_SHORT, CLOSED, REPLACED, PROVIDER, *RENTAL_EVENTS})
RENTAL_IDS = ("rental_id", "customer_id", "service_id", "country_id", "phone")
TENANT_ONLY = frozenset({LOW_ACCOUNT, RECEIVED_BY_TENANT, PROVIDER})

# Canonical event → names, the same for tenant and customer; what depends on the order is in `names`.
EVERYBODYS: dict[str, tuple[str, ...]] = {
    "report.updated": (REPORT, REPORT_SHORT),
    "customer.updated": (CUSTOMER,),
    PROVIDER: (PROVIDER,),
    "activation.canceled": (CLOSED,),
    "activation.expired": (CLOSED,),
    "activation.finalized": (CLOSED,),
    "activation.refunded": (CLOSED,),
    "activation.number_replaced": (REPLACED,),
    **{name: (name,) for name in RENTAL_EVENTS},
}


def names(events: Sequence[Event]) -> dict[int, Names]:
    """What each event is called; events that have no name here are told to nobody. Accounts that are nobody's
    customers are not named to anybody (activations.history).
    """
    orders = [
        event.order_id for event in events if event.type == "activation.sms_received" and event.order_id
    ]
    channels = {str(order): channel for order, channel in channels_of(orders).items()} if orders else {}
    nobodys = nobodys_among({event.customer_id for event in events if event.customer_id is not None})
    return {
        event.pk: _names_of_nobodys(event)
        if event.customer_id in nobodys
        else _names_of(event, channels.get(str(event.order_id), ""))
        for event in events
    }


def _names_of_nobodys(event: Event) -> Names:
    return Names(tenant=(RECEIVED_BY_TENANT,)) if event.type == "activation.sms_received" else Names()


def _names_of(event: Event, channel: str) -> Names:
    if event.type == "activation.sms_received":
        if event.customer_id is None:
            return _names_of_nobodys(event)
        if channel == "handler":  # F18; a reseller's endpoint may have asked for that name alone
            return Names((RECEIVED, RECEIVED_HANDLER), (RECEIVED_HANDLER,))
        return Names((RECEIVED,), (RECEIVED,))
    if event.type == "wallet.low_balance":
        name = (LOW_ACCOUNT if event.customer_id is None else LOW_CUSTOMER,)
        return Names(name, name)
    shared = EVERYBODYS.get(event.type, ())
    return Names(shared, shared)


def build(event: Event, type_: str, is_customer: bool) -> dict[str, Any] | None:
    """The `data` from the rows as they are now; None when the order or customer is gone."""
    if type_ == LOW_ACCOUNT:
        return {"balance": cents_down(balance_of_tenant(event.tenant).available_micros)}
    if type_ == PROVIDER:
        return {name: event.payload.get(name) for name in examples.PROVIDER}
    if type_ in (LOW_CUSTOMER, CUSTOMER):
        return _about_customer(event, type_)
    if type_ in RENTAL_EVENTS:
        return _about_rental(event, is_customer=is_customer)
    row = row_by_id(tenant_id=event.tenant_id, activation_id=event.order_id) if event.order_id else None
    if row is None:
        return None
    if type_ == RECEIVED_HANDLER:
        return _handler_form(row)
    data = wire.activation(row, event.customer.external_id if event.customer else "")
    if type_ == RECEIVED_BY_TENANT:
        del data["customer_id"], data["customer_price"]
    return _for_customer(data) if is_customer else data


def _about_rental(event: Event, *, is_customer: bool) -> dict[str, Any] | None:
    """The rental; with a message's own event the message beside the rental's ids."""
    external_id = event.customer.external_id if event.customer else ""
    if event.order_id is None:
        return None
    if event.type == SMS_OF_RENTAL:
        msg_id = str(event.payload.get("message", ""))
        found = rental_message(tenant_id=event.tenant_id, rental_id=event.order_id, msg_id=msg_id)
        if found is None:
            return None
        row, sms = found
        whole = rentals.rental(row, external_id)
        return {name: whole[name] for name in RENTAL_IDS} | rentals.message(sms)
    rented = rental_row_by_id(tenant_id=event.tenant_id, rental_id=event.order_id)
    if rented is None:
        return None
    whole = rentals.rental(rented, external_id)
    return _for_customer(whole) if is_customer else whole


def _for_customer(data: dict[str, Any]) -> dict[str, Any]:
    """What the reseller pays is not for his customers: their `price` is their own."""
    return {**data, "price": data["customer_price"]} if "customer_price" in data else data


def _about_customer(event: Event, type_: str) -> dict[str, Any] | None:
    customer = event.customer
    if customer is None:
        return None
    if type_ == CUSTOMER:
        return wire.customer(customer)
    return {
        "customer_id": customer.external_id,
        "balance": cents_down(balance_of(customer).available_micros),
    }


def _handler_form(row: ActivationRow) -> dict[str, Any]:
    return {
        "activation_id": row.num_id,
        "phone": row.phone,
        "service": code_of("handler", "service", row.service_id),
        "country": code_of("handler", "country", row.country_id),
        "status": "STATUS_OK",
        "code": row.sms_code,
        "text": row.sms_text,
    }


def sample(type_: str, is_customer: bool) -> dict[str, Any]:
    """Invented data in the shape of the type."""
    if type_ == SMS_OF_RENTAL:
        return {name: rental_schema.EXAMPLE[name] for name in RENTAL_IDS} | rental_schema.EXAMPLE_MESSAGE
    if type_ in RENTAL_EVENTS:
        whole = dict(rental_schema.EXAMPLE)
        return _for_customer(whole) if is_customer else whole
    match type_:
        case "account.low_balance":
            return {"balance": 2301}
        case "customer.low_balance":
            return {"customer_id": examples.CUSTOMER_ID, "balance": 90}
        case "provider.state_changed":
            return dict(examples.PROVIDER)
        case "customer.updated":
            return {**examples.CUSTOMER, "status": "paused"}
        case "alternative.activation.updated":
            return {"activation_id": 100042, "phone": "14155552671", "service": "nf", "country": "12",
                    "status": "STATUS_OK", "code": "482913", "text": "Your code is 482913"}  # fmt: skip
    data = dict(examples.ACTIVATION if type_ == REPLACED else examples.RECEIVED)
    if type_ == CLOSED:
        data["activation_status"] = "finalized"
    elif type_ in (REPORT, REPORT_SHORT):
        data["report_status"], data["billing_status"] = "approved", "refunded"
    elif type_ == RECEIVED_BY_TENANT:
        del data["customer_id"], data["customer_price"]
    return _for_customer(data) if is_customer else data


DIALECT = Dialect(
    types=TYPES, optional=OPTIONAL, tenant_only=TENANT_ONLY, names=names, build=build, sample=sample
)

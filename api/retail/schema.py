"""JSON Schema of what the retail dialect reads and sends; what it reads comes from the readers themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from accounts.models import Customer
from activations.models import Activation
from activations.report_models import Report
from api.input import REQUIRED, Choice, Choices, Flag, Integer, Number, Reader, Text
from webhooks.models import Endpoint

Schema = dict[str, Any]

WHOLE: Schema = {"type": "integer"}
COUNT: Schema = {"type": "integer", "minimum": 0}
WORD: Schema = {"type": "string"}
TRUTH: Schema = {"type": "boolean"}
MAYBE_WORD: Schema = {"type": ["string", "null"]}
CENTS: Schema = {"type": "integer", "description": "US cents."}
SECONDS: Schema = {"type": "integer", "minimum": 0, "description": "Unix seconds, UTC."}
MAYBE_SECONDS: Schema = {"type": ["integer", "null"], "minimum": 0, "description": "Unix seconds, UTC."}
CUSTOMER_ID: Schema = {"type": "string", "pattern": "^[a-zA-Z0-9]{1,80}$"}
ACTIVATION_ID: Schema = {"type": "string", "pattern": "^[0-9a-f]{24}$"}


def object_of(**properties: Schema) -> Schema:
    """An object all of whose members are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def one_of(words: Any) -> Schema:
    return {"type": "string", "enum": list(words)}


def about(form: Schema, sentence: str) -> Schema:
    """A member with a sentence of its own."""
    return {**form, "description": sentence}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def priced(**ids: Schema) -> Schema:
    """A price object, perhaps with an id; `quality` is left out where nobody knows it."""
    members = {
        **ids,
        "price": object_of(min=CENTS, max=CENTS, suggested=CENTS),
        "quality": object_of(avg={"type": "number", "minimum": 0, "maximum": 1}),
        "count": about(COUNT, "Numbers for sale now."),
    }
    return {"type": "object", "properties": members, "required": [*ids, "price", "count"]}


ACTIVATION = object_of(
    activation_id=ACTIVATION_ID,
    customer_id=CUSTOMER_ID,
    customer_price=about(CENTS, "What the customer pays, in US cents."),
    price=about(CENTS, "What you pay, in US cents."),
    phone=about(WORD, "Digits with country code. Empty while it is still being found out what was sold."),
    country_id=WORD,
    service_id=WORD,
    sms_status=one_of(Activation.SmsStatus.values),
    activation_status=one_of(Activation.Status.values),
    billing_status=one_of(Activation.BillingStatus.values),
    report_status={"type": ["string", "null"], "enum": [None, *Report.Status.values]},
    sms_code=about(MAYBE_WORD, "The code of the latest SMS; null when it holds none that we recognise."),
    sms_text=about(MAYBE_WORD, "The latest SMS."),
    expire_at=SECONDS,
    updated_at=SECONDS,
    created_at=SECONDS,
    is_retriable=about(TRUTH, "Whether one more SMS can be asked for."),
    cancelable_after=about(MAYBE_SECONDS, "The earliest time to cancel; null: it cannot be cancelled."),
    formatted=about(WORD, "The number as people write it, with `+`."),
)
KEY = {
    "key_id": WORD,
    "name": WORD,
    "begins_with": about(WORD, "The key's first characters, to know it by."),
    "scopes": about(array(WORD), "Empty: everything."),
    "networks": about(array(WORD), "Empty: from anywhere."),
    "expires_at": MAYBE_SECONDS,
    "last_used_at": MAYBE_SECONDS,
    "created_at": SECONDS,
}
WEBHOOK = {
    "webhook_id": about(WORD, "What deliveries carry as `x-webhook-id`."),
    "url": WORD,
    "event_types": array(WORD),
    "is_enabled": TRUTH,
    "off_reason": {"type": ["string", "null"], "enum": [None, *Endpoint.Off.values]},
    "created_at": SECONDS,
}
COMPONENTS: dict[str, Schema] = {
    "Activation": ACTIVATION,
    "Balance": object_of(total=CENTS, reserved=about(CENTS, "The part of `total` that is held for numbers.")),
    "Country": object_of(
        country_id=WORD,
        name=WORD,
        alt_name=about(WORD, "Words to search by, with a vertical bar between them."),
        codes=about(array(WORD), "Dialling prefixes without `+`."),
    ),
    "Customer": object_of(
        customer_id=CUSTOMER_ID,
        balance=about(CENTS, "The whole balance, its held part included; may be below zero."),
        status=one_of(Customer.Status.values),
        created_at=SECONDS,
        updated_at=SECONDS,
    ),
    "Flags": object_of(accountOnHold=TRUTH),
    "Key": object_of(**KEY),
    "NewKey": object_of(**KEY, key=about(WORD, "The key itself. It is shown this once.")),
    "NewWebhook": object_of(**WEBHOOK, secret=about(WORD, "What signs. It is shown this once.")),
    "Offer": {
        "type": "object",
        "properties": {
            "price": CENTS,
            "quality": {"type": "number", "minimum": 0, "maximum": 1},
            "count": about(COUNT, "Numbers for sale now."),
        },
        "required": ["price", "count"],
    },
    "Price": priced(),
    "PricesOfCountry": object_of(country_id=WORD, services=array(priced(service_id=WORD))),
    "PricesOfService": object_of(service_id=WORD, countries=array(priced(country_id=WORD))),
    "Reason": object_of(reason_id=WHOLE, reason_name=WORD, evidence_required=TRUTH),
    "Report": object_of(
        reason_id=WHOLE,
        reason_name=WORD,
        message=WORD,
        activation_state_snapshot=about(WORD, "The state when the report was made: JSON as text."),
        updated_at=SECONDS,
        created_at=SECONDS,
        activation=ref("Activation"),
    ),
    "ReportAnswer": object_of(
        status=one_of(["accepted", "declined"]),
        decline_id={
            "type": ["integer", "null"],
            "enum": [None, *Report.Decline.values],
            "description": "1: try another number, 2: ask this number once more.",
        },
    ),
    "Service": object_of(
        service_id=WORD,
        name=WORD,
        alt_name=about(WORD, "Words to search by, with a vertical bar between them."),
        has_description=TRUTH,
        has_warning=TRUTH,
        prohibited=about(TRUTH, "An order for it is refused."),
    ),
    "Success": object_of(result=one_of(["success"])),
    "Webhook": object_of(**WEBHOOK),
    "WebhookSecret": object_of(webhook_id=WORD, secret=WORD),
    "Transaction": object_of(
        customer_id=CUSTOMER_ID,
        transaction_id=WORD,
        gateway=WORD,
        amount=about(CENTS, "Above zero: added, below: deducted."),
        created_at=SECONDS,
    ),
}


def page_of(name: str, item: str, *, has_cursor: bool = False) -> Schema:
    """A list with pages."""
    paging = {"page": COUNT, "limit": COUNT, "pages": COUNT, "total": COUNT}
    if has_cursor:
        paging["next_cursor"] = about(MAYBE_WORD, "Send it as `cursor` for the next page; null: the last.")
    return object_of(**{name: array(ref(item))}, **paging)


def describe(reader: Reader) -> Schema:
    """One field as JSON Schema."""
    match reader:
        case Integer(low, high):
            form: Schema = {"type": "integer", "minimum": low, "maximum": high}
        case Number(low, high):
            form = {"type": "number", "minimum": low, "maximum": high}
        case Text(low, high):
            form = {"type": "string", "minLength": low, "maxLength": high, "pattern": "^[^\\u0000]*$"}
            if reader.pattern is not None:
                form["pattern"] = f"^(?:{reader.pattern.pattern})$"
        case Choice(allowed):
            form = one_of(allowed)
        case Choices(allowed):
            form = {**array(one_of(allowed)), "uniqueItems": True}
        case Flag():
            form = {"type": "boolean"}
        case _:
            form = {}
    if reader.default is not REQUIRED and reader.default not in (None, (), ""):
        form["default"] = list(reader.default) if isinstance(reader, Choices) else reader.default
    return form


def body_of(readers: Mapping[str, Reader]) -> Schema:
    """A JSON body as JSON Schema."""
    needed = [name for name, reader in readers.items() if reader.default is REQUIRED]
    properties = {name: describe(reader) for name, reader in readers.items()}
    return {"type": "object", "properties": properties, "required": needed}

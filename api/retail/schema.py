"""The OpenAPI description of the retail dialect, made from the tables of readers that refuse bad input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse

from api.input import REQUIRED, Choice, Choices, Flag, Integer, Number, Reader, Text

Schema = dict[str, Any]

WHOLE: Schema = {"type": "integer"}
WORD: Schema = {"type": "string"}
MAYBE_WORD: Schema = {"type": ["string", "null"]}
MAYBE_WHOLE: Schema = {"type": ["integer", "null"]}


def object_of(**properties: Schema) -> Schema:
    """An object all of whose members are always there."""
    return {"type": "object", "properties": properties, "required": list(properties)}


ACTIVATION = object_of(
    activation_id=WORD,
    customer_id=WORD,
    customer_price=WHOLE,
    price=WHOLE,
    phone=WORD,
    country_id=WORD,
    service_id=WORD,
    sms_status=WORD,
    activation_status=WORD,
    billing_status=WORD,
    report_status=MAYBE_WORD,
    sms_code=MAYBE_WORD,
    sms_text=MAYBE_WORD,
    expire_at=WHOLE,
    updated_at=WHOLE,
    created_at=WHOLE,
    is_retriable={"type": "boolean"},
    cancelable_after=MAYBE_WHOLE,
    formatted=WORD,
)
CUSTOMER = object_of(customer_id=WORD, balance=WHOLE, status=WORD, created_at=WHOLE, updated_at=WHOLE)
TRANSACTION = object_of(customer_id=WORD, transaction_id=WORD, gateway=WORD, amount=WHOLE, created_at=WHOLE)
SUCCESS = object_of(result={"type": "string", "enum": ["success"]})
FLAGS = object_of(accountOnHold={"type": "boolean"})
BALANCE = object_of(total=WHOLE, reserved=WHOLE)
ERROR = object_of(errorName=WORD, errorMessage=WORD)
REPORT = object_of(
    reason_id=WHOLE,
    reason_name=WORD,
    message=WORD,
    activation_state_snapshot=WORD,
    updated_at=WHOLE,
    created_at=WHOLE,
    activation=ACTIVATION,
)
ITEMS = {
    "customers": CUSTOMER,
    "activations": ACTIVATION,
    "transactions": TRANSACTION,
    "reports": REPORT,
}
COUNTRY = object_of(
    country_id=WORD, name=WORD, alt_name=WORD, codes={"type": "array", "items": {"type": "string"}}
)
SERVICE = object_of(
    service_id=WORD,
    name=WORD,
    alt_name=WORD,
    has_description={"type": "boolean"},
    has_warning={"type": "boolean"},
    prohibited={"type": "boolean"},
)
PRICE_MEMBERS = {
    "price": object_of(min=WHOLE, max=WHOLE, suggested=WHOLE),
    "quality": object_of(avg={"type": "number", "minimum": 0, "maximum": 1}),
    "count": WHOLE,
}
PRICE: Schema = {"type": "object", "properties": PRICE_MEMBERS, "required": ["price", "count"]}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def priced(name: str) -> Schema:
    """A price object that also carries an id."""
    return {
        "type": "object",
        "properties": {name: WORD, **PRICE_MEMBERS},
        "required": [name, "price", "count"],
    }


BY_COUNTRY = object_of(country_id=WORD, services=array(priced("service_id")))
BY_SERVICE = object_of(service_id=WORD, countries=array(priced("country_id")))


def describe(reader: Reader) -> Schema:
    """One field as JSON Schema."""
    match reader:
        case Integer(low, high):
            form: Schema = {"type": "integer", "minimum": low, "maximum": high}
        case Number(low, high):
            form = {"type": "number", "minimum": low, "maximum": high}
        case Text(low, high):
            form = {"type": "string", "minLength": low, "maxLength": high}
            if reader.pattern is not None:
                form["pattern"] = f"^(?:{reader.pattern.pattern})$"
        case Choice(allowed):
            form = {"type": "string", "enum": list(allowed)}
        case Choices(allowed):
            form = {"type": "array", "items": {"type": "string", "enum": list(allowed)}}
        case Flag():
            form = {"type": "boolean"}
        case _:
            form = {}
    if reader.default is not REQUIRED and reader.default not in (None, (), ""):
        form["default"] = reader.default
    return form


def body_of(readers: Mapping[str, Reader]) -> Schema:
    """A JSON body as JSON Schema."""
    needed = [name for name, reader in readers.items() if reader.default is REQUIRED]
    properties = {name: describe(reader) for name, reader in readers.items()}
    return {"type": "object", "properties": properties, "required": needed}


def parameters_of(readers: Mapping[str, Reader]) -> list[OpenApiParameter]:
    """Query parameters; lists are separated by commas."""
    return [
        OpenApiParameter(
            name, describe(reader), required=reader.default is REQUIRED, explode=False, style="form"
        )
        for name, reader in readers.items()
    ]


def reads(summary: str, reply: Schema, readers: Mapping[str, Reader] | None = None) -> dict[str, Any]:
    """Arguments of `extend_schema` for a GET."""
    return {
        "summary": summary,
        "parameters": parameters_of(readers or {}),
        "responses": {200: OpenApiResponse(reply), "default": OpenApiResponse(ERROR, "A refusal.")},
    }


def lists(summary: str, readers: Mapping[str, Reader], name: str) -> dict[str, Any]:
    """Arguments of `extend_schema` for a list with pages."""
    return reads(summary, page_of(name), readers)


def page_of(name: str, **more: Schema) -> Schema:
    """A page of a list, the list under its name."""
    return object_of(**{name: array(ITEMS[name])}, page=WHOLE, limit=WHOLE, pages=WHOLE, total=WHOLE, **more)


def writes(summary: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    """Arguments of `extend_schema` for a call that changes something."""
    return {
        "summary": summary,
        "request": {"application/json": body_of(readers)},
        "responses": {200: OpenApiResponse(SUCCESS), "default": OpenApiResponse(ERROR, "A refusal.")},
    }

"""What drf-spectacular cannot see by itself: the plain views, and that the test base repeats the live one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.input import Reader
from api.retail import history, order, prices, schema, views

LIVE = "/api/v1/"
CUSTOMER = f"{LIVE}retail/a/customer/{{customer_id}}"
ONE = f"{CUSTOMER}/activation/{{activation_id}}"


def only_live(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    """A preprocessing hook: each operation once."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith(LIVE)]


def add_plain_views(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """A postprocessing hook: the operations of api.retail.views."""
    actives = {
        "oneOf": [
            {"type": "array", "items": {"type": "string"}},
            {"type": "array", "items": schema.ACTIVATION},
        ]
    }
    bought = _operation("order", "Order a number", schema.ACTIVATION, body=schema.body_of(order.ORDER))
    bought["parameters"].append(
        {"name": "Idempotency-Key", "in": "header", "schema": {"type": "string", "maxLength": 255}}
    )
    plain = {
        f"{CUSTOMER}/activation": {"post": bought},
        f"{CUSTOMER}/activations": {
            "get": _operation("actives", "List active activations", actives, query=views.ACTIVES)
        },
        ONE: {"get": _operation("poll", "Read one activation", schema.ACTIVATION, is_one=True)},
        f"{CUSTOMER}/balance": {"get": _operation("balance", "Read a customer's balance", schema.BALANCE)},
    }
    plain |= _history() | _catalogue()
    for verb in ("retry", "cancel", "finalize"):
        plain[f"{ONE}/{verb}"] = {"put": _operation(verb, VERBS[verb], schema.SUCCESS, is_one=True)}
    result["paths"] = dict(sorted({**result["paths"], **plain}.items()))
    return result


def _history() -> dict[str, Any]:
    """Orders of one customer and of all."""
    page = schema.page_of("activations", next_cursor=schema.MAYBE_WORD)
    one = _operation("history", "List the activations of a customer", page, query=history.OF_CUSTOMER)
    every = _operation(
        "all_history", "List the activations of all customers", page, query=history.OF_ALL, ids=[]
    )
    addresses = f"{CUSTOMER}/activation/history", f"{LIVE}retail/m/customers/activation/history"
    return dict(zip(addresses, ({"get": one}, {"get": every}), strict=True))


def _catalogue() -> dict[str, Any]:
    """What can be bought, and for how much. The aliases of these addresses are not described."""
    pair = f"{LIVE}activation/prices/services/{{service_id}}/countries/{{country_id}}"
    one = _operation("price", "Read the price of a service in a country", schema.PRICE, ids=PAIR)
    lists: list[tuple[str, str, str, schema.Schema, Mapping[str, Reader]]] = [
        ("countries", "countries", "List countries", schema.COUNTRY, {}),
        ("retail/services", "services", "List services", schema.SERVICE, {}),
        ("retail/a/activation/services/popular", "popular", "List popular services", schema.SERVICE, {}),
        ("retail/m/prices/countries", "prices_by_country", "List prices by country", schema.BY_COUNTRY,
         prices.COUNTRY),
        ("activation/prices/services", "prices_by_service", "List prices by service", schema.BY_SERVICE,
         prices.SERVICE),
    ]  # fmt: skip
    described = {
        f"{LIVE}{path}": {"get": _list(name, summary, item, query)}
        for path, name, summary, item, query in lists
    }
    return {pair: {"get": one}, **described}


def _list(name: str, summary: str, item: schema.Schema, query: Mapping[str, Reader]) -> dict[str, Any]:
    """A published list: it has an ETag, and is not sent again to who names it."""
    operation = _operation(name, summary, schema.array(item), ids=[], query=query)
    operation["parameters"].append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
    operation["responses"]["304"] = {"description": "Unchanged since the ETag that was named."}
    return operation


PAIR = ["service_id", "country_id"]
VERBS = {
    "retry": "Ask for one more SMS",
    "cancel": "Cancel an activation",
    "finalize": "Confirm and close an activation",
}


def _operation(
    name: str,
    summary: str,
    reply: schema.Schema,
    *,
    body: schema.Schema | None = None,
    query: Mapping[str, Reader] | None = None,
    is_one: bool = False,
    ids: list[str] | None = None,
) -> dict[str, Any]:
    if ids is None:
        ids = ["customer_id", "activation_id"] if is_one else ["customer_id"]
    parameters: list[dict[str, Any]] = [
        {"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in ids
    ]
    parameters += [
        {"name": one, "in": "query", "schema": schema.describe(reader), "explode": False, "style": "form"}
        for one, reader in (query or {}).items()
    ]
    operation: dict[str, Any] = {
        "operationId": f"retail_{name}",
        "summary": summary,
        "tags": ["retail"],
        "parameters": parameters,
        "security": [{"ApiKey": []}],
        "responses": {
            "200": {"description": "", "content": {"application/json": {"schema": reply}}},
            "default": {
                "description": "A refusal.",
                "content": {"application/json": {"schema": schema.ERROR}},
            },
        },
    }
    if body is not None:
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": body}}}
    return operation

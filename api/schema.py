"""The OpenAPI document: what api.retail.operations says, joined with what the code knows itself.

drf-spectacular gives the frame and the address; views are not inspected, for most of ours are plain ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator

from api.retail import guide, urls
from api.retail.examples import ACTIVATION_ID, CUSTOMER_ID, KEY_ID, WEBHOOK_ID
from api.retail.operation import Operation
from api.retail.operations import OPERATIONS, TAGS
from api.retail.order import COUNTRY_ID, SERVICE_ID
from api.retail.refusals import described, names_in
from api.retail.rental_schema import A_RENTAL, RENTAL_ID
from api.retail.rental_schema import COMPONENTS as RENTAL_COMPONENTS
from api.retail.schema import ACTIVATION_ID as ACTIVATION_FORM
from api.retail.schema import COMPONENTS, WORD, Schema, describe
from api.retail.schema import CUSTOMER_ID as CUSTOMER_FORM
from api.retail.told import described_webhooks
from portal.errors import all_codes

LIVE, TEST = "/api/v1", "/test/api/v1"
IDS: dict[str, tuple[Schema, str]] = {
    "customer_id": (CUSTOMER_FORM, CUSTOMER_ID),
    "activation_id": (ACTIVATION_FORM, ACTIVATION_ID),
    "service_id": (describe(SERVICE_ID), "telegram"),
    "country_id": (describe(COUNTRY_ID), "us"),
    "webhook_id": (WORD, WEBHOOK_ID),
    "key_id": (WORD, KEY_ID),
    "rental_id": (RENTAL_ID, A_RENTAL),
}
JSON, FORM = "application/json", "multipart/form-data"
AT_THE_DOOR = ("auth_missing", "auth_invalid", "permission_denied", "rate_limited", "validation", "internal",
               "upstream_unavailable")  # fmt: skip


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """The document; the same for everybody, and while the process lives."""
    return HttpResponse(_packed(), content_type="application/vnd.oai.openapi+json")


@cache
def document() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return found


@cache
def _packed() -> bytes:
    return orjson.dumps(document())


def no_views(endpoints: list[Any]) -> list[Any]:
    """A preprocessing hook: drf-spectacular describes nothing by itself."""
    return []


def describe_all(result: dict[str, Any], **_: object) -> dict[str, Any]:
    """A postprocessing hook: the whole of the document."""
    result["info"]["description"] = guide.markdown()
    result["servers"] = [
        {"url": TEST, "description": "Test keys: the sandbox, test money."},
        {"url": LIVE, "description": "Live keys: real numbers, real money."},
    ]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    result["paths"] = {}
    for operation in OPERATIONS:
        address, *aliases = addresses_of(operation.view)
        path = result["paths"].setdefault(f"/{address}", {})
        path[operation.gate.method.lower()] = form = written(operation, address, aliases)
        if operation.view in TEST_ONLY:
            form["servers"] = result["servers"][:1]
    result["components"] |= {
        "schemas": COMPONENTS | RENTAL_COMPONENTS,
        "responses": share_responses(result["paths"]),
    }
    result["webhooks"] = described_webhooks()
    return result


def share_responses(paths: dict[str, Any]) -> dict[str, Any]:
    """Put refusals that many operations have in one place; gives that place."""
    shared: dict[str, Any] = {}
    for operation in (one for path in paths.values() for one in path.values()):
        for status, response in operation["responses"].items():
            if status[0] in "45":
                name = "-".join([status, *names_in(response)])
                shared[name] = response
                operation["responses"][status] = {"$ref": f"#/components/responses/{name}"}
    return shared


def addresses_of(view: object) -> list[str]:
    """Where the view answers below the base, its own address first; parts as `{name}`."""
    patterns = [*urls.urlpatterns, *urls.test_only]
    return [address_of(one) for one in patterns if view_of(one) is view]


def address_of(pattern: URLPattern) -> str:
    return str(pattern.pattern).replace("<str:", "{").replace("<endpoint:", "{").replace(">", "}")


def view_of(pattern: URLPattern) -> Any:
    """A plain view, or the class of the others."""
    return getattr(pattern.callback, "cls", pattern.callback)


TEST_ONLY = {view_of(one) for one in urls.test_only}


def written(operation: Operation, address: str, aliases: list[str]) -> dict[str, Any]:
    """One operation."""
    gate, rate = operation.gate, settings.RETAIL_RATES[operation.gate.rate]
    whose = "customer" if "{customer_id}" in address and gate.scope != "manage" else "key"
    notes = [f"At most {rate} requests a minute for each {whose}."]
    if aliases:
        notes.append("Also answers at " + ", ".join(f"`{alias}`" for alias in aliases) + ".")
    form: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": "\n\n".join(filter(None, [operation.text, " ".join(notes)])),
        "parameters": list(parameters_of(operation, address)),
        "security": [{"ApiKey": []}],
        "responses": {"200": reply_of(operation), **refusals_of(operation, address)},
        "x-scope": gate.scope,
        "x-requests-per-minute": rate,
        "x-counted-per": whose,
        "x-aliases": [f"/{alias}" for alias in aliases],
    }
    if operation.body is not None:
        form["requestBody"] = {"required": True, "content": dict(content_of(operation))}
    if operation.has_etag:
        form["responses"]["304"] = {"description": "Unchanged since the ETag that was named."}
    return form


def parameters_of(operation: Operation, address: str) -> Iterator[dict[str, Any]]:
    for name, (form, example) in IDS.items():
        if f"{{{name}}}" in address:
            yield {"name": name, "in": "path", "required": True, "schema": form, "example": example}
    for name, reader in operation.query.items():
        parameter: dict[str, Any] = {"name": name, "in": "query", "schema": describe(reader)}
        if parameter["schema"]["type"] == "array":
            parameter |= {"style": "form", "explode": False}
        yield parameter | ({"example": operation.asks[name]} if name in operation.asks else {})
    if operation.has_request_key:
        visible = {"type": "string", "pattern": "^[!-~]{1,255}$"}
        text = "Makes it safe to repeat: the same key with the same body hears the first answer again."
        yield {"name": "Idempotency-Key", "in": "header", "schema": visible, "description": text}
    if operation.has_etag:
        text = "The ETag of the list that you have."
        yield {"name": "If-None-Match", "in": "header", "schema": {"type": "string"}, "description": text}


def content_of(operation: Operation) -> Iterator[tuple[str, dict[str, Any]]]:
    examples = {name: {"value": body} for name, body in operation.sends.items()}
    yield JSON, {"schema": operation.body, "examples": examples}
    if operation.takes_form:
        assert operation.body is not None
        file = {"type": "string", "contentMediaType": "application/octet-stream"}
        members = {**operation.body["properties"], "evidence": file}
        yield FORM, {"schema": {**operation.body, "properties": members}}


def reply_of(operation: Operation) -> dict[str, Any]:
    reply = {"schema": operation.reply, "example": operation.gives}
    headers = {"X-ETag": {"schema": {"type": "string"}}} if operation.has_etag else {}
    return {"description": "Done.", "content": {JSON: reply}, **({"headers": headers} if headers else {})}


def refusals_of(operation: Operation, address: str) -> dict[str, Any]:
    """By status, with the names that go with it here."""
    return described(codes_of(operation, address))


def codes_of(operation: Operation, address: str) -> set[str]:
    """What this operation may be refused with."""
    codes, closed_by = {*AT_THE_DOOR, *operation.refuses}, operation.gate.closed_by
    if closed_by != "none":
        codes.add("account_blocked")
    if "{customer_id}" in address:
        codes |= {"unknown_customer"} | ({"customer_not_active"} if closed_by == "any" else set())
    if "{activation_id}" in address:
        codes.add("unknown_activation")
    if operation.body is not None:
        codes |= {"payload_too_large", "unsupported_media_type"}
    assert codes <= all_codes()
    return codes

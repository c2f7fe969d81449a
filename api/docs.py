"""The page at /api/docs/: the guide, then every operation of the OpenAPI document with commands to copy.

What it shows is the document itself, laid out for people; its examples name the host that was asked.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.access import not_stored
from api.retail import guide
from api.retail.refusals import names_in
from api.schema import JSON, TEST, document

YOUR_KEY = "YOUR_TEST_KEY"
# The ids that the portal makes up: whoever tries an example puts his own there.
YOURS = {
    "activation_id": "YOUR_ACTIVATION_ID",
    "webhook_id": "YOUR_WEBHOOK_ID",
    "key_id": "YOUR_KEY_ID",
}


@dataclass(frozen=True)
class Field:
    """A parameter or a member of a body."""

    name: str
    place: str
    kind: str
    is_required: bool
    text: str


@dataclass(frozen=True)
class Command:
    """A request to copy; `name` tells several of one operation apart."""

    name: str
    method: str
    path: str
    body: Any

    def curl(self, origin: str) -> str:
        """For a shell."""
        lines = [f"curl -X {self.method} {shlex.quote(origin + self.path)}", f"-H 'X-Api-Key: {YOUR_KEY}'"]
        if self.body is not None:
            text = orjson.dumps(self.body).decode()
            lines += [f"-H 'Content-Type: {JSON}'", f"-d {shlex.quote(text)}"]
        return " \\\n  ".join(lines)


@dataclass(frozen=True)
class Page:
    """One operation as the page shows it. `refusals`: (status, names)."""

    name: str
    method: str
    path: str
    summary: str
    paragraphs: list[str]
    fields: list[Field]
    commands: list[Command]
    reply: str
    refusals: list[tuple[str, list[str]]]
    scope: str


@dataclass(frozen=True)
class Group:
    name: str
    anchor: str
    text: str
    pages: list[Page]


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """For everybody: it says nothing about anybody."""
    origin = f"{request.scheme}://{request.get_host()}"
    context = {
        "start": first_steps(),
        "sections": guide.sections(),
        "groups": groups(),
        "events": events(),
        "origin": origin,
    }
    return not_stored(render(request, "api/docs.html", context))  # type: ignore[return-value]


@require_safe
def console(request: HttpRequest) -> HttpResponse:
    """The same document to play with, in the browser."""
    return not_stored(render(request, "api/console.html"))  # type: ignore[return-value]


@cache
def groups() -> list[Group]:
    """The operations by subject, in the document's order."""
    whole = document()
    pages: dict[str, list[Page]] = {tag["name"]: [] for tag in whole["tags"]}
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            pages[operation["tags"][0]].append(page_of(path, method, operation))
    return [
        Group(tag["name"], tag["name"].lower().replace(" ", "-"), tag["description"], pages[tag["name"]])
        for tag in whole["tags"]
    ]


FIRST_STEPS = ("create_customer", "order", "send_test_sms", "read_activation")


@cache
def first_steps() -> list[Command]:
    """From a customer to a code: the first example of each."""
    pages = {page.name: page for group in groups() for page in group.pages}
    return [replace(pages[name].commands[0], name=pages[name].summary) for name in FIRST_STEPS]


@cache
def events() -> list[tuple[str, str, str]]:
    """What webhooks tell of: (type, sentence, example)."""
    return [
        (name, item["post"]["summary"], in_lines(item["post"]["requestBody"]["content"][JSON]["example"]))
        for name, item in document()["webhooks"].items()
    ]


def page_of(path: str, method: str, operation: dict[str, Any]) -> Page:
    reply = operation["responses"]["200"]["content"][JSON]["example"]
    return Page(
        name=operation["operationId"],
        method=method.upper(),
        path=path,
        summary=operation["summary"],
        paragraphs=operation["description"].split("\n\n"),
        fields=[*parameters_of(operation), *members_of(operation)],
        commands=list(commands_of(path, method, operation)),
        reply=in_lines(reply),
        refusals=list(refusals_of(operation)),
        scope=operation["x-scope"],
    )


def parameters_of(operation: dict[str, Any]) -> Iterator[Field]:
    for one in operation["parameters"]:
        text = one.get("description", "")
        yield Field(one["name"], one["in"], in_words(one["schema"]), one.get("required", False), text)


def members_of(operation: dict[str, Any]) -> Iterator[Field]:
    schema = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("schema", {})
    for name, form in schema.get("properties", {}).items():
        yield Field(name, "body", in_words(form), name in schema["required"], form.get("description", ""))


def commands_of(path: str, method: str, operation: dict[str, Any]) -> Iterator[Command]:
    """One for each example of a body, or one."""
    asked = {}
    for one in operation["parameters"]:
        if one["in"] == "path":
            path = path.replace(f"{{{one['name']}}}", quote(YOURS.get(one["name"], one["example"])))
        elif "example" in one:
            asked[one["name"]] = str(one["example"]).lower()
    address = f"{TEST}{path}?{urlencode(asked, safe=',')}" if asked else TEST + path
    examples = operation.get("requestBody", {}).get("content", {}).get(JSON, {}).get("examples", {})
    for name, example in examples.items():
        yield Command(name, method.upper(), address, with_yours(example["value"]))
    if not examples:
        yield Command("", method.upper(), address, None)


def with_yours(body: dict[str, Any]) -> dict[str, Any]:
    """A body with the ids marked that are to be replaced."""
    return {name: YOURS.get(f"{name}_id", value) for name, value in body.items()}


def refusals_of(operation: dict[str, Any]) -> Iterator[tuple[str, list[str]]]:
    shared = document()["components"]["responses"]
    for status, response in sorted(operation["responses"].items()):
        if "$ref" in response:
            yield status, names_in(shared[response["$ref"].rpartition("/")[2]])


def in_words(schema: dict[str, Any]) -> str:
    """A field's form for people: "integer, 1 to 100; 10 unless you say otherwise"."""
    kind = schema.get("type", "anything")
    if kind == "array":
        text = "list of " + in_words(schema["items"])
    elif "enum" in schema:
        text = "one of " + ", ".join(f"`{word}`" for word in schema["enum"])
    elif "minimum" in schema:
        text = f"{kind}, {schema['minimum']} to {schema['maximum']}"
    elif "maxLength" in schema:
        text = f"text, {schema['minLength']} to {schema['maxLength']} characters"
    else:
        text = {"string": "text", "boolean": "`true` or `false`"}.get(kind, kind)
    usual = orjson.dumps(schema.get("default")).decode().strip('"')
    return f"{text}; `{usual}` unless you say otherwise" if "default" in schema else text


def in_lines(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()

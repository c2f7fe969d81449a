"""The OpenAPI document: complete, valid, and true to the code's addresses, ranges, rates and refusals."""

import json
import time

import orjson
import pytest
from django.conf import settings
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator

from api import urls as api_urls
from api.retail import guide, refusals, urls
from api.retail.errors import TABLE, write_error
from api.retail.webhooks import TYPES, sample
from api.schema import address_of, document, view_of
from portal import errors
from tests.api.test_errors import AT
from webhooks.signing import headers_for

# Addresses of api/ that the document leaves out, and why.
NOT_DESCRIBED = {
    "stubs/": "a protocol of others, whose contract is docs/protocols/handler.md",
    "rentverify/api/v1/": "a protocol of others, whose contract is docs/protocols/rentverify.md",
    "^rentverify/": "the refusal of every address that there is not below it",
    "v1/nonvoip/": "a protocol of others, whose contract is docs/protocols/ping.md",
    "^v1/nonvoip/": "the refusal of every address that it has not",
    "onlinesim/": "a protocol of others, whose contract is docs/protocols/onlinesim.md",
    ".well-known/number-portal": "what other portals read before they buy here",
    "api/schema/": "the document itself",
    "api/docs/": "the page made of it",
    "api/docs/console/": "the page to play with it",
    "^(?:test/)?api/v1/": "the refusal of every address that there is not",
}


@pytest.fixture(scope="module")
def described():
    """As a client gets it."""
    return json.loads(orjson.dumps(document()))


def operations(described):
    """(path, method, operation) of all."""
    return [(path, method, one) for path, item in described["paths"].items() for method, one in item.items()]


def check(schema, value, described):
    """Raises when the value is not what the schema says."""
    whole = {**schema, "components": described["components"]}
    Draft202012Validator(whole).validate(value)


def test_it_is_served_to_everybody_as_json(client, described):
    response = client.get("/api/schema/")

    assert (response.status_code, response["Content-Type"]) == (200, "application/vnd.oai.openapi+json")
    assert response.json() == described
    assert client.post("/api/schema/").status_code == 405


def test_it_is_openapi_3_1(described):
    assert described["openapi"].startswith("3.1")
    validate_schema(described)


def test_every_address_of_the_api_is_described_or_says_why_not(described):
    known = {path.lstrip("/") for path in described["paths"]}
    known |= {alias.lstrip("/") for _, _, one in operations(described) for alias in one["x-aliases"]}
    bases = {"api/v1/": set(map(address_of, urls.urlpatterns)),
             "test/api/v1/": set(map(address_of, [*urls.urlpatterns, *urls.test_only]))}  # fmt: skip

    assert bases["test/api/v1/"] == known
    assert bases["api/v1/"] == known - {"sandbox/sms"}
    others = {str(one.pattern) for one in api_urls.urlpatterns} - set(bases)
    assert others == set(NOT_DESCRIBED)


def test_every_method_of_an_address_is_described_under_a_name_of_its_own(described):
    views = {address_of(one): view_of(one) for one in [*urls.urlpatterns, *urls.test_only]}

    for path, item in described["paths"].items():
        assert {method.upper() for method in item} == {gate.method for gate in views[path[1:]].gates}, path
    names = [one["operationId"] for _, _, one in operations(described)]
    assert len(names) == len(set(names))


def test_every_operation_has_words_rates_refusals_and_examples(described):
    tags = {tag["name"] for tag in described["tags"]}
    for path, _, one in operations(described):
        assert one["summary"], path
        assert set(one["tags"]) <= tags
        assert one["security"] == [{"ApiKey": []}]
        assert one["x-requests-per-minute"] in settings.RETAIL_RATES.values()
        assert {"401", "403", "429", "500", "503"} <= set(one["responses"]), path
        assert "example" in one["responses"]["200"]["content"]["application/json"], path
        if "requestBody" in one:
            assert one["requestBody"]["content"]["application/json"]["examples"], path
        for parameter in one["parameters"]:
            assert parameter["in"] != "path" or parameter["example"], path
    assert described["components"]["securitySchemes"]["ApiKey"]["name"] == "X-Api-Key"
    assert [server["url"] for server in described["servers"]] == ["/test/api/v1", "/api/v1"]


def test_every_example_is_what_its_schema_says(described):
    for _, _, one in operations(described):
        reply = one["responses"]["200"]["content"]["application/json"]
        check(reply["schema"], reply["example"], described)
        for content in one.get("requestBody", {}).get("content", {}).values():
            for example in content.get("examples", {}).values():
                check(content["schema"], example["value"], described)
        for parameter in one["parameters"]:
            if "example" in parameter and parameter["schema"].get("type") != "array":
                check(parameter["schema"], parameter["example"], described)


def test_every_event_of_the_webhooks_is_described_as_it_is_sent(described):
    assert set(described["webhooks"]) == set(TYPES)
    for name, item in described["webhooks"].items():
        content = item["post"]["requestBody"]["content"]["application/json"]
        check(content["schema"], content["example"], described)
        check(content["schema"], {**content["example"], "data": sample(name, False)}, described)
        headers = headers_for(body=b"", endpoint_id="", event_id="", timestamp=0, secrets_=["whsec_AAAA"])
        assert {one["name"] for one in item["post"]["parameters"]} == set(headers)


def test_fields_carry_their_ranges(described):
    order = described["paths"]["/retail/a/customer/{customer_id}/activation"]["post"]
    body = order["requestBody"]["content"]["application/json"]["schema"]
    listed = described["paths"]["/retail/m/customers"]["get"]["parameters"]

    assert body["required"] == ["service_id", "country_id"]
    assert body["properties"]["max_price"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert {one["name"]: one["schema"] for one in listed}["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 100,
    }


FACTS = {
    "validation": {"details": {"amount": "is required."}},
    "max_price_exceeded": {"suggested_micros": 3_100_000, "token": "6" * 24},
    "early_cancel": {"at": AT},
    "too_many_active": {"limit": 20, "active": 20},
    "low_success_rate": {"until": AT},
    "rate_limited": {"reset": 1_800_000_000, "limit": 6},
    "method_not_allowed": {"allowed": "GET"},
    "order_in_progress": {"activation": "6" * 24},
    "upstream_unavailable": {"activation": "6" * 24},
}


@pytest.mark.parametrize("error", errors.PortalError.__subclasses__(), ids=lambda error: error.code)
def test_every_refusal_has_the_form_that_is_described(described, error):
    raised = error(**FACTS.get(error.code, {}))
    answer = write_error(raised)
    response = refusals.described([error.code])[str(answer.status_code)]
    envelope = orjson.loads(answer.content)

    check(response["content"]["application/json"]["schema"], envelope, described)
    assert set(envelope) <= set(response["content"]["application/json"]["schema"]["properties"])
    ours = {"Retry-After", "x-ratelimit-reset", "x-ratelimit-limit", "x-ratelimit-remaining"}
    assert set(answer.headers) & ours <= set(response.get("headers", {}))


def test_the_guide_has_a_row_for_every_name():
    (table,) = [block for block in guide.sections()[4].blocks if isinstance(block, guide.Table)]

    assert {(int(row[0]), row[1].strip("`")) for row in table.rows} == {
        *TABLE.values(),
        (403, "CustomerPausedException"),
    }
    assert set(refusals.WORDS) == {name for _, name in TABLE.values()} | {"CustomerPausedException"}
    assert all(meaning and remedy for _, _, meaning, remedy in table.rows)


def test_the_guide_stands_in_the_document(described):
    text = described["info"]["description"]

    assert "| 409 | `MaxPriceExceededException` |" in text
    assert "`x-ratelimit-reset`" in text
    assert "hmac.new" in text


def test_the_recipe_of_the_guide_verifies_our_signatures():
    recipe: dict = {}
    exec(guide.VERIFY, recipe)

    def signed(timestamp, secrets):
        return headers_for(
            body=b'{"id":1}', endpoint_id="wh_1", event_id="evt_1", timestamp=timestamp, secrets_=secrets
        )

    now, is_ours = int(time.time()), recipe["is_ours"]
    assert is_ours("whsec_b2xk", signed(now, ["whsec_b2xk"]), b'{"id":1}')
    assert is_ours("whsec_b2xk", signed(now, ["whsec_bmV3", "whsec_b2xk"]), b'{"id":1}')
    assert not is_ours("whsec_b2xk", signed(now, ["whsec_b2xk"]), b'{"id":2}')
    assert not is_ours("whsec_b2xk", signed(now - 301, ["whsec_b2xk"]), b'{"id":1}')
    assert not is_ours("whsec_bmV3", signed(now, ["whsec_b2xk"]), b'{"id":1}')

"""The OpenAPI description names every address of the dialect, with the ranges that are enforced."""

import pytest

from api.retail.urls import urlpatterns

PAIR = "prices/services/{service_id}/countries/{country_id}"
ALIASES = {
    *(f"{base}countries" for base in ("activation/", "retail/", "retail/m/", "retail/a/activation/")),
    *(f"{base}services" for base in ("activation/", "", "retail/m/", "retail/a/activation/")),
    *(f"{base}services/popular" for base in ("activation/", "retail/")),
    *(f"{base}prices/countries" for base in ("activation/", "retial/m/")),
    "retail/m/prices/services",
    f"retail/m/{PAIR}",
}


@pytest.fixture
def described(client):
    response = client.get("/api/schema/?format=json")
    assert response.status_code == 200
    return response.json()


def test_every_address_is_described_once(described):
    ours = {str(one.pattern).replace("<str:", "{").replace(">", "}") for one in urlpatterns}
    aliases = {"retail/a/{customer_id}/activation", "user/balance"} | ALIASES

    assert set(described["paths"]) == {f"/api/v1/{path}" for path in ours - aliases}
    names = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))


def test_fields_carry_their_ranges(described):
    order = described["paths"]["/api/v1/retail/a/customer/{customer_id}/activation"]["post"]
    body = order["requestBody"]["content"]["application/json"]["schema"]
    listed = described["paths"]["/api/v1/retail/m/customers"]["get"]["parameters"]

    assert body["required"] == ["service_id", "country_id"]
    assert body["properties"]["max_price"] == {"type": "integer", "minimum": 1, "maximum": 10_000}
    assert {one["name"]: one["schema"] for one in listed}["limit"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 1000,
        "default": 100,
    }
    assert described["components"]["securitySchemes"]["ApiKey"]["name"] == "X-Api-Key"

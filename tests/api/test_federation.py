"""What other portals see of this one: the capability document, and the refusal of orders that went round."""

import tomllib
from uuid import uuid4

import pytest
from django.test import Client

from accounts import hops
from accounts.models import Tenant
from accounts.services import set_tenant_status
from activations.models import Activation, Rental
from api.wellknown import DIALECTS
from portal.embedded.places import CHECKOUT
from portal.version import VERSION
from providers.registry import ADAPTERS
from tests.accounts.factories import DomainFactory
from tests.api.conftest import names

DOCUMENT = "/.well-known/number-portal"


def document(host="localhost"):
    answer = Client().get(DOCUMENT, headers={"host": host})
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


@pytest.mark.django_db
def test_the_document_tells_what_is_spoken_and_where():
    found = document()

    assert (found["format"], found["version"], found["name"]) == (1, VERSION, "")
    first, *others = found["dialects"]
    assert first == {"protocol": "retail", "base": "/api/v1", "sandbox": "/test/api/v1"}
    assert {"protocol": "handler", "base": "/stubs/handler_api.php"} in others
    assert {one["protocol"] for one in found["dialects"]} <= set(DIALECTS) <= set(ADAPTERS)


def test_the_version_is_that_of_the_project():
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())

    assert project["project"]["version"] == VERSION


@pytest.mark.django_db
def test_t4_the_document_is_that_of_the_host():
    domain = DomainFactory(tenant__name="Acme Numbers", host="acme.localhost")

    assert document("acme.localhost")["name"] == "Acme Numbers"
    assert Client().get(DOCUMENT, headers={"host": "evil.example"}).status_code == 400
    assert Client().post(DOCUMENT).status_code == 405
    set_tenant_status(tenant=domain.tenant, status=Tenant.Status.SUSPENDED)
    assert Client().get(DOCUMENT, headers={"host": "acme.localhost"}).status_code == 404


@pytest.mark.django_db
def test_the_document_of_a_host_of_one_dialect_names_that_alone():
    DomainFactory(host="sms.localhost", dialect="handler", tenant__name="Acme Numbers")

    found = document("sms.localhost")

    assert found["name"] == "Acme Numbers"
    assert found["dialects"] == [{"protocol": "handler", "base": "/stubs/handler_api.php"}]


def round_trip():
    return {hops.HEADER: f"{uuid4()}, {hops.installation_id()}"}


@pytest.mark.django_db(transaction=True)
def test_an_order_that_came_through_us_is_no_numbers_and_holds_nothing(partner, shop):
    wish = {"service_id": "telegram", "country_id": "us", "customer_price": 80}
    rent = {"country_id": "us", "hours": 24}
    far = {hops.HEADER: ",".join(str(uuid4()) for _ in range(5))}
    before = partner.money()

    for headers in (round_trip(), far):
        status, name = names(partner.post(f"{partner.a}/activation", wish, **headers))
        assert (status, name) == (404, "NoNumbersAvailableException")
        assert names(partner.post(f"{partner.a}/rental", rent, **headers))[0] == 404
    assert partner.money() == before
    assert not Activation.objects.exists()
    assert not Rental.objects.exists()
    assert shop.upstream.calls["order"] == shop.upstream.calls["rent"] == 0


@pytest.mark.django_db(transaction=True)
def test_an_order_from_another_portal_is_sold_and_the_next_one_is_not_taken_for_it(partner, shop):
    assert partner.post(
        f"{partner.a}/activation",
        {"service_id": "telegram", "country_id": "us", "customer_price": 80},
        **{hops.HEADER: str(uuid4())},
    )[0] == 200  # fmt: skip
    assert hops.passed() == []
    assert partner.order()[0] == 200


@pytest.mark.django_db(transaction=True)
def test_what_is_no_list_of_portals_is_refused_by_name(partner, shop):
    answer = partner.post(
        f"{partner.a}/activation",
        {"service_id": "telegram", "country_id": "us", "customer_price": 80},
        **{hops.HEADER: "us, them"},
    )

    assert names(answer) == (400, "ValidationException")
    assert hops.HEADER in answer[1]["errorMessage"]


def test_polls_do_not_look_at_it(partner, shop, transactional_db):
    _, bought = partner.order()

    path = f"{partner.a}/activation/{bought['activation_id']}"
    assert partner.get(path, **round_trip())[0] == 200

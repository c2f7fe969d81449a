"""A host name of one dialect: good keys work there in that dialect and in no other; it has no pages."""

import json

import pytest
from django.test import Client

from accounts.hosts import DIALECTS
from accounts.keys import issue_key
from accounts.models import Domain
from tests.api.onlinesim.conftest import make_contract
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def calls():
    """By dialect, a call with a good key of one reseller on a host: whether it was let in."""
    customer = CustomerFactory()
    tenant, key = customer.tenant, issue_key(tenant=customer.tenant, customer=customer)[1]
    marketplace, client = make_contract(tenant, None), Client()
    body = json.dumps({"action": "GET_SERVICES", "key": marketplace.key})

    def retail(host):
        headers = {"X-Api-Key": issue_key(tenant=tenant)[1], "Host": host}
        return client.get("/api/v1/retail/m/customers", headers=headers).status_code == 200

    def handler(host):
        path = f"/stubs/handler_api.php?action=getBalance&api_key={key}"
        return client.get(path, headers={"Host": host}).content.startswith(b"ACCESS_BALANCE")

    def rentverify(host):
        return client.get("/api/v1/getBalance", headers={"X-API-Token": key, "Host": host}).status_code == 200

    def ping(host):
        headers = {"X-Ping-Api-Key": key, "Host": host}
        return client.get("/v1/nonvoip/services", headers=headers).status_code == 200

    def onlinesim(host):
        path = f"/onlinesim/{marketplace.contract.token}"
        answer = client.generic("POST", path, body, "application/json", headers={"Host": host})
        return answer.json()["status"] == "SUCCESS"

    return tenant, dict(zip(DIALECTS, (retail, handler, rentverify, ping, onlinesim), strict=True))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_each_dialect_can_have_a_host_of_its_own(calls, dialect):
    tenant, by_name = calls
    Domain.objects.create(tenant=tenant, host="own.localhost", dialect=dialect)

    assert [name for name, call in by_name.items() if call("own.localhost")] == [dialect]
    assert all(call(tenant.domains.get(is_primary=True).host) for call in by_name.values())
    assert Client().get("/", headers={"Host": "own.localhost"}).status_code == 400


def test_t1_a_host_of_another_reseller_lets_nobody_in(calls):
    _, by_name = calls
    for place, name in enumerate(by_name):
        host = f"other{place}.localhost"
        Domain.objects.create(tenant=CustomerFactory().tenant, host=host, dialect=name)
        assert not by_name[name](host)

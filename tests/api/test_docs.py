"""The page for programmers says what the OpenAPI document says, with commands for the reader's own host."""

import html
import json
import re
import shlex

import pytest

from api.docs import YOUR_KEY, YOURS, groups
from api.retail.examples import ACTIVATION_ID
from api.schema import document
from tests.factories import MemberFactory, TenantFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def page(client):
    tenant = TenantFactory(slug="acme")
    response = client.get("/api/docs/", headers={"host": f"{tenant.slug}.localhost:8000"})
    assert response.status_code == 200
    return response


def commands(page):
    """Every command of the page as (method, address, headers, body), as a shell would read it."""
    for text in re.findall(r'data-copy="([^"]*)"', page.content.decode()):
        words = shlex.split(html.unescape(text).replace("\\\n", " "))
        assert words[:2] == ["curl", "-X"]
        options = list(zip(words[4::2], words[5::2], strict=True))
        headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
        bodies = [json.loads(value) for option, value in options if option == "-d"]
        yield words[2], words[3], headers, bodies[0] if bodies else None


def test_every_operation_stands_on_the_page(page):
    text = page.content.decode()

    for path, item in document()["paths"].items():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in text
            assert html.escape(path) in text
    for name in document()["webhooks"]:
        assert name in text


def test_every_command_names_the_readers_host_and_a_place_for_his_key(page):
    found = list(commands(page))

    assert len(found) >= len([one for group in groups() for one in group.pages])
    for _, address, headers, body in found:
        assert address.startswith("http://acme.localhost:8000/test/api/v1/")
        assert headers.pop("X-Api-Key") == YOUR_KEY
        assert headers == ({} if body is None else {"Content-Type": "application/json"})


def test_the_commands_are_the_examples_that_are_played(page):
    """tests/api/test_examples.py plays those; here only ids that the portal makes up are marked."""
    shown = [(method, json.dumps(body)) for method, _, _, body in commands(page)]
    for item in document()["paths"].values():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            for example in content.get("examples", {}).values():
                text = json.dumps(example["value"]).replace(ACTIVATION_ID, YOURS["activation_id"])
                assert (method.upper(), text) in shown


def test_links_within_the_page_lead_somewhere(page):
    text = page.content.decode()

    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(ids)


def test_the_errors_and_limits_are_those_of_the_code(page, settings):
    text = page.content.decode()

    assert 'id="MaxPriceExceededException"' in text
    assert "x-ratelimit-reset" in text
    rate = settings.RETAIL_RATES["history"]
    assert f"At most {rate} requests a minute for each customer." in html.unescape(text)


def test_a_member_is_shown_the_way_to_a_key(client):
    member = MemberFactory(tenant=TenantFactory(slug="acme"))
    client.force_login(member.user)

    text = client.get("/api/docs/", headers={"host": "acme.localhost"}).content.decode()

    assert "/admin/accounts/apikey/" in text


def test_its_pages_belong_to_a_resellers_host_and_are_kept_by_nobody(page, client):
    assert page["Cache-Control"] == "no-store"
    assert client.get("/api/docs/", headers={"host": "nobody.localhost"}).status_code == 400
    assert client.get("/api/docs/console/", headers={"host": "acme.localhost"}).status_code == 200

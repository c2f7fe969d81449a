"""The content policy in a real browser: nothing inline runs on our pages, and the admin's theme works."""

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import TenantFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def complaints(page):
    found = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def test_the_admin_works_under_its_policy(live_server, page, complaints):
    TenantFactory(slug="acme", host="acme.localhost")
    operator = User.objects.create_superuser(email="op@example.com", password="correct-horse-battery")
    address = live_server.url.replace("127.0.0.1", "acme.localhost").replace(
        "//localhost", "//acme.localhost"
    )
    client = Client()
    client.force_login(operator)
    page.context.add_cookies(
        [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}]
    )

    answer = page.goto(f"{address}/admin/")
    page.wait_for_load_state("networkidle")

    assert (answer.status, page.url) == (200, f"{address}/admin/")
    assert complaints == []


def test_pages_other_than_the_admin_allow_nothing_inline(client):
    TenantFactory(slug="acme", host="acme.localhost")

    policy = client.get("/accounts/login/", headers={"host": "acme.localhost"})["Content-Security-Policy"]

    assert "unsafe" not in policy
    assert "default-src 'self'" in policy

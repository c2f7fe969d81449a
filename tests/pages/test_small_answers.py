"""Addresses that browsers ask for by themselves, wrong methods, and logins on pages that are not theirs."""

import pytest
from django.test import Client

from tests.factories import TenantFactory

HTML = {"accept": "text/html"}


@pytest.mark.django_db
def test_a_wrong_method_gets_a_page_and_the_right_methods():
    tenant = TenantFactory()
    browser = Client(headers={"host": f"{tenant.slug}.localhost", **HTML})

    answer = browser.post("/robots.txt")

    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")
    assert "This address answers GET and HEAD only." in answer.content.decode()


@pytest.mark.django_db
def test_the_icon_that_browsers_look_for_is_the_tenants():
    tenant = TenantFactory(name="Zebra", brand_color="#112233")

    answer = Client(headers={"host": f"{tenant.slug}.localhost"}).get("/favicon.ico")

    assert (answer.status_code, answer["Location"]) == (302, "/brand/112233/z.svg")


@pytest.mark.django_db
def test_search_engines_are_asked_to_leave_all_but_the_front_page():
    tenant = TenantFactory()

    answer = Client(headers={"host": f"{tenant.slug}.localhost"}).get("/robots.txt")

    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert "Disallow: /\n" in answer.content.decode()

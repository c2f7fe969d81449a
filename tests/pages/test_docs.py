"""The pages for programmers in a browser: they fit, keep to the policy, ask nobody else, and work."""

import pytest

from accounts.keys import issue_key
from accounts.models import Tenant
from billing.models import Wallet
from tests.factories import fund
from tests.pages.test_looks import SIZES, check

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

DOCS, CONSOLE = "/api/docs/", "/api/docs/console/"


def asked(page):
    """Collects the addresses that the page asks from now on."""
    found = []
    page.on("request", lambda request: found.append(request.url))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_docs_and_console_fit_and_ask_nobody_else(store, browsing, shot, size, scheme):
    page = browsing.open(DOCS, signed_in=False, viewport=SIZES[size], color_scheme=scheme)
    addresses = asked(page)
    page.reload()
    check(page, shot, f"docs-{size}-{scheme}")
    page.locator("#order").evaluate("place => { place.closest('details').open = true; }")
    page.locator("#order").scroll_into_view_if_needed()
    check(page, shot, f"docs-operation-{size}-{scheme}")
    page.goto(CONSOLE)
    page.get_by_text("Your customers and their money.").wait_for(state="attached")
    check(page, shot, f"console-{size}-{scheme}")

    assert page.complaints == []
    assert {address.split("/")[2] for address in addresses if not address.startswith("data:")} == {
        browsing.base.split("/")[2]
    }


def test_without_script_the_docs_are_whole_and_the_console_says_so(store, browsing):
    page = browsing.open(DOCS, signed_in=False, java_script_enabled=False)

    page.locator("summary", has_text="Order a number").click()
    assert page.locator("#order").is_visible()
    assert "YOUR_TEST_KEY" in page.locator("#order").inner_text()
    page.goto(CONSOLE)
    assert page.get_by_text("The console needs script.").is_visible()


def test_a_request_is_sent_from_the_console_with_a_test_key(store, browsing):
    twin = Tenant.objects.create(slug="twin", name="Twin", live_tenant=store.tenant)
    Wallet.objects.create(tenant=twin)
    fund(tenant=twin, micros=5_000_000)
    key = issue_key(tenant=twin)[1]
    page = browsing.open(CONSOLE, signed_in=False)
    page.get_by_role("button", name="Authorize").first.click()
    page.locator(".modal-ux input").fill(key)
    page.locator(".modal-ux button", has_text="Authorize").click()
    page.locator(".modal-ux button", has_text="Close").click()
    page.locator("#tag-Customers, .opblock-tag", has_text="Customers").first.click()
    page.locator(".opblock-summary-control", has_text="Read your own balance").click()

    with page.expect_response("**/test/api/v1/user/balance") as answered:
        page.locator("button.execute").click()

    assert answered.value.status == 200
    assert answered.value.json() == {"total": 500, "reserved": 0}
    assert page.complaints == []

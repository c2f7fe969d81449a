"""Ten thousand orders and customers: the admin's lists stay as cheap as with ten, and can be looked at.

`SHOTS=1` keeps pictures of the pages in .state/screenshots/admin/.
"""

import os

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.embedded.places import CHECKOUT
from tests.access.matrix import TABLES
from tests.access.world import build, operator

ROWS, MOST_QUERIES = 10_000, 12
BEYOND = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SHOTS = CHECKOUT / ".state" / "screenshots" / "admin"
PICTURES = ["", "activations/activation/", "billing/wallet/", "accounts/customer/", "accounts/apikey/",
            "billing/pricerule/add/"]  # fmt: skip

CUSTOMERS = """
INSERT INTO accounts_customer (tenant_id, external_id, status, "group", unblocks_used, created_at, updated_at)
SELECT %(tenant)s, 'many' || n, 'active', '', 0, now() - n * interval '1 minute', now()
FROM generate_series(1, %(rows)s) n
"""
WALLETS = """
INSERT INTO billing_wallet (tenant_id, customer_id, balance_micros, held_micros)
SELECT tenant_id, id, 0, 0 FROM accounts_customer WHERE external_id LIKE 'many%%'
"""
ORDERS = """
INSERT INTO activations_activation (
    hex_id, ord_id, tenant_id, customer_id, channel, service_id, country_id, provider_id, phone, lease_state,
    sms_status, activation_status, billing_status, price_micros, customer_price_micros, max_price_micros,
    upstream_ref, expire_at, created_at, routing)
SELECT lpad(to_hex(n), 24, '0'), 'ord_' || n, %(tenant)s, c.id, 'retail', 'netflix', 'us', %(provider)s,
    (12025550000 + n)::text, 'leased', 'smsRequested', 'expired', 'released', 250000, 300000, 250000,
    'many' || n, now(), now() - n * interval '1 minute', '{}'
FROM generate_series(1, %(rows)s) n JOIN accounts_customer c ON c.external_id = 'many' || n
"""


@pytest.fixture
def full(db):
    """A reseller with as many rows as ROWS says."""
    house = build("acme")
    facts = {"tenant": house.tenant.pk, "provider": house.rows["providers.provider"].pk, "rows": ROWS}
    with connection.cursor() as cursor:
        for statement in (CUSTOMERS, WALLETS, ORDERS):
            cursor.execute(statement, facts)
    return house


def test_every_list_costs_a_few_queries(full):
    browsers = {"owner": full.client("owner"), "operator": operator()}
    costs = {}

    for role, browser in browsers.items():
        for place in ["/admin/", *(f"/admin/{table.replace('.', '/')}/" for table in TABLES)]:
            with CaptureQueriesContext(connection) as spent:
                browser.get(place)
            costs[role, place] = len(spent)

    assert {
        place: cost for place, cost in costs.items() if cost > MOST_QUERIES + (place[1] == "/admin/") * 4
    } == {}


def test_searching_and_turning_pages_stays_cheap(full):
    browser = full.client("support")

    for query in ("q=12025550007", "q=many77", "p=2", "p=199", "activation_status__exact=expired"):
        with CaptureQueriesContext(connection) as spent:
            answer = browser.get(f"/admin/activations/activation/?{query}")
        assert (answer.status_code, len(spent) <= MOST_QUERIES) == (200, True), query

    found = browser.get("/admin/activations/activation/?q=12025550007").context["cl"].result_list
    assert [order.hex_id for order in found] == [f"{7:024x}"]


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_lists_fit_the_screen(live_server, page, full):
    address = live_server.url.replace("127.0.0.1", "acme.localhost").replace(
        "//localhost", "//acme.localhost"
    )
    session = full.client("owner").cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": address}])
    wide = []

    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (1280, 360):
            page.set_viewport_size({"width": width, "height": 900})
            for place in PICTURES:
                page.goto(f"{address}/admin/{place}", wait_until="networkidle")
                beyond = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if beyond > 0:
                    wide.append((place, width, beyond))
                if os.environ.get("SHOTS"):
                    SHOTS.mkdir(parents=True, exist_ok=True)
                    name = place.strip("/").replace("/", "-") or "index"
                    page.screenshot(path=SHOTS / f"{name}-{width}-{scheme}.png")

    assert wide == []

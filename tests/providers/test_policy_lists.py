"""What a routing policy leaves out is advertised in no list, and the lists agree with the router."""

import os
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.prices import Rules
from portal.errors import NoNumbers, UpstreamUnavailable
from providers.models import CatalogueChange, RouteQuality, RouteSheet, RoutingPolicy
from providers.pair_prices import offers_of_pair, price_of_pair, sellers_to, shelves
from providers.price_list import lines_on_sale, tiers_on_sale
from providers.product_list import listed_products
from providers.queries import countries_for_sale, services_for_sale
from providers.rental_list import rentals_on_sale
from providers.router import find_rental_route, find_route
from providers.stock_list import stock_lines
from tests.providers.factories import Wish, make_offer, make_provider, make_tenant

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
PAIRS = [(service, country) for service in ("telegram", "whatsapp") for country in ("de", "us")]
pytestmark = pytest.mark.django_db


@pytest.fixture
def tenant():
    return make_tenant()


@pytest.fixture
def policy(tenant):
    return RoutingPolicy.objects.create(tenant=tenant)


def advertised(tenant):
    """By list: the costs at which each pair is offered (micro-USD)."""
    where = {"tenant_id": tenant.pk, "is_test": False, "now": NOW}
    sellers, rules = sellers_to(**where), Rules()
    return {
        "storefront": {(one.service_id, one.country_id): one.cost_micros for one in lines_on_sale(**where)},
        "tiers": lowest((one.service_id, one.country_id, one.cost_micros) for one in tiers_on_sale(**where)),
        "published": lowest(
            (one.service_id, country, cost)
            for one in shelves(sellers)
            for country, cost in zip(one.countries, one.costs, strict=True)
        ),
        "pairs": {
            pair: found[1] * 10_000
            for pair in PAIRS
            if (found := price_of_pair(sellers=sellers, rules=rules, service_id=pair[0], country_id=pair[1]))
        },
        "offers": {
            pair: found[0].price_cents * 10_000
            for pair in PAIRS
            if (found := offers_of_pair(sellers=sellers, rules=rules, service_id=pair[0], country_id=pair[1]))
        },
        "by service": {
            (service.id, country.id): country.price_micros
            for service in services_for_sale(**where, rules=rules)
            for country in countries_for_sale(**where, rules=rules, service_id=service.id)
        },
        "products": {
            one.product[1:]: one.price_micros
            for one in listed_products(**where, rules=rules, kind="verification", limit=100)[0]
            if one.is_there
        },
        "stock": lowest(
            (one.service_id, one.country_id, one.cost_micros)
            for one in stock_lines(**where, hours=None, countries=())
        ),
    }


def for_rent(tenant, *, now=NOW):
    """By list: whether anything is for rent."""
    where = {"tenant_id": tenant.pk, "is_test": False, "now": now}
    products, _ = listed_products(**where, rules=Rules(), kind="rental", limit=100)
    return {
        "storefront": bool(rentals_on_sale(**where, rules=Rules(), hours=24)),
        "products": any(one.is_there for one in products),
        "stock": bool(stock_lines(**where, hours=24, countries=())),
    }


def lowest(lines):
    found = {}
    for service, country, cost in lines:
        found[service, country] = min(cost, found.get((service, country), cost))
    return found


def ordered(tenant):
    """What an order for the lowest price would cost."""
    found = {}
    for service, country in PAIRS:
        wish = Wish(service_id=service, country_id=country, quality_factor=0.0)
        try:
            route = find_route(tenant_id=tenant.pk, is_test=False, wish=wish, rules=Rules(), now=NOW)
        except (NoNumbers, UpstreamUnavailable):
            continue
        found[service, country] = route.candidates[0].price_micros
    return found


def test_a_provider_that_a_rule_excludes_is_advertised_in_no_list(tenant, policy):
    cheap, dear = make_provider(), make_provider()
    for service, country in PAIRS:
        make_offer(cheap, service=service, country=country, cost_micros=100_000)
        make_offer(dear, service=service, country=country, cost_micros=200_000)
    policy.rules.create(provider=cheap, verdict="deny")
    policy.rules.create(provider=cheap, service_id="telegram", country_id="us", verdict="allow")

    wanted = dict.fromkeys(PAIRS, 200_000) | {("telegram", "us"): 100_000}
    assert advertised(tenant) == dict.fromkeys(advertised(tenant), wanted)
    assert ordered(tenant) == wanted
    stranger = make_tenant()
    assert advertised(stranger) == dict.fromkeys(advertised(tenant), dict.fromkeys(PAIRS, 100_000))


def test_a_reached_cap_takes_a_provider_out_until_it_ends(tenant, policy):
    provider = make_provider()
    make_offer(provider)
    policy.rules.create(provider=provider, daily_cap_micros=1, spent_until=LATER)

    assert not any(advertised(tenant).values())
    assert sellers_to(tenant_id=tenant.pk, is_test=False, now=NOW).changes_at == LATER
    assert sellers_to(tenant_id=tenant.pk, is_test=False, now=LATER).by_id.keys() == {provider.pk}


def test_a_reached_cap_stops_rentals_of_that_tenant_too(tenant, policy):
    provider = make_provider()
    make_offer(provider, service="full", kind="rental", duration_hours=24)
    policy.rules.create(provider=provider, daily_cap_micros=1, spent_until=LATER)

    class RentalWish(Wish):
        hours = 24

    facts = {"is_test": False, "wish": RentalWish(service_id="full"), "rules": Rules()}
    with pytest.raises(UpstreamUnavailable):
        find_rental_route(tenant_id=tenant.pk, now=NOW, **facts)
    assert find_rental_route(tenant_id=tenant.pk, now=LATER, **facts).candidates
    assert find_rental_route(tenant_id=make_tenant().pk, now=NOW, **facts).candidates
    assert not any(for_rent(tenant).values())
    assert all(for_rent(tenant, now=LATER).values())
    assert all(for_rent(make_tenant()).values())


def measure(provider, orders, codes, *, service="", country="", operator=""):
    RouteQuality.objects.create(
        provider=provider, service_id=service, country_id=country, operator=operator, orders=orders,
        codes=codes, due_at=LATER,
    )  # fmt: skip


def write_sheets():
    """What the sweep makes of the figures, for the router."""
    sheets = {}
    for q in RouteQuality.objects.all():
        if q.orders >= 20 or not q.country_id:
            line = [q.provider_id, q.operator, q.orders, q.codes, None]
            sheets.setdefault((q.service_id, q.country_id), []).append(line)
    for (service, country), lines in sheets.items():
        text = str(lines).replace("'", '"').replace("None", "null")
        RouteSheet.objects.create(service_id=service, country_id=country, figures=text)


@pytest.mark.parametrize("number", range(8))
def test_lists_and_router_agree_under_any_policy(tenant, policy, number):
    seed = int(os.environ.get("SEED") or number)
    print(f"SEED={seed}")
    dice = random.Random(seed)
    providers = [make_provider() for _ in range(3)]
    for place, provider in enumerate(providers):
        for service, country in PAIRS:
            operator = dice.choice(["any", "alpha"])
            make_offer(
                provider, service=service, country=country, operator=operator,
                cost_micros=100_000 * (place + 1),
            )  # fmt: skip
            if dice.random() < 0.5:
                orders = dice.choice([5, 20, 40])
                measure(provider, orders, dice.randrange(orders), service=service, country=country,
                        operator=dice.choice(["", "alpha"]))  # fmt: skip
        measure(provider, 10, 1)
        measure(provider, 30, dice.randrange(30), country="us")
    write_sheets()
    policy.min_success_percent = dice.choice([None, 40])
    policy.save()
    for provider in [None, *providers]:
        for service in (None, "telegram"):
            for country in (None, "us"):
                if dice.random() < 0.4:
                    policy.rules.create(
                        provider=provider, service_id=service, country_id=country,
                        verdict=dice.choice(["", "", "deny", "allow"]),
                        min_success_percent=dice.choice([None, 20, 70]),
                    )  # fmt: skip

    lists = advertised(tenant)

    assert lists == dict.fromkeys(lists, ordered(tenant))


def test_changes_of_policies_are_noted_for_published_lists(tenant, policy):
    CatalogueChange.objects.all().delete()
    rule = policy.rules.create(provider=make_provider(), verdict="deny")
    rule.delete()
    policy.save()

    changes = list(CatalogueChange.objects.filter(tenant=tenant).values_list("topic", flat=True))
    assert changes == ["prices"] * 3


def test_a_tenant_without_a_policy_pays_nothing_for_it(tenant):
    make_offer(make_provider())

    with CaptureQueriesContext(connection) as seen:
        assert len(lines_on_sale(tenant_id=tenant.pk, is_test=False, now=NOW)) == 1
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, VERBOSE, COSTS OFF) " + seen[0]["sql"])
        plan = "\n".join(line for (line,) in cursor.fetchall())

    assert "InitPlan" in plan, "asked once, not for each offer"

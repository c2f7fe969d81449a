"""Price rules: which one wins, and what it makes of a price."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from billing.models import PriceRule
from billing.money import cents_down, cents_up, dollars, round_up, with_markup
from billing.prices import Rules, load_rules, rules_along, rules_in
from portal.fastlane import fetch_one
from tests.factories import PriceRuleFactory, TenantFactory

NOW = timezone.now()


@pytest.mark.parametrize(
    ("rule", "base", "price"),
    [
        ({}, 201_000, 210_000),
        ({"percent_ppm": 250_000}, 200_000, 250_000),
        ({"percent_ppm": 333_333, "rounding_micros": 1}, 100, 134),
        ({"fixed_micros": 50_000}, 200_000, 250_000),
        ({"percent_ppm": -500_000}, 200_000, 100_000),
        ({"floor_micros": 500_000}, 200_000, 500_000),
        ({"percent_ppm": 9_000_000, "cap_micros": 900_000}, 200_000, 900_000),
        ({"rounding_micros": 100_000}, 201_000, 300_000),
    ],
)
@pytest.mark.django_db
def test_a_rule_makes_a_price(rule, base, price):
    tenant = TenantFactory()
    PriceRuleFactory(tenant=tenant, **rule)
    assert load_rules(tenant_id=tenant.pk, now=NOW).customer_price(base, "netflix", "us") == price


@pytest.mark.django_db
def test_the_most_particular_rule_wins():
    tenant = TenantFactory()
    for number, names in enumerate(
        [
            {},
            {"customer_group": "vip"},
            {"country_id": "us"},
            {"service_id": "netflix"},
            {"service_id": "netflix", "country_id": "us"},
        ],
        start=1,
    ):
        PriceRuleFactory(tenant=tenant, percent_ppm=number * 1_000_000, **names)
    rules = load_rules(tenant_id=tenant.pk, group="vip", now=NOW)
    prices = [
        rules.customer_price(10_000, service, country)
        for service, country in [("signal", "de"), ("signal", "us"), ("netflix", "de"), ("netflix", "us")]
    ]
    assert prices == [30_000, 40_000, 50_000, 60_000]
    plain = load_rules(tenant_id=tenant.pk, now=NOW)
    assert plain.customer_price(10_000, "signal", "de") == 20_000


@pytest.mark.django_db
def test_rules_read_along_are_those_that_are_loaded():
    tenant, other = TenantFactory(), TenantFactory()
    PriceRuleFactory(layer="platform", tenant=None, percent_ppm=-100_000, service_id="netflix")
    PriceRuleFactory(layer="platform", tenant=other, percent_ppm=500_000)
    PriceRuleFactory(tenant=other, percent_ppm=500_000)
    PriceRuleFactory(tenant=tenant, customer_group="vip", cap_micros=2**62, country_id="us")
    PriceRuleFactory(tenant=tenant, customer_group="gold", fixed_micros=1)
    PriceRuleFactory(tenant=tenant, percent_ppm=1, valid_until=NOW)
    column = rules_along(tenant="%(tenant)s::bigint", group="%(group)s::text")
    for tenant_id, group in [(tenant.pk, "vip"), (tenant.pk, ""), (other.pk, "gold"), (0, "")]:
        (read,) = fetch_one(f"SELECT {column}", {"tenant": tenant_id, "group": group, "now": NOW})
        assert rules_in(read) == load_rules(tenant_id=tenant_id, group=group, now=NOW)
    PriceRule.objects.all().delete()
    assert rules_in(fetch_one(f"SELECT {column}", {"tenant": 0, "group": "", "now": NOW})[0]) == Rules()


@pytest.mark.django_db
def test_a_tenants_platform_rule_beats_the_general_one_and_others_do_not_see_it():
    tenant, other = TenantFactory(), TenantFactory()
    PriceRuleFactory(layer="platform", tenant=None, percent_ppm=100_000, service_id="netflix")
    PriceRuleFactory(layer="platform", tenant=tenant, percent_ppm=500_000)
    PriceRuleFactory(tenant=other, percent_ppm=9_000_000)
    rules = load_rules(tenant_id=tenant.pk, now=NOW)
    assert rules.tenant_price(100_000, "netflix", "us") == 150_000
    assert rules.customer_price(150_000, "netflix", "us") == 150_000
    assert load_rules(tenant_id=other.pk, now=NOW).tenant_price(100_000, "netflix", "us") == 110_000


@pytest.mark.django_db
def test_among_equals_the_newest_wins_and_only_while_it_is_in_force():
    tenant = TenantFactory()
    PriceRuleFactory(tenant=tenant, percent_ppm=0)
    PriceRuleFactory(
        tenant=tenant, percent_ppm=1_000_000, valid_from=NOW, valid_until=NOW + timedelta(hours=1)
    )
    at = [load_rules(tenant_id=tenant.pk, now=NOW + timedelta(minutes=m)) for m in (-1, 0, 59, 60)]
    assert [rules.customer_price(10_000, "a", "b") for rules in at] == [10_000, 20_000, 20_000, 10_000]


def test_without_rules_a_price_is_rounded_up_to_a_cent():
    assert Rules().tenant_price(1, "a", "b") == 10_000


@given(st.integers(-(10**12), 10**12), st.integers(1, 10**6))
def test_rounding_never_loses_a_micro_dollar(micros, step):
    assert 0 <= round_up(micros, step) - micros < step
    assert cents_down(micros) * 10_000 <= micros <= cents_up(micros) * 10_000


@given(st.integers(0, 10**12), st.integers(-(10**6), 10**8))
def test_a_markup_is_exact_up_to_one_micro_dollar(micros, ppm):
    assert 0 <= with_markup(micros, ppm) * 10**6 - micros * (10**6 + ppm) < 10**6


def test_dollars_for_people():
    assert [dollars(micros) for micros in (1_200_000, -50_000, 1_234_500_000, 1)] == [
        "$1.20",
        "−$0.05",
        "$1,234.50",
        "$0.000001",
    ]

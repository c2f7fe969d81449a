"""Request keys (M3), refusals before anything is sent, price tokens (F16), limits."""

from datetime import timedelta

import pytest

from activations.models import Activation, PriceToken, RequestKey
from activations.refusals import from_json, to_json
from activations.services import closing
from activations.services.request_keys import forget_old_keys
from portal import errors
from tests.factories import CustomerFactory, PriceRuleFactory

pytestmark = pytest.mark.django_db(transaction=True)


def test_m3_the_same_key_with_another_body_is_a_mismatch(shop):
    row = shop.order(key="k", digest=b"a" * 32)

    with pytest.raises(errors.RequestKeyMismatch):
        shop.order(key="k", digest=b"b" * 32)

    assert Activation.objects.get().hex_id == row.hex_id


def test_m3_the_same_key_later_hears_the_first_answer_whatever_became_of_it(shop, now):
    row = shop.order(key="k", now=now)
    closing.cancel(buyer=shop.buyer, hex_id=row.hex_id, now=now)

    again = shop.order(key="k", now=now)

    assert (again.hex_id, again.activation_status) == (row.hex_id, "canceled")
    assert shop.upstream.calls["order"] == 1


def test_m3_a_refusal_is_repeated_even_when_the_reason_is_gone(make_shop):
    shop = make_shop(balance_micros=None)
    with pytest.raises(errors.InsufficientBalance):
        shop.order(key="k")
    shop.fund(100_000_000)

    with pytest.raises(errors.InsufficientBalance) as caught:
        shop.order(key="k")

    assert caught.value.extra == {"scope": "customer"}
    assert shop.order(key="other").lease_state == "leased"


def test_m3_no_numbers_after_opening_is_repeated_without_asking_again(shop):
    shop.upstream.fault("order", "out_of_stock")
    for _ in range(2):
        with pytest.raises(errors.NoNumbers):
            shop.order(key="k")

    assert shop.upstream.calls["order"] == 1


def test_keys_belong_to_one_customer_and_are_forgotten_after_seven_days(shop, now):
    shop.order(key="k", now=now)
    other = shop.neighbour()
    assert shop.order(key="k", buyer=other, now=now).customer_id == other.customer_id

    forget_old_keys(now + timedelta(days=6))
    assert RequestKey.objects.count() == 2
    forget_old_keys(now + timedelta(days=8))
    assert not RequestKey.objects.exists()


@pytest.mark.parametrize(
    "error",
    [
        errors.InsufficientBalance(scope="account"),
        errors.ValidationError({"max_price": "too low"}),
        errors.EarlyCancel(at=None),
        errors.TooManyActive(limit=20, active=20),
    ],
)
def test_refusals_survive_storage(error):
    again = from_json(to_json(error))

    assert (type(again), again.text, again.extra) == (type(error), error.text, error.extra)


@pytest.mark.parametrize("status", ["paused", "disabled", "markedForDeletion"])
def test_m12_a_customer_who_is_not_active_orders_nothing_but_running_numbers_settle(shop, now, status):
    row = shop.order(now=now)
    shop.customer.status = status
    shop.customer.save()

    with pytest.raises(errors.CustomerNotActive):
        shop.order()
    shop.take_sms(row, "Your code is 1234", now=now)

    assert shop.row(row.hex_id).billing_status == "billed"
    assert shop.upstream.calls["order"] == 1


def test_a_blocked_or_suspended_tenant_orders_nothing(shop, now):
    later = now + timedelta(hours=1)
    for changes, expected in [
        ({"tenant_status": "suspended"}, errors.AccountBlocked),
        ({"tenant_blocked_until": later}, errors.AccountBlocked),
        ({"blocked_until": later}, errors.LowSuccessRate),
    ]:
        with pytest.raises(expected):
            shop.order(buyer=shop.buyer._replace(**changes), now=now)

    assert shop.upstream.calls["order"] == 0


def test_f17_the_active_limit_is_the_customers_and_optionally_the_tenants(shop):
    limited = shop.buyer._replace(max_active=2)
    for _ in range(2):
        shop.order(buyer=limited)
    with pytest.raises(errors.TooManyActive) as caught:
        shop.order(buyer=limited)
    assert caught.value.extra == {"limit": 2, "active": 2}

    with pytest.raises(errors.TooManyActive):
        shop.order(buyer=shop.neighbour()._replace(tenant_max_active=2))
    assert shop.order(buyer=shop.neighbour()._replace(tenant_max_active=3)).lease_state == "leased"


def test_a_tenant_without_money_is_named_even_when_the_customer_has_none(make_shop):
    shop = make_shop(balance_micros=None)
    shop.empty_the_till()

    with pytest.raises(errors.InsufficientBalance) as caught:
        shop.order()

    assert caught.value.extra == {"scope": "account"}


def test_a_price_token_continues_the_order_once_and_keeps_its_quality(shop, now):
    with pytest.raises(errors.MaxPriceExceeded) as caught:
        shop.order(max_price_micros=10_000, quality_factor=80, now=now)
    token, suggested = caught.value.extra["token"], caught.value.extra["suggested_micros"]

    row = shop.order(max_price_micros=suggested, token=token, now=now)

    assert Activation.objects.get(hex_id=row.hex_id).quality_factor == 80
    with pytest.raises(errors.PriceTokenInvalid):
        shop.order(max_price_micros=suggested, token=token, now=now)


def test_a_continued_order_still_excludes_what_its_first_part_did(shop, now):
    with pytest.raises(errors.MaxPriceExceeded) as caught:
        shop.order(max_price_micros=10_000, exclude_prefixes=("+1",), now=now)
    token, suggested = caught.value.extra["token"], caught.value.extra["suggested_micros"]

    with pytest.raises(errors.NoNumbers):
        shop.order(max_price_micros=suggested, token=token, exclude_prefixes=("+44",), now=now)

    assert [lease.phone[0] + lease.state for lease in shop.upstream.leases] == ["1canceled"]


def test_f16_a_token_with_a_limit_still_too_low_gets_a_new_suggestion(shop, now):
    with pytest.raises(errors.MaxPriceExceeded) as first:
        shop.order(max_price_micros=10_000, now=now)
    with pytest.raises(errors.MaxPriceExceeded) as second:
        shop.order(max_price_micros=20_000, token=first.value.extra["token"], now=now)

    assert second.value.extra["token"] != first.value.extra["token"]
    assert second.value.extra["suggested_micros"] == first.value.extra["suggested_micros"]


def test_a_token_is_bound_to_its_customer_service_and_time(shop, now):
    with pytest.raises(errors.MaxPriceExceeded) as caught:
        shop.order(max_price_micros=10_000, now=now)
    token = caught.value.extra["token"]
    strangers = [
        {"buyer": shop.neighbour()},
        {"country_id": "de"},
        {"now": now + timedelta(minutes=11)},
    ]
    for stranger in strangers:
        with pytest.raises(errors.PriceTokenInvalid):
            shop.order(token=token, max_price_micros=50_000_000, **{"now": now, **stranger})

    assert PriceToken.objects.get().used_at is None


def test_a_token_whose_order_failed_may_be_used_again(shop, now):
    with pytest.raises(errors.MaxPriceExceeded) as caught:
        shop.order(max_price_micros=10_000, now=now)
    token = caught.value.extra["token"]
    shop.upstream.fault("order", "out_of_stock")
    with pytest.raises(errors.NoNumbers):
        shop.order(max_price_micros=50_000_000, token=token, now=now)

    assert shop.order(max_price_micros=50_000_000, token=token, now=now).lease_state == "leased"


def test_billing_variants(shop, now):
    cost, cap = shop.offer.cost_micros, 1_000_000
    price = shop.price()

    fixed = shop.order(max_price_micros=cap, customer_price_micros=800_000)
    markup = shop.order(max_price_micros=cap, markup_percent=33)
    dynamic = shop.order(max_price_micros=cap, markup_percent=50, billing_mode="dynamic")
    assert (fixed.price_micros, fixed.customer_price_micros) == (price, 800_000)
    assert (markup.price_micros, markup.customer_price_micros) == (price, 1_330_000)
    assert (dynamic.price_micros, dynamic.customer_price_micros) == (cap, 1_500_000)

    shop.take_sms(dynamic, "Your code is 1234", now=now)

    billed = shop.row(dynamic.hex_id)
    assert billed.price_micros == price
    assert billed.customer_price_micros == -(-price * 150 // 1_000_000) * 10_000
    assert billed.cost_micros == cost


def test_customers_without_a_named_price_pay_by_the_tenants_rules(shop):
    PriceRuleFactory(tenant=shop.tenant, percent_ppm=500_000)

    row = shop.order()

    assert row.price_micros == shop.price()
    assert row.customer_price_micros == -(-shop.price() * 3 // 20_000) * 10_000


def test_an_own_provider_costs_the_tenants_wallet_nothing(shop, other_upstream, now):
    shop.provider.is_enabled = False
    shop.provider.save()
    shop.sell(other_upstream.provider(tenant=shop.tenant))

    row = shop.order(now=now)
    shop.take_sms(row, "Your code is 1234", now=now)

    assert shop.money() == (100_000_000 - row.customer_price_micros, 0, 10_000_000_000, 0)


def test_t1_another_tenants_own_provider_is_never_asked(shop, other_upstream):
    shop.provider.is_enabled = False
    shop.provider.save()
    shop.sell(other_upstream.provider(tenant=CustomerFactory().tenant))

    with pytest.raises(errors.NoNumbers):
        shop.order()

    assert other_upstream.calls["order"] == 0

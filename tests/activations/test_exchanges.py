"""Silent numbers exchanged inside their order: when, for which, and what becomes of both."""

import pytest
from django.core.management import call_command

from accounts import hops
from activations.models import Attempt, Exchange, Message, MoneyAtRisk
from activations.queries import find_row
from activations.services import closing
from activations.services.callbacks import take_callback
from activations.services.checking import check_due, expire_due
from activations.services.checking.claims import leases_by_reference
from activations.services.checking.settling import settle
from activations.services.exchanging import exchange_due
from activations.wish import SaleTerms
from billing.models import Transaction
from portal.errors import EarlyCancel
from providers.contract import Callback, Sms, Status, Unreachable, UpstreamState
from providers.health import note_failure, take_probe
from providers.models import Provider, ProviderHealth, RouteQuality, RoutingPolicy
from tests.activations.exchanging import P90, Healing, measured, seconds
from tests.factories import TenantFactory
from webhooks.models import Event

pytestmark = pytest.mark.django_db(transaction=True)
CODE = "Your code is 123456"


@pytest.fixture
def healing(shop, other_upstream):
    return Healing(shop, other_upstream)


def outcomes(row):
    return list(Attempt.objects.filter(activation_id=row.id).order_by("id").values_list("outcome", flat=True))


def charges():
    return Transaction.objects.filter(kind="charge").count()


def test_u18_a_number_silent_beyond_its_routes_90th_percentile_is_exchanged(healing, now, other_upstream):
    shop = healing.shop
    other_upstream.settings(life_seconds=2_400)
    row = shop.order(now=now)
    first, money = healing.number(row), shop.money()

    exchange_due(now + seconds(P90 - 5))
    assert not Exchange.objects.exists()
    exchange_due(now + seconds(P90 + 1))

    number, [lease] = healing.number(row), other_upstream.leases
    assert (number.phone, number.upstream_ref) == (lease.phone, str(lease.id))
    assert number.provider_id != first.provider_id
    assert (number.replaced_at, number.expire_at > first.expire_at) == (now + seconds(P90 + 1), True)
    assert shop.money() == money
    assert outcomes(row) == ["exchanged", "leased"]
    assert [event.type for event in Event.objects.filter(order_id=row.id)] == [
        "activation.created",
        "activation.number_replaced",
    ]
    held = healing.exchange(row)
    assert (held.state, held.phone, held.provider_id) == ("returning", first.phone, first.provider_id)
    assert held.routing["ranked"][0][0] == number.offer_id


def test_the_former_number_is_given_back_and_the_new_one_billed(healing, now):
    row, first = healing.swapped(now)

    exchange_due(now + seconds(P90 + 2))
    healing.sms(healing.number(row).provider_id, healing.number(row).upstream_ref, CODE)
    check_due(now + seconds(P90 + 20))

    assert healing.exchange(row).state == "returned"
    assert healing.supplier_of(first).paid_micros == 0
    number = healing.number(row)
    assert (number.sms_code, number.billing_status, charges()) == ("123456", "billed", 1)
    assert not MoneyAtRisk.objects.exists()
    call_command("check_ledger")


def test_it_is_off_until_the_reseller_wants_it(healing, now):
    RoutingPolicy.objects.update(replaces_silent="")
    healing.shop.order(now=now)

    exchange_due(now + seconds(600))

    assert not Exchange.objects.exists()


def test_orders_of_programs_are_left_alone_where_only_pages_are_wanted(shop, other_upstream, now):
    healing = Healing(shop, other_upstream, replaces="pages")
    program, person = shop.order(now=now), shop.order(now=now)
    number = healing.number(person)
    number.channel = "portal"
    number.save()

    exchange_due(now + seconds(P90 + 1))

    assert [exchange.activation_id for exchange in Exchange.objects.all()] == [person.id]
    assert healing.number(program).replaced_at is None


@pytest.mark.parametrize(
    "figures",
    [
        {"codes": 19},
        {"p90_seconds": 700},
        {"service_id": ""},
        {"service_id": "", "country_id": ""},
        {"operator": "other"},
    ],
)
def test_a_route_of_too_few_codes_or_more_patience_is_waited_for(healing, now, figures):
    RouteQuality.objects.all().delete()
    measured(healing.shop.offer, **figures)
    healing.shop.order(now=now)

    exchange_due(now + seconds(600))

    assert not Exchange.objects.exists()


def test_a_quick_route_waits_for_the_floor_all_the_same(healing, now):
    RouteQuality.objects.update(p90_seconds=10)
    healing.shop.order(now=now)

    exchange_due(now + seconds(55))
    assert not Exchange.objects.exists()
    exchange_due(now + seconds(65))

    assert Exchange.objects.count() == 1


def test_who_says_that_he_has_sent_for_the_code_waits_from_then_on(healing, now):
    row = healing.shop.order(now=now)
    closing.mark_ready(buyer=healing.shop.buyer, hex_id=row.hex_id, now=now + seconds(60))

    exchange_due(now + seconds(P90 + 30))
    assert not Exchange.objects.exists()
    exchange_due(now + seconds(P90 + 61))

    assert Exchange.objects.count() == 1


@pytest.mark.parametrize(
    "state",
    [
        {"cancelable_after": None},
        {"cancel_requested_at": "2026-01-01T00:00Z"},
        {"sms_status": "smsReceived", "billing_status": "billed"},
    ],
)
def test_what_cannot_be_given_back_or_does_not_wait_is_kept(healing, now, state):
    row = healing.shop.order(now=now)
    type(healing.number(row)).objects.filter(pk=row.id).update(**state)

    exchange_due(now + seconds(P90 + 1))

    assert not Exchange.objects.exists()


def test_nothing_is_exchanged_near_the_end_of_the_numbers_life(healing, now):
    row = healing.shop.order(now=now)

    exchange_due(row.expire_at - seconds(119))

    assert not Exchange.objects.exists()


def test_an_order_gets_two_other_numbers_at_most_and_none_from_the_same_provider(shop, make_supplier, now):
    healing = Healing(shop, *[make_supplier() for _ in range(3)])
    row = shop.order(now=now)

    providers = [healing.number(row).provider_id]
    for later in range(100, 900, 100):
        exchange_due(now + seconds(later))
        providers.append(healing.number(row).provider_id)

    assert len(set(providers)) == 3
    assert Exchange.objects.filter(swapped_at__isnull=False).count() == 2


def test_nobody_pays_more_for_the_other_number(healing, now):
    shop = healing.shop
    dearer = shop.sell(healing.others[0].provider(), cost_micros=shop.offer.cost_micros * 2)
    dearer.provider.offers.exclude(pk=dearer.pk).delete()
    type(dearer).objects.filter(cost_micros=shop.offer.cost_micros).exclude(pk=shop.offer.pk).delete()
    row = shop.order(now=now)

    exchange_due(now + seconds(P90 + 1))

    assert (healing.number(row).replaced_at, healing.exchange(row).state) == (None, "unsold")
    assert healing.others[0].calls["order"] == 0


def test_a_cheaper_number_is_billed_at_its_price_to_the_tenant(shop, other_upstream, now):
    healing = Healing(shop, other_upstream)
    price = shop.price()
    row = shop.order(now=now, customer_price_micros=price + 500_000)
    held = shop.money()
    shop.upstream.settings(price_step_micros=1)
    tier = shop.offer.upstream_ref
    other_upstream.stock("telegram", "us", tier, price_micros=20_000)

    exchange_due(now + seconds(P90 + 1))
    assert shop.money() == held
    number = healing.number(row)
    healing.sms(number.provider_id, number.upstream_ref, CODE)
    check_due(now + seconds(P90 + 20))

    number = healing.number(row)
    assert (number.cost_micros, number.price_micros, number.customer_price_micros) == (
        20_000,
        20_000,
        price + 500_000,
    )
    assert shop.money()[1] == shop.money()[3] == 0
    call_command("check_ledger")


def test_the_excluded_are_not_bought_from_nor_their_prefixes_taken(shop, other_upstream, now):
    healing = Healing(shop, other_upstream)
    numbers = [provider_id for provider_id in healing.suppliers if provider_id != shop.provider.pk]
    other = type(shop.provider).objects.get(pk=numbers[0])
    excluding = shop.order(now=now, exclude_providers=(other.public_no,))
    picky = shop.order(now=now, exclude_prefixes=("999",))

    exchange_due(now + seconds(P90 + 1))

    assert healing.exchange(excluding).state == "unsold"
    assert healing.number(picky).replaced_at


def test_u19_a_code_on_the_former_number_is_the_orders_and_the_new_one_goes_back(healing, now):
    row, first = healing.swapped(now)
    second = healing.number(row)
    healing.shop.upstream.fault("cancel", "lost")
    healing.sms(first.provider_id, first.upstream_ref, CODE)

    exchange_due(now + seconds(P90 + 30))

    number = healing.number(row)
    assert (number.phone, number.provider_id) == (first.phone, first.provider_id)
    assert (number.sms_code, number.billing_status) == ("123456", "billed")
    assert outcomes(row) == ["leased", "released"]
    exchange_due(now + seconds(P90 + 31))
    assert (healing.exchange(row).state, healing.exchange(row).phone) == ("returned", second.phone)
    assert healing.supplier_of(second).paid_micros == 0
    assert charges() == 1
    call_command("check_ledger")


def test_w1_a_callback_of_the_former_number_is_the_orders(healing, now):
    row, first = healing.swapped(now)
    provider = healing.shop.provider
    status = Status(UpstreamState.RECEIVED, [Sms(CODE, upstream_ref="7")])
    callback = Callback(first.upstream_ref, is_proof=True, status=status)

    for _ in range(2):
        take_callback(provider=provider, callback=callback, body=b"{}", headers={}, now=now + seconds(100))

    number = healing.number(row)
    assert (number.phone, number.sms_code, charges()) == (first.phone, "123456", 1)
    assert Message.objects.count() == 1


def test_w5_an_unsigned_callback_of_the_former_number_lets_it_be_asked(healing, now):
    row, first = healing.swapped(now)
    Exchange.objects.update(due_at=now + seconds(1000))
    callback = Callback(first.upstream_ref, is_proof=False)

    take_callback(
        provider=healing.shop.provider, callback=callback, body=b"{}", headers={}, now=now + seconds(100)
    )

    assert healing.exchange(row).due_at == now + seconds(100)


def test_a_list_that_tells_of_the_former_number_is_heard(healing, now):
    row, first = healing.swapped(now)
    healing.sms(first.provider_id, first.upstream_ref, CODE)
    waiting = healing.shop.order(now=now + seconds(P90 + 1))  # keeps the provider's list awake

    check_due(now + seconds(P90 + 30))

    assert (healing.number(row).phone, healing.number(row).sms_code) == (first.phone, "123456")
    assert healing.number(waiting).sms_code is None


def test_u19_both_numbers_get_a_code_one_is_billed_the_other_is_money_at_risk(healing, now):
    row, first = healing.swapped(now)
    second = healing.number(row)
    healing.sms(second.provider_id, second.upstream_ref, CODE)
    check_due(now + seconds(P90 + 10))
    healing.sms(first.provider_id, first.upstream_ref, "Your code is 654321")

    exchange_due(now + seconds(P90 + 20))

    number = healing.number(row)
    assert (number.phone, number.sms_code, charges()) == (second.phone, "123456", 1)
    assert list(Message.objects.order_by("id").values_list("code", "visible")) == [
        ("123456", True),
        ("654321", False),
    ]
    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.provider_id, risk.amount_micros) == (
        "late_code",
        first.provider_id,
        first.cost_micros,
    )
    assert healing.exchange(row).state == "kept"


def test_messages_of_both_numbers_may_have_the_same_reference(healing, now):
    row, first = healing.swapped(now)
    exchange_due(now + seconds(P90 + 2))  # given back
    provider = healing.shop.provider
    late = Callback(
        first.upstream_ref, True, Status(UpstreamState.RECEIVED, [Sms("late 111111", upstream_ref="1")])
    )
    take_callback(provider=provider, callback=late, body=b"{}", headers={}, now=now + seconds(100))
    number = healing.number(row)
    assert number.sms_status == "smsRequested", "the lease was given back: nothing is billed for it"

    healing.shop.take_sms(row, CODE, ref="1", now=now + seconds(101))

    assert healing.number(row).sms_code == "123456"
    assert MoneyAtRisk.objects.get().kind == "late_code"


def test_u9_the_former_number_is_kept_until_its_cancel_lock_ends(healing, now):
    healing.shop.upstream.settings(cancel_lock_seconds=400)
    row, _ = healing.swapped(now)
    lock = healing.exchange(row).cancelable_after

    exchange_due(now + seconds(P90 + 5))
    assert healing.shop.upstream.calls["cancel"] == 0
    assert now + seconds(P90 + 5) < healing.exchange(row).due_at <= lock
    healing.shop.upstream.fault("cancel", "too_early", at=int((lock + seconds(30)).timestamp()))
    exchange_due(lock + seconds(1))
    assert healing.exchange(row).cancelable_after > lock
    healing.shop.upstream.settings(cancel_lock_seconds=0)
    healing.shop.upstream.leases[0].cancelable = 0
    exchange_due(lock + seconds(40))

    assert healing.exchange(row).state == "returned"


@pytest.mark.parametrize("after", [True, False])
def test_u10_a_lost_cancel_of_the_former_number_is_found_out(healing, now, after):
    row, first = healing.swapped(now)
    healing.shop.upstream.fault("cancel", "lost", after=after)

    for later in range(2, 120, 20):
        exchange_due(now + seconds(P90 + later))

    assert healing.exchange(row).state == "returned"
    assert healing.supplier_of(first).paid_micros == 0
    assert not MoneyAtRisk.objects.exists()


def test_u16_what_the_provider_keeps_of_the_former_number_is_money_at_risk(healing, now):
    healing.shop.upstream.settings(cancel_fee_micros=7_000)
    provider = healing.shop.provider
    provider.cancel_fee_micros = 7_000
    provider.save()
    row, first = healing.swapped(now)

    exchange_due(now + seconds(P90 + 2))

    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros, risk.provider_id) == ("kept_fee", 7_000, first.provider_id)
    assert healing.exchange(row).state == "returned"


def test_what_could_not_be_given_back_in_time_is_money_at_risk(healing, now):
    row, first = healing.swapped(now)
    healing.shop.upstream.fault("*", "lost", times=-1)

    exchange_due(now + seconds(P90 + 5))
    exchange_due(first.expire_at + seconds(60))

    risk = MoneyAtRisk.objects.get()
    assert (risk.kind, risk.amount_micros) == ("orphan", first.cost_micros)
    assert healing.exchange(row).state == "kept"


def test_u1_a_lost_answer_swaps_nothing_until_it_is_known(healing, now, other_upstream):
    row = healing.shop.order(now=now)
    first = healing.number(row)
    other_upstream.fault("order", "lost", after=True)

    exchange_due(now + seconds(P90 + 1))
    assert (healing.number(row).phone, healing.exchange(row).state) == (first.phone, "buying")
    exchange_due(now + seconds(P90 + 10))

    assert healing.number(row).phone == other_upstream.leases[0].phone
    assert other_upstream.calls["order"] == 1
    assert outcomes(row) == ["exchanged", "leased"]


def test_u1_a_lost_number_that_is_found_too_late_is_given_back(healing, now, other_upstream):
    row = healing.shop.order(now=now)
    first = healing.number(row)
    other_upstream.fault("order", "lost", after=True)
    exchange_due(now + seconds(P90 + 1))
    healing.sms(first.provider_id, first.upstream_ref, CODE)
    check_due(now + seconds(P90 + 6))

    exchange_due(now + seconds(P90 + 10))
    exchange_due(now + seconds(P90 + 11))

    assert (healing.number(row).phone, charges()) == (first.phone, 1)
    assert (healing.exchange(row).state, other_upstream.paid_micros) == ("returned", 0)
    assert outcomes(row) == ["leased", "released"]


def test_u2_what_was_never_sold_is_given_up_and_another_is_asked(shop, make_supplier, now):
    second, third = make_supplier(), make_supplier()
    healing = Healing(shop, second, third)
    second.fault("order", "lost")
    row = shop.order(now=now)

    for later in (91, 100, 120, 190, 210, 212):
        exchange_due(now + seconds(later))

    assert [exchange.state for exchange in Exchange.objects.order_by("id")] == ["unsold", "returned"]
    assert healing.number(row).phone == third.leases[0].phone
    assert outcomes(row) == ["exchanged", "released", "leased"]


def test_u3_u6_who_says_no_costs_nothing_and_the_next_is_asked_a_minute_later(shop, make_supplier, now):
    second, third = make_supplier(), make_supplier()
    healing = Healing(shop, second, third)
    second.fault("order", "out_of_stock")
    row = shop.order(now=now)

    exchange_due(now + seconds(P90 + 1))
    exchange_due(now + seconds(P90 + 30))
    assert healing.number(row).replaced_at is None
    exchange_due(now + seconds(P90 + 62))

    assert healing.number(row).phone == third.leases[0].phone


def test_u7_a_number_at_another_price_is_given_back_and_not_shown(healing, now, other_upstream):
    row = healing.shop.order(now=now)
    other_upstream.fault("order", "wrong_price")

    exchange_due(now + seconds(P90 + 1))
    exchange_due(now + seconds(P90 + 2))

    assert healing.number(row).replaced_at is None
    assert (healing.exchange(row).state, healing.exchange(row).reason) == ("returned", "given back")
    assert other_upstream.paid_micros == 0
    flagged = ProviderHealth.objects.get(provider=Provider.objects.get(priority=50))
    assert (flagged.state, flagged.reason) == ("degraded", "wrong_price")


def test_a_cancel_of_the_former_number_does_not_end_the_order(healing, now, monkeypatch):
    """The buyer cancels, the provider confirms, and meanwhile the order got another number."""
    healing.others[0].settings(cancel_lock_seconds=400)
    row = healing.shop.order(now=now)
    old = closing.lease_of(row)
    exchange_due(now + seconds(P90 + 1))
    once = iter([old])
    real = closing.lease_of
    monkeypatch.setattr(closing, "lease_of", lambda row: next(once, None) or real(row))

    with pytest.raises(EarlyCancel):
        closing.cancel(buyer=healing.shop.buyer, hex_id=row.hex_id, now=now + seconds(P90 + 2))

    assert healing.number(row).activation_status == "active"
    exchange_due(now + seconds(P90 + 3))
    assert healing.exchange(row).state == "returned"


def test_a_cancelled_order_gives_both_numbers_back(healing, now):
    row, _ = healing.swapped(now)

    closing.cancel(buyer=healing.shop.buyer, hex_id=row.hex_id, now=now + seconds(P90 + 2))
    exchange_due(now + seconds(P90 + 3))

    assert healing.number(row).activation_status == "canceled"
    assert healing.exchange(row).state == "returned"
    assert [supplier.paid_micros for supplier in healing.suppliers.values()] == [0, 0]
    assert healing.shop.money()[1] == healing.shop.money()[3] == 0


def test_the_new_number_has_a_life_of_its_own(healing, now):
    healing.others[0].settings(life_seconds=2_400)
    row, first = healing.swapped(now)
    exchange_due(now + seconds(P90 + 2))

    expire_due(first.expire_at + seconds(1))
    assert healing.number(row).activation_status == "active"
    expire_due(healing.number(row).expire_at + seconds(60))

    assert (healing.number(row).activation_status, charges()) == ("expired", 0)


def test_an_old_answer_about_the_former_number_ends_nothing(healing, now):
    row = healing.shop.order(now=now)
    [due] = leases_by_reference(healing.shop.provider.pk, [healing.number(row).upstream_ref])
    exchange_due(now + seconds(P90 + 1))

    settle(due, Status(UpstreamState.CANCELED), now=now + seconds(P90 + 2))

    assert healing.number(row).activation_status == "active"


def test_the_row_that_pages_read_says_that_the_number_was_replaced(healing, now):
    row, _ = healing.swapped(now)

    shown = find_row(tenant_id=row.tenant_id, hex_id=row.hex_id)

    assert shown.replaced_at == now + seconds(P90 + 1)
    assert shown.shown.phone == healing.number(row).phone


def test_the_tenants_own_account_is_not_exchanged_for_the_pools(shop, other_upstream, now):
    shop.provider.tenant = shop.tenant
    shop.provider.save()
    healing = Healing(shop, other_upstream)
    row = shop.order(now=now)

    exchange_due(now + seconds(P90 + 1))

    assert (healing.exchange(row).state, healing.exchange(row).reason) == ("unsold", "none that fits")


def test_a_channel_whose_clients_read_the_phone_once_keeps_its_numbers(healing, now):
    healing.shop.order(now=now, terms=SaleTerms(keeps_number=True))

    exchange_due(now + seconds(300))

    assert not Exchange.objects.exists()


def test_an_order_of_another_portal_keeps_its_number_since_it_could_be_exchanged_for_that_portals_own(
    healing, now
):
    with hops.passing("0f8fad5b-d9cb-469f-a165-70867728950e"):
        healing.shop.order(now=now)
    exchange_due(now + seconds(300))
    assert not Exchange.objects.exists()

    healing.shop.order(now=now)  # a customer's own
    exchange_due(now + seconds(300))
    assert Exchange.objects.exists()


def test_u12_an_exchange_leaves_the_probe_of_a_provider_that_it_does_not_ask(shop, make_supplier, now):
    second, third = make_supplier(), make_supplier()
    healing = Healing(shop, second, third)
    doubtful = Provider.objects.get(priority=51)
    note_failure(doubtful.pk, Unreachable(), now - seconds(300), times=5)
    row = shop.order(now=now)

    exchange_due(now + seconds(P90 + 1))

    assert healing.number(row).phone == second.leases[0].phone
    assert take_probe(doubtful.pk, now + seconds(P90 + 2))


def test_another_tenants_setting_changes_nothing_here(healing, now):
    RoutingPolicy.objects.update(replaces_silent="")
    RoutingPolicy.objects.create(tenant=TenantFactory(), replaces_silent="all")
    healing.shop.order(now=now)

    exchange_due(now + seconds(300))

    assert not Exchange.objects.exists()

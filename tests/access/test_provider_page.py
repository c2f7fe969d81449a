"""The page of a provider in the admin: what it shows, to whom, and what can be done from it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from activations.models import Check
from activations.rental_models import RentalDue
from providers import traffic
from providers.contract import Account, Call
from providers.models import CatalogueSync, OfferDay, ProviderHealth, RouteOutcome
from providers.traffic import flush, note_traffic
from tests.factories import ProviderFactory

pytestmark = pytest.mark.django_db
LIST = "/admin/providers/provider/"
CHECKS, RENTALS = "/admin/activations/check/", "/admin/activations/rentaldue/"


@pytest.fixture
def provider(acme):
    found = acme.rows["providers.provider"]
    CatalogueSync.objects.filter(provider=found).update(balance_micros=12_340_000, balance_at=timezone.now())
    return found


def page_of(client, provider):
    answer = client.get(f"{LIST}{provider.pk}/change/")
    assert answer.status_code == 200
    return answer.content.decode()


def give_up(acme):
    check, due = acme.rows["activations.check"], acme.rows["activations.rentaldue"]
    parked = {"parked_reason": "unreachable", "tries": 9, "due_at": timezone.now() + timedelta(days=1)}
    Check.objects.filter(pk=check.pk).update(**parked)
    RentalDue.objects.filter(pk=due.pk).update(**parked)
    return check, due


def test_the_page_shows_funds_charts_calls_and_trouble(acme, provider):
    order = acme.rows["activations.activation"]
    today = timezone.now().date()
    OfferDay.objects.filter(offer=order.offer).update(day=today, count=5, low_micros=1, cost_micros=2)
    for pair in ({}, {"service_id": order.service_id, "country_id": order.country_id}):
        RouteOutcome.objects.create(provider=provider, day=today, wait=0, orders=3, **pair)
    ProviderHealth.objects.update_or_create(
        provider=provider, defaults={"state": "out_of_funds", "reason": "said so", "blocked_until": None}
    )
    with traffic.flushing:
        call = Call("POST", "https://x.example/orders/12345", {}, str, is_read=False,
                    account=Account("", "", provider_id=provider.pk))  # fmt: skip
        note_traffic(call, 0.123, status=200)
        flush()
    give_up(acme)

    page = page_of(acme.client("owner"), provider)
    for part in ("$12.34", "/orders/…", "123", "out of funds", "said so", "Orders that are stuck",
                 "Rentals that are stuck", order.hex_id, "unreachable", 'role="img"', "Check again now",
                 "Lowest cost of what is bought most", "by the day they ended"):  # fmt: skip
        assert part in page, part
    assert "12345" not in page.split("Last calls")[1].split("</section>")[0]


def test_a_page_of_a_provider_without_any_history(who, acme):
    page = page_of(who["operator"], ProviderFactory(tenant=None))

    assert "no number ended" in page
    assert "Orders that are stuck" not in page


def test_o2_the_page_opens_without_redis(acme, provider, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1"
    traffic._redis.cache_clear()
    try:
        assert "Redis is away" in page_of(acme.client("owner"), provider)
    finally:
        traffic._redis.cache_clear()


def test_what_is_stuck_is_asked_for_again_from_the_page(acme, provider):
    check, due = give_up(acme)
    before = timezone.now()

    for place, row in ((CHECKS, check), (RENTALS, due)):
        answer = acme.client("manager").post(
            place, {"action": "check_now", "_selected_action": row.pk, "index": 0, "provider": provider.pk}
        )
        assert answer["Location"] == f"{LIST}{provider.pk}/change/"
        row.refresh_from_db()
        assert (row.parked_reason, row.tries) == ("", 0)
        assert before <= row.due_at <= timezone.now()


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_who_only_looks_asks_for_nothing(acme, provider, role):
    check, due = give_up(acme)

    for place, row in ((CHECKS, check), (RENTALS, due)):
        acme.client(role).post(place, {"action": "check_now", "_selected_action": row.pk, "index": 0})
        row.refresh_from_db()
        assert row.parked_reason == "unreachable"


def test_t3_another_resellers_checks_are_not_moved(acme, globex):
    check, _ = give_up(acme)

    globex.client("owner").post(CHECKS, {"action": "check_now", "_selected_action": check.pk, "index": 0})

    check.refresh_from_db()
    assert check.parked_reason == "unreachable"


@pytest.mark.parametrize("provider_id", ["x", "9" * 40, "-1", "1/../2"])
def test_a_senseless_way_back_is_not_followed(acme, provider_id):
    check, _ = give_up(acme)
    sent = {"action": "check_now", "_selected_action": check.pk, "index": 0, "provider": provider_id}

    answer = acme.client("owner").post(CHECKS, sent)
    assert answer.status_code == 302
    assert "providers" not in answer["Location"]


def test_the_list_shows_the_state_of_each_in_the_same_number_of_queries(
    who, acme, globex, provider, django_assert_max_num_queries
):
    operator = who["operator"]
    operator.get(LIST)
    with django_assert_max_num_queries(20) as few:
        page = operator.get(LIST).content.decode()
    assert "$12.34" in page
    for number in range(20):
        one = ProviderFactory(tenant=None, display_name=f"pool {number}")
        CatalogueSync.objects.create(provider=one, offers=number)
    with django_assert_max_num_queries(len(few)):
        operator.get(LIST)


def test_an_ended_rest_is_not_told_as_one(acme, provider):
    past = timezone.now() - timedelta(seconds=1)
    ProviderHealth.objects.update_or_create(
        provider=provider, defaults={"state": "degraded", "blocked_until": past}
    )
    assert "tried again" in page_of(acme.client("owner"), provider)


def test_w9_an_inner_address_is_not_stored_for_a_reseller(who, acme):
    form = {
        "display_name": "own", "protocol": "sandbox", "base_url": "https://10.0.0.1/", "new_secret": "key",
        "tenant": acme.tenant.pk, "priority": 100, "cancel_lock_seconds": 0, "life_seconds": 1200,
        "cancel_fee_micros": 0, "timeout_seconds": 8, "check_seconds": 5, "sync_seconds": 0,
    }  # fmt: skip

    answer = who["operator"].post(f"{LIST}add/", form)
    assert list(answer.context["adminform"].form.errors) == ["base_url"]
    answer = who["operator"].post(f"{LIST}add/", {**form, "tenant": ""})
    assert answer.status_code == 302, answer.context and answer.context["adminform"].form.errors

"""What the retail dialect lacks and we added in its style: ends of a pause, offers, endpoints, keys."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from accounts.keys import digest, issue_key
from accounts.models import ApiKey, Customer
from tests.api.conftest import names
from tests.factories import CustomerFactory, OfferFactory, ProviderFactory
from webhooks.models import Delivery, Endpoint

pytestmark = pytest.mark.django_db

CONFLICT, NOT_FOUND = (409, "ConflictException"), (404, "NotFoundException")
DONE = (200, {"result": "success"})
URL = "https://8.8.8.8/hook"
AT = datetime(2026, 11, 1, 12, tzinfo=UTC)


# --- The pause of a low success rate ---
def pause(partner, hours=24):
    partner.customer.blocked_until = timezone.now() + timedelta(hours=hours)
    partner.customer.save(update_fields=["blocked_until"])


def test_a_pause_is_ended_three_times_in_24_hours(partner):
    with time_machine.travel(AT, tick=False):
        for _ in range(3):
            pause(partner)
            assert partner.post(f"{partner.a}/unblock", None) == DONE
        pause(partner)
        status, body = partner.post(f"{partner.a}/unblock", None)

        until = int((AT + timedelta(hours=24)).timestamp())
        assert (status, body["errorName"], body["unblock_at"]) == (429, "LowSuccessRateException", until)
        assert partner.last["x-ratelimit-reset"] == str(until)
        assert Customer.objects.get(pk=partner.customer.pk).blocked_until is not None


def test_who_is_not_paused_hears_so(partner):
    assert names(partner.post(f"{partner.a}/unblock", None)) == CONFLICT


def test_t1_nobody_ends_the_pause_of_a_foreign_customer(partner, stranger):
    pause(partner)
    other = CustomerFactory(tenant=partner.tenant)

    assert stranger.post(f"{stranger.a}/unblock", None)[0] == 409  # his own has the same id
    theirs = f"retail/a/customer/{other.external_id}/unblock"
    assert names(stranger.post(theirs, None)) == NOT_FOUND
    assert Customer.objects.get(pk=partner.customer.pk).blocked_until is not None


# --- Offers ---
PAIR = "retail/m/offers/services/netflix/countries/us"


def test_offers_are_the_lines_that_a_price_is_made_of(partner):
    OfferFactory(cost_micros=310_000, count=5, quality=0.914)
    OfferFactory(cost_micros=120_001, count=7, quality=None)
    OfferFactory(cost_micros=50_000, count=0)

    assert partner.get(PAIR) == (
        200, [{"price": 13, "count": 7}, {"price": 31, "quality": 0.91, "count": 5}],
    )  # fmt: skip
    price = partner.get("activation/prices/services/netflix/countries/us")[1]
    assert (price["price"]["min"], price["price"]["max"], price["count"]) == (13, 31, 12)


def test_t3_offers_of_a_tenants_own_provider_reach_nobody_else(partner, stranger):
    OfferFactory(provider=ProviderFactory(tenant=partner.tenant), cost_micros=10_000)

    assert partner.get(PAIR) == (200, [{"price": 1, "count": 100}])
    assert stranger.get(PAIR) == (200, [])
    assert names(partner.get(PAIR.replace("netflix", "nothing"))) == NOT_FOUND


# --- Webhook endpoints ---
def test_an_endpoint_is_made_listed_tried_and_deleted(partner):
    status, made = partner.post("retail/m/webhook", {"url": URL, "event_types": ["customer.updated"]})
    _, listed = partner.get("retail/m/webhooks")
    one = f"retail/m/webhook/{made['webhook_id']}"

    assert status == 200
    assert made.pop("secret").startswith("whsec_")
    assert listed == [made]
    assert made | {"created_at": 0} == {
        "webhook_id": made["webhook_id"], "url": URL, "event_types": ["customer.updated"],
        "is_enabled": True, "off_reason": None, "created_at": 0,
    }  # fmt: skip
    status, sent = partner.post(f"{one}/test", {"type": "account.low_balance"})
    assert status == 200
    assert Delivery.objects.get(event__public_id=sent["event_id"]).type == "account.low_balance"
    assert partner.ask("DELETE", one) == DONE
    assert names(partner.ask("DELETE", one)) == NOT_FOUND
    assert partner.get("retail/m/webhooks") == (200, [])


def test_w11_a_new_secret_signs_beside_the_old_one(partner):
    _, made = partner.post("retail/m/webhook", {"url": URL})
    _, rotated = partner.post(f"retail/m/webhook/{made['webhook_id']}/rotate", None)

    kept = Endpoint.objects.get(public_id=made["webhook_id"])
    assert rotated == {"webhook_id": made["webhook_id"], "secret": str(kept.secret)}
    assert str(kept.previous_secret) == made["secret"]
    assert kept.previous_until > timezone.now() + timedelta(hours=23)


def test_who_names_no_events_gets_the_usual_ones(partner):
    _, made = partner.post("retail/m/webhook", {"url": URL})

    assert "customer.activation.updated" in made["event_types"]
    assert "customer.activation.closed" not in made["event_types"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "http://8.8.8.8/"}, "url"),
        ({"url": 7}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["nothing"]}, "event_types"),
        ({"event_types": ["customer.updated", "customer.updated"]}, "event_types"),
        ({"event_types": "customer.updated"}, "event_types"),
        ({"event_types": [["customer.updated"]]}, "event_types"),
        ({"secret": "mine"}, "secret"),
        ({"tenant": 1}, "tenant"),
    ],
)
def test_w9_b12_a_bad_endpoint_is_refused_by_its_field(partner, fields, field):
    status, body = partner.post("retail/m/webhook", {"url": URL, **fields})

    assert (status, list(body["details"])) == (400, [field])
    assert not Endpoint.objects.exists()


def test_an_endpoint_that_is_off_is_not_tried(partner):
    _, made = partner.post("retail/m/webhook", {"url": URL})
    Endpoint.objects.update(is_enabled=False, off_reason="gone")

    trial = partner.post(f"retail/m/webhook/{made['webhook_id']}/test", {"type": "customer.updated"})
    assert names(trial) == CONFLICT
    assert partner.get("retail/m/webhooks")[1][0]["off_reason"] == "gone"


def test_t1_endpoints_of_others_and_of_customers_do_not_exist(partner, stranger):
    _, theirs = stranger.post("retail/m/webhook", {"url": URL})
    customers = Endpoint.objects.create(
        tenant=partner.tenant, customer=partner.customer, url=URL, event_types=[]
    )

    assert partner.get("retail/m/webhooks") == (200, [])
    for name in (theirs["webhook_id"], customers.public_id, "wh_nothing", "x" * 900):
        assert names(partner.ask("DELETE", f"retail/m/webhook/{name}")) == NOT_FOUND
        assert names(partner.post(f"retail/m/webhook/{name}/rotate", None)) == NOT_FOUND
    assert Endpoint.objects.count() == 2


# --- Keys ---
def test_keys_are_listed_without_what_opens_doors(partner, stranger):
    issue_key(tenant=partner.tenant, customer=partner.customer)
    issue_key(tenant=partner.tenant, name="old")
    ApiKey.objects.filter(name="old").update(revoked_at=timezone.now())

    _, listed = partner.get("retail/m/keys")

    (mine,) = listed
    key = ApiKey.objects.get(digest=digest(partner.key))
    assert mine == {
        "key_id": str(key.pk), "name": "", "begins_with": partner.key[:12], "scopes": [], "networks": [],
        "expires_at": None, "last_used_at": mine["last_used_at"],
        "created_at": int(key.created_at.timestamp()),
    }  # fmt: skip
    assert partner.key not in partner.last.content.decode()


def test_s1_a_replaced_key_works_a_day_longer_and_its_successor_has_its_rights(partner):
    with time_machine.travel(AT, tick=False) as clock:
        old, partner.key = partner.key, issue_key(
            tenant=partner.tenant, scopes=["read", "manage"], allowed_networks=["127.0.0.0/8"], name="shop"
        )[1]  # fmt: skip
        first = partner.key
        status, made = partner.post("retail/m/key/rotate", None)

        assert (status, made["name"], made["scopes"], made["networks"]) == (
            200, "shop", ["read", "manage"], ["127.0.0.0/8"],
        )  # fmt: skip
        assert names(partner.post("retail/m/key/rotate", None)) == CONFLICT
        clock.shift(timedelta(hours=23))
        assert partner.get("user/balance", key=first)[0] == 200
        clock.shift(timedelta(hours=2))
        assert partner.get("user/balance", key=first)[0] == 401
        assert partner.get("user/balance", key=made["key"])[0] == 200
        assert partner.get("user/balance", key=old)[0] == 200
        assert ApiKey.objects.get(digest=digest(made["key"])).expires_at is None


def test_t6_a_key_that_was_ended_stops_with_the_next_request(partner, stranger):
    other, plaintext = issue_key(tenant=partner.tenant)
    customers, _ = issue_key(tenant=partner.tenant, customer=partner.customer)
    theirs = ApiKey.objects.get(digest=digest(stranger.key))

    assert partner.ask("DELETE", f"retail/m/key/{other.pk}") == DONE
    assert partner.ask("DELETE", f"retail/m/key/{other.pk}") == DONE
    assert partner.get("user/balance", key=plaintext)[0] == 401
    for name in (theirs.pk, customers.pk, 10**18, 10**30, "x", "0", "-1", "１"):
        assert names(partner.ask("DELETE", f"retail/m/key/{name}")) == NOT_FOUND
    assert stranger.get("user/balance")[0] == 200


def test_these_calls_need_the_scope_to_manage(partner):
    reader = issue_key(tenant=partner.tenant, scopes=["read"])[1]

    for method, path in (
        ("GET", "retail/m/keys"),
        ("POST", "retail/m/key/rotate"),
        ("DELETE", "retail/m/key/1"),
        ("GET", "retail/m/webhooks"),
        ("POST", "retail/m/webhook"),
    ):
        assert partner.ask(method, path, key=reader)[0] == 403

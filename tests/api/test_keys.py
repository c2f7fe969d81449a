"""Who may ask what: keys, scopes, networks, bases, hosts; and nobody learns of another tenant."""

from datetime import timedelta

import pytest
from django.test import override_settings
from django.utils import timezone

from accounts.keys import issue_key
from accounts.models import ApiKey, Tenant
from activations.models import Activation
from api import auth
from api.retail.urls import urlpatterns
from billing.models import Transaction
from tests.api.conftest import names
from tests.api.test_catalogue import COUNTRIES, POPULAR, SERVICES
from tests.api.test_management import RECEIVED, activation
from tests.api.test_prices import BY_COUNTRY, BY_SERVICE, PAIRS
from tests.factories import CustomerFactory

pytestmark = pytest.mark.django_db
UNAUTHORIZED = (401, "UnauthorizedException")
ON_HOLD = (403, "AccountOnHoldException")
NOT_FOUND = (404, "NotFoundException")


def routes(customer_id, hex_id):
    """Every address of the dialect with a method and a body that is good for it."""
    m, a = "retail/m/customer", f"retail/a/customer/{customer_id}"
    wish = {"service_id": "netflix", "country_id": "us", "customer_price": 80}
    rental = f"{a}/rental/{'<str:rental_id>' if '<' in hex_id else 'rnt_000000000000'}"
    return [
        ("PUT", f"{m}/{customer_id}", {"status": "disabled"}),
        ("POST", f"{m}/{customer_id}/transaction", {"transaction_id": "t1", "amount": 5}),
        ("POST", f"{a}/activation", wish),
        ("POST", f"retail/a/{customer_id}/activation", wish),
        ("GET", f"{a}/activations", None),
        ("GET", f"{a}/activation/history", None),
        ("GET", f"{a}/activation/{hex_id}", None),
        ("PUT", f"{a}/activation/{hex_id}/retry", None),
        ("PUT", f"{a}/activation/{hex_id}/cancel", None),
        ("PUT", f"{a}/activation/{hex_id}/finalize", None),
        ("GET", f"{a}/activation/{hex_id}/report/reasons", None),
        ("POST", f"{a}/activation/{hex_id}/report", {"reason_id": 2}),
        ("GET", f"{a}/activation/{hex_id}/report", None),
        ("GET", f"{a}/activation/reports", None),
        ("GET", a, None),
        ("GET", f"{a}/balance", None),
        ("GET", f"{a}/transactions", None),
        ("POST", f"{a}/unblock", None),
        ("POST", f"{a}/rental", {"service_id": "netflix", "country_id": "us", "hours": 24}),
        ("GET", f"{a}/rentals", None),
        ("GET", f"{a}/rentals/prices?hours=24" if "<" not in hex_id else f"{a}/rentals/prices", None),
        ("GET", rental, None),
        ("GET", f"{rental}/messages", None),
        (
            "GET",
            f"{rental}/extension_price?hours=24" if "<" not in hex_id else f"{rental}/extension_price",
            None,
        ),
        ("POST", f"{rental}/extend", {"hours": 24}),
        ("PUT", f"{rental}/cancel", None),
        ("PUT", f"{rental}/finish", None),
        ("PUT", f"{rental}/auto_renew", {"enabled": False}),
    ]


# Addresses of a whole account: they name nobody, so nobody else's can be named there.
OF_THE_ACCOUNT = [
    ("POST", "retail/m/customer"),
    ("GET", "retail/m/customers"),
    ("GET", "retail/m/customers/activation/history"),
    ("GET", "retail/m/customers/transactions"),
    ("GET", "user/balance"),
    ("GET", "retail/m/offers/services/<str:service_id>/countries/<str:country_id>"),
    ("GET", "retail/m/webhooks"),
    ("POST", "retail/m/webhook"),
    ("DELETE", "retail/m/webhook/<str:webhook_id>"),
    ("POST", "retail/m/webhook/<str:webhook_id>/rotate"),
    ("POST", "retail/m/webhook/<str:webhook_id>/test"),
    ("GET", "retail/m/keys"),
    ("POST", "retail/m/key/rotate"),
    ("DELETE", "retail/m/key/<str:key_id>"),
    *(("GET", path) for path in COUNTRIES + SERVICES + POPULAR + BY_COUNTRY + BY_SERVICE + PAIRS),
]


def test_every_address_of_the_dialect_is_in_the_tables_of_these_tests():
    named = {path for _, path, _ in routes("<str:customer_id>", "<str:activation_id>")}

    pairs = {
        path: path.replace("telegram", "<str:service_id>").replace("/us", "/<str:country_id>")
        for path in PAIRS
    }
    shared = {pairs.get(path, path) for _, path in OF_THE_ACCOUNT}
    assert named | shared == {str(one.pattern) for one in urlpatterns}


def test_no_address_answers_without_a_good_key(partner, stranger, settings):
    settings.API_BAD_KEYS_PER_MINUTE = 10_000
    everywhere = [*OF_THE_ACCOUNT, *(route[:2] for route in routes(partner.customer.external_id, "f" * 24))]
    revoked = issue_key(tenant=partner.tenant)
    revoked[0].revoked_at = timezone.now()
    revoked[0].save()

    for method, path in everywhere:
        for key in ("", revoked[1]):
            assert names(partner.ask(method, path, b"{}", key=key)) == UNAUTHORIZED, path


def test_t1_a_foreign_customer_equals_one_that_does_not_exist(partner, stranger, catalogue):
    theirs = CustomerFactory(tenant=stranger.tenant, external_id="theirs")
    order = activation(theirs)
    before = Transaction.objects.count()

    for foreign, missing in zip(routes("theirs", order.hex_id), routes("nobody", "f" * 24), strict=True):
        answers = [partner.ask(*route) for route in (foreign, missing)]
        assert answers[0] == answers[1], foreign
        assert names(answers[0]) == NOT_FOUND, foreign

    theirs.refresh_from_db()
    order.refresh_from_db()
    assert (theirs.status, order.activation_status) == ("active", "active")
    assert Transaction.objects.count() == before
    assert Activation.objects.count() == 1


def test_t1_a_foreign_activation_under_ones_own_customer_equals_a_missing_one(partner, stranger, catalogue):
    colleague = CustomerFactory(tenant=partner.tenant, external_id="colleague")
    orders = [activation(stranger.customer, **RECEIVED), activation(colleague, **RECEIVED)]

    for verb in ("", "/retry", "/cancel", "/finalize"):
        method = "PUT" if verb else "GET"
        answers = [
            partner.ask(method, f"{partner.a}/activation/{hex_id}{verb}")
            for hex_id in (*(order.hex_id for order in orders), "f" * 24, "zzz", "F" * 24, "f" * 25)
        ]
        assert {names(answer) for answer in answers} == {NOT_FOUND}
        assert all(answer == answers[0] for answer in answers)


@pytest.fixture
def without(monkeypatch):
    """Takes a guard out of the key lookup, to see that a test would notice."""

    def take_out(guard):
        place = "NAMED" if guard in auth.NAMED else "SELECT"
        text = getattr(auth, place)
        assert guard in text
        monkeypatch.setattr(auth, place, text.replace(guard, "TRUE"))
        auth.statement.cache_clear()

    yield take_out
    monkeypatch.undo()
    auth.statement.cache_clear()


def test_t1_counter_without_the_tenant_filter_a_foreign_customer_would_be_found(partner, stranger, without):
    CustomerFactory(tenant=stranger.tenant, external_id="theirs")
    path = "retail/a/customer/theirs"
    assert partner.get(path)[0] == 404

    without("c.tenant_id = k.tenant_id")

    assert partner.get(path)[0] == 200


def test_t4_counter_without_the_host_rule_a_key_would_work_on_a_foreign_host(partner, stranger, without):
    theirs = f"{stranger.tenant.slug}.localhost"
    assert partner.get(partner.a, host=theirs)[0] == 401

    without("{fits_host}")

    assert partner.get(partner.a, host=theirs)[0] == 200


def test_t3_lists_of_one_tenant_show_nothing_of_another(partner, stranger, catalogue):
    canary = CustomerFactory(tenant=stranger.tenant, external_id="canary", balance_micros=70_000)
    activation(canary, phone="15550001111", **RECEIVED)

    for path in (
        "retail/m/customers",
        "retail/m/customers?customer_id=canary",
        "retail/m/customers/activation/history",
        "retail/m/customers/activation/history?customer_id=canary",
        "retail/m/customers/transactions?customer_id=canary",
        f"{partner.a}/activations?with_data=true",
        f"{partner.a}/activation/history",
        f"{partner.a}/transactions",
    ):
        status, body = partner.get(path)
        assert status == 200
        assert "canary" not in str(body)
        assert "15550001111" not in str(body)
    assert partner.get("retail/m/customers?customer_id=canary")[1]["total"] == 0
    assert partner.get("retail/m/customers")[1]["total"] == 1


def test_a_missing_and_a_wrong_key_are_401_and_ask_no_database(partner, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert names(partner.get("retail/m/customers", key="")) == UNAUTHORIZED
        assert names(partner.get("retail/m/customers", key="pk_live_" + "x" * 38)) == UNAUTHORIZED
        assert names(partner.get("retail/m/customers", key=partner.key[:-1])) == UNAUTHORIZED
    unknown = issue_key(tenant=partner.tenant)
    unknown[0].delete()
    assert names(partner.get("retail/m/customers", key=unknown[1])) == UNAUTHORIZED


def test_t6_a_revoked_or_expired_key_stops_with_the_next_request(partner):
    key = ApiKey.objects.get(tenant=partner.tenant)
    assert partner.get(partner.a)[0] == 200

    for field, moment in (("revoked_at", timezone.now()), ("expires_at", timezone.now())):
        ApiKey.objects.filter(pk=key.pk).update(**{field: moment})
        assert names(partner.get(partner.a)) == UNAUTHORIZED
        ApiKey.objects.filter(pk=key.pk).update(**{field: None})
    ApiKey.objects.filter(pk=key.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert partner.get(partner.a)[0] == 200


def test_t6_a_suspended_tenant_is_on_hold_at_once_and_its_test_twin_with_it(partner, tester):
    for one, live in ((partner, partner.tenant), (tester, tester.tenant.live_tenant)):
        Tenant.objects.filter(pk=live.pk).update(status="suspended")
        assert names(one.get(f"{one.a}/balance")) == ON_HOLD
        assert names(one.get("retail/m/customers")) == ON_HOLD
        path = f"retail/m/customer/{one.customer.external_id}/transaction"
        assert names(one.post(path, {"transaction_id": "x", "amount": 1})) == ON_HOLD
        assert one.get(one.a) == (200, {"accountOnHold": True})
        Tenant.objects.filter(pk=live.pk).update(status="active")
        assert one.get(one.a) == (200, {"accountOnHold": False})


def test_a_disabled_customer_gets_no_answers_but_may_be_managed(partner, catalogue):
    order = activation(partner.customer)
    partner.customer.status = "disabled"
    partner.customer.save()

    for method, path, body in routes(partner.customer.external_id, order.hex_id):
        answer = partner.ask(method, path, body)
        if path == partner.a or "retail/m/" in path:
            assert answer[0] == 200, path
        else:
            assert names(answer) == ON_HOLD, path


def test_scopes_narrow_a_key(partner, catalogue):
    order = activation(partner.customer)
    for scope in ("read", "order", "manage"):
        key = issue_key(tenant=partner.tenant, scopes=[scope])[1]
        for method, path, _ in routes(partner.customer.external_id, order.hex_id):
            wanted = "read" if method == "GET" else "manage" if "/m/" in path else "order"
            status, body = partner.ask(method, path, b"[]", key=key)
            refused = status == 403 and "scope" in body["errorMessage"]
            assert refused == (scope != wanted), (scope, method, path)


@pytest.mark.parametrize(
    ("networks", "address", "allowed"),
    [
        (["203.0.113.0/24"], "203.0.113.9", True),
        (["203.0.113.0/24"], "::ffff:203.0.113.9", True),
        (["203.0.113.0/24"], "198.51.100.1", False),
        (["2001:db8::/32", "198.51.100.1"], "2001:db8::1", True),
        (["203.0.113.0/24"], "not an address", False),
    ],
)
def test_a_key_bound_to_networks_works_only_there(partner, networks, address, allowed):
    key = issue_key(tenant=partner.tenant, allowed_networks=networks)[1]

    partner.client.defaults["REMOTE_ADDR"] = address
    status, _ = partner.get(partner.a, key=key)
    assert (status == 200) == allowed

    partner.client.defaults["REMOTE_ADDR"] = "10.0.0.1"
    with override_settings(TRUSTED_PROXY_COUNT=1):
        forged = {"X-Forwarded-For": f"203.0.113.9, {address}"}
        assert (partner.get(partner.a, key=key, **forged)[0] == 200) == allowed


def test_live_and_test_keys_work_only_on_their_base(partner, tester):
    assert tester.get(tester.a)[0] == 200
    assert names(partner.get(f"/test/api/v1/{partner.a}")) == UNAUTHORIZED
    assert names(tester.get(f"/api/v1/{tester.a}")) == UNAUTHORIZED
    assert "test" in tester.last.json()["errorMessage"].lower()


def test_t4_a_key_does_not_work_on_another_tenants_host(partner, stranger):
    mine, theirs = (f"{one.tenant.slug}.localhost" for one in (partner, stranger))

    assert partner.get(partner.a, host=mine)[0] == 200
    assert names(partner.get(partner.a, host=theirs)) == UNAUTHORIZED
    assert partner.get(partner.a, host="127.0.0.1")[0] == 200
    assert partner.client.get(f"/api/v1/{partner.a}", headers={"Host": "evil.example"}).status_code == 400


def test_a_customers_own_key_is_not_an_accounts_key(partner):
    key = issue_key(tenant=partner.tenant, customer=partner.customer)[1]

    assert names(partner.get(partner.a, key=key)) == UNAUTHORIZED


def test_s6_guessing_keys_is_slowed_and_the_owner_is_not(partner):
    wrong = "pk_live_" + "x" * 38
    with override_settings(API_BAD_KEYS_PER_MINUTE=5):
        statuses = [partner.get(partner.a, key=wrong)[0] for _ in range(8)]

    assert statuses == [401] * 5 + [429] * 3
    assert partner.last["Retry-After"]
    assert partner.get(partner.a)[0] == 200


def test_the_last_use_is_noted_at_most_once_a_minute(partner):
    def noted():
        return ApiKey.objects.get(tenant=partner.tenant).last_used_at

    partner.get(partner.a)
    first = noted()
    partner.get(partner.a)
    assert noted() == first
    ApiKey.objects.update(last_used_at=first - timedelta(seconds=61))
    partner.get(partner.a)
    assert noted() >= first


def test_t7_fields_that_nobody_asked_for_are_never_applied(partner, stranger):
    extras = {"tenant": stranger.tenant.pk, "tenant_id": stranger.tenant.pk, "is_staff": True, "group": "vip"}
    new = {"customer_id": "extra", "status": "disabled", **extras}

    assert partner.post("retail/m/customer", new)[0] == 200
    made = partner.tenant.customers.get(external_id="extra")
    assert (made.status, made.group) == ("active", "")
    path = f"retail/m/customer/{made.external_id}"
    assert partner.put(path, {"status": "paused", "balance": 900, **extras})[0] == 200
    made.refresh_from_db()
    assert (made.tenant_id, made.status, made.wallet.balance_micros) == (partner.tenant.pk, "paused", 0)


def test_rates_are_counted_per_customer_and_answered_with_the_reset(partner, settings):
    settings.RETAIL_RATES = {**settings.RETAIL_RATES, "balance": 2, "all_history": 1}
    other = CustomerFactory(tenant=partner.tenant)

    assert [partner.get(f"{partner.a}/balance")[0] for _ in range(3)] == [200, 200, 429]
    assert names(partner.get(f"{partner.a}/balance")) == (429, "TooManyRequestsException")
    assert int(partner.last["x-ratelimit-reset"]) % 60 == 0
    assert partner.last["x-ratelimit-limit"] == "2"
    assert partner.last["x-ratelimit-remaining"] == "0"
    assert 1 <= int(partner.last["Retry-After"]) <= 60
    assert partner.get(f"retail/a/customer/{other.external_id}/balance")[0] == 200
    histories = [partner.get("retail/m/customers/activation/history")[0] for _ in range(2)]
    assert histories == [200, 429]

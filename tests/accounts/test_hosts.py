"""Host names, sessions and the middleware between them."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection
from django.http import HttpResponse
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import middleware
from accounts.access import customer_required, member_required
from accounts.hosts import DIALECTS, KEY_FITS_HOST
from accounts.middleware import TenantMiddleware
from accounts.models import Member, Tenant
from accounts.queries import primary_host
from accounts.services import set_member_active, set_tenant_status
from tests.accounts.factories import CustomerFactory, DomainFactory, MemberFactory, TenantFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def domain():
    return DomainFactory()


def ask(host, path="/", session=None, **headers):
    """The view's answer, naming who the middleware and the session say is there."""
    request = RequestFactory().get(path, HTTP_HOST=host, **headers)
    request.session = session if session is not None else {}
    request.htmx = False

    def view(request):
        who = getattr(request.user, "email", "") if request.user.is_authenticated else "nobody"
        return HttpResponse(f"{request.tenant and request.tenant.slug} {who}")

    return TenantMiddleware(view)(request)


def session_of(client, user):
    client.force_login(user)
    return client.session


@pytest.mark.parametrize("spelling", ["acme.localhost", "ACME.localhost:8000", "acme.localhost."])
def test_a_host_in_any_spelling_leads_to_its_tenant(spelling):
    DomainFactory(tenant__slug="acme", host="acme.localhost")

    assert ask(spelling).content == b"acme nobody"


def test_t4_an_unknown_or_forged_host_is_refused(client, domain):
    assert ask("stranger.localhost").status_code == 400
    assert client.get("/", HTTP_HOST="evil.example").status_code == 400
    assert client.get("/", HTTP_HOST="a b").status_code == 400
    assert client.get("/", HTTP_HOST="stranger.localhost").status_code == 400


def test_t4_a_session_counts_on_its_own_tenants_hosts_only(client, domain):
    user = UserFactory(tenant=domain.tenant)
    other = DomainFactory()
    session = session_of(client, user)

    assert ask(domain.host, session=session).content == f"{domain.tenant.slug} {user.email}".encode()
    assert ask(other.host, session=session).content == f"{other.tenant.slug} nobody".encode()


def test_t4_without_the_guard_a_session_would_count_everywhere(client, domain, monkeypatch):
    user = UserFactory(tenant=domain.tenant)
    session = session_of(client, user)
    monkeypatch.setattr(middleware, "is_at_home", lambda user, tenant: True)

    assert ask(DomainFactory().host, session=session).content.endswith(user.email.encode())


def test_an_operator_is_known_on_every_host(client, domain):
    operator = UserFactory(tenant=None, is_staff=True, is_superuser=True)

    answer = ask(domain.host, session=session_of(client, operator))

    assert answer.content.endswith(operator.email.encode())


def test_t6_a_suspended_tenants_pages_close_with_the_next_request(client, domain):
    user = UserFactory(tenant=domain.tenant)
    session = session_of(client, user)
    assert ask(domain.host, session=session).status_code == 200

    set_tenant_status(tenant=domain.tenant, status=Tenant.Status.SUSPENDED)

    assert ask(domain.host, session=session).status_code == 503
    assert ask(domain.host, "/admin/", session=session).content.endswith(b"nobody")


def test_t6_a_suspension_covers_the_test_twin():
    twin = TenantFactory(live_tenant=TenantFactory())

    set_tenant_status(tenant=twin.live_tenant, status=Tenant.Status.SUSPENDED)

    twin.refresh_from_db()
    assert twin.status == twin.live_tenant.status == Tenant.Status.SUSPENDED


def test_t6_a_disabled_member_is_anonymous_with_the_next_request(client, domain):
    member = MemberFactory(tenant=domain.tenant)
    session = session_of(client, member.user)
    assert ask(domain.host, session=session).content.endswith(member.user.email.encode())

    set_member_active(tenant=domain.tenant, member_id=member.pk, is_active=False)

    assert ask(domain.host, session=session).content.endswith(b"nobody")


def test_t6_another_tenants_member_cannot_be_disabled(domain):
    member = MemberFactory()

    assert not set_member_active(tenant=domain.tenant, member_id=member.pk, is_active=False)
    assert Member.objects.get(pk=member.pk).is_active


@pytest.mark.parametrize("path", ["/api/v1/x", "/test/api/v1/x", "/stubs/x.php", "/callbacks/x"])
def test_b10_key_paths_look_at_no_session_and_ask_no_database_for_their_host(client, domain, path):
    client.force_login(UserFactory(tenant=domain.tenant))

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path, headers={"host": "anything.localhost"})

    assert answer.status_code == 404
    assert len(queries) == 0


def test_a_page_costs_one_query_for_its_tenant(domain):
    with CaptureQueriesContext(connection) as queries:
        ask(domain.host)

    assert len(queries) == 1


def fits(host, tenant, dialect="retail"):
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {KEY_FITS_HOST} FROM accounts_tenant t WHERE t.id = %(tenant)s",
            {"host": host, "tenant": tenant.pk, "dialect": dialect},
        )
        return cursor.fetchone()[0]


def test_t1_a_key_fits_its_own_hosts_and_those_of_nobody(domain):
    twin = TenantFactory(live_tenant=domain.tenant)
    other = DomainFactory()

    assert fits(domain.host, domain.tenant)
    assert fits(domain.host, twin)
    assert fits("api.localhost", domain.tenant)
    assert not fits(other.host, domain.tenant)
    assert not fits(other.host, twin)


def test_a_host_of_one_dialect_has_no_pages_and_knows_no_keys_of_others(domain):
    twin = TenantFactory(live_tenant=domain.tenant)
    own = DomainFactory(tenant=domain.tenant, host="sms.localhost", is_primary=False, dialect="handler")

    assert ask(own.host).status_code == 400
    assert [name for name in DIALECTS if fits(own.host, domain.tenant, name)] == ["handler"]
    assert fits(own.host, twin, "handler")
    assert not fits(own.host, DomainFactory().tenant, "handler")
    assert all(fits(domain.host, domain.tenant, name) for name in DIALECTS)
    own.delete()
    DomainFactory(tenant=domain.tenant, host="api.localhost", is_primary=False, dialect="ping")
    assert primary_host(domain.tenant) == domain.host


def test_the_primary_host_has_pages(domain):
    with pytest.raises(IntegrityError):
        DomainFactory(is_primary=True, dialect="ping")


# --- Decorators -------------------------------------------------------------------------------------------
def open_page(view, user, tenant, *, htmx=None):
    request = RequestFactory().get("/wallet/?page=2")
    request.tenant, request.user, request.htmx = tenant, user, htmx
    return view(request)


@customer_required
def wallet(request):
    return HttpResponse(request.customer.external_id)


@member_required("manager")
def prices(request):
    return HttpResponse(request.member.role)


def test_t5_a_customers_page_is_his_own_and_not_stored():
    customer = CustomerFactory(user=UserFactory())
    customer.tenant = customer.user.tenant

    answer = open_page(wallet, customer.user, customer.user.tenant)

    assert answer.content.decode() == customer.external_id
    assert answer["Cache-Control"] == "no-store"


def test_visitors_are_sent_to_the_login_page_and_back():
    anonymous = AnonymousUser()
    partial = type("Htmx", (), {"current_url_abs_path": "/numbers/"})()

    assert open_page(wallet, anonymous, None)["Location"] == "/accounts/login/?next=/wallet/%3Fpage%3D2"
    answer = open_page(wallet, anonymous, None, htmx=partial)
    assert (answer.status_code, answer["HX-Redirect"]) == (204, "/accounts/login/?next=%2Fnumbers%2F")


@pytest.mark.parametrize(("role", "enters"), [("owner", True), ("manager", True), ("viewer", False)])
def test_only_the_named_roles_and_owners_enter(role, enters):
    member = MemberFactory(role=role)

    if enters:
        assert open_page(prices, member.user, member.tenant).content.decode() == role
    else:
        with pytest.raises(PermissionDenied):
            open_page(prices, member.user, member.tenant)


def test_t4_another_tenants_member_does_not_enter():
    with pytest.raises(PermissionDenied):
        open_page(prices, MemberFactory().user, TenantFactory())

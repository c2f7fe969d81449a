"""A reseller's own accounts at providers: his owners and managers add, try, pause and re-key them."""

import pytest

from accounts.models import Tenant
from providers.models import CatalogueSync, Provider
from tests.factories import MemberFactory, ProviderFactory, TenantFactory
from tests.pages.test_buying import words

pytestmark = pytest.mark.django_db(transaction=True)
KEY = "a-key-that-nobody-may-see"


@pytest.fixture
def tenant(db):
    return TenantFactory(slug="acme", host="acme.localhost", twin=True)


@pytest.fixture
def member(client, tenant):
    """Signs a member with this role in."""

    def sign_in(role="manager"):
        client.force_login(MemberFactory(tenant=tenant, role=role).user)
        client.defaults["HTTP_HOST"] = "acme.localhost"
        client.defaults["HTTP_ACCEPT"] = "text/html"
        return client

    return sign_in


def form(upstream, **fields):
    return {"display_name": "My upstream", "base_url": upstream.url, "secret": upstream.key, **fields}


def add(client, sent, protocol="sandbox"):
    return client.post(f"/providers/new/{protocol}/add/", sent, follow=True)


@pytest.fixture
def own(tenant, upstream):
    return upstream.provider(tenant=tenant, display_name="Mine")


def test_an_account_is_added_tried_and_its_key_never_shown(member, tenant, upstream):
    manager = member()
    answer = add(manager, form(upstream))

    provider = Provider.objects.get(tenant=tenant)
    assert (provider.secret, provider.serves_live, provider.serves_test) == (upstream.key, True, False)
    assert answer.redirect_chain == [(f"/providers/{provider.public_no}/", 302)]
    assert "offers" in words(answer), "it was tried"
    assert CatalogueSync.objects.get(provider=provider).asked == "sync"
    pages = ["/providers/", f"/providers/{provider.public_no}/"]
    shown = [answer.content.decode(), *(manager.get(place).content.decode() for place in pages)]
    assert not any(upstream.key in page for page in shown)
    assert all("My upstream" in page for page in shown)
    assert answer["Cache-Control"] == "no-store"


def test_an_account_for_test_mode_belongs_to_the_twin(member, tenant, upstream):
    add(member(), form(upstream, is_test="on"))

    provider = Provider.objects.get(tenant=Tenant.objects.get(live_tenant=tenant))
    assert (provider.serves_live, provider.serves_test) == (False, True)
    assert "test mode" in member().get("/providers/").content.decode()


def test_options_are_those_that_the_protocol_declares(member, tenant, upstream):
    manager = member()
    page = words(manager.get("/providers/new/handler/"))
    assert "dialect" in page
    assert "rate" in page
    assert "dialect" not in words(manager.get("/providers/new/ping/"))

    sent = form(upstream, **{"options.dialect": "classic", "options.rate": "0.0109"})
    add(manager, sent, protocol="handler")
    assert Provider.objects.get(tenant=tenant).options == {"dialect": "classic", "rate": "0.0109"}


@pytest.mark.parametrize(
    ("protocol", "wrong", "field"),
    [
        ("sandbox", {"base_url": "https://10.0.0.1/"}, "base_url"),
        ("sandbox", {"base_url": "not an address"}, "base_url"),
        ("sandbox", {"secret": ""}, "secret"),
        ("sandbox", {"secret": "with blank"}, "secret"),
        ("sandbox", {"display_name": ""}, "display_name"),
        ("handler", {"options.rate": "a lot"}, "options.rate"),
        ("handler", {"options.dialect": "klingon"}, "options.dialect"),
        ("sandbox", {"tenant": "1"}, "__all__"),
    ],
)
def test_bad_input_is_refused_naming_the_field_and_stores_nothing(
    member, tenant, upstream, protocol, wrong, field
):
    answer = add(member(), form(upstream, **wrong), protocol=protocol)

    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [field]
    assert upstream.key not in answer.content.decode(), "a key is typed again"
    assert not Provider.objects.filter(tenant=tenant).exists()


def test_a_protocol_that_nobody_speaks_is_not_found(member):
    assert member().get("/providers/new/klingon/").status_code == 404
    assert member().post("/providers/new/klingon/add/", {}).status_code == 404


def test_one_click_tries_an_account(member, own, upstream):
    manager = member()
    assert "It can:" in words(manager.post(f"/providers/{own.public_no}/test/", follow=True))

    Provider.objects.filter(pk=own.pk).update(base_url="http://127.0.0.1:1")
    answer = words(manager.post(f"/providers/{own.public_no}/test/", follow=True))
    assert "must begin with https" in answer, "guarded when it is called, too"


def test_u15_a_new_key_is_tried_before_it_is_stored(member, own, upstream):
    manager, place = member(), f"/providers/{own.public_no}/key/"
    refused = manager.post(place, {"secret": KEY})
    assert (refused.status_code, list(refused.context["key_form"].errors)) == (422, ["secret"])
    assert KEY not in refused.content.decode()

    Provider.objects.filter(pk=own.pk).update(secret_encrypted=b"")
    manager.post(place, {"secret": upstream.key})
    own.refresh_from_db()
    assert own.secret == upstream.key


def test_it_is_paused_and_resumed(member, own):
    manager, place = member(), f"/providers/{own.public_no}/"
    answer = words(manager.post(f"{place}pause/", {"reason": "holidays"}, follow=True))
    assert "paused by the operator" in answer
    assert "holidays" in answer

    assert "selling" in words(manager.post(f"{place}resume/", follow=True))


def test_t3_others_accounts_do_not_exist(member):
    client = member("owner")
    others = [ProviderFactory(tenant=None), ProviderFactory(tenant=TenantFactory())]

    assert "upstream" not in words(client.get("/providers/")).lower()
    for number in [*(one.public_no for one in others), 987_654_321, 2**70]:
        assert client.get(f"/providers/{number}/").status_code == 404
        for action in ("test", "key", "pause", "resume"):
            sent = {"secret": KEY} if action == "key" else {}
            assert client.post(f"/providers/{number}/{action}/", sent).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "support"])
def test_who_only_looks_does_not_get_here(member, own, upstream, role):
    client = member(role)
    for place in ("/providers/", "/providers/new/sandbox/", f"/providers/{own.public_no}/"):
        assert client.get(place).status_code == 403
    assert add(client, form(upstream)).status_code == 403
    assert client.post(f"/providers/{own.public_no}/pause/").status_code == 403
    assert Provider.objects.count() == 1

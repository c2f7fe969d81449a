"""W9 for accounts that resellers typed: no call of theirs leads inward, whenever the name begins to."""

import pytest

from portal.errors import ValidationError
from providers.contract import Account, Call, Unreachable
from providers.http import send, send_many
from providers.registry import adapter_for
from providers.services.accounts import MOST_OWN, draft_provider, open_provider
from providers.trial import try_account
from tests.factories import ProviderFactory, TenantFactory

INWARD = [
    "https://127.0.0.1/", "https://10.0.0.7/api", "https://192.168.1.1:8443/", "https://[::1]/",
    "https://169.254.169.254/latest/meta-data", "https://[::ffff:127.0.0.1]/", "https://2130706433/",
    "https://localhost/", "https://upstream.internal/", "http://example.com/", "https://example.com:5432/",
]  # fmt: skip


def call(url, **facts):
    return Call("GET", url, {}, lambda reply: reply.text, account=Account(url, "", **facts))


@pytest.fixture
def inner(upstream, settings):
    """A server on loopback that the operator did not except."""
    settings.ADDRESS_EXCEPTIONS = []
    return upstream


def by_many(one):
    [sent] = send_many([("tag", one)])
    if sent.error:
        raise sent.error
    return sent.value


@pytest.fixture(params=[send, by_many], ids=["single", "many"])
def carry(request):
    return request.param


@pytest.mark.django_db
@pytest.mark.parametrize("url", INWARD)
def test_w9_an_inner_address_is_not_saved_for_a_reseller(url):
    account = {"protocol": "retail", "base_url": url, "secret": "key", "name": "Own"}

    with pytest.raises(ValidationError) as refused:
        draft_provider(**account, tenant=TenantFactory())
    assert list(refused.value.details) == ["base_url"]


@pytest.mark.django_db
def test_the_operator_may_except_a_place_and_the_pool_may_go_anywhere(settings):
    account = {"protocol": "retail", "base_url": "http://127.0.0.1:9100", "secret": "key", "name": "Own"}
    assert draft_provider(**account).base_url == "http://127.0.0.1:9100"

    settings.ADDRESS_EXCEPTIONS = ["127.0.0.1:9100"]
    assert draft_provider(**account, tenant=TenantFactory()).base_url == "http://127.0.0.1:9100"


@pytest.mark.parametrize("url", [*INWARD, "https://user:word@example.com/", "https://exa mple.com/"])
def test_w9_an_inner_address_is_not_called(carry, url):
    with pytest.raises(Unreachable):
        carry(call(url, is_guarded=True))


def test_w9_a_name_that_leads_inward_now_is_not_connected_to(inner, carry, settings):
    """What the name led to when it was saved does not count."""
    port = inner.url.rsplit(":", 1)[1]
    settings.ADDRESS_EXCEPTIONS = [f"localhost:{port}"]
    assert carry(call(f"http://localhost:{port}/", is_guarded=True))
    settings.ADDRESS_EXCEPTIONS = [f"other.localhost:{port}"]

    with pytest.raises(Unreachable):
        carry(call(f"http://localhost:{port}/", is_guarded=True))
    assert carry(call(f"http://localhost:{port}/")), "the pool's calls are not examined"


def test_w9_guarded_and_open_calls_share_no_connection(inner, carry):
    assert carry(call(inner.url + "/"))

    with pytest.raises(Unreachable):
        carry(call(inner.url + "/", is_guarded=True))


@pytest.mark.django_db
def test_own_accounts_are_guarded_and_the_pools_are_not(inner):
    own, pool = inner.provider(tenant=TenantFactory()), inner.provider()

    assert adapter_for(own).account.is_guarded
    assert not adapter_for(pool).account.is_guarded
    assert "must begin with https" in try_account(own).sentence
    assert not try_account(pool).refusal


@pytest.mark.django_db
def test_a_reseller_has_a_bounded_number_of_accounts(settings):
    settings.ADDRESS_EXCEPTIONS = ["127.0.0.1:9"]
    tenant = TenantFactory()
    for _ in range(MOST_OWN):
        ProviderFactory(tenant=tenant)
    draft = draft_provider(
        protocol="retail", base_url="http://127.0.0.1:9", secret="key", name="Own", tenant=tenant
    )

    with pytest.raises(ValidationError, match="") as refused:
        open_provider(draft, now=None)
    assert list(refused.value.details) == ["provider"]

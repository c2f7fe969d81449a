"""S5: a key that is missing or wrong is told, costs only its own provider, and overwrites nothing."""

import io

import pytest
from celery.signals import worker_ready
from cryptography.fernet import Fernet
from django.core import checks
from django.core.management import CommandError, call_command
from structlog.testing import capture_logs

from portal.encryption import SecretUnreadable, decrypt, rotate
from providers.models import Provider
from providers.tasks import name_unreadable_secrets
from tests.activations.conftest import Shop
from tests.factories import MemberFactory, ProviderFactory, TenantFactory
from tests.upstream import make_supplier, other_upstream, upstream  # noqa: F401  (fixtures)

pytestmark = pytest.mark.django_db(transaction=True)


def warnings():
    found = checks.run_checks(tags=[checks.Tags.database], databases=["default"])
    return [one.msg for one in found if one.id == "portal.W005"]


def lost_key(provider):
    """As if the key that wrote the secret had been taken out of the settings."""
    provider.secret_encrypted = Fernet(Fernet.generate_key()).encrypt(b"canary-secret")
    provider.save()
    return provider


def test_s5_the_start_up_check_says_which_provider(settings):
    ProviderFactory(display_name="SMS East")
    lost = lost_key(ProviderFactory(display_name="SMS West"))

    (warning,) = warnings()

    assert f"provider {lost.pk} (SMS West), secret" in warning
    assert "Enter it again" in warning
    assert "canary" not in warning


def test_s5_a_worker_that_starts_says_so_in_its_log():
    lost_key(ProviderFactory(display_name="SMS West"))

    with capture_logs() as lines:
        name_unreadable_secrets()

    assert ["SMS West" in line["secret"] for line in lines] == [True]
    assert name_unreadable_secrets in [receiver() for _, receiver in worker_ready.receivers]


def test_s5_the_portal_starts_all_the_same():
    lost_key(ProviderFactory())
    err = io.StringIO()

    call_command("check", databases=["default"], stderr=err, stdout=err)

    assert "portal.W005" in err.getvalue()


def test_s5_others_work_and_numbers_are_sold_by_them(upstream, other_upstream):  # noqa: F811
    shop = Shop(upstream)
    dearer = shop.sell(other_upstream.provider(), tier=1)
    lost_key(shop.provider)

    row = shop.order()

    assert shop.row(row.hex_id).provider_id == dearer.provider_id
    assert upstream.calls["order"] == 0


def test_s5_the_providers_page_asks_for_the_secret_and_keeps_the_stored_one(client):
    tenant = TenantFactory()
    lost = lost_key(ProviderFactory(tenant=tenant, display_name="Ours"))
    stored = bytes(lost.secret_encrypted)
    client.force_login(MemberFactory(tenant=tenant).user)
    address, home = f"/admin/providers/provider/{lost.pk}/change/", {"host": f"{tenant.slug}.localhost"}

    page = client.get(address, headers=home).content.decode()
    answer = client.post(
        address, {"display_name": "Renamed", "priority": "5", "new_secret": ""}, headers=home
    )

    assert "enter it again" in page
    assert answer.status_code == 302
    lost.refresh_from_db()
    assert (lost.display_name, bytes(lost.secret_encrypted)) == ("Renamed", stored)


def test_rotate_secrets_writes_all_with_the_newest_key(settings):
    provider = ProviderFactory(secret="west-secret")
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()
    settings.FIELD_ENCRYPTION_KEYS = [new, old]

    call_command("rotate_secrets", stdout=io.StringIO())

    settings.FIELD_ENCRYPTION_KEYS = [new]
    assert Provider.objects.get(pk=provider.pk).secret == "west-secret"
    assert warnings() == []


def test_rotate_secrets_leaves_what_it_cannot_open_and_says_so():
    lost, good = lost_key(ProviderFactory(display_name="West")), ProviderFactory(secret="good-secret")
    stored, err = bytes(lost.secret_encrypted), io.StringIO()

    with pytest.raises(CommandError, match="1 secrets stay"):
        call_command("rotate_secrets", stdout=io.StringIO(), stderr=err)

    lost.refresh_from_db()
    good.refresh_from_db()
    assert bytes(lost.secret_encrypted) == stored
    assert good.secret == "good-secret"
    assert "(West)" in err.getvalue()
    with pytest.raises(SecretUnreadable):
        rotate(stored)
    assert decrypt(bytes(good.secret_encrypted)) == "good-secret"

"""TOTP and recovery codes."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp

from tests.accounts.conftest import is_signed_in, sign_in
from tests.accounts.factories import PASSWORD

pytestmark = pytest.mark.django_db


def test_a_second_factor_is_asked_for_and_checked(acme, jar, confirmed):
    user = confirmed(tenant=acme)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    client = jar(acme)

    assert sign_in(client, user.email)["Location"].startswith("/accounts/2fa/authenticate/")
    assert not is_signed_in(client)
    assert client.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert not is_signed_in(client)
    client.post("/accounts/2fa/authenticate/", {"code": code_now(secret)})
    assert is_signed_in(client)


def code_now(secret):
    counter = next(iter(totp.yield_hotp_counters_from_time()))
    return totp.format_hotp_value(totp.hotp_value(secret, counter))


def test_a_customer_switches_the_second_factor_on_by_himself(acme, jar, confirmed):
    user, client = confirmed(tenant=acme), jar(acme)
    sign_in(client, user.email)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    secret = page.context["form"].secret

    assert "issuer=Acme" in page.context["totp_url"]
    assert client.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)}).status_code == 302
    assert client.get("/accounts/2fa/recovery-codes/").status_code == 200
    assert sign_in(jar(acme), user.email)["Location"].startswith("/accounts/2fa/authenticate/")


def test_s1_seeds_of_second_factors_are_encrypted(acme, jar, confirmed):
    user = confirmed(tenant=acme)
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(user, secret)
    RecoveryCodes.activate(user)

    stored = " ".join(str(row.data) for row in Authenticator.objects.all())
    assert secret not in stored
    assert all(code not in stored for code in Authenticator.objects.last().wrap().get_unused_codes())


def test_b12_a_field_that_a_form_does_not_have_is_refused_by_name(acme, jar, confirmed):
    user, client = confirmed(tenant=acme), jar(acme)
    sign_in(client, user.email)
    odd = {"tenant<b>": "2"}

    def refuses(path, sent=odd):
        answer = client.post(f"/accounts/{path}", sent | odd)
        return "There is no field tenant&lt;b&gt; here." in answer.content.decode()

    assert refuses("reauthenticate/", {"password": PASSWORD})
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    assert refuses("2fa/totp/activate/", {"code": code_now(secret)})
    assert not Authenticator.objects.exists()

    client.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})
    kept = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    assert refuses("2fa/recovery-codes/generate/")
    assert refuses("2fa/totp/deactivate/")
    assert refuses("logout/")
    assert is_signed_in(client)
    assert RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes() == kept

    assert client.post("/accounts/logout/").status_code == 302
    sign_in(client, user.email)
    assert refuses("2fa/authenticate/", {"code": kept[0]})
    assert not is_signed_in(client)


@pytest.mark.parametrize("sent", [{}, {"credential": "{}"}, {"credential": "x" * 9000}, {"code": ""}])
def test_b12_a_second_step_without_a_code_is_refused_naming_it(acme, jar, confirmed, sent):
    user, client = confirmed(tenant=acme), jar(acme)
    totp.TOTP.activate(user, totp.generate_totp_secret())
    sign_in(client, user.email)

    answer = client.post("/accounts/2fa/authenticate/", sent)

    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'name="code"' in page
    assert "This field is required." in page or "There is no field credential here." in page
    assert not is_signed_in(client)


def test_the_second_step_can_be_left(acme, jar, confirmed):
    user, client = confirmed(tenant=acme), jar(acme)
    totp.TOTP.activate(user, totp.generate_totp_secret())
    sign_in(client, user.email)
    page = client.get("/accounts/2fa/authenticate/").content.decode()

    assert "or one of your recovery codes" in page
    answer = client.post("/accounts/logout/", {"next": "/accounts/login/"})
    assert answer["Location"] == "/accounts/login/"
    assert client.get("/accounts/2fa/authenticate/").status_code == 302

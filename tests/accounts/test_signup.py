"""Visitors who open an account of their own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.account.models import EmailAddress
from django.db import connection

from accounts.models import Customer, User
from billing.models import Wallet
from tests.accounts.conftest import is_signed_in, link_in, sign_in
from tests.accounts.factories import PASSWORD
from tests.accounts.test_signin import words_of


def sign_up(client, email, **extra):
    fields = {"email": email, "password1": PASSWORD, "password2": PASSWORD, **extra}
    return client.post("/accounts/signup/", fields)


@pytest.mark.django_db
def test_signing_up_makes_a_customer_with_an_empty_wallet_once_the_mail_is_confirmed(acme, jar, letters):
    client = jar(acme)

    sign_up(client, "Ann@Example.com")

    user = User.objects.get()
    assert (user.tenant, user.email, user.is_staff) == (acme, "ann@example.com", False)
    assert user.customer.external_id.isalnum()
    assert Wallet.objects.get().balance_micros == 0
    assert not is_signed_in(client)
    host, path = link_in(letters(1)[0])
    assert host == "acme.localhost"
    client.post(path)
    assert sign_in(client, "ann@example.com")["Location"] == "/"


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["tenant", "is_staff", "is_superuser", "balance", "role", "price"])
def test_t7_extra_fields_of_the_form_are_refused_by_name(acme, jar, name):
    refused = sign_up(jar(acme), "ann@example.com", **{name: "1"})

    assert refused.context["form"].non_field_errors() == [f"There is no field {name} here."]
    assert not User.objects.exists()


@pytest.mark.django_db
def test_t4_one_email_may_sign_up_at_each_tenant(acme, globex, jar):
    for tenant in (acme, globex):
        sign_up(jar(tenant), "ann@example.com")

    assert Customer.objects.filter(user__email="ann@example.com").count() == 2


@pytest.mark.django_db
def test_a_confirmation_link_of_one_tenant_is_worthless_at_another(acme, globex, jar, letters):
    sign_up(jar(acme), "ann@example.com")
    _, path = link_in(letters(1)[0])

    jar(globex).post(path)

    assert not EmailAddress.objects.filter(verified=True).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("tenant_of_the_known", ["acme", None])
def test_s7_signing_up_with_a_known_email_looks_the_same_and_changes_nothing(
    acme, jar, confirmed, letters, tenant_of_the_known
):
    known = confirmed(tenant=acme if tenant_of_the_known else None)
    before = known.password

    answers = [words_of(sign_up(jar(acme), email)) for email in (known.email, "new@example.com")]

    assert answers == [(302, "/accounts/confirm-email/", "")] * 2
    assert {letter.to[0] for letter in letters(2)} == {known.email, "new@example.com"}
    known.refresh_from_db()
    assert known.password == before
    assert User.objects.filter(email=known.email).count() == 1


@pytest.mark.django_db
def test_s7_signing_up_computes_one_hash_either_way(acme, jar, confirmed, hashes):
    user = confirmed(tenant=acme)

    for email in (user.email, "new@example.com"):
        assert hashes(lambda email=email: sign_up(jar(acme), email)) == 1


@pytest.mark.django_db
def test_a_tenant_may_close_sign_up(acme, jar):
    acme.signup_open = False
    acme.save()

    sign_up(jar(acme), "ann@example.com")

    assert not User.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_signing_up_twice_at_once_makes_one_login(acme, jar):
    def press(_):
        try:
            return words_of(sign_up(jar(acme), "ann@example.com"))
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pressing:
        answers = set(pressing.map(press, range(4)))

    assert answers == {(302, "/accounts/confirm-email/", "")}
    assert User.objects.count() == Customer.objects.count() == Wallet.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["x" * 300 + "@example.com", "no at sign", "<script>@"])
def test_b1_bad_emails_are_refused_by_name(acme, jar, email):
    refused = sign_up(jar(acme), email)

    assert refused.status_code == 200
    assert list(refused.context["form"].errors) == ["email"]
    assert not User.objects.exists()

"""Signing in, out and back in on a tenant's host."""

import pytest

from accounts.models import Member
from accounts.services import set_tenant_status
from tests.accounts.conftest import is_signed_in, link_in, sign_in
from tests.accounts.factories import PASSWORD, MemberFactory

pytestmark = pytest.mark.django_db


def words_of(response):
    """Status, target and visible errors of an answer, without what differs in every answer."""
    form = response.context["form"].errors.as_text() if response.status_code == 200 else ""
    return response.status_code, response.headers.get("Location"), form


# --- Who ---------------------------------------------------------------------------------------------------
def test_t4_the_same_email_at_two_tenants_is_two_logins(acme, globex, jar, confirmed):
    confirmed(tenant=acme, email="ann@example.com", password="acme password 1")
    confirmed(tenant=globex, email="ann@example.com", password="globex password 1")

    assert is_signed_in_after(jar(acme), "acme password 1")
    assert is_signed_in_after(jar(globex), "globex password 1")
    assert not is_signed_in_after(jar(globex), "acme password 1")


def is_signed_in_after(client, password):
    sign_in(client, "Ann@Example.com", password)
    return is_signed_in(client)


def test_t4_a_cookie_of_one_tenant_opens_nothing_at_another(acme, globex, jar, confirmed):
    here = jar(acme)
    sign_in(here, confirmed(tenant=acme).email)
    there = jar(globex)
    there.cookies = here.cookies

    assert here.get("/accounts/password/change/").status_code == 200
    assert there.get("/accounts/password/change/")["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize(("fields", "target"), [({}, "/"), ({"is_staff": True}, "/admin/")])
def test_customers_land_on_the_pages_and_members_in_the_admin(acme, jar, confirmed, fields, target):
    assert sign_in(jar(acme), confirmed(tenant=acme, **fields).email)["Location"] == target


def test_an_operator_signs_in_on_any_host(acme, globex, jar, confirmed):
    confirmed(tenant=None, email="op@example.com", is_staff=True, is_superuser=True)

    for tenant in (acme, globex):
        assert sign_in(jar(tenant), "op@example.com")["Location"] == "/admin/"


def test_t6_a_disabled_member_cannot_sign_in_and_is_told_what_strangers_are(acme, jar, confirmed):
    user = confirmed(tenant=acme, is_staff=True)
    MemberFactory(tenant=acme, user=user)
    Member.objects.update(is_active=False)

    refused = sign_in(jar(acme), user.email)

    assert words_of(refused) == words_of(sign_in(jar(acme), "nobody@example.com"))


def test_t6_nobody_of_a_suspended_tenant_signs_in_but_operators_do(acme, jar, confirmed):
    customer, operator = confirmed(tenant=acme), confirmed(tenant=None, is_staff=True, is_superuser=True)
    set_tenant_status(tenant=acme, status="suspended")

    refused = sign_in(jar(acme), customer.email)

    assert words_of(refused) == words_of(sign_in(jar(acme), "nobody@example.com"))
    assert sign_in(jar(acme), operator.email)["Location"] == "/admin/"


def test_the_admin_uses_the_same_login_page(acme, jar, confirmed):
    client = jar(acme)

    assert client.get("/admin/login/?next=/admin/x/")["Location"] == "/accounts/login/?next=/admin/x/"
    assert client.get("/admin/login/?next=//evil.example")["Location"] == "/accounts/login/?next=/admin/"
    sign_in(client, confirmed(tenant=acme).email)
    assert client.get("/admin/login/").status_code == 403


def test_b1_nul_bytes_in_the_login_are_refused(acme, jar):
    assert sign_in(jar(acme), "a\0@example.com", "p\0").status_code == 400


@pytest.mark.parametrize("path", ["login/", "signup/", "password/reset/", "2fa/totp/activate/"])
@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_b12_methods_that_no_form_sends_are_refused(acme, jar, path, method):
    assert getattr(jar(acme), method)(f"/accounts/{path}").status_code == 405


def test_b12_an_unknown_field_of_the_login_is_refused(acme, jar, confirmed):
    client, user = jar(acme), confirmed(tenant=acme)

    client.post("/accounts/login/", {"login": user.email, "password": PASSWORD, "is_staff": "1"})

    assert not is_signed_in(client)


# --- S6: guessing ------------------------------------------------------------------------------------------
def guess(client, email, times):
    return [words_of(sign_in(client, email, f"wrong {n}"))[2] for n in range(times)]


def test_s6_guesses_are_refused_after_five_but_the_owner_elsewhere_gets_in(acme, jar, confirmed):
    user = confirmed(tenant=acme)
    guesser = jar(acme, "10.0.0.1")

    assert "Too many" not in guess(guesser, user.email, 5)[-1]
    assert "Too many" in guess(guesser, user.email, 1)[0]
    assert "Too many" in words_of(sign_in(guesser, user.email))[2]
    assert sign_in(jar(acme, "10.0.0.2"), user.email).status_code == 302


def test_s6_one_address_cannot_try_many_accounts(acme, jar):
    guesser = jar(acme, "10.0.0.1")

    for n in range(30):
        sign_in(guesser, f"victim{n}@example.com", "wrong")

    assert "Too many" in guess(guesser, "victim99@example.com", 1)[0]


def test_s6_a_crowd_of_guessers_is_stopped_and_the_owners_browser_is_not(acme, jar, confirmed):
    user = confirmed(tenant=acme)
    home = jar(acme, "10.1.0.1")
    sign_in(home, user.email)
    home.post("/accounts/logout/")

    for n in range(10):
        guess(jar(acme, f"10.2.0.{n}"), user.email, 4)

    assert "Too many" in guess(jar(acme, "10.3.0.1"), user.email, 1)[0]
    assert sign_in(home, user.email).status_code == 302


def test_s6_the_owner_gets_back_in_by_mail(acme, jar, confirmed, letters):
    user = confirmed(tenant=acme)
    client = jar(acme)
    guess(client, user.email, 6)

    change_by_mail(client, user.email, letters, "a new password 1")

    assert sign_in(client, user.email, "a new password 1").status_code == 302


def test_s6_known_and_unknown_names_are_refused_alike(acme, jar, confirmed):
    user = confirmed(tenant=acme)

    known = guess(jar(acme, "10.0.0.1"), user.email, 6)
    unknown = guess(jar(acme, "10.0.0.2"), "nobody@example.com", 6)

    assert known == unknown


# --- S7: known and unknown names ---------------------------------------------------------------------------
def test_s7_login_says_the_same_for_known_and_unknown_names(acme, globex, jar, confirmed):
    known = sign_in(jar(acme), confirmed(tenant=acme).email, "wrong")
    unknown = sign_in(jar(acme), "nobody@example.com", "wrong")
    elsewhere = sign_in(jar(acme), confirmed(tenant=globex).email)

    assert words_of(known) == words_of(unknown) == words_of(elsewhere)


def test_s7_login_computes_one_hash_for_known_and_unknown_names(acme, globex, jar, confirmed, hashes):
    known, elsewhere = confirmed(tenant=acme), confirmed(tenant=globex)

    for email in (known.email, elsewhere.email, "nobody@example.com"):
        assert hashes(lambda email=email: sign_in(jar(acme), email, "wrong")) == 1


def test_s7_reset_says_the_same_and_mails_only_this_tenants_login(acme, globex, jar, confirmed, letters):
    mine, theirs = confirmed(tenant=acme), confirmed(tenant=globex)

    answers = [
        words_of(jar(acme).post("/accounts/password/reset/", {"email": email}))
        for email in (mine.email, theirs.email, "nobody@example.com")
    ]

    assert answers == [(302, "/accounts/password/reset/done/", "")] * 3
    (letter,) = letters(1)
    assert letter.to == [mine.email]
    assert letter.subject.startswith("Acme: ")
    assert link_in(letter)[0] == "acme.localhost"


# --- Reset and change --------------------------------------------------------------------------------------
def change_by_mail(client, email, letters, password):
    client.post("/accounts/password/reset/", {"email": email})
    _, path = link_in(letters(1)[0])
    path = client.get(path)["Location"]
    return client.post(path, {"password1": password, "password2": password})


def test_a_reset_link_of_one_tenant_is_worthless_at_another(acme, globex, jar, confirmed, letters):
    user = confirmed(tenant=acme)
    jar(acme).post("/accounts/password/reset/", {"email": user.email})
    _, path = link_in(letters(1)[0])

    answer = jar(globex).get(path)

    assert answer.status_code == 200  # allauth's page that says the link is bad
    assert answer.context["token_fail"]


def test_s9_a_changed_password_ends_the_other_sessions(acme, jar, confirmed):
    user = confirmed(tenant=acme)
    here, there = jar(acme), jar(acme)
    sign_in(here, user.email)
    sign_in(there, user.email)

    new = {"oldpassword": PASSWORD, "password1": "a new password 1", "password2": "a new password 1"}
    assert here.post("/accounts/password/change/", new).status_code == 302

    assert here.get("/accounts/password/change/").status_code == 200
    assert there.get("/accounts/password/change/").status_code == 302


def test_s9_a_reset_password_ends_every_session(acme, jar, confirmed, letters):
    user = confirmed(tenant=acme)
    there = jar(acme)
    sign_in(there, user.email)

    change_by_mail(jar(acme), user.email, letters, "a new password 1")

    assert there.get("/accounts/password/change/").status_code == 302


# --- S8 ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example/",
        "http://globex.localhost/",
        "javascript:alert(1)",
        "https:evil.example",
    ],
)
def test_s8_next_to_another_site_is_ignored(acme, globex, jar, confirmed, target):
    assert sign_in(jar(acme), confirmed(tenant=acme).email, next_url=target)["Location"] == "/"


def test_s8_next_within_the_site_is_followed(acme, jar, confirmed):
    answer = sign_in(jar(acme), confirmed(tenant=acme).email, next_url="/wallet/?page=2")

    assert answer["Location"] == "/wallet/?page=2"

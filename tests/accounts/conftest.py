import re
import time

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core import mail
from django.test import Client

from tests.accounts.factories import PASSWORD, DomainFactory, UserFactory


@pytest.fixture
def acme(db):
    """A tenant with a host name, acme.localhost."""
    return DomainFactory(tenant__slug="acme").tenant


@pytest.fixture
def globex(db):
    return DomainFactory(tenant__slug="globex").tenant


@pytest.fixture
def jar():
    """Makes a browser with a cookie jar of its own, looking at a tenant's host from an address."""

    def open_at(tenant, address="127.0.0.1"):
        return Client(headers={"host": f"{tenant.slug}.localhost"}, REMOTE_ADDR=address)

    return open_at


@pytest.fixture
def confirmed():
    """Makes a login whose e-mail is confirmed."""

    def make(**fields):
        user = UserFactory(**fields)
        EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
        return user

    return make


@pytest.fixture
def letters():
    """The mails that were sent, once as many as asked for have left the sender threads."""

    def wait(count):
        deadline = time.monotonic() + 60
        while len(mail.outbox) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(mail.outbox) == count
        return mail.outbox

    return wait


class CountingHasher(MD5PasswordHasher):
    """Counts the hashes that are computed: the slow part of a login, and so what its time tells (S7)."""

    computed = 0

    def encode(self, password, salt):
        CountingHasher.computed += 1
        return super().encode(password, salt)


@pytest.fixture
def hashes(settings):
    """Tells how many hashes an action computes."""
    settings.PASSWORD_HASHERS = ["tests.accounts.conftest.CountingHasher"]

    def count(action):
        before = CountingHasher.computed
        action()
        return CountingHasher.computed - before

    return count


def sign_in(client, email, password=PASSWORD, next_url=""):
    return client.post("/accounts/login/", {"login": email, "password": password, "next": next_url})


def link_in(letter):
    """Path of the link in a mail, with its host."""
    return re.search(r"https?://([^/\s:]+)[^/\s]*(/\S+)", letter.body).groups()


def is_signed_in(client):
    return "_auth_user_id" in client.session

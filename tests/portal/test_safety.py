"""Settings: what the portal refuses to start with, and how it says so."""

import os
import re
import subprocess
import sys

import pytest
from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

from portal.embedded.places import CHECKOUT
from portal.environment import Environment, broker_address, database
from portal.safety import refuse_unsafe

GOOD = {
    "LOCAL": False,
    "DEBUG": False,
    "SECRET_KEY": "Zk3vQ9xL1mN7pR5tW2yB8cD4fG6hJ0kXaSeUiOqP-VnMbTzRgHd",
    "SECRET_KEY_FALLBACKS": [],
    "FIELD_ENCRYPTION_KEYS": [Fernet.generate_key().decode()],
    "ALLOWED_HOSTS": [".example.net", "shop.reseller.net"],
    "CSRF_TRUSTED_ORIGINS": [],
    "SESSION_COOKIE_SECURE": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "DATABASES": {"default": {"USER": "portal"}, "owner": {"USER": "portal_owner"}},
    "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
    "TEXT_SHOWN_HOURS": 24,
    "TEXT_KEPT_DAYS": 30,
}
UNSAFE = {
    "DEBUG": True,
    "SECRET_KEY": "django-insecure-" + "abcdefghijklmnop" * 4,
    "SECRET_KEY_FALLBACKS": ["short"],
    "FIELD_ENCRYPTION_KEYS": [],
    "ALLOWED_HOSTS": ["*"],
    "CSRF_TRUSTED_ORIGINS": ["http://portal.example.net"],
    "SESSION_COOKIE_SECURE": False,
    "SECURE_HSTS_SECONDS": 0,
    "DATABASES": {"default": {"USER": "portal"}, "owner": {"USER": "portal"}},
    "EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend",
    "TEXT_SHOWN_HOURS": 25,
    "TEXT_KEPT_DAYS": 31,
}
SAID_AS = {
    "SESSION_COOKIE_SECURE": "COOKIES_SECURE",
    "DATABASES": "DATABASE_OWNER_URL",
    "EMAIL_BACKEND": "EMAIL_URL",
}


def start(**env):
    """Load the settings in a new process with only this environment."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-c", "import portal.settings"],
        cwd=CHECKOUT,
        env={**kept, "READ_ENV_FILES": "0", **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_s10_good_settings_are_accepted():
    refuse_unsafe(GOOD)


@pytest.mark.parametrize("name", UNSAFE)
def test_s10_each_unsafe_setting_is_refused_by_name(name):
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe({**GOOD, name: UNSAFE[name]})

    assert SAID_AS.get(name, name) in str(refusal.value)


@pytest.mark.parametrize("secret", ["a" * 64, "changeme" * 8, "Zk3vQ9xL1mN7pR5tW2yB8cD4fG6hJ0kXaSeUi"])
def test_s10_guessable_secrets_are_refused_without_being_repeated(secret):
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is short or guessable") as refusal:
        refuse_unsafe({**GOOD, "SECRET_KEY": secret})

    assert secret not in str(refusal.value)


def test_s10_all_unsafe_settings_are_named_at_once():
    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe({**GOOD, **UNSAFE})

    assert str(refusal.value).count("\n- ") >= len(UNSAFE)


def test_s10_local_is_refused_for_hosts_that_others_can_reach():
    with pytest.raises(ImproperlyConfigured, match=r"LOCAL is on, but ALLOWED_HOSTS names '\.example\.net'"):
        refuse_unsafe({**GOOD, "LOCAL": True})


def test_s10_the_portal_does_not_start_with_unsafe_settings():
    done = start(
        SECRET_KEY="short",
        DATABASE_URL="postgres://portal:p@db/portal",
        REDIS_URL="redis://cache",
        FIELD_ENCRYPTION_KEYS="none",
        DEBUG="1",
    )

    assert done.returncode == 1
    for name in (
        "SECRET_KEY",
        "FIELD_ENCRYPTION_KEYS",
        "DEBUG",
        "ALLOWED_HOSTS",
        "DATABASE_OWNER_URL",
        "EMAIL_URL",
    ):
        assert f"- {name}" in done.stderr


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ({"SECRET_KEY": "s"}, "FIELD_ENCRYPTION_KEYS"),
        ({"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": "k", "SESSION_SECONDS": "an hour"}, "SESSION_SECONDS"),
        ({"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": "k", "SESSION_SECONDS": "-1"}, "SESSION_SECONDS"),
        (
            {"SECRET_KEY": "s", "FIELD_ENCRYPTION_KEYS": "k", "DATABASE_URL": "mysql://u:pw@h/n"},
            "DATABASE_URL",
        ),
        ({}, "SECRET_KEY"),
    ],
)
def test_a_bad_variable_stops_the_start_and_is_named_without_its_value(env, name):
    done = start(**env)

    last = done.stderr.strip().splitlines()[-1]
    assert (done.returncode, re.search(rf"\b{name}\b", last) is not None) == (1, True), done.stderr
    assert not any(value in last for value in env.values() if len(value) > 1)


def test_addresses_of_sockets_are_understood():
    config = database("postgres://portal@/portal?host=/tmp/a", "DATABASE_URL", options={}, max_age_seconds=0)

    assert (config["NAME"], config["USER"], config["OPTIONS"]) == ("portal", "portal", {"host": "/tmp/a"})
    assert broker_address("unix:///tmp/v/s?db=3") == "redis+socket:///tmp/v/s?virtual_host=3"
    assert broker_address("redis://cache:6379/1") == "redis://cache:6379/1"


def test_the_example_lists_every_setting():
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z0-9_]+)"', (CHECKOUT / "portal" / "settings.py").read_text()))
    listed = set(re.findall(r"^#? ?([A-Z0-9_]+)=", (CHECKOUT / ".env.example").read_text(), re.MULTILINE))

    assert (sorted(read - listed), sorted(listed - read - {"PORT", "HOST"})) == ([], [])


def test_figures_are_read_as_the_example_file_spells_them(monkeypatch):
    monkeypatch.setenv("RATES", "poll=600,order=100")

    assert Environment().figures("RATES", default={"poll": 1, "order": 2, "retry": 3}) == {
        "poll": 600,
        "order": 100,
        "retry": 3,
    }


@pytest.mark.parametrize("text", ["poll", "poll=many", "poll=0", "pol=5", "poll=600;order=100"])
def test_s10_figures_that_cannot_be_read_are_refused_by_name(monkeypatch, text):
    monkeypatch.setenv("RATES", text)

    with pytest.raises(ImproperlyConfigured, match="RATES"):
        Environment().figures("RATES", default={"poll": 1, "order": 2})

"""Settings that must not reach production: the portal does not start with them and names them (S10)."""

from collections.abc import Iterator, Mapping
from typing import Any

from cryptography.fernet import Fernet
from django.core.exceptions import ImproperlyConfigured

WEAK_WORDS = ("django-insecure", "changeme", "change-me", "secret-key", "example", "password")
SHORTEST_SECRET = 50  # characters; what Django's own deploy check asks for
FEWEST_LETTERS = 10  # different characters


def refuse_unsafe(settings: Mapping[str, Any]) -> None:
    """Raise ImproperlyConfigured with a line for each unsafe setting. LOCAL eases what loopback needs."""
    found = list(_always(settings))
    if not settings["LOCAL"]:
        found += _in_production(settings)
    if found:
        raise ImproperlyConfigured("The portal does not start with these settings:\n- " + "\n- ".join(found))


def _always(settings: Mapping[str, Any]) -> Iterator[str]:
    if not settings["FIELD_ENCRYPTION_KEYS"]:
        yield "FIELD_ENCRYPTION_KEYS is empty."
    for number, key in enumerate(settings["FIELD_ENCRYPTION_KEYS"], start=1):
        if not _is_fernet_key(key):
            yield f"FIELD_ENCRYPTION_KEYS: key {number} is not a Fernet key (32 bytes, URL-safe base64)."
    if settings["TEXT_SHOWN_HOURS"] > 24:
        yield "TEXT_SHOWN_HOURS is over 24."
    if settings["TEXT_KEPT_DAYS"] > 30:
        yield "TEXT_KEPT_DAYS is over 30."
    for name in settings["ALLOWED_HOSTS"]:
        if settings["LOCAL"] and not _is_loopback(name):
            yield f"LOCAL is on, but ALLOWED_HOSTS names {name!r}, which is not this machine."


def _in_production(settings: Mapping[str, Any]) -> Iterator[str]:
    if settings["DEBUG"]:
        yield "DEBUG is on."
    if _is_weak(settings["SECRET_KEY"]):
        yield f"SECRET_KEY is short or guessable; use {SHORTEST_SECRET} random characters."
    if any(_is_weak(secret) for secret in settings["SECRET_KEY_FALLBACKS"]):
        yield "SECRET_KEY_FALLBACKS has a short or guessable key."
    if not settings["ALLOWED_HOSTS"]:
        yield "ALLOWED_HOSTS is empty."
    if any("*" in name for name in settings["ALLOWED_HOSTS"]):
        yield "ALLOWED_HOSTS has '*'; name the hosts, or '.example.com' for all of a domain."
    if all(_is_loopback(name) for name in settings["ALLOWED_HOSTS"] if "*" not in name):
        yield "ALLOWED_HOSTS names only this machine."
    if not settings["SESSION_COOKIE_SECURE"]:
        yield "COOKIES_SECURE is off: logins would travel in clear text."
    if not settings["SECURE_HSTS_SECONDS"]:
        yield "SECURE_HSTS_SECONDS is 0."
    if any(not origin.startswith("https://") for origin in settings["CSRF_TRUSTED_ORIGINS"]):
        yield "CSRF_TRUSTED_ORIGINS has an origin without https://."
    if _database_login(settings, "default") == _database_login(settings, "owner"):
        yield "DATABASE_OWNER_URL is missing or has DATABASE_URL's login: the portal's role must own nothing."
    if settings["EMAIL_BACKEND"].endswith(("console.EmailBackend", "dummy.EmailBackend")):
        yield "EMAIL_URL is missing: password resets would reach nobody."


def _database_login(settings: Mapping[str, Any], alias: str) -> object:
    return settings["DATABASES"][alias]["USER"]


def _is_weak(secret: str) -> bool:
    lowered = secret.lower()
    return (
        len(secret) < SHORTEST_SECRET
        or len(set(secret)) < FEWEST_LETTERS
        or any(word in lowered for word in WEAK_WORDS)
    )


def _is_fernet_key(key: str) -> bool:
    try:
        Fernet(key)
    except (ValueError, TypeError):
        return False
    return True


def _is_loopback(host: str) -> bool:
    name = host.strip("[]").lower().lstrip(".")
    return name in {"localhost", "127.0.0.1", "::1", "testserver"} or name.endswith(".localhost")

"""How often passwords may be guessed (S6).

A guess counts against its address, against the pair of account and address, and against the account from
everywhere. The last would let a crowd of guessers lock the owner out, so a browser in which he signed in
before has a count of its own, and a password reset by mail clears them all. Figures: ACCOUNT_RATE_LIMITS.
"""

from __future__ import annotations

from allauth.core.internal import ratelimit
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

COOKIE = "known_browser"
COOKIE_AGE_SECONDS = 180 * 86_400


def account_name(request: HttpRequest, email: str) -> str:
    """What the counts of this e-mail on this tenant's hosts are kept under."""
    tenant = getattr(request, "tenant", None)
    return f"{tenant.pk if tenant else 0}:{email.strip().lower()}"


def count_guess(request: HttpRequest, email: str) -> ratelimit.RateLimitUsage | None:
    """Count one guess before it is tried; None when it must be refused. The caller takes a right one back."""
    account, address = account_name(request, email), ratelimit.get_ip(request)
    if _is_known(request, account):
        return _consume(request, "login_failed_known_browser", account)
    near = _consume(request, "login_failed", f"{account} {address}")
    far = _consume(request, "login_failed_anywhere", account) if near else None
    return ratelimit.RateLimitUsage(usage=near.usage + far.usage) if near and far else None


def forget_guesses(request: HttpRequest, email: str) -> None:
    """Start anew, after the password was reset by mail."""
    account, address = account_name(request, email), ratelimit.get_ip(request)
    ratelimit.clear(request, app="allauth.account", action="login_failed", key=f"{account} {address}")
    for action in ("login_failed_anywhere", "login_failed_known_browser"):
        ratelimit.clear(request, app="allauth.account", action=action, key=account)


def remember_browser(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Leave a cookie by which this browser is known when its owner signs in again. It opens nothing."""
    response.set_cookie(
        COOKIE,
        _token(account_name(request, user.email)),
        max_age=COOKIE_AGE_SECONDS,
        path="/accounts/",
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _is_known(request: HttpRequest, account: str) -> bool:
    return constant_time_compare(request.COOKIES.get(COOKIE, ""), _token(account))


def _token(account: str) -> str:
    return salted_hmac("accounts.throttle.known_browser", account, algorithm="sha256").hexdigest()


def _consume(request: HttpRequest, action: str, key: str) -> ratelimit.RateLimitUsage | None:
    return ratelimit.consume(request, app="allauth.account", action=action, key=key)

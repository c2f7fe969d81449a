"""Which tenant a host name belongs to, and which addresses are decided by a key instead.

Pages: the host decides; a name that is nobody's is refused (400).
Key paths (the dialects, callbacks): the key or token decides and no cookie counts. On the portal's own API
host, a name that is no tenant's domain, every key works. On a tenant's domain only the keys of that tenant
and of its test twin work; any other is refused like an unknown key (401). The dialects put `KEY_FITS_HOST`
into the query that looks the key up, so the rule costs no query of its own.

A domain can be of one dialect alone (`Domain.dialect`): the others know no key there, and pages are as
on a host of nobody's.
"""

from __future__ import annotations

from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host

# Addresses of api/, of the callbacks, and of the pictures that API clients show (to anybody, on any host);
# the paths of a dialect never collide with a page.
KEY_PATHS = (
    "/api/v1/",
    "/api/schema/",
    "/test/api/",
    "/stubs/",
    "/rentverify/",
    "/v1/nonvoip/",
    "/onlinesim/",
    "/callbacks/",
    "/.well-known/number-portal",
    "/static/retail/",
)

DIALECTS = ("retail", "handler", "rentverify", "ping", "onlinesim")

LONGEST_HOST = 260  # the longest name there can be, and a port; longer ones are not remembered

# Condition on `t`, the accounts_tenant row that owns the key. Parameters: host, as `host_of` returns it, and
# dialect.
KEY_FITS_HOST = """NOT EXISTS (
    SELECT 1 FROM accounts_domain d
    WHERE lower(d.host) = %(host)s
      AND (d.tenant_id <> coalesce(t.live_tenant_id, t.id) OR d.dialect NOT IN ('', %(dialect)s)))"""


def host_of(request: HttpRequest) -> str:
    """The request's host name: lower case, no port, no trailing dot.

    Raises DisallowedHost (answered with 400) for a name outside ALLOWED_HOSTS.
    """
    known: str | None = getattr(request, "host_name", None)
    if known is None:
        given = request.META.get("HTTP_HOST", "")
        known = _allowed_name(given, tuple(settings.ALLOWED_HOSTS)) if len(given) <= LONGEST_HOST else ""
        if not known:
            known, _ = split_domain_port(request.get_host())  # none was sent, or Django says what is wrong
        request.host_name = known  # type: ignore[attr-defined]  # asked for more than once per request
    return known


@lru_cache(maxsize=1_000)
def _allowed_name(given: str, allowed: tuple[str, ...]) -> str:
    """The name in a Host header, or an empty text when it is not one of ours.

    Remembered, because Django's own look at the same header again and again is 3 % of a poll.
    """
    name, _ = split_domain_port(given)
    return name if validate_host(name, allowed) else ""


def is_key_path(path: str) -> bool:
    """Whether a key or token, not host and session, says who asks at this path."""
    return path.startswith(KEY_PATHS)

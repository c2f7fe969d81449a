"""Who calls: one SELECT from the key's digest to key, tenant, customer and whatever row the route needs.

Read afresh for each request, so a revoked key, a suspended tenant or a disabled customer counts at once (T6).
Cookies and sessions have no say here (B10).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from django.db import connection
from django.http import HttpRequest

from accounts.hosts import KEY_FITS_HOST, host_of
from accounts.identity import Buyer
from accounts.keys import digest
from accounts.models import Customer, Tenant
from api.limits import limiter
from portal.errors import AccountBlocked, AuthInvalid, AuthMissing, CustomerNotActive, PermissionDenied
from portal.together import SharedRead

SCOPES = ("read", "order", "manage")
TOUCH_EVERY = timedelta(minutes=1)
MAY_READ = {Customer.Status.ACTIVE, Customer.Status.PAUSED}


@dataclass(frozen=True, slots=True, eq=False)
class Extra:
    """What a route reads along with its caller: columns, and the joins (on k, t, c) that bring them.

    Both may name the parameter `now`.
    """

    columns: str = ""
    joins: str = ""


NOTHING = Extra()


class Caller(NamedTuple):
    """A key that is good here. `buyer` is the customer that the address names; None: there is none."""

    key_id: int
    tenant_id: int
    is_test: bool
    tenant_status: str
    tenant_blocked_until: datetime | None
    last_used_at: datetime | None
    buyer: Buyer | None
    rest: tuple[Any, ...]


SELECT = """
SELECT k.id, k.tenant_id, k.customer_id, k.scopes, k.allowed_networks, k.expires_at, k.revoked_at,
    k.last_used_at, t.live_tenant_id IS NOT NULL,
    CASE WHEN live.status <> 'active' THEN live.status ELSE t.status END, t.blocked_until, t.max_active,
    {fits_host},
    c.id, c.external_id, c.status, c.blocked_until, c.max_active, c."group"{columns}
FROM accounts_apikey k
JOIN accounts_tenant t ON t.id = k.tenant_id
LEFT JOIN accounts_tenant live ON live.id = t.live_tenant_id
LEFT JOIN accounts_customer c ON {customer}
{joins}
WHERE k.digest = %(digest)s
"""
OURS = 19  # columns above, before those of the route
# The address says which customer; accounts of the portal's own (accounts.queries.people) are none,
# and neither are those whose data was erased.
NAMED = (
    "c.tenant_id = k.tenant_id AND c.external_id = %(customer)s AND NOT c.is_internal AND c.purged_at IS NULL"
)
OWN = "c.id = k.customer_id"  # the key does

TOUCH = """
UPDATE accounts_apikey SET last_used_at = %s
WHERE id = %s AND (last_used_at IS NULL OR last_used_at < %s)
"""


@cache
def statement(extra: Extra, customer: str) -> SharedRead:
    """The SELECT of a route; always the same, so that PostgreSQL prepares it once and callers share it."""
    columns = f", {extra.columns}" if extra.columns else ""
    text = SELECT.format(fits_host=KEY_FITS_HOST, columns=columns, customer=customer, joins=extra.joins)
    return SharedRead(text)


def find_caller(
    request: HttpRequest,
    *,
    extra: Extra = NOTHING,
    is_test: bool,
    scope: str,
    now: datetime,
    customer: str = "",
    **params: str,
) -> Caller:
    """The caller by its X-Api-Key header; `params` are those of the joins of `extra`.

    Raises AuthMissing, AuthInvalid (unknown, revoked, expired, of another base or host), PermissionDenied.
    """
    row = _look_up(
        request,
        request.META.get("HTTP_X_API_KEY", ""),
        statement(extra, NAMED),
        dialect="retail",
        now=now,
        customer=customer,
        **params,
    )
    _check_alive(row, now=now)
    _check_base(row, is_test=is_test)
    _check_rights(request, scopes=row[3], networks=row[4], scope=scope)
    return _caller(row)


def find_customer(
    request: HttpRequest,
    key: str,
    *,
    dialect: str,
    extra: Extra = NOTHING,
    scope: str,
    now: datetime,
    **params: str | int,
) -> Caller:
    """The caller by the key of one customer; a test key is one of his at the test twin.

    Raises AuthMissing, AuthInvalid (unknown, revoked, expired, the account's, of another host),
    PermissionDenied.
    """
    row = _look_up(request, key, statement(extra, OWN), dialect=dialect, now=now, **params)
    _check_alive(row, now=now)
    if row[2] is None:
        raise AuthInvalid("This is the key of the account; this API takes the key of one customer.")
    _check_rights(request, scopes=row[3], networks=row[4], scope=scope)
    return _caller(row)


def _look_up(
    request: HttpRequest, key: str, read: SharedRead, **params: str | int | datetime
) -> tuple[Any, ...]:
    if not key:
        raise AuthMissing()
    if (known_by := digest(key)) is None:
        raise AuthInvalid()
    row = read.fetch_one({"digest": known_by, "host": host_of(request), **params})
    if row is None:
        raise AuthInvalid()
    return row


def _caller(row: tuple[Any, ...]) -> Caller:
    return Caller(
        key_id=row[0],
        tenant_id=row[1],
        is_test=row[8],
        tenant_status=row[9],
        tenant_blocked_until=row[10],
        last_used_at=row[7],
        buyer=_buyer(row),
        rest=row[OURS:],
    )


def touch(caller: Caller, *, now: datetime) -> None:
    """Note that the key was used, at most once a minute."""
    before = now - TOUCH_EVERY
    if caller.last_used_at is None or caller.last_used_at < before:
        with connection.cursor() as cursor:
            cursor.execute(TOUCH, [now, caller.key_id, before])


def address_of(request: HttpRequest) -> str:
    """The client's address: the peer's, or what the outermost trusted proxy saw."""
    trusted = settings.TRUSTED_PROXY_COUNT
    if trusted:
        seen = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
        if len(seen) >= trusted:
            return str(seen[-trusted]).strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def count_wrong_key(request: HttpRequest) -> None:
    """Guessing is slowed per address; who has a good key notices nothing (S6). Raises RateLimited."""
    limiter.spend("bad_key", address_of(request), limit=settings.API_BAD_KEYS_PER_MINUTE)


def refuse_on_hold(caller: Caller, *, closed_by: str = "any") -> None:
    """A suspended tenant and a disabled customer get no answers. Raises AccountBlocked, CustomerNotActive.

    `closed_by`: whose hold counts: "any", "account" (only the tenant's) or "none".
    """
    if closed_by == "none":
        return
    if caller.tenant_status != Tenant.Status.ACTIVE:
        raise AccountBlocked("This account is suspended. Please contact support.")
    if closed_by == "any" and caller.buyer and caller.buyer.customer_status not in MAY_READ:
        status = caller.buyer.customer_status
        raise CustomerNotActive(f"This customer is {_in_words(status)}.", status=status)


def _in_words(status: str) -> str:
    return "marked for deletion" if status == Customer.Status.MARKED_FOR_DELETION else status


def _check_alive(row: Sequence[Any], *, now: datetime) -> None:
    expires_at, revoked_at, fits_host = row[5], row[6], row[12]
    if revoked_at is not None or (expires_at is not None and expires_at <= now) or not fits_host:
        raise AuthInvalid()


def _check_base(row: Sequence[Any], *, is_test: bool) -> None:
    """The retail API keeps live and test apart by address, and serves accounts."""
    if row[2] is not None:
        raise AuthInvalid("This is the key of one customer; this API takes a key of the account.")
    if row[8] and not is_test:
        raise AuthInvalid("Test keys work only under /test/api/v1.")
    if is_test and not row[8]:
        raise AuthInvalid("Only test keys work under /test/api/v1.")


def _check_rights(
    request: HttpRequest, *, scopes: Sequence[str], networks: Sequence[str], scope: str
) -> None:
    if networks and not _is_inside(address_of(request), networks):
        raise PermissionDenied("This key may not be used from your network address.")
    if scopes and scope not in scopes:
        raise PermissionDenied(f'This key lacks the scope "{scope}".')


def _is_inside(address: str, networks: Sequence[str]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        return any(parsed in ipaddress.ip_network(network, strict=False) for network in networks)
    except ValueError:
        return False


def _buyer(row: Sequence[Any]) -> Buyer | None:
    customer_id, external_id, status, blocked_until, max_active, group = row[13:OURS]
    if customer_id is None:
        return None
    return Buyer(
        tenant_id=row[1],
        customer_id=customer_id,
        customer_external_id=external_id,
        tenant_status=row[9],
        tenant_blocked_until=row[10],
        tenant_max_active=row[11],
        is_test=row[8],
        customer_status=status,
        blocked_until=blocked_until,
        max_active=max_active,
        group=group,
    )

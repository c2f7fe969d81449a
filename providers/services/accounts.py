"""Accounts at upstreams: opening one, giving it a new key, draining and resuming it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlsplit

from django.db import connection, transaction
from django.db.models import Max

from accounts.models import Tenant
from portal.addresses import AddressRefused, check_saved
from portal.errors import ValidationError
from providers import health
from providers.catalogue.due import ask_for_sync
from providers.contract import BadOptions
from providers.models import Provider, ProviderHealth
from providers.registry import ADAPTERS, check_options
from providers.trial import Trial, try_account

NAME_LENGTH, SECRET_LENGTH, URL_LENGTH = 80, 500, 300
MOST_OWN = 50  # accounts of one tenant
NUMBERING = 7_303  # the advisory lock of who gives out public numbers


def draft_provider(
    *,
    protocol: str,
    base_url: str,
    secret: str,
    name: str,
    options: Mapping[str, object] | None = None,
    tenant: Tenant | None = None,
    is_test: bool = False,
    callback_secret: str = "",
) -> Provider:
    """An account that is checked but not stored, so that it can be tried out first. `is_test`: it sells to
    test twins, and to nobody else.

    Raises ValidationError naming the field (an option as `options.<name>`).
    """
    options = dict(options or {})
    _check(protocol=protocol, base_url=base_url, secret=secret, name=name, is_own=tenant is not None)
    check_account_options(protocol, options)
    if callback_secret:
        check_secret(callback_secret, "callback_secret")
    provider = Provider(
        protocol=protocol,
        base_url=base_url.strip(),
        display_name=name.strip(),
        options=options,
        tenant=tenant,
        serves_test=is_test,
        serves_live=not is_test,
        **ADAPTERS[protocol].new_account,
    )
    provider.secret, provider.callback_secret = secret, callback_secret
    return provider


@transaction.atomic
def open_provider(provider: Provider, *, now: datetime) -> Provider:
    """Store a drafted account under the next public number; its price list is read at once.

    Raises ValidationError (`provider`) where a tenant has as many accounts as he may.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBERING])
    own = provider.tenant_id
    if own is not None and Provider.objects.filter(tenant=own).count() >= MOST_OWN:
        raise ValidationError({"provider": f"A reseller has at most {MOST_OWN} accounts of his own."})
    provider.public_no = next_public_no()
    provider.save(force_insert=True)
    ProviderHealth.objects.create(provider=provider)
    ask_for_sync([provider.pk], now=now)
    return provider


def next_public_no() -> int:
    """Numbers are never given twice: customers and partners name providers by them."""
    highest: int | None = Provider.objects.aggregate(highest=Max("public_no"))["highest"]
    return (highest or 0) + 1


def check_account_options(protocol: str, options: object) -> None:
    """Raises ValidationError naming the option (`options.<name>`)."""
    try:
        check_options(protocol, options)
    except BadOptions as error:
        name, _, sentence = str(error).partition(": ")
        raise ValidationError({f"options.{name}": f"{sentence}."}) from error


def rotate_key(*, provider: Provider, secret: str, now: datetime, untried: bool = False) -> Trial:
    """Give the account another key. Open numbers go on with it, and blocks that the old one earned end (U15).

    A key that the provider refuses is not stored, and the answer says why; `untried` stores it all the same.
    Raises ValidationError (`secret`).
    """
    check_secret(secret)
    candidate = Provider.objects.get(pk=provider.pk)
    candidate.secret = secret
    trial = Trial() if untried else try_account(candidate)
    if not trial.refusal:
        Provider.objects.filter(pk=provider.pk).update(secret_encrypted=candidate.secret_encrypted)
        health.resume(provider.pk, now=now)
        ask_for_sync([provider.pk], now=now)
    return trial


def drain(*, provider_ids: list[int], now: datetime) -> int:
    """Order nothing new; running numbers go on, and the operator is told when the last has ended."""
    draining = Provider.objects.filter(pk__in=provider_ids, draining_since=None)
    return draining.update(is_enabled=False, draining_since=now)


def resume(*, provider_ids: list[int], now: datetime) -> int:
    """Sell again: ends a drain, a pause and every block of its health; the price list is read at once."""
    with transaction.atomic():
        found = Provider.objects.filter(pk__in=provider_ids)
        count = found.update(is_enabled=True, draining_since=None)
        for provider_id in found.values_list("pk", flat=True):
            health.resume(provider_id, now=now)
        ask_for_sync(provider_ids, now=now)
    return count


def _check(*, protocol: str, base_url: str, secret: str, name: str, is_own: bool) -> None:
    if protocol not in ADAPTERS:
        raise ValidationError({"protocol": f"One of {', '.join(sorted(ADAPTERS))}."})
    check_address(base_url, is_own=is_own)
    check_secret(secret)
    if not name.strip() or len(name) > NAME_LENGTH or not name.isprintable():
        raise ValidationError({"display_name": f"1 to {NAME_LENGTH} characters."})


def check_address(base_url: str, *, is_own: bool = False) -> None:
    """An address of the shared pool, any host, http or https; of a tenant's own account (`is_own`): one of
    the public internet with https, or one that the operator excepted. Raises ValidationError (`base_url`).
    """
    try:
        parts = urlsplit(base_url.strip())
        port_is_fine = parts.port != 0
    except ValueError:
        raise ValidationError({"base_url": "This is not an address."}) from None
    if len(base_url) > URL_LENGTH or not re.fullmatch(r"[!-~]+", base_url.strip()):
        raise ValidationError({"base_url": f"At most {URL_LENGTH} ASCII characters, without blanks."})
    if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_fine:
        raise ValidationError({"base_url": "It begins with https:// or http:// and names a host."})
    if parts.username is not None or parts.query or parts.fragment:
        raise ValidationError({"base_url": "It holds no login, no ? and no #."})
    if is_own:
        try:
            check_saved(base_url.strip())
        except AddressRefused as refusal:
            raise ValidationError({"base_url": str(refusal)}) from refusal


def check_secret(secret: str, field: str = "secret") -> None:
    """Raises ValidationError (`field`)."""
    if not secret or len(secret) > SECRET_LENGTH or not re.fullmatch(r"[!-~]+", secret):
        raise ValidationError({field: f"1 to {SECRET_LENGTH} ASCII characters, without blanks."})

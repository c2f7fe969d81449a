"""Another installation of this portal as a provider: its address and a key are enough.

What it speaks is read from its capability document (api/wellknown.py serves ours).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import orjson

from accounts.models import Tenant
from portal.addresses import AddressRefused
from portal.errors import ValidationError
from portal.fetching import NotFetched, fetch
from providers.models import Provider
from providers.registry import ADAPTERS
from providers.services.accounts import check_address, draft_provider
from providers.trial import try_account

PORTAL = "portal"  # stands for the protocol where it is to be found out
LABEL = "Another portal like this one (its protocol is found out)"
DOCUMENT = "/.well-known/number-portal"
FORMAT = 1
PATH = re.compile(r"(/[A-Za-z0-9._~-]{1,60}){0,6}/?", re.ASCII)
PREFERRED = ("retail", "handler", "rentverify", "ping")  # the one that can most first


@dataclass(frozen=True, slots=True)
class Spoken:
    """A dialect of another portal: its base address, and that for test keys (empty: none)."""

    protocol: str
    base_url: str
    sandbox_url: str


def dialects_at(url: str) -> Sequence[Spoken]:
    """What the portal at this address speaks and we can speak, the preferred first.

    Raises ValidationError (`base_url`): no address that may be called, nothing there, or no portal.
    """
    check_address(url)
    parts = urlsplit(url.strip())
    origin = f"{parts.scheme}://{parts.netloc}"
    try:
        body = fetch(origin, DOCUMENT)
    except (AddressRefused, NotFetched) as error:
        raise ValidationError({"base_url": f"{error} ({DOCUMENT})"}) from error
    found = _read(body, origin)
    if not found:
        raise ValidationError({"base_url": "What answers there is no portal like this one."})
    return found


def draft_portal(
    *,
    url: str,
    secret: str,
    name: str,
    options: Mapping[str, object] | None = None,
    tenant: Tenant | None = None,
    is_test: bool = False,
    callback_secret: str = "",
) -> Provider:
    """An account at another portal, checked but not stored: in the first dialect that takes the key; where
    none does, in the preferred one. `is_test`: at its sandbox, where it names one.

    Raises ValidationError naming the field.
    """
    drafts: list[Provider] = []
    refusal: ValidationError | None = None
    for one in dialects_at(url):
        try:
            drafted = draft_provider(
                protocol=one.protocol,
                base_url=(one.sandbox_url if is_test else "") or one.base_url,
                secret=secret,
                name=name,
                options=options,
                tenant=tenant,
                is_test=is_test,
                callback_secret=callback_secret,
            )
        except ValidationError as error:  # an option that another of its dialects has
            refusal = refusal or error
            continue
        if not try_account(drafted).refusal:
            return drafted
        drafts.append(drafted)
    if not drafts:
        assert refusal is not None
        raise refusal
    return drafts[0]


def _read(body: bytes, origin: str) -> list[Spoken]:
    """Bases are paths on the same host, so that no document leads elsewhere."""
    try:
        content = orjson.loads(body)
        if content["format"] != FORMAT:
            return []
        lines = [(str(one["protocol"]), str(one["base"]), str(one.get("sandbox", "")))
                 for one in content["dialects"]]  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
    spoken = [
        Spoken(protocol, origin + base, origin + sandbox if sandbox else "")
        for protocol, base, sandbox in lines[:20]
        if protocol in PREFERRED and protocol in ADAPTERS and PATH.fullmatch(base) and PATH.fullmatch(sandbox)
    ]
    return sorted(spoken, key=lambda one: PREFERRED.index(one.protocol))

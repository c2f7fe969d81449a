"""`price_id`: a provider and a price that a list showed, so that exactly this is bought (rentverify.md 3).

Unpadded base64url of `<provider no>:<country>:<service>:<price in 1/10000 USD>` and a truncated HMAC. The
time stands in the HMAC and not in the text: it is made for the present ten minutes and good until the end of
the next, so an id that was shown works for ten minutes at least.
"""

from __future__ import annotations

import binascii
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from django.utils.crypto import constant_time_compare, salted_hmac

from portal.errors import PriceTokenInvalid

WINDOW_SECONDS = 600
TAG_BYTES = 12
UNIT_MICROS = 100
SHAPE = re.compile(r"[A-Za-z0-9_-]{20,200}")
TEXT = re.compile(r"([0-9]{1,10}):([a-z0-9_.-]{1,9}):([a-z0-9_.-]{1,30}):([0-9]{1,12})")


class Priced(NamedTuple):
    """What a price_id names: a provider by its number, canonical ids, the customer's price in micro-USD."""

    provider_no: int
    country_id: str
    service_id: str
    price_micros: int


def window_of(now: datetime) -> int:
    return int(now.timestamp()) // WINDOW_SECONDS


def window_ends(now: datetime) -> datetime:
    """When ids that are made now begin to age: lists are written anew then."""
    return datetime.fromtimestamp((window_of(now) + 1) * WINDOW_SECONDS, UTC)


def price_ids(*, tenant_id: int, now: datetime) -> Callable[[Priced], str]:
    """Makes ids for a tenant's customers."""
    sign = _signer(tenant_id, window_of(now))

    def make(priced: Priced) -> str:
        provider_no, country_id, service_id, micros = priced
        text = f"{provider_no}:{country_id}:{service_id}:{micros // UNIT_MICROS}".encode()
        return urlsafe_b64encode(text + sign(text)).rstrip(b"=").decode()

    return make


def read_price_id(given: str, *, tenant_id: int, now: datetime) -> Priced:
    """Raises PriceTokenInvalid for what is malformed, another tenant's, or too old."""
    if not SHAPE.fullmatch(given):
        raise PriceTokenInvalid()
    try:
        raw = urlsafe_b64decode(given + "=" * (-len(given) % 4))
        text, tag = raw[:-TAG_BYTES], raw[-TAG_BYTES:]
        found = TEXT.fullmatch(text.decode("ascii"))
    except (binascii.Error, ValueError):
        raise PriceTokenInvalid() from None
    present = window_of(now)
    known = (_signer(tenant_id, window)(text) for window in (present, present - 1))
    if found is None or not any(constant_time_compare(tag, one) for one in known):
        raise PriceTokenInvalid()
    provider_no, country_id, service_id, units = found.groups()
    return Priced(int(provider_no), country_id, service_id, int(units) * UNIT_MICROS)


def _signer(tenant_id: int, window: int) -> Callable[[bytes], bytes]:
    """The key is derived once for a whole list."""
    keyed = salted_hmac(f"rentverify.price_id:{tenant_id}:{window}", b"", algorithm="sha256")

    def sign(text: bytes) -> bytes:
        mac = keyed.copy()
        mac.update(text)
        return mac.digest()[:TAG_BYTES]

    return sign

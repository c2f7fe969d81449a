"""Tokens that continue an order refused for its price (docs/protocols/retail.md section 11; F16)."""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime

from accounts.identity import Buyer
from activations import policy
from activations.models import PriceToken
from activations.services.quoting import customer_price_at
from activations.wish import Wish
from billing.prices import Rules
from portal import errors


def too_dear(
    *, buyer: Buyer, wish: Wish, rules: Rules, suggested_micros: int, now: datetime
) -> errors.MaxPriceExceeded:
    """The refusal with its suggestion and a stored token: 24 hex digits, ten minutes, single use on
    success.
    """
    token = PriceToken.objects.create(
        token=secrets.token_hex(12),
        tenant_id=buyer.tenant_id,
        customer_id=buyer.customer_id,
        service_id=wish.service_id,
        country_id=wish.country_id,
        quality_factor=wish.quality_factor,
        exclude_prefixes=list(wish.exclude_prefixes),
        suggested_micros=suggested_micros,
        expires_at=now + policy.PRICE_TOKEN_LIFE,
    )
    return errors.MaxPriceExceeded(
        suggested_micros=suggested_micros,
        suggested_customer_micros=customer_price_at(suggested_micros, wish=wish, rules=rules),
        token=token.token,
    )


def continued(wish: Wish, *, buyer: Buyer, now: datetime) -> Wish:
    """The wish with the selection context of its token. Raises PriceTokenInvalid for any token but the
    buyer's own, unused and in time, for the same service and country.
    """
    if wish.token is None:
        return wish
    token = PriceToken.objects.filter(
        tenant_id=buyer.tenant_id,
        customer_id=buyer.customer_id,
        token=wish.token,
        service_id=wish.service_id,
        country_id=wish.country_id,
        used_at=None,
        expires_at__gt=now,
    ).first()
    if token is None:
        raise errors.PriceTokenInvalid()
    prefixes = dict.fromkeys((*wish.exclude_prefixes, *token.exclude_prefixes))
    return replace(wish, quality_factor=token.quality_factor, exclude_prefixes=tuple(prefixes))

"""Whose money was short: the order of the checks is the reseller's wallet first, the locks come the other
way.
"""

from __future__ import annotations

from accounts.identity import Buyer
from activations.services.quoting import Quote
from billing.models import Wallet
from portal import errors


def short_of(
    refusal: errors.InsufficientBalance, *, buyer: Buyer, quote: Quote
) -> errors.InsufficientBalance:
    """The refusal, naming the account when the reseller's own wallet does not cover the price either."""
    if refusal.extra.get("scope") == "account" or not quote.tenant_hold_micros:
        return refusal
    wallet = Wallet.objects.filter(tenant_id=buyer.tenant_id, customer=None).first()
    if wallet is None or wallet.available_micros >= quote.tenant_hold_micros:
        return refusal
    return errors.InsufficientBalance("Insufficient account balance", scope="account")

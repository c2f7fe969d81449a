"""Request keys: the same key asks the same thing once, and hears the same answer again (M2, M3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import transaction

from accounts.identity import Buyer
from activations import policy, refusals
from activations.database import run
from activations.queries import COLUMNS, ActivationRow, row_from
from portal import errors
from portal.fastlane import fetch_one

KEYED = f"""
SELECT k.digest = %(digest)s, k.refusal, {COLUMNS}
FROM activations_requestkey k LEFT JOIN activations_activation a ON a.id = k.activation_id
WHERE k.customer_id = %(customer)s AND k.key = %(key)s
"""  # noqa: S608

KEEP_REFUSAL = """
INSERT INTO activations_requestkey (tenant_id, customer_id, key, digest, refusal, created_at)
VALUES (%(tenant)s, %(customer)s, %(key)s, %(digest)s, %(refusal)s::jsonb, %(now)s)
ON CONFLICT (customer_id, key) DO NOTHING
"""

CLAIM_OF_TENANT = """
INSERT INTO activations_requestkey (tenant_id, key, digest, created_at)
VALUES (%(tenant)s, %(key)s, %(digest)s, %(now)s)
ON CONFLICT (tenant_id, key) WHERE customer_id IS NULL DO NOTHING
"""

KEYED_OF_TENANT = """
SELECT digest = %(digest)s, refusal FROM activations_requestkey
WHERE tenant_id = %(tenant)s AND customer_id IS NULL AND key = %(key)s
"""

REFUSE_OF_TENANT = """
UPDATE activations_requestkey SET refusal = %(refusal)s::jsonb
WHERE tenant_id = %(tenant)s AND customer_id IS NULL AND key = %(key)s
"""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A caller's key with the digest of what he asked."""

    buyer: Buyer
    key: str
    digest: bytes

    def answer(self) -> ActivationRow | None:
        """What this key was answered before; None when it is new.

        Raises RequestKeyMismatch (other body), OrderInProgress (still running or being found out), or the
        refusal that it was answered with.
        """
        found = fetch_one(KEYED, self._params())
        if not found:
            return None
        is_same, refusal, *values = found
        if not is_same:
            raise errors.RequestKeyMismatch()
        if refusal:
            raise refusals.from_json(orjson.loads(refusal))
        return answer_with(row_from(values) if values[0] else None)

    def keep(self, error: errors.PortalError, *, now: datetime) -> bool:
        """Store the refusal as this key's answer; False when the key has an answer already."""
        refusal = orjson.dumps(refusals.to_json(error)).decode()
        return run(KEEP_REFUSAL, {**self._params(), "refusal": refusal, "now": now}) == 1

    def _params(self) -> dict[str, Any]:
        return {
            "tenant": self.buyer.tenant_id,
            "customer": self.buyer.customer_id,
            "key": self.key,
            "digest": self.digest,
        }


def answer_with(row: ActivationRow | None) -> ActivationRow:
    """The activation that a key stands for, or why there is none to name yet."""
    if row is None or row.is_checking:
        raise errors.OrderInProgress(activation=row.hex_id if row else "")
    if row.lease_state == "unsold":
        raise errors.NoNumbers()
    return row


def do_once(
    work: Callable[[], object], *, tenant_id: int, key: str | None, digest: bytes, now: datetime
) -> None:
    """Do what a tenant's program asks about a customer or his money, with a key once; a repeat is answered as
    the first was. The key counts for the whole tenant, since the customer may only be about to exist.

    Key and work are one transaction: a process that dies leaves neither, and of two at once the second waits
    for the first. Raises RequestKeyMismatch, or what `work` raises, which a kept refusal undoes.
    """
    if key is None:
        work()
        return
    with transaction.atomic():
        refusal = _done_once(work, {"tenant": tenant_id, "key": key, "digest": digest, "now": now})
    if refusal is not None:
        raise refusal


def _done_once(work: Callable[[], object], keyed: dict[str, Any]) -> errors.PortalError | None:
    """How the request ended, now or the first time: the refusal, None for success."""
    if not run(CLAIM_OF_TENANT, keyed):
        is_same, refusal = fetch_one(KEYED_OF_TENANT, keyed) or (True, None)
        if not is_same:
            raise errors.RequestKeyMismatch()
        return refusals.from_json(orjson.loads(refusal)) if refusal else None
    try:
        with transaction.atomic():
            work()
    except errors.PortalError as refusal:
        if not refusals.is_kept(refusal):
            raise
        run(REFUSE_OF_TENANT, {**keyed, "refusal": orjson.dumps(refusals.to_json(refusal)).decode()})
        return refusal
    return None


def forget_old_keys(now: datetime) -> int:
    """Forget request keys after their seven days, and price tokens a day after their end; how many keys."""
    run(
        "DELETE FROM activations_pricetoken WHERE expires_at < %(before)s",
        {"before": now - timedelta(days=1)},
    )
    return run(
        "DELETE FROM activations_requestkey WHERE created_at < %(before)s",
        {"before": now - policy.REQUEST_KEY_LIFE},
    )

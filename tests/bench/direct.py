"""The portal with a provider that is a function of its own process: what an order costs without the call.

Run by granian as `tests.bench.direct:application`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import getrandbits
from typing import Any

from portal import wsgi

application = wsgi.application  # Django is set up from here on

from activations.services import attempts  # noqa: E402
from providers.contract import Call, Lease  # noqa: E402


def lease(call: Call[Any], *, seconds: float | None = None) -> Lease:
    """What the sandbox gives for an order, without its having been asked."""
    now = datetime.now(UTC)
    return Lease(
        upstream_ref=f"9{getrandbits(60)}",
        phone=f"1212{getrandbits(23):07}",
        cost_micros=call.json["max_price"],
        expire_at=now + timedelta(minutes=20),
        cancelable_after=now + timedelta(seconds=10),
        is_retriable=True,
    )


attempts.send_order = lease

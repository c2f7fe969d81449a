"""Telling a receiver's programmer whether a signature is ours, and if not, what may be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from portal.encryption import SecretUnreadable
from webhooks.models import Endpoint
from webhooks.services.delivering import secrets_of
from webhooks.signing import TOLERANCE_SECONDS, matches


@dataclass(frozen=True, slots=True)
class Verdict:
    is_good: bool
    text: str


def verdict_on(
    *, endpoint: Endpoint, webhook_id: str, timestamp: int, signature: str, body: str, now: datetime
) -> Verdict:
    """Whether one of the endpoint's present secrets made the signature, of either set of headers."""
    try:
        secrets = secrets_of(endpoint, now=now)
    except SecretUnreadable:
        return Verdict(False, "The secret of this endpoint cannot be read. Rotate it.")
    bodies = {body.encode(), body.replace("\r\n", "\n").encode()}  # a browser sends its own line ends
    for place, secret in enumerate(secrets):
        if any(
            matches(
                secret=secret,
                id_=webhook_id.strip(),
                timestamp=timestamp,
                body=raw,
                signature=signature.strip(),
            )
            for raw in bodies
        ):
            return _matching(place, age=int(now.timestamp()) - timestamp)
    return Verdict(
        False,
        "No match. Compare the body byte for byte, and take the id and the time of the same set of headers.",
    )


def _matching(place: int, *, age: int) -> Verdict:
    which = "the secret of before the rotation" if place else "the present secret"
    if abs(age) > TOLERANCE_SECONDS:
        return Verdict(
            True, f"Signed with {which}, {abs(age)} s away from now: a receiver should refuse that."
        )
    return Verdict(True, f"Signed with {which}.")

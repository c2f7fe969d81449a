"""Signatures of deliveries: our own headers and those of Standard Webhooks (docs/protocols/retail.md 15)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence

PREFIX = "whsec_"
SECRET_BYTES = 24
TOLERANCE_SECONDS = 300


def new_secret() -> str:
    """`whsec_` and base64 of 24 random bytes: the form that the public library takes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers_for(
    *, body: bytes, endpoint_id: str, event_id: str, timestamp: int, secrets_: Sequence[str]
) -> dict[str, str]:
    """Both sets of headers for one try. `secrets_`: the newest first; two while one is being replaced."""
    return {
        "x-webhook-id": endpoint_id,
        "x-timestamp": str(timestamp),
        "x-signature": ",".join(own_signature(secret, endpoint_id, timestamp, body) for secret in secrets_),
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(
            standard_signature(secret, event_id, timestamp, body) for secret in secrets_
        ),
    }


def own_signature(secret: str, endpoint_id: str, timestamp: int, body: bytes) -> str:
    """Lowercase hex over `x-webhook-id.x-timestamp.body`; the key is the whole secret as text."""
    return _digest(secret.encode(), endpoint_id, timestamp, body).hex()


def standard_signature(secret: str, event_id: str, timestamp: int, body: bytes) -> str:
    """`v1,` and base64 over `webhook-id.webhook-timestamp.body`; the key is what the secret encodes."""
    digest = _digest(_decoded(secret), event_id, timestamp, body)
    return "v1," + base64.b64encode(digest).decode()


def matches(*, secret: str, id_: str, timestamp: int, body: bytes, signature: str) -> bool:
    """Whether any signature of a header's value, of either set, was made with this secret."""
    own = own_signature(secret, id_, timestamp, body)
    standard = standard_signature(secret, id_, timestamp, body)
    given = [*signature.replace(" ", ",").split(","), *signature.split()]
    return any(
        hmac.compare_digest(one.encode(), expected.encode()) for one in given for expected in (own, standard)
    )


def _digest(key: bytes, id_: str, timestamp: int, body: bytes) -> bytes:
    return hmac.new(key, f"{id_}.{timestamp}.".encode() + body, hashlib.sha256).digest()


def _decoded(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(PREFIX) + "==")
    except binascii.Error:
        return secret.encode()

"""What is kept of a receiver's answer: little, and nothing that may be a code (S3)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from portal.logs import mask

MAX_CHARACTERS = 500
SECRET = re.compile(r"whsec_\S+")
DIGITS = re.compile(r"\d(?:[ -]?\d){3,}")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def excerpt(text: str, *, hidden: Iterable[str] = ()) -> str:
    """The beginning of an answer, with what was sent in confidence, numbers of four digits and more, and
    secrets covered.
    """
    for secret in hidden:
        text = text.replace(secret, "•••")
    text = DIGITS.sub("•••", SECRET.sub("•••", mask(text)))
    return CONTROL.sub(" ", text).strip()[:MAX_CHARACTERS]

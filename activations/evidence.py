"""Evidence of reports: a file judged by its content, kept under a random name and never opened (B8, B9)."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.http import FileResponse

from portal.errors import PayloadTooLarge, UnsupportedMediaType, ValidationError
from portal.uploads import LARGEST_FILE_BYTES

LONGEST_TEXT = -(-LARGEST_FILE_BYTES // 3) * 4  # characters of base64
DATA_URL = re.compile(r"data:[\w.+-]{1,60}/[\w.+-]{1,60}(;[\w.+-]{1,60}=[\w.+-]{1,60})?;base64,", re.ASCII)


@dataclass(frozen=True, slots=True)
class Kind:
    """`name` is the file's ending; `fits` looks at its first bytes."""

    name: str
    mime: str
    fits: Callable[[bytes], bool]


KINDS = (
    Kind("jpg", "image/jpeg", lambda head: head.startswith(b"\xff\xd8\xff")),
    Kind("png", "image/png", lambda head: head.startswith(b"\x89PNG\r\n\x1a\n")),
    Kind("webp", "image/webp", lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP"),
    Kind("zip", "application/zip", lambda head: head.startswith((b"PK\x03\x04", b"PK\x05\x06"))),
    Kind("pdf", "application/pdf", lambda head: head.startswith(b"%PDF-")),
    Kind("mp4", "video/mp4", lambda head: head[4:8] == b"ftyp"),
)
MIMES = {kind.name: kind.mime for kind in KINDS}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that passed."""

    content: bytes
    kind: str


def accept(content: bytes) -> Evidence:
    """The file, if it is one that we take. Raises PayloadTooLarge, UnsupportedMediaType."""
    if len(content) > LARGEST_FILE_BYTES:
        raise too_large()
    kind = next((kind.name for kind in KINDS if kind.fits(content[:16])), None)
    if kind is None:
        raise UnsupportedMediaType(f"The evidence must be one of: {', '.join(MIMES)}.")
    return Evidence(content, kind)


def from_text(text: str) -> Evidence:
    """The same for base64 or a `data:` URL. What the URL says of its type is not believed.

    Raises ValidationError (field `evidence`), PayloadTooLarge, UnsupportedMediaType.
    """
    if head := DATA_URL.match(text[:200]):
        text = text[head.end() :]
    if len(text) > LONGEST_TEXT:
        raise too_large()
    try:
        content = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValidationError({"evidence": "must be base64 or a data: URL."}) from None
    return accept(content)


def too_large() -> PayloadTooLarge:
    limit = LARGEST_FILE_BYTES
    return PayloadTooLarge(f"The evidence may have at most {limit} bytes.", limit=limit)


def keep(evidence: Evidence) -> str:
    """Store the file; its name there, which says nothing of whose it is."""
    name = secrets.token_hex(16)
    return store().save(f"{name[:2]}/{name}", ContentFile(evidence.content))


def forget(name: str) -> None:
    """Remove a stored file; one that is gone already is as good."""
    if name:
        store().delete(name)


def kept_before(moment: datetime) -> Iterator[str]:
    """Names of the files stored before then."""
    try:
        folders, _ = store().listdir("")
    except FileNotFoundError:  # nothing was ever stored
        return
    for folder in folders:
        for file in store().listdir(folder)[1]:
            if store().get_modified_time(f"{folder}/{file}") < moment:
                yield f"{folder}/{file}"


def download(name: str, *, kind: str, called: str) -> FileResponse:
    """The file as a download that no browser opens as a page. Raises FileNotFoundError."""
    response = FileResponse(
        store().open(name),
        as_attachment=True,
        filename=f"{called}.{kind}",
        content_type=MIMES[kind],
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "no-store"
    return response


def store() -> Storage:
    return storages["private"]

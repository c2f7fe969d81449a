"""Files that browsers and programs send: counted as they come, so that a large one is never taken whole."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload
from django.http import HttpRequest

LARGEST_FILE_BYTES = 5_000_000  # docs/protocols/retail.md 12; nothing else is uploaded


class BoundedUpload(FileUploadHandler):
    """Stops reading a request at the byte at which one of its files is too large; see `was_cut`."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > LARGEST_FILE_BYTES:
            self.request._upload_was_cut = True  # type: ignore[union-attr]
            raise StopUpload(connection_reset=True)
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None  # the handlers behind this one keep the file


def was_cut(request: HttpRequest) -> bool:
    """Whether the form that was read had a file over the limit (which is then missing)."""
    return getattr(request, "_upload_was_cut", False)

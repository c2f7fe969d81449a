"""HTTP/1.1 as far as one call needs it: a request written in one piece, an answer read within its limits.

http.client and urllib3 do the same in four times the CPU, most of it for what no provider sends and no
adapter reads. This reads less and believes less: whatever is no clean answer is OutcomeUnknown.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from socket import socket
from typing import NamedTuple

from providers.contract import OutcomeUnknown

HEAD_MOST = 65_536  # bytes of status line and headers
HEADERS_MOST = 100
HEADS_MOST = 20  # an answer's own and those that only say "wait" (1xx)
LINE_MOST = 4_096  # bytes of a chunk's first line
PIECE = 65_536
BODILESS = frozenset({"GET", "HEAD", "DELETE", "OPTIONS", "TRACE"})  # need no length when they send nothing

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # of a header; methods are of the same letters
VALUE = re.compile(r"[\t -~\x80-\xff]*")
TARGET = re.compile(r"/[!-~]*")
STATUS = re.compile(r"HTTP/1\.([01]) +([1-9][0-9]{2})(?: .*)?")
LENGTH = re.compile(r"[0-9]{1,15}")
CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})[ \t]*(?:;.*)?")
LINE_END = re.compile(rb"\r?\n")
HEAD_END = re.compile(rb"\r?\n\r?\n")
FOLD = re.compile(r"\r?\n[ \t]+")  # a header that goes on in the next line


class Answer(NamedTuple):
    """`headers` have small names. `is_last`: the connection cannot be used again."""

    status: int
    headers: Mapping[str, str]
    body: bytes | bytearray
    is_last: bool


def write_request(method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Head and body in one piece. Raises ValueError for what a head cannot hold, such as a line's end."""
    if not (NAME.fullmatch(method) and TARGET.fullmatch(target)):
        raise ValueError("no method, or no path")
    lines = [f"{method} {target} HTTP/1.1"]
    for name, value in headers.items():
        if not (NAME.fullmatch(name) and VALUE.fullmatch(value)):
            raise ValueError("no header")
        lines.append(f"{name}: {value}")
    if body is not None or method not in BODILESS:
        lines.append(f"Content-Length: {len(body or b'')}")
    lines.append("\r\n")
    return "\r\n".join(lines).encode("latin-1") + (body or b"")


def limit(sock: socket, deadline: float) -> None:
    """Let the socket wait until then at most. Raises TimeoutError when it is too late already."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the call took too long")
    sock.settimeout(left)


def read_answer(sock: socket, deadline: float, *, method: str, max_bytes: int) -> Answer:
    """The answer to the request that was just sent. Raises OutcomeUnknown, or OSError when time is up or the
    connection broke; it cannot be used again then.
    """
    incoming = _Incoming(sock, deadline)
    for _ in range(HEADS_MOST):
        is_old, status, headers = _read_head(incoming)
        if status >= 200:
            break
    else:
        raise OutcomeUnknown("the answer never begins")
    if (headers.get("content-encoding") or "identity").lower() != "identity":
        raise OutcomeUnknown("the answer is packed")
    connection = headers.get("connection", "").lower()
    is_last = "keep-alive" not in connection if is_old else "close" in connection
    coding = (headers.get("transfer-encoding") or "identity").lower()
    body: bytes | bytearray
    if method == "HEAD" or status in (204, 304):
        body = b""
    elif coding == "chunked":
        body = incoming.chunks(max_bytes)
        is_last |= "content-length" in headers  # who says both is not to be trusted about where it ends
    elif coding != "identity":
        raise OutcomeUnknown("the answer is packed")
    elif "content-length" in headers:
        body = incoming.exactly(_length(headers["content-length"]), max_bytes)
    else:
        body, is_last = incoming.rest(max_bytes), True
    return Answer(status, headers, body, is_last or bool(incoming.came))


def _read_head(incoming: _Incoming) -> tuple[bool, int, dict[str, str]]:
    """Whether it speaks HTTP/1.0, the status, and the headers; those that repeat are joined with commas."""
    head = incoming.until(HEAD_END, HEAD_MOST).decode("latin-1")
    first, *lines = FOLD.sub(" ", head).split("\n")
    status = STATUS.fullmatch(first.rstrip("\r"))
    if not status or len(lines) > HEADERS_MOST:
        raise OutcomeUnknown("the answer is no HTTP")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip("\r\t ")
        if not (colon and NAME.fullmatch(name) and VALUE.fullmatch(value)):
            raise OutcomeUnknown("the answer has a broken header")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return status[1] == "0", int(status[2]), headers


def _length(value: str) -> int:
    """A Content-Length; one that came twice must say the same both times."""
    length, *others = {part.strip() for part in value.split(",")}
    if others or not LENGTH.fullmatch(length):
        raise OutcomeUnknown("the answer has no clear length")
    return int(length)


class _Incoming:
    """What a socket brings until the deadline, however slowly it drips. `came` was not taken yet."""

    def __init__(self, sock: socket, deadline: float) -> None:
        self.sock = sock
        self.deadline = deadline
        self.came = bytearray()

    def until(self, mark: re.Pattern[bytes], most: int) -> bytearray:
        """What stands before a mark, which is taken too."""
        searched = 0
        while not (found := mark.search(self.came, searched)):
            searched = max(0, len(self.came) - 3)
            if len(self.came) > most:
                break
            self._wait()
        if not found or found.end() > most:
            raise OutcomeUnknown("the answer's head is too long")
        before = self.came[: found.start()]
        del self.came[: found.end()]
        return before

    def exactly(self, size: int, most: int) -> bytearray:
        if size > most:
            raise OutcomeUnknown("the answer is too long")
        while len(self.came) < size:
            self._wait()
        taken = self.came[:size]
        del self.came[:size]
        return taken

    def chunks(self, most: int) -> bytearray:
        """A body that comes in pieces, each after a line with its size. What follows the last is skipped."""
        body = bytearray()
        while size := self._chunk_size():
            body += self.exactly(size, most - len(body))
            if self.until(LINE_END, LINE_MOST):
                raise OutcomeUnknown("the answer has a broken chunk")
        for _ in range(HEADERS_MOST):
            if not self.until(LINE_END, LINE_MOST):
                return body
        raise OutcomeUnknown("the answer does not end")

    def rest(self, most: int) -> bytearray:
        """Everything until the other side closes the connection."""
        while len(self.came) <= most and self._more():
            pass
        if len(self.came) > most:
            raise OutcomeUnknown("the answer is too long")
        taken, self.came = self.came, bytearray()
        return taken

    def _chunk_size(self) -> int:
        size = CHUNK.fullmatch(self.until(LINE_END, LINE_MOST))
        if not size:
            raise OutcomeUnknown("the answer has a broken chunk")
        return int(size[1], 16)

    def _wait(self) -> None:
        if not self._more():
            raise OutcomeUnknown("the answer is cut off")

    def _more(self) -> bool:
        limit(self.sock, self.deadline)
        piece = self.sock.recv(PIECE)
        self.came += piece
        return bool(piece)

"""`wire`: a socket whose every answer is a function of the test, for what no well-behaved server does."""

import contextlib
import re
import socket
import threading
import time

import pytest

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok"


class Wire:
    """`answer(connection, request)` is called for each request; `requests` keeps them as text. `connections`:
    how many were made. With `tls`, a server's SSLContext, it speaks that.
    """

    def __init__(self, tls=None):
        self.tls = tls
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests = []
        self.connections = 0
        self.answer = lambda connection, request: connection.sendall(OK)
        self.stopped = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError):
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
        with connection, contextlib.suppress(OSError):
            while request := _whole_request(connection):
                self.requests.append(request.decode(errors="replace"))
                if self.answer(connection, request) == "close":
                    return

    def drip(self, *pieces, every):
        """Answers with the pieces, one every `every` seconds."""

        def answer(connection, request):
            for piece in pieces:
                connection.sendall(piece)
                if self.stopped.wait(every):
                    break
            return "close"

        self.answer = answer

    def hang(self):
        self.answer = lambda connection, request: self.stopped.wait(60) and "close"

    def close(self):
        self.stopped.set()
        self.listener.close()


def _whole_request(connection):
    request = b""
    while piece := connection.recv(65_536):
        request += piece
        head, end, body = request.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        if end and len(body) >= int(length[1] if length else 0):
            return request
    return b""


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def within(seconds):
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds

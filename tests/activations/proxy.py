"""A wire to PostgreSQL that breaks at the worst moment: after the server did the work, before we hear of
it.
"""

import socket
import threading
from contextlib import contextmanager

from django.db import connection


class Proxy:
    """Carries this thread's database connection; the first message with `word` gets no answer."""

    def __init__(self, word, server):
        self.word, self.server, self.cuts = word, server, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self):
        return self.listener.getsockname()[1]

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=[client], daemon=True).start()

    def _carry(self, client):
        server = socket.socket(socket.AF_UNIX)
        server.connect(self.server)
        is_cut = threading.Event()
        threading.Thread(target=self._answers, args=[server, client, is_cut], daemon=True).start()
        while data := client.recv(65_536):
            if self.word in data and not self.cuts:
                self.cuts += 1
                is_cut.set()
            server.sendall(data)
        server.close()

    def _answers(self, server, client, is_cut):
        try:
            while data := server.recv(65_536):
                if is_cut.is_set():
                    break
                client.sendall(data)
        except OSError:
            pass
        client.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_after(word):
    """Within the block this thread speaks to PostgreSQL through a proxy that loses one answer."""
    given = dict(connection.settings_dict)
    connection.ensure_connection()
    info = connection.connection.info
    server = f"{info.host}/.s.PGSQL.{info.port}"
    connection.close()
    proxy = Proxy(word, server)
    connection.settings_dict.update(HOST="127.0.0.1", PORT=proxy.port)
    options = {name: value for name, value in given["OPTIONS"].items() if name != "host"}
    connection.settings_dict["OPTIONS"] = options
    try:
        yield proxy
    finally:
        connection.close()
        connection.settings_dict.update(given)
        proxy.listener.close()

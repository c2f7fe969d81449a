"""A Valkey server on a unix socket. It keeps nothing: the portal loses nothing with it."""

import os
import time
from contextlib import suppress
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from portal.embedded import children, places
from portal.embedded.children import Child
from portal.embedded.places import CannotStart
from portal.embedded.stopping import pause

START_SECONDS = 15.0


def address(socket: Path, number: int = 0) -> str:
    """The `unix://` address of database `number`."""
    return f"unix://{socket}?db={number}"


def start(socket: Path, *, log: Path, databases: int = 16) -> Child:
    """Start the server and return when it answers."""
    socket.unlink(missing_ok=True)
    command = [
        places.valkey_binary(), "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700",
        "--dir", socket.parent, "--save", "", "--appendonly", "no", "--databases", databases,
        "--loglevel", "warning", "--maxmemory-policy", "noeviction",
    ]  # fmt: skip
    env = {"PATH": os.environ.get("PATH", "")}
    child = children.start("valkey", [str(word) for word in command], log=log, env=env, cwd=socket.parent)
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise CannotStart(f"Valkey {child.fate()}:\n{child.tail()}")
        with suppress(RedisError, OSError), Redis.from_url(address(socket)) as client:
            client.ping()
            return child
        pause(0.03)
    raise CannotStart(f"Valkey did not answer within {START_SECONDS:.0f} s:\n{child.tail()}")

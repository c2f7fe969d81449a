"""What `make run` gives its processes: generated secrets, the listening socket, a port for the sandbox."""

import json
import os
import secrets
import socket
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet

from portal.embedded.places import CannotStart

KEPT_IN_RUN_FILE = (
    "LOCAL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "METRICS_TOKEN", "DATABASE_URL", "DATABASE_OWNER_URL",
    "REDIS_URL", "SANDBOX_URL", "PUBLIC_URL", "PROVIDER_CALLBACK_BASE_URL",
)  # fmt: skip


def listen(host: str, port: int) -> socket.socket:
    """The listening socket of the portal. Raises CannotStart when the port is taken."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(256)
    except OSError as error:
        listener.close()
        why = os.strerror(error.errno or 0)
        another = f"make run PORT={port % 65535 + 1}"
        raise CannotStart(f"Port {port} of {host}: {why}. Choose another: {another}") from error
    return listener


def port_number(text: str) -> int:
    """The PORT setting. Raises CannotStart when it is none."""
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart("PORT must be a number from 1 to 65535.")
    return int(text)


def sandbox_port(remembered: Path) -> int:
    """A free port on loopback; that of the last run while it is free, since orders were made there."""
    for wanted in (_read_number(remembered), 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections of the last run linger
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            remembered.write_text(f"{port}\n")
            return port
    raise CannotStart("No port is free on 127.0.0.1.")


def secrets_of(state: Path) -> dict[str, str]:
    """This checkout's own secrets, made on the first run and readable by us only."""
    path = state / "secrets.json"
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(64),
            "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "METRICS_TOKEN": secrets.token_urlsafe(32),
        }
        write_private(path, json.dumps(made, indent=1) + "\n")
    found: dict[str, str] = json.loads(path.read_text())
    return found


def write_run_file(path: Path, env: Mapping[str, str]) -> None:
    """What `manage.py`, typed beside a running portal, reads."""
    lines = [f"{name}={env[name]}\n" for name in KEPT_IN_RUN_FILE if name in env]
    write_private(path, "# Written by make run for manage.py; gone when it stops.\n" + "".join(lines))


def write_private(path: Path, text: str) -> None:
    """Replace `path` by a file of mode 600 with `text`, in one step."""
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)


def _read_number(path: Path) -> int:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return 0

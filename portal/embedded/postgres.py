"""A PostgreSQL cluster on a unix socket: made once, started as a child, with the portal's two roles."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

import psycopg

from portal.embedded import children, places
from portal.embedded.children import Child
from portal.embedded.places import CannotStart
from portal.embedded.stopping import pause

ADMIN, OWNER, APP = "postgres", "portal_owner", "portal"
# A crash may lose the last moments of commits but never damages anything.
KEPT = {"synchronous_commit": "off", "max_wal_size": "256MB", "checkpoint_timeout": "15min"}
THROWN_AWAY = {**KEPT, "fsync": "off", "full_page_writes": "off", "autovacuum": "off", "wal_level": "minimal",
               "max_wal_senders": "0"}  # fmt: skip
START_SECONDS = 30.0


def address(sockets: Path, user: str, database: str) -> str:
    """The `postgres://` address of `database` for `user`."""
    return f"postgres://{user}@/{database}?host={quote(str(sockets), safe='/')}"


def create(data: Path) -> None:
    """initdb into `data`, which must be empty or missing."""
    places.made(data)
    command: list[str | Path] = [
        places.postgres_binaries() / "initdb", "-D", data, "-U", ADMIN, "--auth=trust", "--no-sync",
        "--no-instructions", "--encoding=UTF8", "--locale=C", "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
    ]  # fmt: skip
    done = children.run(command, env=_env(), cwd=Path("/"), account=places.server_account())
    if not done.succeeded:
        raise CannotStart("PostgreSQL's initdb failed:\n" + done.output[-2000:])


def start(data: Path, sockets: Path, *, log: Path, settings: dict[str, str], kept: bool) -> Child:
    """Start the server on `data` and return when it answers. `kept`: it shuts down in order when we die."""
    _end_predecessor(data)
    places.made(sockets)
    options = {"listen_addresses": "", "unix_socket_directories": str(sockets), "max_connections": "120",
               "shared_buffers": "128MB", "log_min_messages": "warning", "timezone": "UTC",
               "log_error_verbosity": "terse", "log_min_error_statement": "panic",  # they would quote codes
               "log_timezone": "UTC", **settings}  # fmt: skip
    command: list[str | Path] = [places.postgres_binaries() / "postgres", "-D", data]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    end = signal.SIGINT if kept else signal.SIGQUIT
    child = children.start(
        "postgres",
        command,
        log=log,
        env=_env(),
        cwd=Path("/"),
        account=places.server_account(),
        stop_signal=end,
        death_signal=end,
    )
    _await(child, sockets)
    return child


def prepare(sockets: Path, database: str) -> None:
    """Make the two roles and `database`, owned by the owner; the application's role may only use it."""
    with psycopg.connect(address(sockets, ADMIN, "postgres"), autocommit=True) as connection:
        for role in (OWNER, APP):
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone():
                connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            connection.execute(f"CREATE DATABASE {database} OWNER {OWNER}")
            connection.execute(f"GRANT CONNECT, TEMPORARY ON DATABASE {database} TO {APP}")
    with psycopg.connect(address(sockets, ADMIN, database), autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON SCHEMA public TO {OWNER}")
        connection.execute(f"GRANT USAGE ON SCHEMA public TO {APP}")


def clone(sockets: Path, *, template: str, database: str) -> None:
    """Replace `database` by a copy of `template`."""
    drop(sockets, database=database)
    with psycopg.connect(address(sockets, ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {database} TEMPLATE {template} OWNER {OWNER} STRATEGY FILE_COPY")


def drop(sockets: Path, *, database: str) -> None:
    """Remove `database`, whoever is connected to it."""
    with psycopg.connect(address(sockets, ADMIN, "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def _await(child: Child, sockets: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if child.process.poll() is not None:
            raise CannotStart(f"PostgreSQL {child.fate()}:\n{child.tail()}")
        with suppress(psycopg.OperationalError):
            psycopg.connect(address(sockets, ADMIN, "postgres"), connect_timeout=2).close()
            return
        pause(0.03)
    raise CannotStart(f"PostgreSQL did not answer within {START_SECONDS:.0f} s:\n{child.tail()}")


def _end_predecessor(data: Path) -> None:
    """Wait for a killed supervisor's server, still shutting down; drop a lock file that nobody holds."""
    lock = data / "postmaster.pid"
    deadline = time.monotonic() + 10
    while (pid := _holder(lock, data)) and time.monotonic() < deadline:
        time.sleep(0.05)
    if pid:
        os.kill(pid, signal.SIGQUIT)
        time.sleep(1)
    lock.unlink(missing_ok=True)


def _holder(lock: Path, data: Path) -> int | None:
    """The process that really serves `data`; a reused process number is not it."""
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        return pid if Path(f"/proc/{pid}/cwd").resolve() == data.resolve() else None
    except (OSError, ValueError):
        return None


def _env() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC", "HOME": "/"}

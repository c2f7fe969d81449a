"""Servers for one test run: gone with the process that started them, and quick to start.

A cluster whose template database is migrated is kept per state of the migrations; a run copies and starts it.
"""

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from portal.embedded import children, places, postgres, shape, valkey
from portal.embedded.children import Child
from portal.embedded.locks import locked
from portal.embedded.places import CHECKOUT, CannotStart

TEMPLATE = "portal_template"
SHAPES = (
    *shape.MIGRATIONS,
    "requirements/test.txt",
    "portal/embedded/postgres.py",
    "portal/embedded/throwaway.py",
)
VALKEY_DATABASES = 64


@dataclass(frozen=True)
class Servers:
    """Where the servers of this run are."""

    root: Path

    @property
    def sockets(self) -> Path:
        """The directory of PostgreSQL's socket."""
        return self.root / "pg"

    def redis_url(self, number: int) -> str:
        """The address of Valkey's database `number`."""
        return valkey.address(self.root / "v" / "s", number)


def environment(servers: Servers, *, database: str, number: int) -> dict[str, str]:
    """What `portal.settings` needs to work on `database`, with secrets that are good for tests only."""
    return {
        "READ_ENV_FILES": "0",
        "LOCAL": "1",
        "SECRET_KEY": hashlib.sha256(b"tests").hexdigest(),
        "FIELD_ENCRYPTION_KEYS": "dGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGVzdHMtdGU=",
        "DATABASE_URL": postgres.address(servers.sockets, postgres.APP, database),
        "DATABASE_OWNER_URL": postgres.address(servers.sockets, postgres.OWNER, database),
        "REDIS_URL": servers.redis_url(number),
        "EMAIL_URL": "memorymail://",
        "PRIVATE_MEDIA_ROOT": str(servers.root / "private"),
        "LOG_LEVEL": "WARNING",
    }


def reserve() -> Servers:
    """A directory for a new run's servers, locked until we end; those of ended runs are removed."""
    base = Path("/tmp") if os.access("/tmp", os.W_OK) else Path(tempfile.gettempdir())  # noqa: S108  (short)
    for old in base.glob(f"portal-test-{os.geteuid()}-*"):
        with locked(old / "lock", wait=False) as ours:
            if ours:
                shutil.rmtree(old, ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix=f"portal-test-{os.geteuid()}-", dir=base))
    root.chmod(0o711)
    handle = os.open(root / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)  # held until the process ends
    return Servers(root)


def start(servers: Servers, *, settings: Mapping[str, str] = postgres.THROWN_AWAY) -> list[Child]:
    """Start PostgreSQL, with the migrated template, and Valkey; both die with this process."""
    data = servers.root / "data"
    _copy_migrated_cluster(servers, data)
    database = postgres.start(
        data, servers.sockets, log=servers.root / "postgres.log", settings=dict(settings), kept=False
    )
    (servers.root / "v").mkdir(mode=0o700)
    queue = valkey.start(
        servers.root / "v" / "s", log=servers.root / "valkey.log", databases=VALKEY_DATABASES
    )
    return [queue, database]


def stop(servers: Servers, running: list[Child]) -> None:
    """Stop them and remove their files."""
    children.stop(running, grace_seconds=3)
    shutil.rmtree(servers.root, ignore_errors=True)


def _copy_migrated_cluster(servers: Servers, data: Path) -> None:
    """Copy the stopped cluster with a migrated template, made now unless the migrations are as they were."""
    shelf = places.home() / "test-clusters"
    shelf.mkdir(mode=0o711, exist_ok=True)
    with locked(shelf / "lock", wait=True):
        cluster = shelf / shape.digest(SHAPES)
        if not cluster.is_dir():
            for old in shelf.iterdir():
                if old.is_dir():
                    shutil.rmtree(old)
            unfinished = shelf / "unfinished"
            _build(unfinished, servers)
            unfinished.rename(cluster)
        copy: list[str | Path] = ["cp", "-a", "--reflink=auto", cluster, data]
        done = children.run(copy, env=os.environ, cwd=Path("/"))
    if not done.succeeded:
        raise CannotStart("The prepared cluster cannot be copied: " + done.output)


def _build(data: Path, servers: Servers) -> None:
    postgres.create(data)
    log = servers.root / "template.log"
    server = postgres.start(data, servers.sockets, log=log, settings=postgres.THROWN_AWAY, kept=True)
    try:
        postgres.prepare(servers.sockets, TEMPLATE)
        env = {**os.environ, **environment(servers, database=TEMPLATE, number=0)}
        command: list[str | Path] = [
            sys.executable,
            CHECKOUT / "manage.py",
            "migrate",
            "--database=owner",
            "--verbosity=0",
        ]
        done = children.run(command, env=env, cwd=CHECKOUT)
        if not done.succeeded:
            raise CannotStart("migrate failed:\n" + done.output[-4000:])
    finally:
        children.stop([server], grace_seconds=20)

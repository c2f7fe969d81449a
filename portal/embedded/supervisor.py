"""`make run`: every process of the portal under one parent.

Servers first, then the database's shape and the demo when they changed, then the web, and when it answers the
worker and beat. If one of them ends, all end. Whatever becomes of this process, none of them stays behind.
"""

import os
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

from portal.embedded import children, places, postgres, shape, stopping, surroundings, valkey
from portal.embedded.announcement import announce
from portal.embedded.children import Child
from portal.embedded.locks import locked
from portal.embedded.places import CHECKOUT, CannotStart
from portal.environment import load_files

DATABASE = "portal"
WEB_CONNECTIONS = 8
WORKER_THREADS = 8
WEB_SECONDS = 60.0


@dataclass
class Portal:
    """What runs, in the order it was started, and what it is given."""

    state: Path
    env: dict[str, str]
    servers: list[Child] = field(default_factory=list)
    processes: list[Child] = field(default_factory=list)

    def python(
        self, name: str, *words: str, env: Mapping[str, str] | None = None, fd: int | None = None
    ) -> None:
        """Start a process of the portal."""
        self.processes.append(
            children.start(
                name,
                [sys.executable, *words],
                log=self.log(name),
                env={**self.env, **(env or {})},
                cwd=CHECKOUT,
                pass_fds=() if fd is None else (fd,),
            )
        )

    def log(self, name: str) -> Path:
        """Where a process writes."""
        folder = self.state / "logs"
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder / f"{name}.log"

    def stop(self) -> None:
        """End everything, the servers last."""
        children.stop(self.processes, grace_seconds=5)
        children.stop(self.servers, grace_seconds=10)
        (self.state / "run.env").unlink(missing_ok=True)
        places.remove(places.sockets())


def run() -> int:
    """Run the portal until it is told to stop (0) or something ends by itself (1)."""
    load_files(CHECKOUT / ".env")
    state = places.state()
    with locked(state / "lock", wait=False) as ours:
        if not ours:
            raise CannotStart(
                "The portal already runs in this checkout; stop it first, or use another checkout."
            )
        host, port = (
            os.environ.get("HOST", "127.0.0.1"),
            surroundings.port_number(os.environ.get("PORT", "8000")),
        )
        listener = surroundings.listen(host, port)
        portal = Portal(state, _environment(state, port))
        stopping.watch()
        try:
            return _run(portal, listener, f"http://{host}:{port}")
        except stopping.Stopped:
            print("\nStopping ...", flush=True)
            return 0
        finally:
            portal.stop()


def _run(portal: Portal, listener: socket, address: str) -> int:
    _start_servers(portal)
    surroundings.write_run_file(portal.state / "run.env", portal.env)
    _start_sandbox(portal)
    _prepare(portal)
    fd = listener.fileno()
    pool = {"DATABASE_POOL_MAX_CONNECTIONS": str(WEB_CONNECTIONS)}
    portal.python("web", "-m", "portal.embedded.web", "--fd", str(fd), env=pool, fd=fd)
    listener.close()
    if not _answers(portal, address):
        return _report(portal)
    celery = ("-m", "celery", "--app=portal", "--quiet")
    portal.python(
        "worker", *celery, "worker", "--pool=threads", f"--concurrency={WORKER_THREADS}",
        "--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel=WARNING",
    )  # fmt: skip
    portal.python("beat", *celery, "beat", "--scheduler=celery.beat:Scheduler", "--loglevel=WARNING")
    announce(portal.state, portal.env["PUBLIC_URL"])
    while not _ended(portal):
        stopping.pause(0.2)
    return _report(portal)


def _environment(state: Path, port: int) -> dict[str, str]:
    env = {
        **surroundings.secrets_of(state),
        "LOCAL": "1",
        "PUBLIC_URL": f"http://localhost:{port}",
        "PROVIDER_CALLBACK_BASE_URL": f"http://127.0.0.1:{port}",
        "PYTHONUNBUFFERED": "1",
        **os.environ,
    }
    sockets = places.sockets()
    if not env.get("DATABASE_URL"):
        env["DATABASE_URL"] = postgres.address(sockets / "pg", postgres.APP, DATABASE)
        env["DATABASE_OWNER_URL"] = postgres.address(sockets / "pg", postgres.OWNER, DATABASE)
    if not env.get("REDIS_URL"):
        env["REDIS_URL"] = valkey.address(sockets / "v" / "s")
    return env


def _start_servers(portal: Portal) -> None:
    sockets = places.sockets()
    if not os.environ.get("REDIS_URL"):
        (sockets / "v").mkdir(mode=0o700, exist_ok=True)
        portal.servers.append(valkey.start(sockets / "v" / "s", log=portal.log("valkey")))
    if not os.environ.get("DATABASE_URL"):
        data = _cluster(portal.state)
        log = portal.log("postgres")
        portal.servers.append(
            postgres.start(data, sockets / "pg", log=log, settings=postgres.KEPT, kept=True)
        )
        postgres.prepare(sockets / "pg", DATABASE)


def _cluster(state: Path) -> Path:
    """The directory of the database, made when there is none."""
    data = places.home() / "postgres"
    if not (data / "PG_VERSION").exists():
        print("Making the database ...", flush=True)
        unfinished = places.home() / "postgres.new"
        places.remove(unfinished)
        (state / "prepared").unlink(missing_ok=True)
        postgres.create(unfinished)
        unfinished.rename(data)
    return data


def _start_sandbox(portal: Portal) -> None:
    """The provider that the demo sells, unless SANDBOX_URL names one that runs already."""
    if portal.env.get("SANDBOX_URL"):
        return
    port = surroundings.sandbox_port(portal.state / "sandbox.port")
    portal.env["SANDBOX_URL"] = f"http://127.0.0.1:{port}"
    surroundings.write_run_file(portal.state / "run.env", portal.env)
    journal = portal.state / "sandbox.journal"
    portal.python("sandbox", "manage.py", "sandbox", "--port", str(port), "--journal", str(journal))


def _prepare(portal: Portal) -> None:
    """Migrate and seed, unless exactly that was done before on this database."""
    stamp = portal.state / "prepared"
    addresses = [portal.env.get(name, "") for name in ("PUBLIC_URL", "SANDBOX_URL", "DATABASE_URL")]
    wanted = shape.digest((*shape.MIGRATIONS, *shape.DEMO), *addresses)
    embedded = not os.environ.get("DATABASE_URL")
    if embedded and stamp.exists() and stamp.read_text() == wanted and (portal.state / "demo.json").exists():
        return
    print("Preparing the database and the demo ...", flush=True)
    command = [sys.executable, "-m", "portal.embedded.prepare"]
    done = children.run(command, env=portal.env, cwd=CHECKOUT)
    if not done.succeeded:
        raise CannotStart("The database could not be prepared:\n" + done.output[-4000:])
    stamp.write_text(wanted)


def _answers(portal: Portal, address: str) -> bool:
    """Wait until the web answers; False when something ended instead."""
    deadline = time.monotonic() + WEB_SECONDS
    while time.monotonic() < deadline and not _ended(portal):
        try:
            with urllib.request.urlopen(f"{address}/healthz", timeout=1):  # noqa: S310  (our own address)
                return True
        except OSError:
            stopping.pause(0.05)
    return False


def _ended(portal: Portal) -> Sequence[Child]:
    return [child for child in (*portal.servers, *portal.processes) if child.process.poll() is not None]


def _report(portal: Portal) -> int:
    for child in _ended(portal):
        print(f"\n{child.name} {child.fate()}; the end of {child.log}:\n{child.tail()}\n", file=sys.stderr)
    print("The portal stops.", file=sys.stderr, flush=True)
    return 1

"""The portal as production runs it, beside its yardstick: granian (2 workers × 32 threads, pool of 6),
PostgreSQL, Valkey.

The sandbox, in a process of its own with a settable delay, is the provider.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from portal.embedded import postgres, throwaway
from portal.embedded.children import Child

DATABASE = "bench"
# Asked for by one key all the time.
FAST = ("prices_services", "prices_countries", "price", "services", "balance", "all_history", "poll")
WORKERS, THREADS, POOL = 2, 32, 6
WORKING = ("worker", "beat", "live")
CELERY = (sys.executable, "-m", "celery", "--app=portal", "--quiet")


@dataclass
class Stack:
    """Where everything listens, and the processes whose CPU counts as the portal's."""

    servers: throwaway.Servers
    web: int
    yardstick: int
    sandbox: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    stores: list[Child] = field(default_factory=list)

    @property
    def portal_pids(self) -> list[int]:
        """Web server, PostgreSQL and Valkey: what a request costs."""
        return [self.processes["web"].pid, *self.store_pids]

    def pids(self, *names: str) -> list[int]:
        return [self.processes[name].pid for name in names]

    @property
    def store_pids(self) -> list[int]:
        return [child.process.pid for child in self.stores]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


RECEIVER = free_port()  # where webhooks of the bench may go
# Unlike those of `make run` commits wait until they are on the disk, the yardsticks' too.
AS_IN_PRODUCTION = {**postgres.KEPT, "synchronous_commit": "on"}


def prepare() -> throwaway.Servers:
    """Start the stores and point this process's Django at them; call before importing anything of the
    portal.
    """
    servers = throwaway.reserve()
    running = throwaway.start(servers, settings=AS_IN_PRODUCTION)
    postgres.clone(servers.sockets, template=throwaway.TEMPLATE, database=DATABASE)
    os.environ.update(throwaway.environment(servers, database=DATABASE, number=1))
    os.environ.update({
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_STATEMENT_TIMEOUT_MS": "60000",
        "RETAIL_RATES": ",".join(f"{name}=10000000" for name in FAST),
        "HANDLER_RATES": "poll=10000000,prices=10000000,catalogue=10000000",
        "RENTVERIFY_RATES": "prices=10000000,catalogue=10000000",
        "PING_RATES": "poll=10000000,services=10000000",
        "ADDRESS_EXCEPTIONS": f"127.0.0.1:{RECEIVER}",
    })  # fmt: skip
    RUNNING.extend(running)
    return servers


RUNNING: list[Child] = []


@contextmanager
def working(stack: Stack) -> Iterator[int]:
    """Worker, beat and the server of streams as well; gives the port of the latter."""
    port = free_port()
    worker = (*CELERY, "worker", "--pool=threads", "--concurrency=16", "--without-gossip",
              "--without-mingle", "--without-heartbeat", "--loglevel=WARNING")  # fmt: skip
    beat = (*CELERY, "beat", "--scheduler=celery.beat:Scheduler", "--loglevel=WARNING")
    try:
        for name, command in zip(WORKING, (worker, beat), strict=False):
            stack.processes[name] = subprocess.Popen(command, stderr=log(name), stdout=log(name))
        stack.processes["live"] = live(port)
        await_http(port, "/healthz")
        yield port
    finally:
        end([stack.processes.pop(name) for name in WORKING if name in stack.processes])


def live(port: int) -> subprocess.Popen[bytes]:
    """The production server of streams."""
    command = [sys.executable, "-m", "uvicorn", "--host=127.0.0.1", f"--port={port}", "--no-access-log",
               "--timeout-graceful-shutdown=3", "--log-level=error", "portal.asgi:application"]  # fmt: skip
    env = {**os.environ, "DATABASE_POOL_MAX_CONNECTIONS": "4"}
    return subprocess.Popen(command, env=env, stderr=log("live"), stdout=log("live"))


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def running_stack(servers: throwaway.Servers) -> Iterator[Stack]:
    """Start web, yardstick and sandbox; end everything after."""
    stack = Stack(servers, free_port(), free_port(), free_port(), stores=RUNNING)
    try:
        stack.processes["sandbox"] = _manage("sandbox", "--port", str(stack.sandbox))
        stack.processes["yardstick"] = granian("tests.bench.yardstick:application", stack.yardstick)
        stack.processes["web"] = granian("portal.wsgi:application", stack.web)
        await_http(stack.yardstick, "/bare")
        await_http(stack.web, "/healthz")
        await_http(stack.sandbox, "/")
        yield stack
    finally:
        end(list(stack.processes.values()))
        throwaway.stop(servers, RUNNING)


def granian(application: str, port: int, *, pool: int = POOL) -> subprocess.Popen[bytes]:
    """The production server."""
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(WORKERS), "--blocking-threads", str(THREADS), "--no-ws",
        "--log-level", "error", application,
    ]  # fmt: skip
    env = {**os.environ, "DATABASE_POOL_MAX_CONNECTIONS": str(pool)}
    return subprocess.Popen(command, env=env, stderr=log("granian"), stdout=log("granian"))


def _manage(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "manage.py", *words], stderr=log("manage"), stdout=log("manage"))


def log(name: str) -> int:
    path = Path(os.environ.get("BENCH_LOGS", ".state"))
    path.mkdir(exist_ok=True)
    return os.open(path / f"bench-{name}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)


def await_http(port: int, path: str, *, seconds: float = 30) -> None:
    """Wait until a server answers at all."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).read()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing answers on port {port}") from None
            time.sleep(0.05)

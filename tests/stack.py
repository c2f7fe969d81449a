"""The portal as real processes on servers of its own, to be killed, restarted and looked at from outside.

Processes are started from the main thread (they end with the thread that started them). Example:

    with Stack(RECONCILE_EVERY_SECONDS=2) as stack:
        stack.start("sandbox", "web", "worker", "beat")
        shops = stack.open_shops(tenants=1)
        stack.kill("worker")
        stack.start("worker")
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import requests
from psycopg.rows import dict_row

from portal.embedded import children, postgres, throwaway, valkey
from portal.embedded.places import CHECKOUT

DATABASE = "stack"
PLENTY = ",".join(
    f"{route}=1000000"
    for route in ("order", "poll", "actives", "retry", "cancel", "finalize", "balance", "transaction")
)
CELERY = ("-m", "celery", "--app=portal", "--quiet")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Stack:
    """Servers and processes by name; `settings` are environment variables of the portal."""

    def __init__(
        self, *, life_seconds=1_200, cancel_lock_seconds=0, web_workers=2, beside=None, number=1, **settings
    ):
        """`beside` another stack: a portal on its servers, with database and queue of its own `number`."""
        self.beside = beside
        if beside is None:
            self.servers = throwaway.reserve()
            self.queue, self.database = throwaway.start(self.servers)
            self.database = replace(self.database, stop_signal=signal.SIGINT)  # in order: no commit is lost
        else:
            self.servers = beside.servers
        self.name = DATABASE if number == 1 else f"{DATABASE}{number}"
        postgres.clone(self.servers.sockets, template=throwaway.TEMPLATE, database=self.name)
        self.port, self.sandbox_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.sandbox_address = f"http://127.0.0.1:{self.sandbox_port}"
        self.env = {
            **os.environ,
            **throwaway.environment(self.servers, database=self.name, number=number),
            "ADDRESS_EXCEPTIONS": f"127.0.0.1:{self.sandbox_port}",  # for accounts of tenants
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PROVIDER_CALLBACK_BASE_URL": self.address,
            "RETAIL_RATES": PLENTY,
            "DATABASE_POOL_WAIT_SECONDS": "2",
            **{name: str(value) for name, value in settings.items()},
        }
        self.running = {}
        self.commands = {
            "sandbox": (
                "manage.py", "sandbox", "--port", self.sandbox_port, "--journal", self.servers.root / "books",
                "--cancel-lock-seconds", cancel_lock_seconds, "--life-seconds", life_seconds,
            ),
            "suppliers": (
                "-m", "tests.suppliers", "--port", self.sandbox_port,
                "--journal", self.servers.root / "books",
                "--cancel-lock-seconds", cancel_lock_seconds, "--life-seconds", life_seconds,
            ),
            "web": (
                "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", self.port,
                "--workers", web_workers, "--blocking-threads", "32", "--backpressure", "64",
                "--respawn-failed-workers", "--log-level", "error", "portal.wsgi:application",
            ),
            "worker": (
                *CELERY, "worker", "--pool=threads", "--concurrency=8", "--without-gossip",
                "--without-mingle", "--without-heartbeat", "--loglevel=WARNING",
            ),
            "prefork": (
                *CELERY, "worker", "--pool=prefork", "--concurrency=2", "--without-gossip",
                "--without-mingle", "--without-heartbeat", "--loglevel=WARNING",
            ),
            "sweeper": ("-m", "tests.sweeper"),
            "beat": (*CELERY, "beat", "--scheduler=celery.beat:Scheduler", "--loglevel=WARNING"),
        }  # fmt: skip

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for name in list(self.running):
            self.kill(name)
        if self.beside is None:
            throwaway.stop(self.servers, [self.queue, self.database])

    # --- processes ---

    def start(self, *names, wait=True, **env):
        """Start processes, each under its own name (`beat2` is another beat)."""
        for name in names:
            log = self.servers.root / f"{name}.{time.monotonic_ns()}.log"
            words = [str(word) for word in self.commands[name.rstrip("0123456789")]]
            pool = {"DATABASE_POOL_MAX_CONNECTIONS": "6"} if name == "web" else {}
            self.running[name] = children.start(
                name, [sys.executable, *words], log=log, env={**self.env, **pool, **env}, cwd=CHECKOUT
            )
        if wait:
            self.wait(*names)

    def wait(self, *names):
        """Until web and sandbox, if named, answer. `suppliers` is a sandbox that speaks every protocol."""
        addresses = {"web": f"{self.address}/healthz"} | dict.fromkeys(
            ("sandbox", "suppliers"), self.sandbox_address
        )
        for name, address in addresses.items():
            if name in names:
                wait_until(lambda address=address: answers(address), seconds=90, why=self.logs)

    def kill(self, name):
        """SIGKILL to a process and all its children."""
        child = self.running.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)
        child.process.wait()

    def kill_child(self, name, *, pick=0):
        """SIGKILL to one child of a process: a web worker, or one of a prefork pool. False: it has none."""
        pids = workers_of(self.running[name].process.pid)
        if pids:
            with suppress(ProcessLookupError):
                os.kill(pids[pick % len(pids)], signal.SIGKILL)
        return bool(pids)

    def dead(self):
        """Names of the processes that have ended, by themselves or not."""
        return [name for name, child in self.running.items() if child.process.poll() is not None]

    def logs(self):
        """Everything that all processes wrote."""
        return "".join(path.read_text(errors="replace") for path in sorted(self.servers.root.glob("*.log")))

    def python(self, *words):
        """Run Python in the portal's surroundings to its end; what it printed. Fails with its output."""
        done = subprocess.run(
            [sys.executable, *map(str, words)], cwd=CHECKOUT, env=self.env, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    # --- servers ---

    def admin(self, database="postgres"):
        """psycopg, autocommit, as the superuser."""
        address = postgres.address(self.servers.sockets, postgres.ADMIN, database)
        return psycopg.connect(address, autocommit=True, row_factory=dict_row)

    def rows(self, sql, params=None):
        """All rows of a query on the portal's database, as dicts."""
        with self.admin(self.name) as connection:
            return connection.execute(sql, params).fetchall()

    def run_sql(self, sql, params=None):
        with self.admin(self.name) as connection:
            connection.execute(sql, params)

    def cut_connections(self, *, only_busy=False):
        """End every connection of the portal, whatever it is doing; or those that are doing something."""
        with self.admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = %s AND usename = %s AND (state <> 'idle' OR NOT %s)",
                [self.name, postgres.APP, only_busy],
            )

    def stop_database(self):
        children.stop([self.database], grace_seconds=15)

    def start_database(self):
        self.database = postgres.start(
            self.servers.root / "data",
            self.servers.sockets,
            log=self.servers.root / f"postgres.{time.monotonic_ns()}.log",
            settings=postgres.THROWN_AWAY,
            kept=True,
        )

    def stop_queue(self):
        children.stop([self.queue], grace_seconds=3)

    def start_queue(self):
        self.queue = valkey.start(
            self.servers.root / "v" / "s",
            log=self.servers.root / f"valkey.{time.monotonic_ns()}.log",
            databases=throwaway.VALKEY_DATABASES,
        )

    # --- the shops and their provider ---

    def open_shops(self, **wanted):
        """Tenants with customers, keys, money and providers; see tests/shops.py."""
        words = [f"--{name}={value}" for name, value in wanted.items()]
        return json.loads(self.python("-m", "tests.shops", f"--sandbox={self.sandbox_address}", *words))

    def call(self, method, shop, path, *, body=None, key=None, timeout=30):
        """A request of a reseller's program to its retail API."""
        headers = {"Host": shop["host"], "X-Api-Key": shop["key"]}
        if key:
            headers["Idempotency-Key"] = key
        address = f"{self.address}/api/v1/retail{path}"
        return requests.request(method, address, headers=headers, json=body, timeout=timeout)

    def control(self, account, name, *, protocol="", **order):
        """A control call to an account at the sandbox, or at a supplier that speaks `protocol`; its answer.
        Raises requests.HTTPError.
        """
        place = f"{self.sandbox_address}/{protocol}".rstrip("/")
        answer = requests.post(
            f"{place}/control/{name}", json=order, headers={"X-Api-Key": account}, timeout=60
        )
        answer.raise_for_status()
        return answer.json()

    def books(self, account):
        return self.control(account, "books")

    def check_ledger(self):
        """Fails with what `manage.py check_ledger` names."""
        self.python("manage.py", "check_ledger")


def answers(address):
    try:
        requests.get(address, timeout=2)
    except requests.RequestException:
        return False
    return True


def workers_of(pid):
    """Child processes of a server that work for it (Python's own helper processes aside)."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if b"resource_tracker" not in command_of(child)]


def command_of(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b"resource_tracker"


def wait_until(is_true, *, seconds=60, every=0.1, why=str):
    """Wait for something that another process does; its value. `why`: what to show when it does not come."""
    until = time.monotonic() + seconds
    while not (value := is_true()):
        assert time.monotonic() < until, f"waited in vain: {why()[-2000:]}"
        time.sleep(every)
    return value

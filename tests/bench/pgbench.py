"""pgbench, from the same wheel as the server: what PostgreSQL alone does with the same SQL."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import psutil

from portal.embedded import places


def run(
    script: str,
    *,
    sockets: Path,
    database: str,
    clients: int = 8,
    seconds: int = 5,
    transactions: int = 0,
    variables: dict[str, int] | None = None,
) -> float:
    """Transactions per second of `script` (pgbench's language) as the application's role."""
    command = [
        str(places.postgres_binaries() / "pgbench"), "-n", "-M", "prepared",
        "-h", str(sockets), "-U", "portal",
        "-c", str(clients), "-j", "1", "-f", "-", "-D", "i=0",
    ]  # fmt: skip
    for name, value in (variables or {}).items():
        command += ["-D", f"{name}={value}"]
    command += ["-t", str(transactions)] if transactions else ["-T", str(seconds)]
    file = Path(sockets).parent / "pgbench.sql"
    file.write_text(script)
    file.chmod(0o644)
    command[command.index("-f") + 1] = str(file)
    done = subprocess.run([*command, database], capture_output=True, text=True)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode or not found:
        raise SystemExit(f"pgbench failed:\n{done.stdout[-500:]}\n{done.stderr[-2000:]}")
    if failed := re.search(r"number of failed transactions: ([1-9]\d*)", done.stdout):
        raise SystemExit(f"pgbench had {failed[1]} failed transactions")
    return float(found[1])


def cost_ms(
    script: str, sockets: Path, *, database: str, clients: int, server_pids: Iterable[int], each: int = 150
) -> float:
    """CPU of the server for one transaction. The server's processes for pgbench end with it, and what they
    took is then counted for their parents, the `server_pids`.
    """
    before = _ended_children_seconds(server_pids)
    run(script, sockets=sockets, database=database, clients=clients, transactions=each)
    time.sleep(0.2)  # they end a moment after their client
    return 1000 * (_ended_children_seconds(server_pids) - before) / (clients * each)


def _ended_children_seconds(pids: Iterable[int]) -> float:
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(each.children_user + each.children_system for each in times)

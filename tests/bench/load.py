"""A closed-loop HTTP/1.1 load generator on raw asyncio protocols, in a process of its own.

Reads a `Plan` as JSON on standard input, writes a `Result` as JSON. Each connection sends its requests one
after the other for `seconds` (or until `requests_in_all` are sent) and never more than one at a time.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass, field


@dataclass
class Plan:
    """What to send: `requests` one after the other, each on the next free connection, over and over."""

    port: int
    connections: int
    seconds: float
    requests: list[str]
    requests_in_all: int | None = None
    keep_bodies: bool = False


@dataclass
class Result:
    """Counts by status; latencies in milliseconds."""

    seconds: float
    statuses: dict[str, int]
    p50: float
    p95: float
    p99: float
    bodies: list[str] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(self.statuses.values())

    @property
    def rate(self) -> float:
        return self.count / self.seconds

    def only(self, *statuses: int) -> Result:
        """Itself, when nothing but these statuses was answered; a bench of errors is worth nothing."""
        unexpected = {k: v for k, v in self.statuses.items() if int(k) not in statuses}
        if unexpected:
            raise SystemExit(f"unexpected answers {unexpected}; first: {self.bodies[:1]}")
        return self


class Connection(asyncio.Protocol):
    """One keep-alive connection: sends, reads the whole answer, sends the next."""

    def __init__(self, run: Run) -> None:
        self.run, self.buffer, self.left = run, bytearray(), 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        if not self.run.may_send():
            self.run.finished(self)
            return
        request = self.run.next_request()
        self.started = time.perf_counter()
        self.transport.write(request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self.left > len(data):  # in the midst of a large answer, of which only the end is awaited
            self.left -= len(data)
            return
        if self.left:
            self.buffer += data[self.left :]
            self.left = 0
            self.answered(b"")
            return
        self.buffer += data
        head_end = self.buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        body_end = self.end_of_body(self.buffer[:head_end].lower(), head_end + 4)
        if body_end is None:
            return
        self.status = bytes(self.buffer[9:12])
        if body_end > len(self.buffer):
            self.left = body_end - len(self.buffer)
            self.buffer.clear()
            return
        body = bytes(self.buffer[head_end + 4 : body_end])
        del self.buffer[:body_end]
        self.answered(body)

    def answered(self, body: bytes) -> None:
        self.run.note(self.status, time.perf_counter() - self.started, body)
        self.send()

    def end_of_body(self, head: bytes, start: int) -> int | None:
        """Where the answer ends, or None while that cannot be told. When bodies are not kept, that may lie
        further than what has come.
        """
        if b"transfer-encoding: chunked" in head:
            end = self.buffer.find(b"0\r\n\r\n", start)
            return None if end < 0 else end + 5
        at = head.find(b"content-length:")
        length = (
            0 if at < 0 else int(head[at + 15 : head.find(b"\r\n", at) if b"\r\n" in head[at:] else None])
        )
        end = start + length
        has_all = len(self.buffer) >= end
        return end if has_all or (head.startswith(b"http/1.1 2") and not self.run.plan.keep_bodies) else None

    def connection_lost(self, error: Exception | None) -> None:
        self.run.lost(self)


class Run:
    """All connections of one plan and what they saw."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.requests = [request.encode("latin-1") for request in plan.requests]
        self.statuses: Counter[str] = Counter()
        self.latencies: list[float] = []
        self.bodies: list[str] = []
        self.sent = 0
        self.open = 0

    def may_send(self) -> bool:
        return time.perf_counter() < self.ends_at and self.plan.requests_in_all != self.sent

    def next_request(self) -> bytes:
        """One after the other over all connections, from the start again at the end."""
        request = self.requests[self.sent % len(self.requests)]
        self.sent += 1
        return request

    def note(self, status: bytes, seconds: float, body: bytes) -> None:
        self.statuses[status.decode()] += 1
        self.latencies.append(seconds * 1000)
        if self.plan.keep_bodies or (status[:1] != b"2" and len(self.bodies) < 3):
            self.bodies.append(body.decode("utf-8", "replace"))

    def finished(self, connection: Connection) -> None:
        connection.transport.close()

    def lost(self, connection: Connection) -> None:
        self.open -= 1
        if not self.open:
            self.done.set_result(None)

    async def go(self) -> Result:
        loop = asyncio.get_running_loop()
        self.done = loop.create_future()
        self.open = self.plan.connections
        started = time.perf_counter()
        self.ends_at = started + self.plan.seconds
        for _ in range(self.plan.connections):
            await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.plan.port)
        await asyncio.wait_for(self.done, self.plan.seconds + 60)
        ordered = sorted(self.latencies) or [0.0]
        p50, p95, p99 = (ordered[min(len(ordered) - 1, int(len(ordered) * q))] for q in (0.5, 0.95, 0.99))
        return Result(time.perf_counter() - started, dict(self.statuses), p50, p95, p99, self.bodies)


def http(
    method: str, path: str, *, host: str, headers: dict[str, str] | None = None, body: str | None = None
) -> str:
    """A raw request."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body.encode())}"]
    return "\r\n".join(lines) + "\r\n\r\n" + (body or "")


def start(plan: Plan) -> subprocess.Popen[str]:
    """A generator at work in its own process; `finish` waits for it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    return process


def finish(process: subprocess.Popen[str]) -> Result:
    assert process.stdout
    answer = process.stdout.read()
    if process.wait():
        raise SystemExit("the load generator failed")
    return Result(**json.loads(answer))


def fire(plan: Plan) -> Result:
    return finish(start(plan))


if __name__ == "__main__":
    result = asyncio.run(Run(Plan(**json.load(sys.stdin))).go())
    json.dump(asdict(result), sys.stdout)

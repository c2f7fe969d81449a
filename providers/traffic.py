"""The last calls to each account, how long its answers take and how many fail: for the page of a provider.

A call only leaves a note in memory. A thread of each process writes the notes to Redis every two seconds, so
that no order waits for it; notes that are lost with Redis or with a process cost a line on a page. They hold
no values: of an address its words without numbers, of parameters their names.
"""

from __future__ import annotations

import re
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import orjson
import structlog
from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

from providers.contract import Call, ProviderError, Refused

# Of each account: calls that changed something or failed, and calls that only read.
KEPT = {"acts": 20, "reads": 10}
KEPT_SECONDS = 7 * 86_400
HOURS = 24  # that latencies and failures are added up over
FLUSH_SECONDS = 2.0
WAITING_MOST = 5_000  # of a process between two flushes; of a storm the latest are kept
BOUNDS_MS = (25, 50, 75, 100, 150, 200, 300, 400, 600, 800, 1_200, 1_600, 2_400, 3_200, 5_000, 8_000)
FAILED = "failed"
WORD = re.compile(r"[A-Za-z_.-]{1,30}|v[0-9]")  # of an address; anything else may be an id, a phone or a key

log = structlog.get_logger(__name__)


class PastCall(NamedTuple):
    """One call as it is shown. `status` 0: no answer came; `outcome`: `answered` or the error's code."""

    at: int  # seconds since 1970
    method: str
    path: str
    status: int
    milliseconds: int
    outcome: str

    @property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is known of an account's calls: the last ones, newest first, and figures of the last 24 hours.
    Latencies are upper bounds in milliseconds (None: no call); `is_known` False: Redis is away.
    """

    last: Sequence[PastCall] = ()
    calls: int = 0
    failed: int = 0
    p50_ms: int | None = None
    p95_ms: int | None = None
    is_known: bool = True

    @property
    def error_rate(self) -> float | None:
        """The share of calls without a usable answer, 0…1. A refusal is an answer."""
        return self.failed / self.calls if self.calls else None


class _Note(NamedTuple):
    provider_id: int
    is_failure: bool
    at: int
    milliseconds: int
    status: int
    outcome: str
    call: Call[Any]

    def shown(self) -> PastCall:
        """Only what a page shows is spelled out: of thousands of checks between two flushes that is one."""
        shape = shape_of(self.call)
        return PastCall(self.at, self.call.method, shape, self.status, self.milliseconds, self.outcome)


_waiting: deque[_Note] = deque(maxlen=WAITING_MOST)


def note_traffic(
    call: Call[Any], seconds: float, *, status: int = 0, error: ProviderError | None = None
) -> None:
    """Remember how a call ended. Costs no statement and no round trip; calls of no account leave nothing."""
    if call.account is None or not call.account.provider_id:
        return
    is_failure = error is not None and not isinstance(error, Refused)
    outcome = error.code if error else "answered"
    _waiting.append(
        _Note(
            call.account.provider_id,
            is_failure,
            int(time.time()),
            round(seconds * 1_000),
            status,
            outcome,
            call,
        )
    )
    _start()


def shape_of(call: Call[Any]) -> str:
    """The address without host, ids and values: `/stubs/handler_api.php?action&service&country`."""
    words = urlsplit(call.url).path.split("/")
    path = "/".join(word if not word or WORD.fullmatch(word) else "…" for word in words)
    names = [name for name in call.params if name not in call.secret_params]
    return f"{path}?{'&'.join(names)}"[:200] if names else path[:200]


def flush() -> None:
    """Write what was noted to Redis. Of calls that only read, one of each account is shown per flush; they
    have a list of their own, so that polls do not push orders out.
    """
    notes = [_waiting.popleft() for _ in range(len(_waiting))]
    if not notes:
        return
    shown: dict[tuple[int, str], list[_Note]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for note in notes:
        if note.call.is_read and not note.is_failure:
            shown[note.provider_id, "reads"] = [note]
        else:
            shown.setdefault((note.provider_id, "acts"), []).append(note)
        name = _hour_name(note.provider_id, note.at // 3_600)
        counts[name, _bucket(note.milliseconds)] += 1
        counts[name, FAILED] += note.is_failure
    try:
        _write(shown, counts)
    except (RedisError, OSError) as error:
        log.debug("traffic_not_kept", error=type(error).__name__)


def traffic_of(provider_id: int, *, now: datetime) -> Traffic:
    """One round trip to Redis."""
    hour = int(now.timestamp()) // 3_600
    pipe = _redis().pipeline(transaction=False)
    for kind in KEPT:
        pipe.lrange(_list_name(provider_id, kind), 0, -1)
    for back in range(HOURS):
        pipe.hgetall(_hour_name(provider_id, hour - back))
    try:
        acts, reads, *hours = pipe.execute()
    except (RedisError, OSError):
        return Traffic(is_known=False)
    counts: Counter[str] = Counter()
    for one in hours:
        counts.update({name.decode(): int(count) for name, count in one.items()})
    failed = counts.pop(FAILED, 0)
    return Traffic(
        last=sorted((PastCall(*orjson.loads(line)) for line in (*acts, *reads)), key=lambda one: -one.at),
        calls=counts.total(),
        failed=failed,
        p50_ms=_share(counts, 0.5),
        p95_ms=_share(counts, 0.95),
    )


def _write(shown: dict[tuple[int, str], list[_Note]], counts: Counter[tuple[str, str]]) -> None:
    pipe = _redis().pipeline(transaction=False)
    for (provider_id, kind), notes in shown.items():
        name, most = _list_name(provider_id, kind), KEPT[kind]
        pipe.lpush(name, *(orjson.dumps(tuple(note.shown())) for note in notes[-most:]))
        pipe.ltrim(name, 0, most - 1)
        pipe.expire(name, KEPT_SECONDS)
    for (name, field), count in counts.items():
        if count:
            pipe.hincrby(name, field, count)
    for name in {name for name, _ in counts}:
        pipe.expire(name, timedelta(hours=HOURS + 1))
    pipe.execute()


def _share(counts: Counter[str], share: float) -> int | None:
    """The bound under which this share of the calls stayed."""
    wanted, reached = counts.total() * share, 0
    for bound in sorted(map(int, counts)):
        reached += counts[str(bound)]
        if reached >= wanted:
            return bound
    return None


def _bucket(milliseconds: int) -> str:
    return str(next((bound for bound in BOUNDS_MS if milliseconds <= bound), 2 * BOUNDS_MS[-1]))


def _list_name(provider_id: int, kind: str) -> str:
    return f"past_calls:{provider_id}:{kind}"


def _hour_name(provider_id: int, hour: int) -> str:
    return f"calls:{provider_id}:{hour}"


@cache
def _redis() -> Redis:
    return Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


_starting, flushing = threading.Lock(), threading.Lock()
_threads: list[threading.Thread] = []


def _start() -> None:
    """The flushing thread of this process, from its first call on."""
    if _threads:
        return
    with _starting:
        if not _threads:
            _threads.append(threading.Thread(target=_flush_forever, name="traffic", daemon=True))
            _threads[0].start()


def _flush_forever() -> None:
    while True:
        time.sleep(FLUSH_SECONDS)
        try:
            with flushing:
                flush()
        except Exception as error:  # the next flush is a new try
            log.warning("traffic_not_kept", error=type(error).__name__)

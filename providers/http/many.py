"""Thousands of calls with aiohttp, on one event loop per thread that is kept, with its connections."""

from __future__ import annotations

import asyncio
import atexit
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar, cast

import aiohttp

from portal import addresses
from portal.addresses import AddressRefused
from portal.resolver import PublicOnly
from providers.contract import Call, OutcomeUnknown, ProviderError, Refused, Reply, T, Unreachable
from providers.http.common import (
    CONNECT_SECONDS,
    PAGES_MAX,
    body_of,
    headers_of,
    is_guarded,
    let_go_of_database,
    next_page,
    note_call,
    read,
)
from providers.traffic import note_traffic

Tag = TypeVar("Tag")

LIMIT = 32  # calls under way at one provider
BATCH = 64  # answers handed over at once, so that the loop is not left for each single one
BATCH_SECONDS = 0.05
IDLE_SECONDS = 1.0
FAILED_PAUSE_SECONDS = 0.05


class GivenUp(Unreachable):
    """Not sent, because the calls before it at the same provider all failed."""


class Sent(NamedTuple, Generic[Tag, T]):
    """How one call ended: `error` is None and `value` the answer, or the other way round."""

    tag: Tag
    value: T | None
    error: ProviderError | None


def send_many(
    calls: Iterable[tuple[Tag, Call[T]]], *, limit: int = LIMIT, meanwhile: Callable[[], None] | None = None
) -> Iterator[Sent[Tag, T]]:
    """Send all calls, at most `limit` at once at each provider, and yield each result as it comes, in any
    order, with the caller's tag. A list in pages comes whole.

    No provider waits for another. The loop stands still while the caller works on a result, so the caller may
    use the database in between. When `limit` calls in a row fail at one provider, its remaining calls are not
    sent (GivenUp), so that a hanging provider ends its sweep after one time limit. `meanwhile` is called once
    in a while, about each second when no answer comes.
    """
    let_go_of_database()
    lanes: defaultdict[str, deque[tuple[Tag, Call[T]]]] = defaultdict(deque)
    count = 0
    for tag, call in calls:
        lanes[_origin(call.url)].append((tag, call))
        count += 1
    sweep: _Sweep[Tag, T] = _Sweep(limit, count)
    loop = _station().loop
    tasks = loop.run_until_complete(sweep.start(lanes.values()))
    try:
        while count:
            results = loop.run_until_complete(sweep.some_results())
            count -= len(results)
            if meanwhile is not None:
                meanwhile()
            yield from results
            if count:
                let_go_of_database()
    finally:
        loop.run_until_complete(_stop(tasks))


def _origin(url: str) -> str:
    return url[: url.find("/", 8)] if url.find("/", 8) > 0 else url


class _Lane(Generic[Tag, T]):
    """The calls of one provider and how many of its last ones failed."""

    def __init__(self, calls: deque[tuple[Tag, Call[T]]]) -> None:
        self.calls = calls
        self.failures = 0


class _Sweep(Generic[Tag, T]):
    def __init__(self, limit: int, count: int) -> None:
        self.limit = limit
        self.left = count
        self.results: list[Sent[Tag, T]] = []
        self.wanted = BATCH  # how many results wake the caller
        self.wakeup = asyncio.Event()

    async def start(self, lanes: Iterable[deque[tuple[Tag, Call[T]]]]) -> list[asyncio.Task[None]]:
        session = _station().session()
        return [
            asyncio.create_task(self._work(session, lane))
            for lane in map(_Lane, lanes)
            for _ in range(min(self.limit, len(lane.calls)))
        ]

    async def some_results(self) -> list[Sent[Tag, T]]:
        """What came: more than one result when they come within a moment, none when none comes for long."""
        try:
            async with asyncio.timeout(BATCH_SECONDS):
                await self._enough(min(BATCH, self.left))
        except TimeoutError:
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_SECONDS):
                    await self._enough(1)
        results, self.results = self.results, []
        self.left -= len(results)
        return results

    async def _enough(self, wanted: int) -> None:
        self.wanted = wanted
        self.wakeup.clear()
        if len(self.results) < wanted:
            await self.wakeup.wait()

    async def _work(self, session: aiohttp.ClientSession, lane: _Lane[Tag, T]) -> None:
        while lane.calls:
            tag, call = lane.calls.popleft()
            value, error = None, None
            try:
                value = await self._send(session, lane, call)
            except ProviderError as failure:
                error = failure
            except Exception as slip:  # an answer less would be waited for in vain
                error = OutcomeUnknown(type(slip).__name__)
            self.results.append(Sent(tag, value, error))
            if len(self.results) >= self.wanted:
                self.wakeup.set()

    async def _send(self, session: aiohttp.ClientSession, lane: _Lane[Tag, T], call: Call[T]) -> T:
        if lane.failures >= self.limit:
            raise GivenUp("not sent: the calls before it all failed")
        started = time.monotonic()
        try:
            answer = await _answer(session, call)
        except Refused:
            lane.failures = 0
            raise
        except ProviderError as error:
            lane.failures += 1
            if lane.failures == 1:  # one line, not one for each call of a storm
                note_call(call, time.monotonic() - started, error)
            await asyncio.sleep(FAILED_PAUSE_SECONDS)  # calls that fail together are counted together
            raise
        lane.failures = 0
        return answer


# --- the wire ---


async def _answer(session: aiohttp.ClientSession, call: Call[T]) -> T:
    """What a call brings; of a list in pages all of them, one after the other."""
    answer, reply = await _page(session, call)
    items: list[Any] = []
    for _ in range(PAGES_MAX):
        following = next_page(call, reply)
        if following is None:
            return cast(T, [*items, *cast(Sequence[Any], answer)]) if items else answer
        items.extend(cast(Sequence[Any], answer))
        call = following
        answer, reply = await _page(session, call)
    raise OutcomeUnknown("the list does not end")


async def _page(session: aiohttp.ClientSession, call: Call[T]) -> tuple[T, Reply]:
    started, status = time.monotonic(), 0
    try:
        reply = await _exchange(session, call)
        status = reply.status
        answer = read(call, reply)
    except ProviderError as error:
        note_traffic(call, time.monotonic() - started, status=status, error=error)
        raise
    note_traffic(call, time.monotonic() - started, status=status)
    return answer, reply


async def _exchange(session: aiohttp.ClientSession, call: Call[Any]) -> Reply:
    try:
        if is_guarded(call):
            addresses.check(call.url)
            session = _station().session(is_guarded=True)
        async with session.request(
            call.method,
            call.url,
            params={name: str(value) for name, value in call.params.items()} if call.params else None,
            data=body_of(call),
            headers=headers_of(call),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=call.timeout_seconds, sock_connect=CONNECT_SECONDS),
            middlewares=None if call.is_read else (_send_once,),
        ) as response:
            body = await _body(response, call.max_bytes)
            return Reply(response.status, body.decode("utf-8", "replace"), response.headers)
    except AddressRefused as refusal:
        raise Unreachable(str(refusal)) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        raise Unreachable(type(error).__name__) from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise OutcomeUnknown(type(error).__name__) from None


async def _send_once(
    request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """aiohttp repeats a GET whose connection broke; a GET that orders or cancels must not be repeated."""
    try:
        return await send(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise aiohttp.ClientConnectionError(type(error).__name__) from error


async def _body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes:
    length = response.content_length
    if "Content-Encoding" in response.headers or (length or 0) > max_bytes:
        response.close()
        raise OutcomeUnknown("the answer is too long or packed")
    if length is not None:
        return await response.read()
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > max_bytes:
            response.close()
            raise OutcomeUnknown("the answer is too long")
    return bytes(body)


class _Station:
    """A thread's event loop and its open connections, kept between sweeps."""

    def __init__(self) -> None:
        self.thread = threading.current_thread()
        self.loop = asyncio.new_event_loop()
        self._sessions: dict[bool, aiohttp.ClientSession] = {}

    def session(self, *, is_guarded: bool = False) -> aiohttp.ClientSession:
        """Guarded calls have connections of their own, made to addresses that were examined just before."""
        if is_guarded not in self._sessions:
            resolver: dict[str, Any] = {"resolver": PublicOnly(), "use_dns_cache": False}
            names = resolver if is_guarded else {"ttl_dns_cache": 60}
            self._sessions[is_guarded] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=10, **names),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Content-Type"),
            )
        return self._sessions[is_guarded]

    def close(self) -> None:
        for session in self._sessions.values():
            self.loop.run_until_complete(session.close())
        self.loop.close()


class _Mine(threading.local):
    station: _Station | None = None


_mine = _Mine()
_stations: list[_Station] = []  # of all threads, so that those of ended ones can be closed
_stations_lock = threading.Lock()


def _station() -> _Station:
    if _mine.station is None:
        _close_stations(lambda station: not station.thread.is_alive())
        _mine.station = _Station()
        _stations.append(_mine.station)
    return _mine.station


def _close_stations(is_over: Callable[[_Station], bool]) -> None:
    with _stations_lock:
        for station in [each for each in _stations if is_over(each)]:
            _stations.remove(station)
            station.close()


@atexit.register
def _close_idle_stations() -> None:
    _close_stations(lambda station: not station.loop.is_running())


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

"""Carries deliveries over the wire with aiohttp: many at once, so that one slow receiver delays nobody.

The address is examined before the connection and the connection goes to the examined address (W9, W10).
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import TracebackType
from typing import Self

import aiohttp
from yarl import URL

from portal import addresses
from portal.addresses import AddressRefused
from portal.resolver import PublicOnly
from webhooks.excerpts import excerpt

TIMEOUT_SECONDS = 10.0
ANSWER_SECONDS = 2.0  # for the part of the body that is kept; the status has come by then
MAX_ANSWER_BYTES = 4_096
CLOSE_BEHIND_SECONDS = 0.02  # each round costs the database a few queries


@dataclass(frozen=True, slots=True)
class Parcel:
    """One try. `hidden`: what must not be kept of it should the receiver send it back."""

    delivery_id: int
    endpoint_id: int
    url: str
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    is_failing: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it: a status, or an `error` in few words. `retry_after`: the header as it came. `answer`:
    the beginning of the body, for those who must understand it; `excerpt` is what may be kept of it.
    """

    parcel: Parcel
    status: int | None = None
    error: str = ""
    excerpt: str = ""
    answer: str = field(default="", repr=False)
    retry_after: str = ""
    milliseconds: int = 0

    @property
    def is_success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


class Sender:
    """An event loop that stands still except in `start` and `wait`, so that the caller may use the database
    in between. Use it as a context; leaving it gives up what is still under way.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._session: aiohttp.ClientSession | None = None
        self._under_way: dict[asyncio.Task[Outcome], Parcel] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.run_until_complete(self._close())
        self._loop.close()

    @property
    def count(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    @property
    def count_failing(self) -> int:
        """How many of them go to endpoints that failed last time."""
        return sum(parcel.is_failing for parcel in self._under_way.values())

    def busy_endpoints(self) -> list[int]:
        return list({parcel.endpoint_id for parcel in self._under_way.values()})

    def start(self, parcels: Sequence[Parcel]) -> None:
        if parcels:
            self._loop.run_until_complete(self._start(parcels))

    def wait(self, seconds: float) -> list[Outcome]:
        """What ended within this time; comes back with the first ones and those that end close behind."""
        if not self._under_way:
            return []
        done = self._loop.run_until_complete(self._some(seconds))
        for task in done:
            del self._under_way[task]
        return [task.result() for task in done]

    async def _start(self, parcels: Sequence[Parcel]) -> None:
        if self._session is None:
            self._session = _session()
        for parcel in parcels:
            self._under_way[asyncio.create_task(_deliver(self._session, parcel))] = parcel

    async def _some(self, seconds: float) -> set[asyncio.Task[Outcome]]:
        tasks = list(self._under_way)
        done, left = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if done and left:
            done |= (await asyncio.wait(left, timeout=CLOSE_BEHIND_SECONDS))[0]
        return done

    async def _close(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
        if self._session is not None:
            await self._session.close()


@lru_cache(maxsize=1)
def trusted() -> ssl.SSLContext:
    """What certificates are examined with: the machine's authorities (or SSL_CERT_FILE). Made once: it costs
    more than a delivery.
    """
    return ssl.create_default_context()


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, resolver=PublicOnly(), use_dns_cache=False, ssl=trusted()),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        headers={"User-Agent": "portal-webhooks", "Accept": "*/*", "Accept-Encoding": "identity"},
    )


async def _deliver(session: aiohttp.ClientSession, parcel: Parcel) -> Outcome:
    started = time.monotonic()
    answer = await _post(session, parcel)
    milliseconds = round((time.monotonic() - started) * 1_000)
    return Outcome(**{**answer, "parcel": parcel, "milliseconds": milliseconds})  # type: ignore[arg-type]


async def _post(session: aiohttp.ClientSession, parcel: Parcel) -> dict[str, object]:
    try:
        target = addresses.check(parcel.url)
        url = URL(target.url)
        if (url.host, url.port) != (target.host, target.port):
            raise AddressRefused("The address can be read in two ways.")
        async with session.post(
            url, data=parcel.body, headers=dict(parcel.headers), allow_redirects=False
        ) as response:
            answer = await _beginning(response)
            return {
                "status": response.status,
                "answer": answer,
                "excerpt": excerpt(answer, hidden=parcel.hidden),
                "retry_after": response.headers.get("Retry-After", ""),
            }
    except AddressRefused as error:
        return {"error": f"blocked: {error}"[:80]}
    except TimeoutError:
        return {"error": "no answer in time"}
    except aiohttp.ClientConnectorCertificateError:
        return {"error": "the certificate is not valid"}
    except aiohttp.ClientSSLError:
        return {"error": "no secure connection"}
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return {"error": f"no connection ({type(error).__name__})"[:80]}


async def _beginning(response: aiohttp.ClientResponse) -> str:
    """The first part of the body; a body that hangs or breaks changes nothing about the status."""
    body = bytearray()
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= MAX_ANSWER_BYTES:
                    break
    except (TimeoutError, aiohttp.ClientError, OSError):
        pass
    return bytes(body[:MAX_ANSWER_BYTES]).decode("utf-8", "replace")

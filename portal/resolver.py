"""Names for aiohttp, where an address was typed by a tenant."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor

from aiohttp.abc import AbstractResolver, ResolveResult

from portal import addresses

# Names are looked up in threads of their own: a name server that hangs must not hold up others.
_lookups = ThreadPoolExecutor(max_workers=64, thread_name_prefix="webhook-name")


class PublicOnly(AbstractResolver):
    """Gives aiohttp only addresses that may be connected to."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(_lookups, addresses.resolve, host, port)
        return [
            ResolveResult(
                hostname=host, host=ip, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST
            )
            for kind, ip in found
        ]

    async def close(self) -> None:
        """Nothing is kept open."""

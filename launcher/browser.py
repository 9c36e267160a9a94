"""Finds a Chromium for the browser tests, or installs Debian's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.errors import LauncherError

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
ON_A_MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
MISSING = (
    "No Chromium was found, so the tests of pages in a browser are skipped: "
    "install one, or set CHROMIUM to its path."
)


def find_chromium() -> str | None:
    named = os.environ.get("CHROMIUM")
    if named:
        return shutil.which(named)
    program = next((path for name in NAMES if (path := shutil.which(name))), None)
    return program or (str(ON_A_MAC) if ON_A_MAC.exists() else None)


def provide_chromium() -> None:
    """Install Chromium as root on Debian; elsewhere only print that the tests are skipped.

    Raises LauncherError if CHROMIUM names no program.
    """
    if find_chromium():
        return
    if os.environ.get("CHROMIUM"):
        raise LauncherError(
            f"CHROMIUM is {os.environ['CHROMIUM']!r}, and there is no such program."
        )
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        sys.stderr.write("Installing Chromium for the tests of pages…\n")
        install(apt, "chromium")
    if not find_chromium():
        sys.stderr.write(f"{MISSING}\n")


def install(apt: str, package: str) -> None:
    """Install a Debian package; failures are not raised, so the caller looks for its program."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(  # noqa: S603
            [apt, "-q", *command],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )

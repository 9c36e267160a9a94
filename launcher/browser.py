"""A Chromium for the tests of pages: the one that is there, or Debian's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.trouble import Trouble

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
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (str(ON_A_MAC) if ON_A_MAC.exists() else None)


def provide_chromium() -> None:
    """Before the tests, as root on Debian: install one. Else say that it is missing."""
    if find_chromium():
        return
    if os.environ.get("CHROMIUM"):
        raise Trouble(f"CHROMIUM is {os.environ['CHROMIUM']!r}, and there is no such program.")
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        sys.stderr.write("Installing Chromium for the tests of pages…\n")
        install(apt, "chromium")
    if not find_chromium():
        sys.stderr.write(f"{MISSING}\n")


def install(apt: str, package: str) -> None:
    """As root on Debian, quietly; whether it worked is asked afterwards."""
    quietly = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "-y", "--no-install-recommends", package]):
        subprocess.run(  # noqa: S603
            [apt, "-q", *command],
            env=quietly,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            check=False,
        )

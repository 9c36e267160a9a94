"""python -m launcher run | cluster | test | hours | services"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys

from launcher.errors import LauncherError

USAGE = """\
usage: python -m launcher run                     the portal, until Ctrl-C
       python -m launcher cluster                 the portal on many hosts, played on this one
       python -m launcher cluster --status        who leads there
       python -m launcher test -- [ARGS]          the tests; ARGS go to pytest
       python -m launcher hours -- [ARGS]         those of a time of day, at four moments
       python -m launcher services [-- COMMAND]   throw-away Postgres and Valkey, for COMMAND
                                                  or until Ctrl-C
"""


def main(arguments: list[str]) -> int:
    commands = {"run": run, "cluster": cluster, "test": test, "hours": hours, "services": services}
    if not arguments or arguments[0] not in commands:
        sys.stderr.write(USAGE)
        return 2
    try:
        # Images of Python set it; each of many processes would compile the whole portal anew.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if sys.platform == "win32":
            raise LauncherError("The launcher runs on Linux and macOS; on Windows use WSL.")
        return commands[arguments[0]](_after_dashes(arguments[1:]))
    except LauncherError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def run(_: list[str]) -> int:
    from launcher import portal  # here and below: each command loads only what it needs

    return portal.run(os.environ)


def cluster(arguments: list[str]) -> int:
    if arguments == ["--status"]:
        from launcher.cluster import status

        return status.show(os.environ)
    from launcher.cluster import run as cluster

    return cluster.run(os.environ)


def test(arguments: list[str]) -> int:
    from launcher.browser import provide_chromium

    # A run of named folders may not need a browser; only a full run installs one.
    if not any(argument.startswith("tests/") for argument in arguments):
        provide_chromium()
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606


def hours(arguments: list[str]) -> int:
    from launcher import hours

    # SIGTERM like Ctrl-C, so that the services are stopped on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return hours.run(arguments)


def services(command: list[str]) -> int:
    from launcher.home import DJANGO_SECRETS, new_secrets
    from launcher.throwaway import ThrowawayServices

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThrowawayServices() as started:
        keys = new_secrets()
        variables = {name: keys[name] for name in DJANGO_SECRETS if name not in os.environ}
        variables |= {"JARI_HOME": str(started.folder), "JARI_SAMPLE": "1"} | started.urls
        if command:
            return subprocess.call(command, env=os.environ | variables)  # noqa: S603
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}", flush=True)  # noqa: T201
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


def _after_dashes(arguments: list[str]) -> list[str]:
    return arguments[1:] if arguments[:1] == ["--"] else arguments

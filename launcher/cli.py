"""python -m launcher run | test | services"""

import os
import shlex
import signal
import sys

from launcher.trouble import Trouble

USAGE = """\
usage: python -m launcher run               the portal, until Ctrl-C
       python -m launcher test -- [ARGS]    the tests; ARGS go to pytest
       python -m launcher services          throw-away Postgres and Valkey, until Ctrl-C
"""


def main(arguments: list[str]) -> int:
    commands = {"run": run, "test": test, "services": services}
    if not arguments or arguments[0] not in commands:
        sys.stderr.write(USAGE)
        return 2
    try:
        return commands[arguments[0]](arguments[1:])
    except Trouble as trouble:
        sys.stderr.write(f"{trouble}\n")
        return 1
    except KeyboardInterrupt:
        return 130


def run(_: list[str]) -> int:
    raise Trouble("python -m launcher run is not there yet.")


def test(arguments: list[str]) -> int:
    if arguments[:1] == ["--"]:
        arguments = arguments[1:]
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])  # noqa: S606


def services(_: list[str]) -> int:
    from launcher.throwaway import ThrowawayServices

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ThrowawayServices() as started:
        for name, url in started.urls.items():
            print(f"export {name}={shlex.quote(url)}", flush=True)  # noqa: T201
        try:
            signal.pause()
        except KeyboardInterrupt:
            pass
    return 0

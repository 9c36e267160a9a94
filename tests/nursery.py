"""Python programs, each a fork of a process that has imported libraries, and nothing of the portal.

A program of the portal computes two seconds before it does anything, more than half of that to
import libraries. Here settings, apps and checks are read anew by each, as if it had just begun."""

import contextlib
import importlib
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from django.conf import settings

# None of them reads a setting or a variable of the environment when it is imported.
LIBRARIES = [
    "apprise", "authlib.integrations.requests_client", "boto3", "cryptography.x509",
    "django.contrib.postgres.fields", "django.core.management", "django.db.models", "django.forms",
    "django.template", "django.urls", "fontTools.subset", "fpdf", "granian", "holidays",
    "icalendar", "importlib_metadata", "joserfc.jwt", "PIL.Image", "phonenumbers", "psycopg_pool",
    "pygal", "redis", "requests", "rq", "webauthn", "yaml",
]  # fmt: skip
COMMAND = [sys.executable, "-c", "from tests.nursery import serve; serve()"]


class Nursery:
    """`run` is `subprocess.run` of Python with these arguments, output captured as text."""

    def __init__(self, process: subprocess.Popen[str], folder: Path) -> None:
        self._process, self._folder = process, folder

    def run(self, *arguments: str, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
        out, err = self._folder / "out", self._folder / "err"
        order = {"arguments": arguments, "env": env, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


@contextlib.contextmanager
def nursery() -> Iterator[Nursery]:
    pipe = subprocess.PIPE
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(
            COMMAND, cwd=settings.BASE_DIR, stdin=pipe, stdout=pipe, text=True
        ) as process,
    ):
        yield Nursery(process, Path(folder))
        process.stdin.close()


def serve() -> None:
    for name in LIBRARIES:
        importlib.import_module(name)
    assert not settings.configured
    # A program that imports this module finds it as a file that it has not read.
    for name in [name for name in sys.modules if name.partition(".")[0] == "tests"]:
        del sys.modules[name]
    for line in sys.stdin:
        child = os.fork()
        if not child:
            become(json.loads(line))
            return  # and the interpreter ends, as of any program
        _pid, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def become(order: dict) -> None:
    for number, path in ((1, order["out"]), (2, order["err"])):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.clear()
    os.environ.update(order["env"])
    first, *rest = order["arguments"]
    if first == "-c":
        code, *rest = rest
        sys.argv = ["-c", *rest]
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102
    else:
        sys.argv = [first, *rest]
        runpy.run_path(first, run_name="__main__")

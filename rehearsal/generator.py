"""The processes of the load generator, and how hard they can press with the portal taken away."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from rehearsal.browser import Browser, NoAnswer, Target

ROOT = Path(__file__).resolve().parent.parent
# One process plays this many citizens easily; more processes only take the portal's cores.
CITIZENS_EACH = 5_000
CHECK_SECONDS, CHECK_BROWSERS = 1.5, 64
END_SECONDS = 30


def processes_for(citizens: int) -> int:
    return max(1, min(-(-citizens // CITIZENS_EACH), os.cpu_count() or 1))


def start(
    folder: Path, people: Sequence[dict[str, Any]], orders: dict[str, Any], *, processes: int
) -> list[subprocess.Popen[bytes]]:
    """Start the processes; the crowd's clock runs from `orders["began"]`."""
    started = []
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    for number in range(processes):
        with (folder / f"crowd-{number}.log").open("w") as messages:
            process = subprocess.Popen(
                [sys.executable, "-m", "rehearsal.crowd"],
                env=os.environ | {"PYTHONPATH": path},
                stdin=subprocess.PIPE,
                stdout=messages,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only the command, which ends the crowd
            )
        started.append(process)
        own = orders | {
            "journal": str(folder / f"crowd-{number}.jsonl"),
            "people": people[number::processes],
        }
        assert process.stdin
        with suppress(BrokenPipeError):  # its log says why it ended
            process.stdin.write(json.dumps(own).encode())
            process.stdin.close()
    return started


def end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """End them by SIGTERM, on which they write their last second; kill after END_SECONDS."""
    for process in processes:
        if process.poll() is None:
            process.terminate()
    limit = time.monotonic() + END_SECONDS
    for process in processes:
        try:
            process.wait(max(limit - time.monotonic(), 0.1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def require_answers(hosts: Sequence[str]) -> None:
    """Raise NoAnswer, naming the host, unless each of them shows its first page."""
    for host in hosts:
        asyncio.run(_ask_once(host))


async def _ask_once(host: str) -> None:
    browser = Browser(Target.of(host).resolved())
    try:
        page = await browser.request("GET", "/")
    except NoAnswer as problem:
        raise NoAnswer(f"{host}: {problem}") from None
    finally:
        browser.close()
    if page.status != HTTPStatus.OK:
        raise NoAnswer(f"{host}: its first page has status {page.status}")


# The check: the same browser and parser against a server that answers a kept page.

_PAGE = (
    "<!doctype html><html lang=ko><title>page</title><main>"
    + '<a href="/booking/clinics/S0001/">clinic</a><p>' * 200
    + '<form method=post action="/booking/hold/"><input name=slot value=1><button name=a></form>'
    + "text " * 1500
    + "</main></html>"
).encode()
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(_PAGE) + _PAGE


@dataclass(frozen=True)
class Speed:
    """Pages that one process asks for and reads where the answer costs nothing."""

    per_second: float  # beside everything else on this machine
    per_cpu_second: float


def check() -> Speed:
    with _bare_server() as port:
        return asyncio.run(_press(Target("127.0.0.1", port, f"127.0.0.1:{port}")))


async def _press(target: Target) -> Speed:
    ends = time.monotonic() + CHECK_SECONDS
    read = 0

    async def ask() -> None:
        nonlocal read
        browser = Browser(target)
        while time.monotonic() < ends:
            page = await browser.request("GET", "/")
            # As a citizen reads it.
            page.form(to="/booking/hold/")
            page.links(start="/booking/")
            read += 1
        browser.close()

    began, cpu = time.monotonic(), time.process_time()
    with suppress(NoAnswer):
        await asyncio.gather(*(ask() for _ in range(CHECK_BROWSERS)))
    return Speed(read / (time.monotonic() - began), read / (time.process_time() - cpu))


@contextmanager
def _bare_server() -> Iterator[int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "rehearsal.generator"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout
    assert process.stdin
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()  # on which it ends, also if this process is killed
        process.stdout.close()
        process.wait()


class _Bare(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"\r\n\r\n"):
            self._transport.write(_ANSWER)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Bare, "127.0.0.1", 0)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())

"""The attacks of bench.attack: few connections that are slow, silent, greedy or many.

    python -m bench.attackers NAME PORT SECONDS

They go to 127.0.0.1 and nowhere else, come from 127.0.0.2 to 127.0.0.9, open at most MOST
connections each, and end by their own clock.
"""

import resource
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LOOPBACK = "127.0.0.1"
SOURCES = [f"127.0.0.{last}" for last in range(2, 10)]
MOST = 6_000
LONGEST_SECONDS = 60
MIB = 1024 * 1024

POST = "POST /identity/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={token}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"


def posted(length: int) -> bytes:
    return (POST.format(token="t" * 32) + FORM.format(length=length)).encode()


class Attack:
    def __init__(self, port: int, seconds: float) -> None:
        self.port = port
        self.seconds = min(seconds, LONGEST_SECONDS)
        self.ends = time.monotonic() + LONGEST_SECONDS
        self.opened, self.stands = 0, False

    @property
    def goes_on(self) -> bool:
        return time.monotonic() < self.ends and self.opened < MOST

    def connect(self, payload: bytes = b"") -> socket.socket:
        source = SOURCES[self.opened % len(SOURCES)]
        self.opened += 1
        one = socket.create_connection((LOOPBACK, self.port), 5, source_address=(source, 0))
        one.sendall(payload)
        return one

    def begun(self) -> None:
        """Tells once that the attack stands; its seconds count from here."""
        if not self.stands:
            self.stands = True
            self.ends = time.monotonic() + self.seconds
            print("begun", flush=True)

    def hold(self, count: int, payload: bytes, drip: bytes = b"") -> None:
        """So many connections kept open, each sending `drip` once a second and reading nothing;
        a connection that the server ends is opened again."""
        held: list[socket.socket] = []
        while self.goes_on:
            while self.goes_on and len(held) < count:
                with suppress(OSError):
                    held.append(self.connect(payload))
            self.begun()
            time.sleep(1)
            held = [one for one in held if alive(one, drip)]

    def repeat(self, at_once: int, act: Callable[[], None], pause: float = 0.1) -> None:
        """The same again and again, so many side by side, `pause` seconds between."""

        def loop() -> None:
            while self.goes_on:
                with suppress(OSError):
                    act()
                time.sleep(pause)

        threads = [threading.Thread(target=loop) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        self.begun()
        for thread in threads:
            thread.join()

    def upload(self) -> None:
        """200 MB are announced; what is sent ends when the server stops taking it."""
        with self.connect(posted(200 * MIB)) as one:
            for _ in range(200):
                one.sendall(bytes(MIB))

    def long_head(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n"
        with self.connect(head) as one:
            one.recv(65536)

    def pipeline(self) -> None:
        """Hundreds of requests in one breath, and no answer read for a while."""
        with self.connect(PAGE * 300) as one:
            time.sleep(2)
            one.recv(65536)

    def reload(self) -> None:
        with self.connect(PAGE.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")) as one:
            while one.recv(65536):
                pass


def alive(one: socket.socket, drip: bytes) -> bool:
    one.setblocking(False)
    try:
        one.send(drip) if drip else one.getpeername()
        # Without reading it: whether the server has ended it.
        return not drip or one.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


PAGE = b"GET /queue/attack/ HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
LOG = b"GET /queue/attack/log.csv HTTP/1.1\r\nHost: localhost\r\n\r\n"
Way = tuple[str, Callable[[Attack], None]]
ATTACKS: dict[str, Way] = {
    "slow headers": (
        "400 connections, a letter a second",
        lambda to: to.hold(400, HALF_A_HEAD, b"a"),
    ),
    "silent bodies": (
        "400 announce 60,000 bytes and send 20",
        lambda to: to.hold(400, posted(60_000) + b"x" * 20),
    ),
    "too large, then silent": (
        "400 announce 70,000 bytes and send 20",
        lambda to: to.hold(400, posted(70_000) + b"x" * 20),
    ),
    "slow bodies": (
        "400 connections, 10 bytes a second",
        lambda to: to.hold(400, posted(60_000), b"0123456789"),
    ),
    "slow readers": (
        "200 ask for a log of 100 MB and read nothing",
        lambda to: to.hold(200, LOG),
    ),
    "many connections": (
        "3,000 that ask nothing",
        lambda to: to.hold(3_000, b""),
    ),
    "big uploads": (
        "8 at a time announce 200 MB, without a log-in",
        lambda to: to.repeat(8, to.upload),
    ),
    "big headers": (
        "8 at a time send 100 KB before a body",
        lambda to: to.repeat(8, to.long_head),
    ),
    "pipelining": (
        "2 at a time send 300 requests in one breath",
        lambda to: to.repeat(2, to.pipeline),
    ),
    "reloading": (
        "8 at a time load a page again and again: no attack but load, to compare with",
        lambda to: to.repeat(8, to.reload, pause=0),
    ),
}


def main(name: str, port: int, seconds: float) -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST + 1_000), hard))
    ATTACKS[name][1](Attack(port, seconds))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))

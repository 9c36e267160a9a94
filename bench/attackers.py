"""The attacks of bench.attack: connections that are slow, silent, greedy or many.

    python -m bench.attackers NAME PORT SECONDS [COHORT]

NAME may be `all`: one after the other, ROUNDS times. They connect to 127.0.0.1 only, from 127.0.0.2
to 127.0.0.9, open at most MOST connections each, and end by themselves.
"""

import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

LOOPBACK = "127.0.0.1"
# Several addresses: the server limits connections and requests per address.
SOURCES = [f"127.0.0.{last}" for last in range(2, 10)]
MOST = 6_000
LONGEST_SECONDS = 60
MIB = 1024 * 1024

# A form with a valid CSRF cookie, so that the server has a reason to read the body.
POST = "POST /identity/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={token}\r\n"
FORM = "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"


def posted(length: int) -> bytes:
    return (POST.format(token="t" * 32) + FORM.format(length=length)).encode()


class Attack:
    """Opens the connections of one attack, within the limits above."""

    def __init__(self, port: int, seconds: float, cohort: str = "attack") -> None:
        self.port = port
        self.page = f"GET /queue/{cohort}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.log = f"GET /queue/{cohort}/log.csv HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        self.seconds = min(seconds, LONGEST_SECONDS)
        self.deadline = time.monotonic() + LONGEST_SECONDS
        self.opened, self.has_begun = 0, False

    @property
    def is_running(self) -> bool:
        return time.monotonic() < self.deadline and self.opened < MOST

    def connect(self, payload: bytes = b"") -> socket.socket:
        source = SOURCES[self.opened % len(SOURCES)]
        self.opened += 1
        connection = socket.create_connection((LOOPBACK, self.port), 5, source_address=(source, 0))
        connection.sendall(payload)
        return connection

    def begin(self) -> None:
        """Tell bench.attack once that the attack is running; its seconds count from here."""
        if not self.has_begun:
            self.has_begun = True
            self.deadline = time.monotonic() + self.seconds
            print("begun", flush=True)

    def hold(self, count: int, payload: bytes, drip: bytes = b"") -> None:
        """Keep `count` connections open that send `drip` once a second and read nothing; those that
        the server closes are opened again."""
        connections: list[socket.socket] = []
        while self.is_running:
            while self.is_running and len(connections) < count:
                with suppress(OSError):
                    connections.append(self.connect(payload))
            self.begin()
            time.sleep(1)
            connections = [connection for connection in connections if alive(connection, drip)]

    def repeat(self, at_once: int, act: Callable[[], None], pause: float = 0.1) -> None:
        """Repeat `act` in `at_once` threads, `pause` seconds apart."""

        def loop() -> None:
            while self.is_running:
                with suppress(OSError):
                    act()
                time.sleep(pause)

        threads = [threading.Thread(target=loop) for _ in range(at_once)]
        for thread in threads:
            thread.start()
        self.begin()
        for thread in threads:
            thread.join()

    def upload(self) -> None:
        """Announce 200 MB and send until the server closes the connection."""
        with self.connect(posted(200 * MIB)) as connection:
            for _ in range(200):
                connection.sendall(bytes(MIB))

    def long_head(self) -> None:
        head = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 100_000 + b"\r\n\r\n"
        with self.connect(head) as connection:
            connection.recv(65536)

    def pipeline(self) -> None:
        """300 pipelined requests, whose answers are not read for two seconds."""
        with self.connect(self.page * 300) as connection:
            time.sleep(2)
            connection.recv(65536)

    def burn(self, cores: int) -> None:
        """Keep this many cores busy, without a connection."""
        self.begin()
        spin = f"import time\nwhile time.monotonic() < {self.deadline}: pass"
        processes = [subprocess.Popen([sys.executable, "-c", spin]) for _ in range(cores)]
        for process in processes:
            process.wait()

    def reload(self) -> None:
        page = self.page.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        with self.connect(page) as connection:
            while connection.recv(65536):
                pass


def alive(connection: socket.socket, drip: bytes) -> bool:
    connection.setblocking(False)
    try:
        connection.send(drip) if drip else connection.getpeername()
        # MSG_PEEK: sees the end of the stream without reading the answer.
        return not drip or connection.recv(1, socket.MSG_PEEK) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


HALF_A_HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
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
        lambda to: to.hold(200, to.log),
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
    "busy cores": (
        "2 processes that compute, without a connection: no attack, to compare with",
        lambda to: to.burn(2),
    ),
}


LOADS = ("reloading", "busy cores")  # no attacks, and left out of `all`
ROUNDS = 20


def main(name: str, port: int, seconds: float, cohort: str = "attack") -> None:
    # Each connection is a file; the usual soft limit is 1,024.
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, MOST + 1_000), hard))
    every = [attack for attack in ATTACKS if attack not in LOADS]
    for attack in every * ROUNDS if name == "all" else [name]:
        ATTACKS[attack][1](Attack(port, seconds, cohort))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), *sys.argv[4:])

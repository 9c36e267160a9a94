"""Witnesses for tests: the real program in a thread of this process, and servers that misbehave."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from waiting_room.offline.witness import Key, Server
from waiting_room.offline.witness import Witness as Program
from waiting_room.tlog.notes import COSIGNATURE, ED25519, Signer, Verifier
from waiting_room.tlog.witnessing import Witness

HOST = "jari.example.kr"
# Of the witness that misbehaves.
KEY = Signer("bad.example.kr/witness", bytes(range(32)), COSIGNATURE)


def portal_key(*seeds: bytes) -> list[Key]:
    """The portal's keys, for each of its rooms."""
    name = f"{HOST}/queue/*/log"
    keys = [Verifier(name, ED25519, Signer("x", seed).verifier.key) for seed in seeds]
    return [Key.parse(str(key)) for key in keys]


@contextmanager
def running(name: str, folder: Path, keys: list[Key]) -> Iterator[tuple[Witness, Program]]:
    """A witness as the portal knows it, and the program itself."""
    program = Program(str(folder / f"{name}.db"), keys, f"{name}.example.kr/witness")
    with serving(Server(("127.0.0.1", 0), program)) as url:
        yield Witness(name, Verifier.parse(program.vkey), url), program


@contextmanager
def answering(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """A server whose every POST is answered by `answer`; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self)

        def log_message(self, *_: Any) -> None:
            pass

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as url:
        yield url


@contextmanager
def serving(server: ThreadingHTTPServer) -> Iterator[str]:
    server.daemon_threads = True
    options = {"poll_interval": 0.01}
    thread = threading.Thread(target=server.serve_forever, kwargs=options, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def said(status: int, body: str, kind: str = "text/plain") -> Callable[..., None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.rfile.read(int(handler.headers["Content-Length"]))
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.end_headers()
        handler.wfile.write(body.encode())

    return answer


def dead_address() -> str:
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"

"""What a host answers while none of its web servers lives: the status page and its style as files,
and for all else the page that says that the place is kept.

    python -m config.status_server --bind HOST:PORT

HAProxy asks it last (deploy/cluster/haproxy.cfg). It needs JARI_HOME, STATIC_ROOT and Python alone:
nothing that keeps the portal from starting keeps this from answering.
"""

import argparse
import mimetypes
import os
import re
import signal
import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("JARI_HOME") or ROOT / "var")
STATUS = HOME / "open" / "status"
STATIC = Path(os.environ.get("STATIC_ROOT") or ROOT / "staticfiles")
AWAY = ROOT / "templates" / "503.html"
ADDRESS = re.compile(r"/status/(?:([a-z-]{2,7})/|(status\.json))?")
# As the web server sends them with these files (reports.status_files, config.headers); a test
# compares both.
POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; form-action 'none'; frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": POLICY,
}
IDLE_SECONDS = 10


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version, sys_version = "Jari", ""

    def do_GET(self) -> None:
        file = self._file()
        if file:
            with suppress(OSError):
                kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
                self._answer(HTTPStatus.OK, kind, file.read_bytes())
                return
        self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/html", AWAY.read_bytes())

    do_HEAD = do_GET

    def do_POST(self) -> None:
        # Its body is not read, so the connection can't go on.
        self.close_connection = True
        self._answer(HTTPStatus.SERVICE_UNAVAILABLE, "text/html", AWAY.read_bytes())

    def _file(self) -> Path | None:
        path = self.path.partition("?")[0]
        status = ADDRESS.fullmatch(path)
        if status:
            return STATUS / (status[2] or f"page-{status[1] or self._language()}.html")
        if path.startswith("/static/"):
            file = (STATIC / path.removeprefix("/static/")).resolve()
            return file if file.is_relative_to(STATIC.resolve()) else None
        return None

    def _language(self) -> str:
        """The first of the browser's languages that there is a page of, else English; Korean for a
        browser that names none."""
        accepted = self.headers.get("Accept-Language", "").lower()
        for name in accepted.replace(" ", "").split(","):
            language = "zh-hans" if name.startswith("zh") else name[:2]
            if language.isascii() and (STATUS / f"page-{Path(language).name}.html").exists():
                return language
        return "en" if accepted else "ko"

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            self.send_header("Retry-After", "10")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not kept: the addresses are a proxy's, and hold nothing that anybody looks for."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request: Any, client_address: Any) -> None:
        # HAProxy's checks hang up before they have the whole page.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def server_bind(self) -> None:
        # HTTPServer's own asks the name server for this host's name, which may take seconds.
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "jari", int(self.server_address[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", default="127.0.0.1:8001")
    host, _colon, port = parser.parse_args().bind.rpartition(":")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    with Server((host, int(port)), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()

"""The status page of a host on which no web server lives: a process of Python alone."""

import os
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
from django.conf import settings

from config.headers import security_headers
from config.status_server import HEADERS
from launcher.processes import LOOPBACK, free_port
from reports.status import write_status
from reports.status_files import POLICY
from tests.waiting import until

pytestmark = pytest.mark.django_db


class StatusServer:
    def __init__(self, home: Path) -> None:
        self.log = home / "status.log"
        self.port = free_port()
        command = [sys.executable, "-m", "config.status_server"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--bind", f"{LOOPBACK}:{self.port}"],
                cwd=settings.BASE_DIR,
                # Neither keys nor addresses: it must not need them.
                env={
                    "PATH": os.defpath,
                    "JARI_HOME": str(home),
                    "STATIC_ROOT": str(home / "static"),
                },
                stderr=log,
            )
        until(self.listens)

    def listens(self) -> bool:
        try:
            self.ask("/")
        except OSError:
            return False
        return True

    def ask(self, path: str, method: str = "GET", **headers: str) -> HTTPResponse:
        connection = HTTPConnection(LOOPBACK, self.port, timeout=20)
        connection.request(
            method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}
        )
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer


@pytest.fixture
def server(settings, tmp_path: Path) -> Iterator[StatusServer]:
    settings.HOME = tmp_path
    write_status({"database": "ok"})
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "a.css").write_text("p{}")
    (tmp_path / "secrets.env").write_text("KEY=1")
    server = StatusServer(tmp_path)
    yield server
    server.process.terminate()
    assert server.process.wait(10) == 0


@pytest.mark.parametrize(
    ("path", "languages", "language"),
    [
        ("/status/", "", "ko"), ("/status/", "en-US,en;q=0.9", "en"),
        ("/status/", "zh-CN", "zh-hans"), ("/status/", "fr", "en"),
        ("/status/vi/", "ko", "vi"), ("/status/?x=1", "ko", "ko"),
    ],
)  # fmt: skip
def test_the_page_is_the_one_that_was_written_last(server, tmp_path, path, languages, language):
    answer = server.ask(path, Accept_Language=languages)

    assert answer.status == 200
    assert answer.text == (tmp_path / "open" / "status" / f"page-{language}.html").read_text()
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def test_its_style_and_facts_come_too(server, tmp_path):
    style, facts = server.ask("/static/a.css"), server.ask("/status/status.json")

    assert (style.text, style.headers["Content-Type"]) == ("p{}", "text/css; charset=utf-8")
    assert facts.text == (tmp_path / "open" / "status" / "status.json").read_text()
    assert facts.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"), ("GET", "/queue/open/"), ("POST", "/booking/hold/"), ("POST", "/status/"),
        ("GET", "/static/../secrets.env"), ("GET", "/static/%2e%2e/secrets.env"),
        ("GET", "/static//etc/passwd"), ("GET", "/status/../../secrets/"), ("GET", "/status/xx/"),
        ("GET", "/static/"),
    ],
)  # fmt: skip
def test_all_else_says_that_the_place_is_kept(server, method, path):
    answer = server.ask(path, method)

    assert answer.status == 503
    assert "Your place is kept" in answer.text
    assert answer.headers["Retry-After"] == "10"
    assert "KEY=" not in answer.text


def test_its_headers_are_those_of_the_web_server():
    shared = dict(security_headers()) | {"content-security-policy": POLICY}

    assert {name.lower(): value for name, value in HEADERS.items()} == shared


def test_a_check_that_hangs_up_leaves_no_traceback(server, tmp_path):
    page = tmp_path / "open" / "status" / "page-ko.html"
    page.write_bytes(b"x" * 5_000_000)  # more than the buffers of a connection hold
    for _check in range(3):
        link = socket.create_connection((LOOPBACK, server.port), timeout=20)
        link.sendall(b"GET /status/ HTTP/1.0\r\n\r\n")
        assert link.recv(10) == b"HTTP/1.1 2"
        link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        link.close()
    until(lambda: server.ask("/status/vi/").status == 200)

    server.process.terminate()
    server.process.wait(10)
    assert server.log.read_text() == ""

"""Django behind the event loop: the real server, over real sockets."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from launcher.processes import LOOPBACK, free_port
from tests.waiting import until

ROOT = Path(__file__).parent.parent.parent
# A site of its own: what comes in and what goes out, and nothing else.
SITE = """
import hashlib, json, os, time
from pathlib import Path
FOLDER = Path(__file__).parent
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.views.decorators.http import require_GET

def seen(request):
    names = ["PATH_INFO", "QUERY_STRING", "REMOTE_ADDR", "HTTP_COOKIE", "HTTP_X_FORWARDED_FOR",
             "HTTP_HOST", "wsgi.url_scheme", "SERVER_PROTOCOL"]
    return HttpResponse(json.dumps({
        "path": request.path, "word": request.GET.get("word"),
        **{name: request.META.get(name) for name in names}}))

@require_GET
def shown(request):
    return HttpResponse("done")

def who(request):
    return HttpResponse(f"{os.getpid()} {os.nice(0)}")

def body(request):
    return HttpResponse(f"{len(request.body)} {hashlib.sha256(request.body).hexdigest()}")

def static(request):
    return FileResponse(open(f"{FOLDER}/static/file", "rb"))

def staff_body(request):
    sender = request.COOKIES.get("role") == "sender"
    return body(request) if sender else HttpResponse(status=403)

def stream(request):
    return StreamingHttpResponse(b"%04d" % number * 1000 for number in range(100))

def breaks(request):
    return StreamingHttpResponse(b"x" * (70_000 // number) for number in (1, 0))

def slow(request):
    Path("slow-began").touch()
    while not Path("slow-may-end").exists():
        time.sleep(0.01)
    return HttpResponse("done")

def download(request):
    return FileResponse(open("download", "rb"))

def misdeclared(request):
    return HttpResponse("done", headers={"Content-Length": request.GET["length"]})

def headed(request):
    response = HttpResponse("done")
    response["X-One"], response.cookies["a"], response.cookies["b"] = "1", "1", "2"
    return response
"""
SETTINGS = """
SECRET_KEY, ALLOWED_HOSTS, ROOT_URLCONF = "x", ["*"], "urls"
WEB_THREADS, DATA_UPLOAD_MAX_MEMORY_SIZE = 2, None
LOGGING = {"version": 1, "loggers": {}}
"""
URLS = """
import site_of_test as site
from django.urls import path, re_path
urlpatterns = [path("body", site.body), path("stream", site.stream), path("slow", site.slow),
               path("headed", site.headed), path("download", site.download),
               path("static", site.static), path("shown", site.shown),
               path("misdeclared", site.misdeclared),
               path("admin/headed", site.headed), path("admin/slow", site.slow),
               path("reservations/headed", site.headed), path("reservations/slow", site.slow),
               path("static/headed", site.headed),
               path("who", site.who), path("admin/who", site.who),
               path("reservations/who", site.who), path("admin/stream", site.stream),
               path("admin/breaks", site.breaks), path("admin/seen", site.seen),
               path("reservations/body", site.body), path("identity/", site.slow),
               path("admin/body", site.staff_body), path("breaks", site.breaks),
               re_path("", site.seen)]
"""
# What config.serve serves, without the portal.
RSGI = """
from django.core.wsgi import get_wsgi_application
import re
from config import bodies
from config.bridge import WsgiBridge
from config.calm import Calm
from config.connections import Guard
from config.headers import security_headers
from config.lanes import Threads
from config.limits import Limits
django = get_wsgi_application()
limits = Limits({limits})
guard = Guard(limits, shared={hops} > 0)
after_fork = []
calm = Calm({{"staff": 2, "lookup": 2}}) if {calm} else None
bodies.UPLOADS.append(re.compile("/admin/body"))
pages = WsgiBridge(django, threads=Threads(2, 2, 2), limits=limits, guard=guard,
                    hops={hops}, headers=security_headers(), static="{folder}/static/",
                    calm=calm)
application = pages
"""
MAIN = """
import sys, types
import own_rsgi
sys.modules["config.rsgi"] = own_rsgi
import config
config.rsgi = own_rsgi
from config.serve import main
main()
"""


class Server:
    def __init__(
        self,
        folder: Path,
        *,
        limits: str = "",
        hops: int = 0,
        workers: int = 2,
        calm: bool = False,
    ) -> None:
        rsgi = RSGI.format(limits=limits, hops=hops, folder=folder, calm=calm)
        for name, text in [
            ("site_of_test", SITE), ("own_settings", SETTINGS), ("urls", URLS), ("own_rsgi", rsgi),
            ("own_main", MAIN),
        ]:  # fmt: skip
            (folder / f"{name}.py").write_text(text)
        self.folder, self.port = folder, free_port()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "own_main",
                "--bind",
                f"{LOOPBACK}:{self.port}",
                "--workers",
                str(workers),
            ],
            cwd=folder,
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)]),
                "DJANGO_SETTINGS_MODULE": "own_settings",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.wait()

    def wait(self) -> None:
        until(lambda: not self.refuses(), patience=20)

    def refuses(self) -> bool:
        try:
            socket.create_connection((LOOPBACK, self.port), timeout=20).close()
        except OSError:
            return True
        return False

    def connect(self) -> HTTPConnection:
        return HTTPConnection(LOOPBACK, self.port, timeout=20)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str):
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        response.content = response.read()
        connection.close()
        return response

    def processes(self) -> list[str]:
        """Whatever of this server runs still, with a parent or without."""
        listed = subprocess.run(
            ["ps", "-ww", "-eo", "pid=,args="], capture_output=True, text=True, check=False
        )
        return [line for line in listed.stdout.splitlines() if f":{self.port}" in line]

    def workers(self) -> list[int]:
        listed = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return [int(pid) for pid in listed.stdout.split()]


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path, workers=getattr(request, "param", 2))
    yield server
    with suppress(ProcessLookupError):
        os.killpg(server.process.pid, signal.SIGKILL)
    server.process.communicate(timeout=20)


def test_a_request_arrives_as_it_was_sent_and_nobody_passes_for_our_proxy(server: Server):
    raw = socket.create_connection((LOOPBACK, server.port), timeout=10)
    raw.sendall(
        b"GET //Queue/%EC%9E%90%EB%A6%AC?word=%EC%9E%90 HTTP/1.1\r\nHost: jari.example\r\n"
        b"Cookie: a=1\r\nCookie: b=2\r\nX_Forwarded_For: 8.8.8.8\r\n"
        b"X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\nConnection: close\r\n\r\n"
    )
    answer = b"".join(iter(lambda: raw.recv(65536), b""))
    raw.close()

    seen = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert seen["path"] == "//Queue/자리"
    assert (seen["word"], seen["REMOTE_ADDR"]) == ("자", LOOPBACK)
    assert seen["HTTP_COOKIE"] == "a=1; b=2"
    assert seen["HTTP_X_FORWARDED_FOR"] == "1.1.1.1,2.2.2.2"
    assert (seen["HTTP_HOST"], seen["wsgi.url_scheme"]) == ("jari.example", "http")


@pytest.mark.parametrize("size", [0, 10, 64 * 1024])
def test_bodies_of_any_size_arrive_whole(server: Server, size: int):
    body = os.urandom(size)

    answer = server.ask("POST", "/body", body)

    assert answer.content.decode() == f"{size} {hashlib.sha256(body).hexdigest()}"


def test_answers_go_out_whole_and_in_order(server: Server):
    streamed = server.ask("GET", "/stream")
    headed = server.ask("GET", "/headed")
    head = server.ask("HEAD", "/headed")

    assert streamed.content == b"".join(b"%04d" % number * 1000 for number in range(100))
    assert (headed.content, headed.headers["X-One"]) == (b"done", "1")
    assert headed.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert (head.status, head.content) == (200, b"")


@pytest.mark.parametrize("length", [2, 400])
def test_nobody_waits_for_more_than_an_answer_has(server: Server, length: int):
    answer = server.ask("GET", f"/misdeclared?length={length}")

    assert (answer.headers["Content-Length"], answer.content) == ("4", b"done")


def test_an_address_that_takes_no_such_method_says_so(server: Server):
    refused = server.ask("POST", "/shown", b"x", Accept_Language="ko")

    assert (refused.status, refused.headers["Allow"]) == (405, "GET")
    assert "<h1>이 주소는 이렇게 열 수 없습니다</h1>" in refused.content.decode()
    assert "<h2>This address cannot be used like this</h2>" in refused.content.decode()


def test_a_static_file_is_sent_whole_and_the_connection_stays(server: Server):
    content = os.urandom(600_000)
    (server.folder / "static").mkdir()
    (server.folder / "static" / "file").write_bytes(content)
    connection = server.connect()

    for _ in range(3):
        connection.request("GET", "/static")
        response = connection.getresponse()
        assert response.read() == content
        assert response.headers["Content-Length"] == "600000"
        assert response.headers["Connection"] is None
    connection.close()


def test_whoever_closes_the_page_leaves_the_server_as_it_was(server: Server):
    (server.folder / "slow-may-end").touch()
    for path in ["/stream", "/slow", "/breaks"]:
        for _ in range(4):
            raw = socket.create_connection((LOOPBACK, server.port), timeout=10)
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            raw.close()

    assert server.ask("GET", "/stream").status == 200


def test_idle_connections_of_a_crowd_keep_nobody_out(server: Server):
    crowd = [socket.create_connection((LOOPBACK, server.port), timeout=10) for _ in range(1_500)]
    for one in crowd[:700]:
        one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")

    assert server.ask("GET", "/").status == 200
    for one in crowd:
        one.close()


def test_a_killed_process_is_replaced_and_a_stopped_server_finishes_what_it_does(server: Server):
    before = server.workers()
    os.kill(before[0], signal.SIGKILL)
    until(lambda: set(server.workers()) - set(before))
    server.wait()
    assert len(server.workers()) == 2

    connection = server.connect()
    connection.request("GET", "/slow")
    until((server.folder / "slow-began").exists)
    server.process.send_signal(signal.SIGTERM)
    until(server.refuses)
    (server.folder / "slow-may-end").touch()

    assert connection.getresponse().read() == b"done"
    connection.close()
    assert server.process.wait(12) == 0


# Of two one may still be loading, and would be killed for that.
@pytest.mark.parametrize("server", [1], indirect=True)
def test_connections_that_ask_nothing_do_not_hold_up_the_end(server: Server):
    """A browser keeps several, and opens some ahead of what it may need."""
    used = [server.connect() for _ in range(4)]
    for connection in used:
        connection.request("GET", "/")
        connection.getresponse().read()
    unused = [socket.create_connection((LOOPBACK, server.port), timeout=10) for _ in range(4)]

    server.process.send_signal(signal.SIGTERM)
    said = server.process.communicate(timeout=20)[0].decode()

    assert server.process.returncode == 0
    assert "refused to gracefully stop" not in said  # else it waited until it killed them
    for connection in [*used, *unused]:
        connection.close()


def test_processes_that_are_killed_again_and_again_are_replaced_each_time(server: Server):
    """Granian itself ends the whole server when the same one dies twice within seconds."""
    until(lambda: len(server.workers()) == 2)
    for _ in range(3):
        before = server.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda before=before: len(set(server.workers()) - set(before)) == 2)

    server.wait()
    assert server.ask("GET", "/").status == 200
    assert server.process.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells that a parent is gone")
@pytest.mark.parametrize("age", ["listens", "has workers", "answers"])
def test_nothing_outlives_a_main_process_that_was_killed(server: Server, age: str):
    """However young its workers are: it listens before it has any."""
    if age == "has workers":
        until(server.workers)
    elif age == "answers":
        assert server.ask("GET", "/").status == 200

    server.process.kill()
    server.process.wait()

    until(lambda: not server.processes())
    assert server.processes() == []

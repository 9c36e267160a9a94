"""A site of few pages behind the real web server."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

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

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate(timeout=20)

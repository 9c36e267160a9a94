"""nginx beside a bench, with one server on a free port."""

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from launcher.processes import LOOPBACK, free_port, stop

PROGRAM = Path("/usr/sbin/nginx")
START_SECONDS = 10
CONFIG = """
worker_processes 1; error_log stderr error; pid PLACE/nginx.pid; daemon off;
events { worker_connections 2048; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  types { application/json json; } default_type application/octet-stream;
  client_body_temp_path PLACE/b; proxy_temp_path PLACE/p; fastcgi_temp_path PLACE/f;
  uwsgi_temp_path PLACE/u; scgi_temp_path PLACE/s;
  HTTP
  server { listen 127.0.0.1:PORT; SERVER }
}
"""


@contextmanager
def nginx(server: str, *, http: str = "") -> Iterator[str]:
    """Its address. `server` are the lines of its server, `http` those beside it."""
    root, port = Path(tempfile.mkdtemp(prefix="jari-bench-nginx-")), free_port()
    root.chmod(0o755)  # nginx's worker runs as another user
    text = CONFIG.replace("PLACE", str(root)).replace("PORT", str(port))
    file = root / "nginx.conf"
    file.write_text(text.replace("HTTP", http).replace("SERVER", server))
    process = subprocess.Popen([str(PROGRAM), "-p", str(root), "-c", str(file)])
    try:
        _await(port)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        stop(process, signal.SIGTERM, patience=10)
        shutil.rmtree(root, ignore_errors=True)


def _await(port: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("nginx does not listen: its error stands above")

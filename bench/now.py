"""The now document: by nginx from the tick's file, and from a web process's memory.

    python -m bench.now [SECONDS] [--turns 5]

In turn: nginx with the document, compared with nginx and a static file of the same size (promised:
0.9), and the portal's own answer, compared with an empty view of a Django without middleware on the
same server (promised: 0.8).
"""

import argparse
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from bench.portal import make_room, median, portal, served, wrk

NGINX = """
worker_processes 1; error_log stderr error; pid PLACE/nginx.pid; daemon off;
events { worker_connections 2048; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  types { application/json json; } default_type application/octet-stream;
  client_body_temp_path PLACE/b; proxy_temp_path PLACE/p; fastcgi_temp_path PLACE/f;
  uwsgi_temp_path PLACE/u; scgi_temp_path PLACE/s;
  server {
    listen 127.0.0.1:PORT;
    location = /static.json { root PLACE; }
    # As in docs/waiting-room.md for production.
    location ~ ^/queue/([a-z0-9][a-z0-9-]*)/now[.]json$ {
      alias HOME/now/$1.json;
      add_header Cache-Control "public, max-age=1";
    }
  }
}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=2)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    with portal():
        from waiting_room.services.ticking import tick_room

        room, _people = make_room("bench", 10, joined=10)
        tick_room(room.pk)
        file = Path(os.environ["JARI_HOME"]) / "now" / "bench.json"
        print(f"The document has {file.stat().st_size} bytes.")
        with nginx(file) as url:
            report("nginx, now.json / static file", options, f"{url}/queue/bench/now.json",
                   f"{url}/static.json", 0.9)  # fmt: skip
        with served("bare") as empty, served("portal") as url:
            wrk(f"{empty}/empty/", connections=16, seconds=1)  # warm-up
            report("the portal, now.json / empty view", options, f"{url}/queue/bench/now.json",
                   f"{empty}/empty/", 0.8)  # fmt: skip


def report(name: str, options, url: str, against: str, promised: float) -> None:
    pairs = [
        tuple(wrk(page, connections=64, seconds=options.seconds)["rate"] for page in (url, against))
        for _turn in range(options.turns)
    ]
    ratio = median(measured / reference for measured, reference in pairs)
    measured = median(pair[0] for pair in pairs)
    reference = median(pair[1] for pair in pairs)
    verdict = "kept" if ratio >= promised else "BROKEN"
    print(
        f"{name}: {measured:,.0f}/s against {reference:,.0f}/s, {ratio:.2f} "
        f"(promised {promised}, {verdict})"
    )


@contextmanager
def nginx(file: Path):
    root = Path(tempfile.mkdtemp(prefix="jari-bench-nginx-"))
    root.chmod(0o755)  # nginx's worker runs as another user
    for folder in [file.parent.parent, file.parent]:
        folder.chmod(0o755)
    shutil.copy(file, root / "static.json")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = NGINX.replace("PLACE", str(root)).replace("PORT", str(port))
    (root / "nginx.conf").write_text(text.replace("HOME", str(file.parent.parent)))
    command = ["/usr/sbin/nginx", "-p", str(root), "-c", str(root / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        time.sleep(0.5)  # until it listens
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(root, ignore_errors=True)


if __name__ == "__main__":
    main()

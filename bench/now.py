"""The now document: through nginx from the tick's file, and from Django's memory.

    python -m bench.now [SECONDS] [--turns 5]

By turns in one run: nginx on the document against nginx on a static file of the same size
(promised: 0.9), and the portal's own answer against an empty view of a Django without
middleware on the same server (promised: 0.8).
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
    # As docs/waiting-room.md says it for production.
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
    given = parser.parse_args()
    with portal():
        from waiting_room.services import tick_room

        room, _people = make_room("bench", 10, joined=10)
        tick_room(room.pk)
        file = Path(os.environ["JARI_HOME"]) / "now" / "bench.json"
        print(f"The document has {file.stat().st_size} bytes.")
        with nginx(file) as url:
            report("nginx, now.json / static file", given, f"{url}/queue/bench/now.json",
                   f"{url}/static.json", 0.9)  # fmt: skip
        with served("bare") as empty, served("portal") as url:
            wrk(f"{empty}/empty/", connections=16, seconds=1)
            report("the portal, now.json / empty view", given, f"{url}/queue/bench/now.json",
                   f"{empty}/empty/", 0.8)  # fmt: skip


def report(name: str, given, url: str, against: str, promised: float) -> None:
    pairs = [
        tuple(wrk(one, connections=64, seconds=given.seconds)["rate"] for one in (url, against))
        for _turn in range(given.turns)
    ]
    ratio = median(mine / other for mine, other in pairs)
    mine, other = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    verdict = "kept" if ratio >= promised else "BROKEN"
    print(
        f"{name}: {mine:,.0f}/s against {other:,.0f}/s, {ratio:.2f} "
        f"(promised {promised}, {verdict})"
    )


@contextmanager
def nginx(file: Path):
    place = Path(tempfile.mkdtemp(prefix="jari-bench-nginx-"))
    place.chmod(0o755)
    for folder in [file.parent.parent, file.parent]:
        folder.chmod(0o755)
    shutil.copy(file, place / "static.json")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = NGINX.replace("PLACE", str(place)).replace("PORT", str(port))
    (place / "nginx.conf").write_text(text.replace("HOME", str(file.parent.parent)))
    command = ["/usr/sbin/nginx", "-p", str(place), "-c", str(place / "nginx.conf")]
    process = subprocess.Popen(command)
    try:
        time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()

"""The now document: by nginx from the tick's file, and from a web process's memory.

    python -m bench.now [SECONDS] [--turns 5]

In turn: nginx with the document, compared with nginx and a static file of the same size (promised:
0.9), and the portal's own answer, compared with an empty view of a Django without middleware on the
same server (promised: 0.8).
"""

import argparse
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.nginx import PROGRAM, nginx
from bench.portal import make_room, median, portal, served, wrk

# As in docs/waiting-room.md for production, and a static file.
SERVER = """
location = /static.json { root STATIC; }
location ~ ^/queue/([a-z0-9][a-z0-9-]*)/now[.]json$ {
  alias HOME/now/$1.json;
  add_header Cache-Control "public, max-age=1";
}
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("seconds", type=int, nargs="?", default=2)
    parser.add_argument("--turns", type=int, default=5)
    options = parser.parse_args()
    for compared in measure(options.seconds, options.turns):
        print(compared.text())


@dataclass(frozen=True)
class Compared:
    """The now document against a reference, both a second: medians of the turns."""

    name: str
    rate: float
    reference: float
    ratio: float
    promised: float

    def text(self) -> str:
        verdict = "kept" if self.ratio >= self.promised else "BROKEN"
        return (
            f"{self.name}: {self.rate:,.0f}/s against {self.reference:,.0f}/s, {self.ratio:.2f} "
            f"(promised {self.promised}, {verdict})"
        )


def measure(seconds: int, turns: int) -> Iterator[Compared]:
    with portal():
        from waiting_room.services.ticking import tick_room

        room, _people = make_room("bench", 10, joined=10)
        tick_room(room.pk)
        file = Path(os.environ["JARI_HOME"]) / "now" / "bench.json"
        if PROGRAM.exists():  # without it only the portal is measured
            name = f"nginx, now.json of {file.stat().st_size} bytes / static file"
            with served_by_nginx(file) as url:
                pages = (f"{url}/queue/bench/now.json", f"{url}/static.json")
                yield compare(name, seconds, turns, *pages, promised=0.9)
        with served("bare") as empty, served("portal") as url:
            wrk(f"{empty}/empty/", connections=16, seconds=1)  # warm-up
            pages = (f"{url}/queue/bench/now.json", f"{empty}/empty/")
            yield compare("the portal, now.json / empty view", seconds, turns, *pages, promised=0.8)


def compare(
    name: str, seconds: int, turns: int, url: str, against: str, *, promised: float
) -> Compared:
    pairs = [
        tuple(wrk(page, connections=64, seconds=seconds)["rate"] for page in (url, against))
        for _turn in range(turns)
    ]
    ratio = median(measured / reference for measured, reference in pairs)
    measured = median(pair[0] for pair in pairs)
    reference = median(pair[1] for pair in pairs)
    return Compared(name, measured, reference, ratio, promised)


@contextmanager
def served_by_nginx(file: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="jari-bench-static-") as static:
        # nginx's worker runs as another user.
        for folder in [file.parent.parent, file.parent, Path(static)]:
            folder.chmod(0o755)
        shutil.copy(file, Path(static) / "static.json")
        server = SERVER.replace("STATIC", static).replace("HOME", str(file.parent.parent))
        with nginx(server) as url:
            yield url


if __name__ == "__main__":
    main()

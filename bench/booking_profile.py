"""Where the CPU time of a booking goes: by page, by process, and by layer of the web server.

    python -m bench.booking_profile [PEOPLE] [--turns 3] [--layers]

People book page after page: first all ask for the list, then all hold, then all confirm, then all
open their receipt. Between two pages the kernel says what each process has used, to the nanosecond;
other load of the machine changes it little. Four servers by turns: one renders each page, one
keeps pages in parts (web.moulds), one also holds and confirms in its event loop
(booking.fast_path), one answers all four pages there. With `--layers` one round more of each is
sampled by py-spy while Python's interpreter is held, and the CPU time is split in proportion. Linux
only.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from itertools import islice
from pathlib import Path

from bench.portal import portal

CLIENTS = 4
WARM_UP = 200
# What bench.urls leaves out of the portal.
SERVERS = {
    "each page rendered, in threads": "moulds fast",
    "pages kept in parts": "fast",
    "holds and confirms in the event loop too": "pages",
    "lists and receipts in the event loop too": "",
}
PAGES = ("finder", "hold", "confirm", "receipt")
# Layers by the paths of their modules; the innermost frame that names one counts.
LAYERS = {
    "SQL driver": ["psycopg", "django/db/backends", "database/"],
    "ORM": ["django/db/"],
    "forms": ["django/forms", "booking/forms"],
    "rendering": [
        "django/template", "django/utils/html", "django/utils/formats", "django/utils/dateformat",
        "django/utils/safestring", "templatetags", "web/moulds", "booking/qr",
    ],
    "translation": ["django/utils/translation", "gettext"],
    "compression": ["web/compression", "middleware/gzip", "django/utils/text"],
    "cookies and tokens": [
        "middleware/csrf", "utils/crypto", "eligibility/sessions", "core/signing", "http/cookie",
    ],
    "counting": ["web/measured", "prometheus_client", "waiting_room/health", "redis/"],
    "bridge": ["config/bridge", "config/answers", "config/bodies", "config/headers", "granian"],
    "middleware": [
        "middleware", "web/request_ids", "web/transport", "web/language", "web/outage", "csp/",
        "web/content_security_policy",
    ],
    "views and services": ["booking/", "standing/", "waiting_room/", "config/context", "dataio/"],
    "Django's handler": ["django/"],
    "event loop and threads": ["asyncio/", "concurrent/", "config/lanes", "config/serve"],
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("people", type=int, nargs="?", default=200)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--layers", action="store_true", help="sampled by py-spy too")
    options = parser.parse_args()
    for name, used, layers in measure(options.people, options.turns, with_layers=options.layers):
        print(f"\n{name}")
        used.show(options.people * options.turns)
        if layers:
            layers.show(used.web, options.people * options.turns)


def measure(
    people: int, turns: int, *, with_layers: bool = False
) -> Iterator[tuple[str, "Used", "Layers | None"]]:
    """What each server used for `people` in each of the turns."""
    with portal(), ExitStack() as stack:
        rounds = turns + with_layers
        cookies = iter(citizens(len(SERVERS) * (WARM_UP + people * rounds)))
        servers = {name: stack.enter_context(served(name)) for name in SERVERS}
        used = {}
        for name, (process, port) in servers.items():
            walk(port, list(islice(cookies, WARM_UP)), lambda _page: nullcontext())
            used[name] = Used(process.pid)
        # By turns: other load of the machine disturbs both alike.
        for _turn in range(turns):
            for name, (_process, port) in servers.items():
                walk(port, list(islice(cookies, people)), used[name].by_page)
        for name, (process, port) in servers.items():
            layers = Layers(process.pid) if with_layers else None
            if layers:
                walk(port, list(islice(cookies, people)), layers.by_page)
            yield name, used[name], layers


@contextmanager
def served(name: str) -> Iterator[tuple[subprocess.Popen, int]]:
    from bench.booking_path import server

    os.environ["JARI_BENCH"] = SERVERS[name]
    with server() as started:
        yield started


def citizens(count: int) -> list[str]:
    """Sign-in cookies of people with an admission; slots for each, half of them of two doses."""
    from django.core import signing
    from django.db import connection

    from eligibility.sessions import _SALT, COOKIE
    from tests.crowd import admit, open_slots
    from tests.factories import RoomFactory, VaccineFactory

    double = VaccineFactory(doses=2, min_days=0, best_days=1, max_days=1)
    open_slots(1000, capacity=100)
    open_slots(1000, capacity=100, vaccine=double)
    admissions = admit(RoomFactory(), count)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    stamp = int(time.time())
    return [
        f"{COOKIE}={signing.dumps([admission.ticket.person_id, stamp, 0], salt=_SALT)}"
        for admission in admissions
    ]


def walk(port: int, cookies: list[str], measured: Callable) -> None:
    """All of these people through all pages, one page after the other."""
    state: dict[int, str] = {}

    def ask(browser, page: str, number: int) -> None:
        browser.cookies = cookies[number]
        if page == "finder":
            _status, text, _to = browser.ask("/booking/")
            slots = re.findall(r'name="slot" value="(\d+)"', text)
            state[number] = slots[number * 7 % len(slots)]
        elif page == "hold":
            _status, text, _to = browser.ask("/booking/hold/", {"slot": state[number]})
            state[number] = re.search(r'name="key" value="([^"]+)"', text)[1]
        elif page == "confirm":
            form = {"key": state[number], "channel": "sms", "email": ""}
            _status, _text, state[number] = browser.ask("/booking/confirm/", form)
        else:
            status, text, _to = browser.ask(state[number])
            assert (status, "jari-number" in text) == (200, True)

    for page in PAGES:
        with measured(page):
            in_threads(port, page, len(cookies), ask)


def in_threads(port: int, page: str, count: int, ask: Callable) -> None:
    from bench.booking_path import Browser

    problems: list[BaseException] = []

    def run(first: int) -> None:
        browser = Browser(port)
        try:
            for number in range(first, count, CLIENTS):
                ask(browser, page, number)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=run, args=[first]) for first in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if problems:
        raise problems[0]


class Used:
    """CPU time of the web server and of Postgres by page, and the time until the answers."""

    def __init__(self, web: int) -> None:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            backend = cursor.fetchone()[0]
        self._web, self._postgres = web, parent_of(backend)
        self._of_page = {page: [0.0, 0.0, 0.0] for page in PAGES}

    @property
    def web(self) -> dict[str, float]:
        return {page: used[0] for page, used in self._of_page.items()}

    def totals(self, people: int) -> dict[str, list[float]]:
        """Milliseconds a person by page: web server, Postgres, until the answer."""
        sums = [sum(column) for column in zip(*self._of_page.values(), strict=True)]
        return {
            page: [1000 * each / people for each in used]
            for page, used in [*self._of_page.items(), ("all four", sums)]
        }

    @contextmanager
    def by_page(self, page: str) -> Iterator[None]:
        before, began = self._now(), time.perf_counter()
        yield
        after = [*self._now(), CLIENTS * (time.perf_counter() - began)]
        before.append(0.0)
        self._of_page[page] = [
            total + new - old
            for total, new, old in zip(self._of_page[page], after, before, strict=True)
        ]

    def _now(self) -> list[float]:
        return [sum(map(cpu_of, children_of(pid))) for pid in (self._web, self._postgres)]

    def show(self, people: int) -> None:
        print("| page | web | Postgres | answered after |")
        print("|---|---|---|---|")
        for page, used in self.totals(people).items():
            print(f"| {page} | " + " | ".join(f"{each:.2f} ms" for each in used))


def children_of(pid: int) -> list[int]:
    names = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(name) for name in names]


def parent_of(pid: int) -> int:
    # proc_pid_stat(5): the parent is the second field after the name.
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def cpu_of(pid: int) -> float:
    """CPU seconds of all threads of a process."""
    seconds = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        # The scheduler's statistics begin with the nanoseconds on a CPU.
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            seconds += int((task / "schedstat").read_text().split()[0]) / 1e9
    return seconds


class Layers:
    """Samples of Python's stacks by page (py-spy), each counted for its innermost known layer."""

    def __init__(self, web: int) -> None:
        self._web = web
        self._samples: dict[str, Counter[str]] = {}

    @contextmanager
    def by_page(self, page: str) -> Iterator[None]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "stacks"
            program = str(Path(sys.executable).with_name("py-spy"))
            sampler = subprocess.Popen(
                [program, "record", "--subprocesses", "--pid", str(self._web), "--rate", "400",
                 "--format", "raw", "--output", str(path), "--full-filenames", "--gil"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(1)  # until it has found the processes
            try:
                yield
            finally:
                sampler.send_signal(2)
                sampler.wait(30)
            self._samples[page] = layers_of(path.read_text())

    def show(self, python: dict[str, float], people: int) -> None:
        """Each layer's share of the samples, as milliseconds of the CPU time measured."""
        spent = {
            page: Counter(
                {
                    name: 1000 * python[page] / people * count / samples.total()
                    for name, count in samples.items()
                }
            )
            for page, samples in self._samples.items()
        }
        total = sum(spent.values(), Counter())
        print("\n| layer | " + " | ".join(PAGES) + " | all four |")
        print("|---" * (len(PAGES) + 2) + "|")
        for name, milliseconds in total.most_common():
            row = [f"{spent[page][name]:.2f}" for page in PAGES]
            print(f"| {name} | {' | '.join(row)} | {milliseconds:.2f} ms |")


def layers_of(stacks: str) -> Counter[str]:
    counts = Counter[str]()
    for line in stacks.splitlines():
        stack, _space, count = line.rpartition(" ")
        counts[layer_of(stack.split(";"))] += int(count)
    return counts


def layer_of(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, paths in LAYERS.items():
            if any(path in frame for path in paths):
                return name
    return "other"


if __name__ == "__main__":
    main()

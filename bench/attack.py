"""Response times of citizens and staff during attacks: `make attack`.

    python -m bench.attack [--seconds 4] [--rounds 3] [--only "slow readers"]

Starts a portal of its own with throw-away services. Each attack (bench/attackers.py) is compared
with quiet seconds right before it, several times, since the machine is shared. Prints a table of
the 50th and 95th percentile in milliseconds, quiet and under attack. Only this portal is attacked:
the target can't be given.
"""

import argparse
import http.client
import itertools
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from bench.attackers import ATTACKS, LOOPBACK, MIB
from bench.portal import portal, served

PEOPLE = 300
LOG_BYTES = 100 * MIB
PAUSE_SECONDS = 0.05  # between two requests of a visitor: they are people, not a load test

Visit = tuple[str, str, dict[str, str]]  # method, path, headers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(ATTACKS))
    options = parser.parse_args()
    os.environ["LOG_LEVEL"] = "ERROR"
    with portal():
        paths, log = scene()
        with served("portal") as url:
            port = int(urlsplit(url).port or 0)
            measure(port, paths, options.seconds)  # warm-up: templates, caches, connections
            print("| attack | what | " + " | ".join(paths) + " |")
            print("|---|---|" + "---|" * len(paths))
            for name in [options.only] if options.only else ATTACKS:
                print(row(name, port, paths, log, options), flush=True)


def row(name: str, port: int, paths: dict, log: Path, options) -> str:
    quiet: dict[str, list[float]] = {path: [] for path in paths}
    attacked: dict[str, list[float]] = {path: [] for path in paths}
    failed = 0
    for _round in range(options.rounds):
        os.utime(log)  # a fresh time: an old log file would be written anew
        add(quiet, measure(port, paths, options.seconds)[0])
        attack = subprocess.Popen(
            [sys.executable, "-m", "bench.attackers", name, str(port), str(options.seconds + 2)],
            stdout=subprocess.PIPE,
        )
        assert attack.stdout
        attack.stdout.readline()  # printed once all connections of the attack are open
        time.sleep(1)  # the server has to accept and read them
        times, failures = measure(port, paths, options.seconds)
        add(attacked, times)
        failed += failures
        attack.wait(60)
    cells = [cell(quiet[path], attacked[path]) for path in paths]
    failures = f" ({failed} failed)" if failed else ""
    return f"| {name} | {ATTACKS[name][0]}{failures} | " + " | ".join(cells) + " |"


def cell(quiet: list[float], attacked: list[float]) -> str:
    if not quiet or not attacked:
        return "no answer"
    ratio = share(attacked, 0.95) / share(quiet, 0.95)
    return (
        f"{share(quiet, 0.5):.0f}/{share(quiet, 0.95):.0f} → "
        f"{share(attacked, 0.5):.0f}/{share(attacked, 0.95):.0f}, **{ratio:.1f}**"
    )


def share(values: list[float], part: float) -> float:
    values = sorted(values)
    return 1000 * values[min(len(values) - 1, int(len(values) * part))]


def add(to: dict[str, list[float]], more: dict[str, list[float]]) -> None:
    for path, values in more.items():
        to[path] += values


def measure(port: int, paths: dict[str, Iterator[Visit]], seconds: float):
    """Seconds of each answer by kind of visitor, and the number of failures."""
    times: dict[str, list[float]] = {path: [] for path in paths}
    failed: list[str] = []
    deadline = time.monotonic() + seconds

    def visitor(kind: str) -> None:
        while time.monotonic() < deadline:
            started = time.perf_counter()
            problem = visit(port, next(paths[kind]))
            if problem:
                failed.append(problem)
                print(f"  {kind}: {problem}", file=sys.stderr)
            times[kind].append(time.perf_counter() - started)
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=visitor, args=[kind]) for kind in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times, len(failed)


def visit(port: int, request: Visit) -> str:
    """One request on a new connection; returns a description of its failure, or ""."""
    method, path, headers = request
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=20)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        expected = 302 if method == "POST" else 200
        return "" if answer.status == expected else f"{path}: {answer.status}"
    except OSError as error:
        return f"{path}: {type(error).__name__}"
    finally:
        connection.close()


def scene() -> tuple[dict[str, Iterator[Visit]], Path]:
    """The requests of each kind of visitor to a new room, and its log file, made as large as for a
    million people."""
    from tests.crowd import open_slots
    from tests.factories import CohortFactory, RoomFactory, StaffFactory, TicketFactory
    from tests.staff.signing_in import StaffClient
    from waiting_room.services.publishing import log_file

    room = RoomFactory(cohort=CohortFactory(code="attack"))
    open_slots(200, capacity=100)
    ticket = TicketFactory(room=room)
    log = log_file(room)
    log.write_bytes(b"0123456789,abcdef\n" * (LOG_BYTES // 18))

    # Signed in once, with the second factor: the log-in form is limited by address.
    client = StaffClient()
    client.force_login(StaffFactory(superuser=True))
    staff = {"Cookie": f"sessionid={client.cookies['sessionid'].value}"}
    cookie = {"Cookie": signed_in(ticket.person_id)}
    joins = [
        ("POST", "/queue/attack/join/", {"Cookie": signed_in(pk), "Sec-Fetch-Site": "same-origin"})
        for pk in people(room)
    ]
    return {
        "home, eligibility": visits(("/", cookie), ("/eligibility/", cookie)),
        "waiting page": visits((f"/queue/t/{ticket.pk}/", cookie)),
        "poll": visits(("/queue/attack/now.json", {})),
        "join": itertools.cycle(joins),
        "staff": visits(("/admin/", staff), ("/admin/booking/reservation/", staff)),
    }, log


def visits(*requests: tuple[str, dict[str, str]]) -> Iterator[Visit]:
    return itertools.cycle([("GET", path, headers) for path, headers in requests])


def people(room) -> list[int]:
    """Ids of eligible people. They join over and over, and get the same ticket again."""
    from eligibility.models import Decision
    from tests.factories import PersonFactory

    window = {"window_from": room.cohort.opens_at, "window_to": room.cohort.closes_at}
    ids = [PersonFactory().pk for _ in range(PEOPLE)]
    Decision.objects.bulk_create(
        Decision(person_id=pk, cohort=room.cohort, eligible=True, rule="born", **window)
        for pk in ids
    )
    return ids


def signed_in(person_id: int) -> str:
    from django.http import HttpResponse

    from eligibility.sessions import COOKIE, sign_in

    response = HttpResponse()
    sign_in(response, person_id=person_id)
    return f"{COOKIE}={response.cookies[COOKIE].value}"


if __name__ == "__main__":
    main()

"""Whether citizens and staff get on while somebody attacks: `make attack`.

    python -m bench.attack [--seconds 4] [--rounds 3] [--only "slow readers"]

Starts a portal of its own with throw-away services. Each attack (bench/attackers.py) is measured
against quiet seconds right before it, several times over, since the machine is shared. Prints a
table of the 50th and 95th percentile in milliseconds, quiet and under attack. It attacks nothing
but this portal: its target can't be given.
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
PAUSE_SECONDS = 0.05
AIM = 2.0

Visit = tuple[str, str, dict[str, str]]  # method, path, headers


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(ATTACKS))
    given = parser.parse_args()
    os.environ["LOG_LEVEL"] = "ERROR"
    with portal():
        paths, log = scene()
        with served("portal") as url:
            port = int(urlsplit(url).port or 0)
            measure(port, paths, given.seconds)  # what is made once is made now
            print("| attack | what | " + " | ".join(paths) + " |")
            print("|---|---|" + "---|" * len(paths))
            for name in [given.only] if given.only else ATTACKS:
                print(row(name, port, paths, log, given), flush=True)


def row(name: str, port: int, paths: dict, log: Path, given) -> str:
    quiet: dict[str, list[float]] = {path: [] for path in paths}
    attacked: dict[str, list[float]] = {path: [] for path in paths}
    failed = 0
    for _round in range(given.rounds):
        os.utime(log)  # a log that is old would be written anew
        add(quiet, measure(port, paths, given.seconds)[0])
        attack = subprocess.Popen(
            [sys.executable, "-m", "bench.attackers", name, str(port), str(given.seconds + 2)],
            stdout=subprocess.PIPE,
        )
        assert attack.stdout
        attack.stdout.readline()  # it stands
        time.sleep(1)
        took, wrong = measure(port, paths, given.seconds)
        add(attacked, took)
        failed += wrong
        attack.wait(60)
    cells = [cell(quiet[path], attacked[path]) for path in paths]
    trouble = f" ({failed} failed)" if failed else ""
    return f"| {name} | {ATTACKS[name][0]}{trouble} | " + " | ".join(cells) + " |"


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
    """Seconds that each answer took, by kind of visitor, and how many were none."""
    took: dict[str, list[float]] = {path: [] for path in paths}
    failed: list[str] = []
    ends = time.monotonic() + seconds

    def visitor(kind: str) -> None:
        while time.monotonic() < ends:
            started = time.perf_counter()
            problem = visit(port, next(paths[kind]))
            if problem:
                failed.append(problem)
                print(f"  {kind}: {problem}", file=sys.stderr)
            took[kind].append(time.perf_counter() - started)
            time.sleep(PAUSE_SECONDS)

    threads = [threading.Thread(target=visitor, args=[kind]) for kind in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took, len(failed)


def visit(port: int, asked: Visit) -> str:
    """One request on a connection of its own; what went wrong, if anything."""
    method, path, headers = asked
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
    """A room with people, a member of staff, and a log as of a million people."""
    from tests.crowd import open_slots
    from tests.factories import CohortFactory, RoomFactory, StaffFactory, TicketFactory
    from tests.staff.signing_in import StaffClient
    from waiting_room.services.publishing import log_file

    room = RoomFactory(cohort=CohortFactory(code="attack"))
    open_slots(200, capacity=100)
    ticket = TicketFactory(room=room)
    log = log_file(room)
    log.write_bytes(b"0123456789,abcdef\n" * (LOG_BYTES // 18))

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


def visits(*asked: tuple[str, dict[str, str]]) -> Iterator[Visit]:
    return itertools.cycle([("GET", path, headers) for path, headers in asked])


def people(room) -> list[int]:
    """Who may join; whoever has a ticket gets the same again."""
    from eligibility.models import Decision
    from tests.factories import PersonFactory

    window = {"window_from": room.cohort.opens_at, "window_to": room.cohort.closes_at}
    made = [PersonFactory().pk for _ in range(PEOPLE)]
    Decision.objects.bulk_create(
        Decision(person_id=pk, cohort=room.cohort, eligible=True, rule="born", **window)
        for pk in made
    )
    return made


def signed_in(person_id: int) -> str:
    from django.http import HttpResponse

    from eligibility.sessions import COOKIE, sign_in

    response = HttpResponse()
    sign_in(response, person_id=person_id)
    return f"{COOKIE}={response.cookies[COOKIE].value}"


if __name__ == "__main__":
    main()

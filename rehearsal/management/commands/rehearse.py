import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.db import Error, connection
from django.utils import translation
from psycopg_pool import PoolTimeout

import rehearsal
from database.clock import database_now
from eligibility.enums import Source
from eligibility.models import Cohort, Person
from rehearsal import pace, progress
from rehearsal.findings import Findings, examine
from rehearsal.progress import Display, Estimate, RoomView
from waiting_room.models import Room
from waiting_room.now_document import waiting_in
from waiting_room.reasons import sentences
from web.commands import PortalCommand

Accident = Callable[[], str]  # returns a sentence about what it did

ATTACK_SECONDS = 8  # of each of nine attacks, which begin anew until the crowd is through
LOCUST_FILE = Path(rehearsal.__file__).parent / "citizens.py"


@dataclass(frozen=True)
class Play:
    """How the crowd comes: to which cohort and portal, in how many seconds, how patient."""

    opening: Cohort
    over: float
    host: str
    seed: int
    patience: float  # seconds that each citizen waits


class Command(PortalCommand):
    help = (
        "Send a crowd of sample citizens through the running portal over HTTP, then hold what "
        "each of them saw against the database. Ends with 1 if a promise broke."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--citizens", type=int, default=500, metavar="N")
        parser.add_argument("--over", type=float, default=60, metavar="SECONDS")
        parser.add_argument("--cohort", help="code of an open cohort; by default the first")
        parser.add_argument("--host", help="address of the portal; by default where it runs here")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--patience", type=float, default=900, help="seconds each one waits")
        parser.add_argument(
            "--pace",
            type=int,
            metavar="N",
            help="let the room call N people a minute at most, until the rehearsal is over",
        )
        parser.add_argument(
            "--cap",
            type=int,
            metavar="N",
            help="let N people be inside the room at once, until the rehearsal is over",
        )
        parser.add_argument(
            "--kill-web",
            action="store_true",
            help="kill -9 the web processes of this portal when half the crowd has come",
        )
        parser.add_argument(
            "--empty-redis",
            action="store_true",
            help="FLUSHALL on this portal's Redis when half the crowd has come",
        )
        parser.add_argument(
            "--attack",
            action="store_true",
            help="attack this portal from loopback while the crowd comes: slow, silent and greedy "
            "connections, one kind after the other",
        )

    def handle(
        self,
        *args: Any,
        citizens: int,
        over: float,
        cohort: str | None,
        host: str | None,
        seed: int,
        patience: float,
        **options: Any,
    ) -> None:
        if not settings.SAMPLE:
            raise CommandError(
                "A rehearsal books real slots. It runs on a sample campaign only (JARI_SAMPLE=1)."
            )
        # Not imported: Locust monkey-patches threads and sockets with gevent's.
        if find_spec("locust") is None:
            raise CommandError("Locust is not installed. `make rehearse` installs it first.")
        for option in ("pace", "cap"):
            if options[option] is not None and options[option] < 1:
                raise CommandError(f"--{option} must be at least 1.")
        if options["attack"] and host:
            raise CommandError("--attack is for the portal that runs here: leave --host out.")
        self._restore_left_over()
        opening = self._cohort(cohort)
        crowd = self._crowd(opening, citizens)
        since = database_now()
        with ExitStack() as stack:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            stack.enter_context(exit_on_signals())
            stack.enter_context(self._paced(opening, options["pace"], options["cap"]))
            if options["attack"]:
                stack.enter_context(attackers_of(opening))
            journal = self._send(
                crowd,
                Path(folder),
                Play(opening, over, host or settings.PUBLIC_URL, seed, patience),
                self._accidents(options),
            )
        findings = examine(citizens=journal["citizens"], since=since)
        self._report(journal, findings, expected=len(crowd), since=since)

    def _restore_left_over(self) -> None:
        try:
            message = pace.restore_left_over()
        except pace.StillRunning:
            raise CommandError("Another rehearsal is running. Let it end first.") from None
        if message:
            self.stdout.write(self.style.WARNING(message))

    @contextmanager
    def _paced(self, opening: Cohort, per_minute: int | None, cap: int | None) -> Iterator[None]:
        room = Room.objects.select_related("cohort").get(cohort=opening)
        with pace.changed(room, pace=per_minute, cap=cap, report=self.stdout.write):
            yield

    def _cohort(self, code: str | None) -> Cohort:
        now = database_now()
        cohorts = Cohort.objects.filter(opens_at__lte=now, closes_at__gt=now).order_by("opens_at")
        if code:
            cohorts = cohorts.filter(code=code)
        opening = cohorts.first()
        if opening is None:
            raise CommandError("No such cohort is open now.")
        return opening

    def _crowd(self, cohort: Cohort, citizens: int) -> list[dict[str, Any]]:
        """Identities of people of the roster in `cohort` without a ticket; raises CommandError."""
        crowd = []
        # The newest first, so that the printed sample log-ins stay unused.
        candidates = Person.objects.filter(
            source=Source.ROSTER, tickets=None, reservations=None
        ).order_by("-pk")
        for person in candidates.iterator(chunk_size=2000):
            # Birth dates are encrypted: the database can't compare them.
            if not cohort.birth_from <= person.birth_date <= cohort.birth_to:
                continue
            crowd.append(
                {
                    "id": person.pk,
                    "cohort": cohort.code,
                    "name": person.name,
                    "birth_date": person.birth_date.isoformat(),
                    "phone": person.phone,
                }
            )
            if len(crowd) == citizens:
                return crowd
        raise CommandError(
            f"Only {len(crowd)} people of {cohort.code} have no ticket yet. "
            "Start with a fresh sample campaign, or ask for fewer."
        )

    def _accidents(self, options: Mapping[str, Any]) -> list[Accident]:
        accidents: list[Accident] = []
        if options["kill_web"]:
            accidents.append(kill_web)
        if options["empty_redis"]:
            accidents.append(empty_redis)
        return accidents

    def _send(
        self,
        crowd: list[dict[str, Any]],
        folder: Path,
        play: Play,
        accidents: list[Accident],
    ) -> dict[str, Any]:
        """Run Locust with this crowd; returns its journal. Raises CommandError without one."""
        (folder / "crowd.json").write_text(json.dumps(crowd))
        self.stdout.write(f"{len(crowd)} citizens over {play.over:.0f} s to {play.host} …")
        locust = start_locust(folder, play, citizens=len(crowd))
        for accident in accidents:
            timer = threading.Timer(play.over / 2, partial(self._run_accident, accident))
            timer.daemon = True  # must not keep the command alive if the crowd is through earlier
            timer.start()
        try:
            self._watch(locust, folder / "progress.json", play, citizens=len(crowd))
        except KeyboardInterrupt:
            self.stdout.write("Stopped. The report is of what happened until now.")
        finally:
            end(locust)
        journal = folder / "journal.json"
        if not journal.exists():
            self.stderr.write((folder / "locust.log").read_text()[-3000:])
            raise CommandError("Locust ended without a journal; see its messages above.")
        result: dict[str, Any] = json.loads(journal.read_text())
        return result

    def _run_accident(self, accident: Accident) -> None:
        self.stdout.write(accident())

    def _watch(
        self,
        locust: subprocess.Popen[bytes],
        file: Path,
        play: Play,
        *,
        citizens: int,
    ) -> None:
        """Show the progress until Locust ends, at the latest five minutes after all patience."""
        # Not Django's wrapper, which appends a newline to every write.
        display = Display(cast("TextIO", self.stdout._out))
        estimate = Estimate(over=play.over)

        def show() -> None:
            now = progress.read(file, citizens)
            room = room_view(play.opening)
            if room is None:
                return
            display.show(progress.summary(now, estimate.seconds_left(now, room)), at=now.seconds)
            if progress.waits_for_room(now, room, over=play.over):
                display.write_once("pace", progress.why_waiting(room))

        ends = time.monotonic() + play.over + play.patience + 300
        try:
            while locust.poll() is None and time.monotonic() < ends:
                show()
                time.sleep(1)
            show()
        finally:
            display.close()

    def _report(
        self, journal: dict[str, Any], findings: Findings, *, expected: int, since: datetime
    ) -> None:
        say = self.stdout.write
        citizens = journal["citizens"]
        seconds = max((database_now() - since).total_seconds(), 1)
        outcomes = Counter(citizen["outcome"] for citizen in citizens)
        booked = outcomes["booked"]
        # Citizens that Locust had not started, or that were on their way, when it was ended.
        without_record = expected - len(citizens)
        say("")
        say(f"{'request':<36}{'count':>8}{'failed':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}")
        for name, entry in sorted(journal["requests"].items()):
            say(
                f"{name:<36}{entry['requests']:>8}{entry['failures']:>8}"
                f"{entry['p50']:>9.0f}{entry['p95']:>9.0f}{entry['p99']:>9.0f}"
            )
        say("")
        say(f"booked                  {booked:>6}   ({booked / seconds:.1f} a second)")
        say(f"sold out                {outcomes['sold_out']:>6}")
        say(f"gone away               {outcomes['gone_away']:>6}")
        say(f"could not go on         {outcomes['broken'] + without_record:>6}")
        say(f"pressed reload          {sum(citizen['retries'] for citizen in citizens):>6}")
        say(f"changed device          {sum('devices' in citizen for citizen in citizens):>6}")
        say(f"lost a race for a slot  {sum('lost_races' in citizen for citizen in citizens):>6}")
        say("")
        say(f"places lost             {findings.places_lost:>6}")
        say(f"places that moved back  {findings.places_moved_back:>6}")
        say(f"admissions over the cap {findings.admissions_over_cap:>6}")
        say(f"slots over capacity     {findings.slots_over_capacity:>6}")
        say(f"receipts not kept       {findings.receipts_without_reservation:>6}")
        for case in findings.cases[:20]:
            say(f"  {case}")
        troubles = Counter(c["trouble"] for c in citizens if "trouble" in c)
        for trouble, count in troubles.most_common(10):
            say(f"  {count} × {trouble}")
        if not findings.all_kept:
            raise CommandError("A promise broke.")
        if outcomes["broken"] or without_record:
            raise CommandError(
                "Every place was kept, but some citizens could not go on.", returncode=1
            )
        say(self.style.SUCCESS("Every promise was kept."))


def start_locust(folder: Path, play: Play, *, citizens: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "REHEARSAL_CROWD": str(folder / "crowd.json"),
        "REHEARSAL_JOURNAL": str(folder / "journal.json"),
        "REHEARSAL_PROGRESS": str(folder / "progress.json"),
        "REHEARSAL_SEED": str(play.seed),
        "REHEARSAL_PATIENCE": str(play.patience),
        "PYTHONPATH": os.pathsep.join([str(settings.BASE_DIR), os.environ.get("PYTHONPATH", "")]),
    }
    rate = f"{citizens / play.over:.3f}"
    command = [
        *(sys.executable, "-m", "locust", "-f", str(LOCUST_FILE), "--headless"),
        *("--host", play.host, "--users", str(citizens), "--spawn-rate", rate),
        *("--only-summary", "--loglevel", "WARNING"),
    ]
    with (folder / "locust.log").open("w") as messages:
        return subprocess.Popen(  # noqa: S603
            command,
            env=environment,
            stdout=messages,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches only this process, which ends Locust
        )


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit: context managers restore the room and end Locust."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signals = [signal.SIGTERM, signal.SIGHUP]
    before = {number: signal.signal(number, leave) for number in signals}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def attackers_of(cohort: Cohort) -> Iterator[None]:
    """Run the attacks of bench.attackers on this portal, as long as the crowd goes on."""
    port = urlsplit(settings.PUBLIC_URL).port or 80
    command = [sys.executable, "-m", "bench.attackers", "all", str(port), str(ATTACK_SECONDS)]
    attackers = subprocess.Popen(  # noqa: S603
        [*command, cohort.code],
        cwd=settings.BASE_DIR,
        stdout=subprocess.DEVNULL,
    )
    try:
        yield
        if attackers.poll() is not None:
            raise CommandError("The attackers ended early: this was no rehearsal under attack.")
    finally:
        attackers.terminate()
        attackers.wait()


def end(locust: subprocess.Popen[bytes]) -> None:
    """End Locust by SIGINT, on which it writes its journal; kill it after 30 s."""
    if locust.poll() is not None:
        return
    locust.send_signal(signal.SIGINT)
    try:
        locust.wait(timeout=30)
    except subprocess.TimeoutExpired:
        locust.kill()
        locust.wait()


def room_view(opening: Cohort) -> RoomView | None:
    """The present state of the room; None while the database does not answer."""
    try:
        room = Room.objects.select_related("line", "board").get(cohort=opening)
    except (Error, PoolTimeout):
        # A connection that died with its server would fail for the rest of the rehearsal.
        connection.close()
        return None
    document = room.board.document
    with translation.override("en"):
        reasons = sentences(room.board.reasons)
    return RoomView(
        waiting=waiting_in(room),
        per_minute=document.get("per_minute", 0),
        max_per_minute=room.max_per_minute,
        active=room.line.active,
        max_active=room.max_active,
        reasons=reasons,
    )


def kill_web() -> str:
    """kill -9 all web processes of this portal; their supervisor starts them again."""
    import psutil

    killed = 0
    for process in psutil.process_iter(["cmdline", "environ"]):
        command = process.info["cmdline"] or []
        home = (process.info["environ"] or {}).get("JARI_HOME", "")
        # By JARI_HOME, since other portals may run on the same machine.
        if "config.serve" in command and home == str(settings.HOME):
            process.kill()
            killed += 1
    return f"{killed} web processes were killed with kill -9."


def empty_redis() -> str:
    import django_rq

    django_rq.get_connection("line").flushall()
    return "Redis was emptied."

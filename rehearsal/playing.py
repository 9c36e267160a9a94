"""Plays a scenario against the portal: crowd, watching, checks, report."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, TextIO, cast
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError, OutputWrapper
from django.core.management.color import Style
from django.db import Error, connection
from psycopg_pool import PoolTimeout

from database.clock import database_now, known_now
from eligibility.models import Cohort
from rehearsal import faults, generator, journal, pace, people, report, scenario
from rehearsal.browser import NoAnswer, Target
from rehearsal.findings import Findings, examine, run_verifiers
from rehearsal.progress import Display, Estimate, Tail, summary, waits_for_room, why_waiting
from rehearsal.scenario import Fault, Scenario, ScenarioError
from rehearsal.watching import Watcher
from waiting_room.models import Room

ATTACK_SECONDS = 8  # of each of nine attacks, which begin anew until the crowd is through
# The processes of the crowd load their code meanwhile.
START_SECONDS = 1.0
DATABASE_SECONDS = 120  # how long a database that is away is waited for, to check the answers


class Rehearsal:
    """One run of `manage.py rehearse`, which writes to that command's streams."""

    def __init__(self, stdout: OutputWrapper, stderr: OutputWrapper, style: Style) -> None:
        self.stdout, self.stderr, self.style = stdout, stderr, style

    def run(self, options: dict[str, Any]) -> None:
        """Do what the options say; raises CommandError."""
        if options["list"]:
            self._list()
            return
        if options["report"]:
            self._remake(Path(options["report"]))
            return
        if not settings.SAMPLE:
            raise CommandError(
                "A rehearsal books real slots. It runs on a sample campaign only (JARI_SAMPLE=1)."
            )
        for option in ("pace", "cap", "citizens", "processes"):
            if options[option] is not None and options[option] < 1:
                raise CommandError(f"--{option} must be at least 1.")
        hosts = [host.strip().rstrip("/") for host in (options["host"] or "").split(",") if host]
        if options["attack"] and hosts:
            raise CommandError("--attack is for the portal that runs here: leave --host out.")
        self._restore_left_over()
        try:
            plan = self._scenario(options)
            faults.refuse_elsewhere((fault.kind for fault in plan.faults), hosts=hosts)
            for host in hosts:
                Target.of(host)
            generator.require_answers(hosts)
        except (ScenarioError, faults.FaultRefused) as problem:
            raise CommandError(str(problem)) from None
        except ValueError as problem:
            raise CommandError(f"--host: {problem} is no http or https address.") from None
        except NoAnswer as problem:
            raise CommandError(f"--host: {problem}. Start it, or leave it out.") from None
        self._play(plan, hosts, options)

    def _list(self) -> None:
        for name in scenario.names():
            plan = scenario.load(name)
            self.stdout.write(
                f"{name:<16}{plan.citizens:>7,} citizens in {plan.minutes:g} minutes   "
                f"{plan.title['en']}"
            )

    def _remake(self, folder: Path) -> None:
        """The report of a rehearsal that was killed, or of an old one."""
        try:
            played = journal.read(folder)
        except FileNotFoundError:
            raise CommandError(f"There is no journal in {folder}.") from None
        if played.findings is None:
            try:
                self._check(played)
            except (Error, PoolTimeout):
                self.stdout.write("The database does not answer: its checks are left out.")
        self._show(journal.read(folder))

    def _restore_left_over(self) -> None:
        try:
            message = pace.restore_left_over()
        except pace.StillRunning:
            raise CommandError("Another rehearsal is running. Let it end first.") from None
        if message:
            self.stdout.write(self.style.WARNING(message))

    def _scenario(self, options: dict[str, Any]) -> Scenario:
        """The scenario as the options change it; raises ScenarioError."""
        over = options["over"] if options["over"] is not None else 60.0
        if over <= 0:
            raise ScenarioError("--over must be above 0.")
        if options["scenario"]:
            plan = scenario.load(options["scenario"])
        else:
            plan = scenario.flat(citizens=options["citizens"] or 500, over=over, patience=900)
        for option in ("minutes", "scale", "time_scale"):
            if options[option] is not None and options[option] <= 0:
                raise ScenarioError(f"--{option.replace('_', '-')} must be above 0.")
        if options["minutes"]:
            plan = replace(plan, minutes=options["minutes"], faults=())
        plan = plan.scaled(options["scale"] or 1).faster(options["time_scale"] or 1)
        if options["scenario"] and options["citizens"]:
            plan = plan.scaled(options["citizens"] / plan.citizens)
        if options["scenario"] and options["over"]:
            plan = plan.faster(plan.over / options["over"])
        kinds = [kind for kind in ("kill_web", "empty_redis") if options[kind]]
        planned = () if options["no_faults"] else plan.faults
        return replace(
            plan,
            pace=options["pace"] or plan.pace,
            cap=options["cap"] or plan.cap,
            patience=plan.patience if options["patience"] is None else options["patience"],
            faults=(*planned, *(Fault(plan.over / 120, kind) for kind in kinds)),
        )

    def _play(self, plan: Scenario, hosts: list[str], options: dict[str, Any]) -> None:
        try:
            cohorts = people.cohorts_of(plan, options["cohort"])
            crowd = people.crowd(plan, cohorts, random.Random(options["seed"]))  # noqa: S311
        except ScenarioError as problem:
            raise CommandError(str(problem)) from None
        since = database_now()
        folder = self._folder(plan, since)
        processes = options["processes"] or generator.processes_for(len(crowd))
        speed = generator.check()
        played = {
            "scenario": asdict(plan),
            "citizens": len(crowd),
            "since": since.isoformat(),
            "hosts": hosts or [settings.PUBLIC_URL],
            "rooms": [cohort.code for cohort in cohorts],
            "seed": options["seed"],
            "generator": {"processes": processes, **asdict(speed)},
        }
        journal.write_whole(folder / "plan.json", json.dumps(played))
        self.stdout.write(f"{len(crowd)} citizens over {plan.over:.0f} s; journal: {folder}")
        with ExitStack() as stack:
            stack.enter_context(exit_on_signals())
            for cohort in cohorts:
                stack.enter_context(self._paced(cohort, plan))
            if options["attack"]:
                stack.enter_context(attackers_of(cohorts[0]))
            self._send(plan, played, crowd, folder, own_portal=not hosts)
        result = journal.read(folder)
        self._check(result)
        self._show(journal.read(folder))

    def _folder(self, plan: Scenario, since: datetime) -> Path:
        parent = settings.HOME / "rehearsals"
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder: Path = parent / f"{since:%Y%m%d-%H%M%S}-{plan.name}"
        folder.mkdir(mode=0o700)
        return folder

    @contextmanager
    def _paced(self, opening: Cohort, plan: Scenario) -> Iterator[None]:
        room = Room.objects.select_related("cohort").get(cohort=opening)
        with pace.changed(room, pace=plan.pace, cap=plan.cap, report=self.stdout.write):
            yield

    def _send(
        self,
        plan: Scenario,
        played: dict[str, Any],
        crowd: Sequence[dict[str, Any]],
        folder: Path,
        *,
        own_portal: bool,
    ) -> None:
        """Run the crowd to its end; what it was told is in the journal."""
        began = time.monotonic() + START_SECONDS
        orders = {
            "hosts": played["hosts"],
            "began": began,
            "seed": played["seed"],
            "patience": plan.patience,
            "away": plan.away,
            "think": plan.think,
        }
        writer = journal.Writer(folder / "watch.jsonl")
        watcher = Watcher(
            rooms=played["rooms"], journal=writer, began=began, planned=plan.faults,
            own_portal=own_portal,
        )  # fmt: skip
        processes = generator.start(
            folder, crowd, orders, processes=played["generator"]["processes"]
        )
        watcher.start()
        try:
            self._watch(processes, folder, plan, watcher, began=began, citizens=len(crowd))
            writer.write("over", time.monotonic() - began)
        except KeyboardInterrupt:
            self.stdout.write("Stopped. The report is of what happened until now.")
        finally:
            generator.end(processes)
            watcher.stop()
            writer.close()
        for number, process in enumerate(processes):
            messages = (folder / f"crowd-{number}.log").read_text()
            if process.returncode and messages:
                self.stderr.write(messages[-3000:])

    def _watch(
        self,
        processes: Sequence[subprocess.Popen[bytes]],
        folder: Path,
        plan: Scenario,
        watcher: Watcher,
        *,
        began: float,
        citizens: int,
    ) -> None:
        """Show the progress until the crowd is through, or its time is over."""
        # Not Django's wrapper, which appends a newline to every write.
        display = Display(cast("TextIO", self.stdout._out))
        estimate = Estimate(over=plan.over)
        tail = Tail(folder, citizens)

        def show() -> None:
            now, room = tail.read(), watcher.view
            while watcher.said:
                display.write_line(watcher.said.pop(0))
            left = estimate.seconds_left(now, room) if room else None
            display.show(summary(now, room, left), at=now.seconds)
            if room and waits_for_room(now, room, over=plan.over):
                display.write_once("pace", why_waiting(room))

        try:
            running = True
            while running and time.monotonic() < began + plan.ends:
                running = any(process.poll() is None for process in processes)
                show()
                time.sleep(1 if running else 0)
        finally:
            display.close()

    def _check(self, played: journal.Journal) -> None:
        """Hold the journal against the database, waiting for one that is coming back."""
        ends = time.monotonic() + DATABASE_SECONDS
        while True:
            try:
                findings = self._examine(played)
            except (Error, PoolTimeout):
                # A connection that died with its server is replaced by a new one.
                connection.close()
                if time.monotonic() > ends:
                    raise
                time.sleep(1)
            else:
                break
        outcome = {"counts": findings.counts, "cases": findings.cases[:100]}
        journal.write_whole(
            played.folder / "findings.json", json.dumps(outcome, ensure_ascii=False)
        )

    def _examine(self, played: journal.Journal) -> Findings:
        plan = played.plan
        here = plan["hosts"] == [settings.PUBLIC_URL]
        outbox = settings.HOME / "outbox"
        findings = examine(
            citizens=played.citizens,
            since=datetime.fromisoformat(plan["since"]),
            outbox=outbox if here and outbox.exists() else None,
            rooms=plan["rooms"],
        )
        run_verifiers(findings, plan["rooms"])
        return findings

    def _show(self, played: journal.Journal) -> None:
        """Write the report's files, print its figures, and fail if a promise broke."""
        result = report.write(played, made_at=known_now())
        for line in result.lines:
            self.stdout.write(line)
        self.stdout.write(f"\nReport: {played.folder / report.HTML}")
        if not result.all_kept:
            raise CommandError("A promise broke.")
        if result.stuck:
            raise CommandError(
                "Every place was kept, but some citizens could not go on.", returncode=1
            )
        self.stdout.write(self.style.SUCCESS("Every promise was kept."))


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit: context managers restore the room, end the crowd."""

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

"""Faults with a crowd on the portal: what people saw, what was lost.

    python -m bench.chaos [--only primary,web] [--citizens 60] [--over 40] [--write]
    python -m bench.chaos --only primary --scenario trial --write

Each fault comes in the middle of a rehearsal. Witnesses outside the portal (bench.chaos.journals)
note what its pages told people, which commits Postgres answered, and which messages its provider
took. All of it is held against the database afterwards, and both verifiers run. `--scenario` plays
one of `manage.py rehearse` whole, without its own faults. `--write` puts the rows into
docs/reliability.md.
"""

import argparse
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from bench.chaos.faults import FAULTS, Fault
from bench.chaos.journals import Commits, Line, Pages
from bench.chaos.stages import Hosts, Machine, Stage, environ, go_on, manage, settle, wait_for
from bench.chaos.table import Gaps, Row, Seen, write_rows
from launcher.errors import LauncherError
from launcher.home import OWNER_URL, ROOT
from launcher.portal import print_line

PATIENCE_SECONDS = 180  # of each citizen
# What the rehearsal says when its crowd comes.
COMES, START_SECONDS = re.compile(r"citizens over (\d+) s"), 60
FIRST_SECONDS = 3  # until the first citizen is there
WAIT_SECONDS = 60  # after the fault, until each witness has something to tell
# Until the last message is taken: a gateway that was away rests for two minutes at most.
MESSAGE_SECONDS = 180
VERIFIERS = ("verify_bookings", "verify_vaccinations")
# Of the rehearsal's report.
COUNTS = {
    "places lost": "lost",
    "places that moved back": "moved back",
    "admissions over the cap": "over the cap",
    "slots over capacity": "over capacity",
    "receipts not kept": "receipts not kept",
}
DOUBLE = """
SELECT count(*) FROM (
    SELECT FROM booking_reservation WHERE status IN ('held', 'confirmed')
    GROUP BY person_id, dose HAVING count(*) > 1
) twice
"""
WAITING = """
SELECT count(*) FROM messaging_message WHERE status IN ('waiting', 'unwritten')
    AND channel IN ('sms', 'email') AND coalesce(not_before, now()) <= now()
"""
ROOM = """
SELECT code FROM eligibility_cohort WHERE opens_at <= now() AND closes_at > now()
ORDER BY opens_at LIMIT 1
"""


@dataclass(frozen=True)
class Crowd:
    citizens: int
    over: float
    scenario: str = ""

    @property
    def arguments(self) -> list[str]:
        people = ["--citizens", str(self.citizens), "--over", str(self.over)]
        if self.scenario:
            people = ["--scenario", self.scenario, "--no-faults"]
        return [*people, "--patience", str(PATIENCE_SECONDS)]


class Stopped(Exception):
    pass


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--only", default=",".join(FAULTS), help="faults, comma between")
    parser.add_argument("--citizens", type=int, default=60)
    parser.add_argument("--over", type=float, default=40, help="seconds in which they come")
    parser.add_argument("--scenario", default="", help="of manage.py rehearse, instead of these")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _stop)
    crowd = Crowd(options.citizens, options.over, options.scenario)
    rows: list[Row] = []
    try:
        for stage in (Hosts, Machine):
            faults = [FAULTS[name] for name in names if FAULTS[name].stage is stage]
            if faults:
                rows += _play_all(stage(environ("8400")), faults, crowd, write=options.write)
    except LauncherError as error:
        print_line(str(error))
        return 1
    except Stopped:
        print_line("Stopped.")
    return 0 if len(rows) == len(names) and all(row.kept for row in rows) else 1


def _stop(*_: object) -> None:
    raise Stopped


def _play_all(stage: Stage, faults: list[Fault], crowd: Crowd, *, write: bool) -> list[Row]:
    rows: list[Row] = []
    try:
        stage.start()
        for fault in faults:
            try:
                rows.append(play(stage, fault, crowd))
            except (LauncherError, OSError, psycopg.Error, redis.RedisError) as error:
                print_line(f"  {fault.name} broke off: {error}")
                continue
            print_line(rows[-1].text())
            if write:  # now, as a later fault may end the whole run
                write_rows(rows[-1:])
    finally:
        # Also after Ctrl-C: nothing of the portal outlives this command.
        stage.stop()
    return rows


def play(stage: Stage, fault: Fault, crowd: Crowd) -> Row:
    """One rehearsal with one fault in its middle."""
    print_line(f"\n{fault.name}: {fault.how}")
    settle(stage)
    log = stage.home.log / f"rehearse-{fault.name}.log"
    began = time.monotonic()
    with ExitStack() as stack:
        commits = stack.enter_context(Commits(stage.env["DATABASE_URL"], stage.owner[OWNER_URL]))
        pages = stack.enter_context(Pages(f"{stage.address}/"))
        line = stack.enter_context(Line(f"{stage.address}/queue/{_value(stage, ROOM)}/now.json"))
        rehearsal = _rehearse(stage, crowd, log)
        stack.callback(_end, rehearsal)
        wait_for(stage, lambda: COMES.search(log.read_text()) is not None, START_SECONDS)
        planned = COMES.search(log.read_text())
        over = int(planned[1]) if planned else crowd.over
        # Bounded, whatever the fault does to the rehearsal.
        ends = time.monotonic() + over + PATIENCE_SECONDS + 60
        go_on(stage, FIRST_SECONDS + over / 2)
        since = time.monotonic()
        # Gaps count from before the fault: a rolling restart acts for many seconds.
        sentence = fault.act(stage)
        print_line(f"  {sentence}")
        acted = time.monotonic()
        wait_for(stage, lambda: rehearsal.poll() is not None, ends - time.monotonic())
        _end(rehearsal)
        fault.undo(stage)
        settle(stage)
        watchers = (commits, pages, line)
        wait_for(stage, lambda: all(watcher.works(acted) for watcher in watchers), WAIT_SECONDS)
        gaps = Gaps(*(watcher.longest_gap(since) for watcher in watchers))
        stranger = Seen(pages.slowest(since), pages.refused(since), pages.bare(since))
    text = log.read_text()
    codes = [manage(stage, command) for command in VERIFIERS]  # both, whatever the first one says
    return Row(
        fault=f"{fault.name}, {crowd.scenario}" if crowd.scenario else fault.name,
        how=sentence,
        gaps=gaps,
        stranger=stranger,
        booked=_number("booked", text),
        stuck=_number("could not go on", text),
        verified=not any(codes),
        counts=_counts(text) | _counted(stage, commits, began),
    )


def _rehearse(stage: Stage, crowd: Crowd, log: Path) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, str(ROOT / "manage.py"), "rehearse"),
        *crowd.arguments,
        *("--host", stage.address),
    ]
    with log.open("wb") as out:
        return subprocess.Popen(
            command, env=stage.env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip


def _end(rehearsal: subprocess.Popen[bytes]) -> None:
    if rehearsal.poll() is None:
        # Like Ctrl-C: it still reports on what happened until then.
        rehearsal.send_signal(signal.SIGINT)
        try:
            rehearsal.wait(60)
        except subprocess.TimeoutExpired:
            rehearsal.kill()


def _counts(text: str) -> dict[str, int | None]:
    return {short: _number(label, text) for label, short in COUNTS.items()}


def _number(label: str, text: str) -> int | None:
    """A number of the rehearsal's report; None if it has none, which is no zero."""
    found = re.search(rf"^{re.escape(label)} +(\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def _counted(stage: Stage, commits: Commits, began: float) -> dict[str, int | None]:
    """What the witnesses say beside the rehearsal's own report."""
    wait_for(stage, lambda: _value(stage, WAITING) == 0, MESSAGE_SECONDS)
    taken = stage.provider.taken(began)
    return {
        "double bookings": int(str(_value(stage, DOUBLE))),
        "commits lost": commits.lost(),
        "messages twice": sum(count - 1 for count in taken.values()),
        "messages not sent": int(str(_value(stage, WAITING))),
    }


def _value(stage: Stage, sql: str) -> object:
    with psycopg.connect(stage.owner[OWNER_URL], autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row
    return row[0]


if __name__ == "__main__":
    sys.exit(main())

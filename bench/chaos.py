"""Faults in a cluster on this machine, with a crowd on it: what people saw, what was lost.

    python -m bench.chaos [--only primary,web] [--citizens 60] [--over 40] [--write]

Each fault comes in the middle of a rehearsal. Two journals lie outside the portal: what its pages
told the citizens, and rows whose commit Postgres answered. Both are compared with the database
afterwards, and both verifiers run. `--write` puts the rows into docs/reliability.md.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.chaos_faults import FAULTS, Fault
from bench.chaos_journals import Commits, Pages
from bench.chaos_table import Row, write_rows
from launcher.cluster.run import Cluster, is_whole
from launcher.errors import LauncherError
from launcher.home import ROOT
from launcher.portal import print_line

PATIENCE_SECONDS = 120  # of each citizen
SETTLE_SECONDS = 90
VERIFIERS = ("verify_bookings", "verify_vaccinations")
COUNTS = {
    "places lost": "lost",
    "places that moved back": "moved back",
    "admissions over the cap": "over the cap",
    "slots over capacity": "over capacity",
    "receipts not kept": "not kept",
}


@dataclass(frozen=True)
class Crowd:
    citizens: int
    over: float


class Stopped(Exception):
    pass


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--only", default=",".join(FAULTS), help="faults, comma between")
    parser.add_argument("--citizens", type=int, default=60)
    parser.add_argument("--over", type=float, default=40, help="seconds in which they come")
    parser.add_argument("--write", action="store_true", help="into docs/reliability.md")
    options = parser.parse_args()
    names = options.only.split(",")
    unknown = sorted(set(names) - FAULTS.keys())
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; there are {', '.join(FAULTS)}")
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, _stop)
    home = os.environ.get("JARI_HOME") or str(ROOT / "var" / "chaos")
    cluster = Cluster({"PORT": "8400"} | os.environ | {"JARI_HOME": home, "JARI_SAMPLE": "1"})
    rows: list[Row] = []
    try:
        cluster.start()
        for name in names:
            rows.append(play(cluster, FAULTS[name], Crowd(options.citizens, options.over)))
            print_line(rows[-1].text())
            if options.write:  # now, as a later fault may end the whole run
                write_rows(rows[-1:])
    except LauncherError as error:
        print_line(str(error))
        return 1
    except Stopped:
        print_line("Stopped.")
    finally:
        # Also after Ctrl-C: nothing of the cluster outlives this command.
        cluster.stop()
    return 0 if rows and all(row.kept for row in rows) else 1


def _stop(*_: object) -> None:
    raise Stopped


def play(cluster: Cluster, fault: Fault, crowd: Crowd) -> Row:
    """One rehearsal with one fault in its middle."""
    print_line(f"\n{fault.name}: {fault.how}")
    _settle(cluster)
    log = cluster.home.log / f"rehearse-{fault.name}.log"
    with ExitStack() as stack:
        commits = stack.enter_context(
            Commits(cluster.env["DATABASE_URL"], cluster.owner["DATABASE_OWNER_URL"])
        )
        pages = stack.enter_context(Pages(f"{cluster.address}/"))
        rehearsal = _rehearse(cluster, crowd, log)
        stack.callback(_end, rehearsal)
        # Bounded, whatever the fault does to the rehearsal.
        ends = time.monotonic() + crowd.over + PATIENCE_SECONDS + 60
        _watch(cluster, rehearsal, until=time.monotonic() + crowd.over / 2)
        since = time.monotonic()
        # Gaps count from before the fault: a rolling restart acts for many seconds.
        sentence = fault.act(cluster)
        print_line(f"  {sentence}")
        _watch(cluster, rehearsal, until=ends)
        _end(rehearsal)
        fault.undo(cluster)
        _settle(cluster)
        commits_gap, page_gap = commits.longest_gap(since), pages.longest_gap(since)
    text = log.read_text()
    return Row(
        fault=fault.name,
        how=sentence,
        commits_gap=commits_gap,
        page_gap=page_gap,
        slowest=pages.slowest(since),
        refused=pages.refused(since),
        counts=_counts(text) | {"commits lost": commits.lost()},
        booked=_number("booked", text),
        stuck=_number("could not go on", text),
        verified=all(
            _verifies(cluster, name) for name in ("verify_bookings", "verify_vaccinations")
        ),
    )


def _rehearse(cluster: Cluster, crowd: Crowd, log: Path) -> subprocess.Popen[bytes]:
    command = [
        *(sys.executable, str(ROOT / "manage.py"), "rehearse"),
        *("--citizens", str(crowd.citizens), "--over", str(crowd.over)),
        *("--patience", str(PATIENCE_SECONDS), "--host", cluster.address),
    ]
    with log.open("wb") as out:
        return subprocess.Popen(
            command, env=cluster.env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip


def _watch(cluster: Cluster, rehearsal: subprocess.Popen[bytes], *, until: float) -> None:
    while rehearsal.poll() is None and time.monotonic() < until:
        cluster.supervisor.look()
        time.sleep(0.1)


def _settle(cluster: Cluster) -> None:
    """Return when all is as before the fault, so that the next one meets a whole cluster."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        cluster.supervisor.look()
        settled = cluster.hosts and is_whole(cluster.hosts) and not cluster.supervisor.ended()
        if settled and cluster.is_ready():
            return
        time.sleep(0.2)
    raise LauncherError(f"The cluster was not whole again after {SETTLE_SECONDS} s.")


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


def _verifies(cluster: Cluster, command: str) -> bool:
    log = cluster.home.log / f"{command}.log"
    with log.open("wb") as out:
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), command],
            env=cluster.env, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())

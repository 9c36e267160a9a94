"""Drains a room of a hundred thousand people, from gathering to the last admission; verifies it.

    python -m bench.drain [PEOPLE] [SHARE_ENTERING]

People join, the list is frozen and drawn, and ticks follow each other as if a second apart until
all are called. SHARE_ENTERING percent (30) of the called people come, over several connections at
once; some come late, in a crowd larger than the room. Each enters through the service, waits at the
door while all admissions are used, and leaves by booking, by giving up, or by lapsing. `max_active`
is raised and reduced meanwhile; after each wave the live admissions are counted in the table.
Finally `verify_line` checks the tables, and the offline verifier the published log.
"""

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.portal import make_room, portal, settle
from bench.tick import draw

PER_MINUTE = 60_000
CONNECTIONS = 4
MOST_INSIDE = [1_500, 2_000, 1_000, 1_500]  # in turn: the limit must also hold after a reduction
LATE_SHARE, LAPSE_SHARE, LEAVE_SHARE = 0.15, 0.02, 0.08
ASK_AGAIN = 300  # people at the door who try again in one wave
LATE_CROWD = 1_500  # late people who come back together


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    share = int(sys.argv[2]) / 100 if len(sys.argv) > 2 else 0.3
    with portal():
        room, _people = make_room("drained", people, joined=people, opened=False, order="draw")
        settle(room)
        draw(room)
        Drain(room, people, share).run()
        verify(room, people)


class Drain:
    """The simulated people of one room: who is inside, at the door, or late."""

    def __init__(self, room, people: int, share: float) -> None:
        from waiting_room import draw
        from waiting_room.models import Room, Ticket

        self.room = Room.objects.select_related("cohort").get(pk=room.pk)
        self.people, self.share = people, share
        self.dice = random.Random(20210712)  # noqa: S311  (a fixed seed: runs are comparable)
        self.counts: Counter = Counter()
        self.inside: list = []
        self.at_door: list = []
        self.late: list = []
        self.most_alive = 0
        # All places at once: working out each ticket's by itself would take minutes.
        places = draw.places(people, bytes.fromhex(self.room.seed))
        self.tickets = {
            places[ticket.entry - 1] + 1: ticket
            for ticket in Ticket.objects.filter(room=self.room).select_related("room__cohort")
        }

    def run(self) -> None:
        from waiting_room.services.entering import lapse_admissions

        started, times, ticks = time.perf_counter(), [], 0
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            while self.serving() < self.people or self.at_door or self.late or self.inside:
                if ticks % 20 == 0:
                    self.set_pace(MOST_INSIDE[ticks // 20 % len(MOST_INSIDE)])
                    print(
                        f"  tick {ticks}: {self.serving():,} called, {dict(self.counts)}",
                        flush=True,
                    )
                before = self.serving()
                times.append(self.tick())
                ticks += 1
                self.come(before, self.serving(), pool)
                self.go(pool)
        lapse_admissions()
        self.report(ticks, time.perf_counter() - started, times)

    def serving(self) -> int:
        from waiting_room.models import Line

        return Line.objects.values_list("serving", flat=True).get(pk=self.room.pk)

    def set_pace(self, most: int) -> None:
        from waiting_room.services.rooms import set_pace

        self.most, self.bound = most, max(most, self.alive())
        set_pace(room=self.room, max_active=most, max_per_minute=PER_MINUTE, by="bench")

    def tick(self) -> float:
        """One tick; the line's row is set back so that the pace sees a second since the last."""
        from datetime import timedelta

        from django.utils import timezone

        from waiting_room.models import Line
        from waiting_room.services.ticking import tick_room

        second_ago = timezone.now() - timedelta(seconds=1)
        Line.objects.filter(pk=self.room.pk).update(ticked_at=second_ago, pace=PER_MINUTE)
        began = time.perf_counter()
        tick_room(self.room.pk)
        return time.perf_counter() - began

    def come(self, before: int, serving: int, pool) -> None:
        """Let people enter: some at the door, late ones in a crowd, and newly called ones."""
        called = [self.tickets[place] for place in range(before + 1, serving + 1)]
        coming = [ticket for ticket in called if self.dice.random() < self.share]
        away = [ticket for ticket in coming if self.dice.random() < LATE_SHARE]
        coming = [ticket for ticket in coming if ticket not in away]
        crowd = len(self.late) >= LATE_CROWD or serving >= self.people
        back = self.late[:LATE_CROWD] if crowd and not self.at_door else []
        self.late = self.late[len(back) :] + away
        self.dice.shuffle(self.at_door)
        asking = [*self.at_door[:ASK_AGAIN], *back, *coming]
        self.dice.shuffle(asking)
        self.at_door = self.at_door[ASK_AGAIN:]
        for ticket, outcome in pool.map(ask, asking):
            if outcome == "AtTheDoor":
                self.at_door.append(ticket)
                self.counts["met every place taken"] += 1
            else:
                self.inside.append(outcome)
                self.counts["entered"] += 1
        self.count()

    def go(self, pool) -> None:
        """End the admission of one in eight people inside."""
        self.dice.shuffle(self.inside)
        count = len(self.inside) if len(self.inside) < 40 else len(self.inside) // 8
        done, self.inside = self.inside[:count], self.inside[count:]
        endings = [self.ending() for _ in done]
        for ending in pool.map(leave, done, endings):
            self.counts[ending] += 1
        self.count()

    def ending(self) -> str:
        chance = self.dice.random()
        if chance < LAPSE_SHARE:
            return "lapsed"
        return "left" if chance < LAPSE_SHARE + LEAVE_SHARE else "booked"

    def alive(self) -> int:
        from waiting_room.models import Admission

        return Admission.objects.filter(room=self.room, ended_at=None).count()

    def count(self) -> None:
        """Assert that the table never has more live admissions than allowed."""
        alive = self.alive()
        self.most_alive = max(self.most_alive, alive)
        assert alive <= self.bound, f"{alive} are inside, {self.bound} may be"
        # A reduction ends no admission, but the bound decreases as people leave.
        self.bound = max(self.most, min(self.bound, alive))

    def report(self, ticks: int, took: float, times: list[float]) -> None:
        from django.db.models import Count

        from waiting_room.models import Admission

        endings = Admission.objects.filter(room=self.room).values_list("ending")
        by_ending = dict(endings.annotate(Count("pk")))
        assert sum(by_ending.values()) == self.counts["entered"], (by_ending, self.counts)
        assert "" not in by_ending, f"{by_ending['']} are inside still"
        twice = Admission.objects.filter(room=self.room).values("ticket").distinct().count()
        print(
            f"drained {self.people:,} in {ticks} ticks, {took:.0f} s, slowest tick "
            f"{max(times) * 1000:.0f} ms; {self.counts['entered']:,} entered ({twice:,} people), "
            f"{self.counts['met every place taken']:,} times every place was taken; "
            f"ended: {by_ending}; "
            f"most inside at once {self.most_alive:,}, allowed {min(MOST_INSIDE):,} to "
            f"{max(MOST_INSIDE):,} and never passed"
        )


def ask(ticket):
    from waiting_room.exceptions import AtTheDoor
    from waiting_room.services.entering import enter

    try:
        return ticket, enter(ticket=ticket)
    except AtTheDoor:
        return ticket, "AtTheDoor"


def leave(admission, ending: str) -> str:
    from datetime import timedelta

    from django.utils import timezone

    from waiting_room.models import Admission
    from waiting_room.services.entering import end_admission

    if ending == "lapsed":
        # As if the admission's fifteen minutes had passed.
        past = timezone.now() - timedelta(seconds=1)
        Admission.objects.filter(pk=admission.pk).update(expires_at=past)
    else:
        end_admission(admission=admission, ending=ending)
    return ending


def verify(room, people: int) -> None:
    from django.core.management import call_command

    from waiting_room.models import Room
    from waiting_room.offline import verify_line
    from waiting_room.services.publishing import log_lines

    room = Room.objects.select_related("cohort").get(pk=room.pk)
    started = time.perf_counter()
    call_command("verify_line", room.cohort.code)
    print(f"verify_line took {time.perf_counter() - started:.1f} s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "line.csv"
        started = time.perf_counter()
        with file.open("w", encoding="utf-8", newline="") as out:
            out.writelines(log_lines(room))
        wrote = time.perf_counter() - started
        started = time.perf_counter()
        check = subprocess.run(
            # -I: without the project on the path, as the public runs it.
            [sys.executable, "-I", verify_line.__file__, str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(
            f"log of {file.stat().st_size / 1e6:.1f} MB written in {wrote:.1f} s, checked offline "
            f"in {time.perf_counter() - started:.1f} s, exit code {check.returncode}:"
        )
        print(check.stdout.strip())
    assert check.returncode == 0, check.stderr
    assert f"{people} tickets" in check.stdout
    assert f"places called up to {people}" in check.stdout


if __name__ == "__main__":
    main()

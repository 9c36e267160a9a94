"""A room of a hundred thousand, from gathering to the last one out, and then checked.

    python -m bench.drain [PEOPLE] [SHARE_ENTERING]

People gather, the list is frozen and drawn, and ticks follow each other as if a second lay
between them until everybody has been called. Of those called so many in a hundred (30) come, from
several connections at once; some of them late, and then in a crowd larger than the room. Each
enters through the service, waits at the door when every place is taken, and leaves by booking, by
giving up or without a word, so that the place has to lapse. `max_active` is raised and cut on the
way; after every wave the admissions alive are counted in the table. Then `verify_line` checks the
tables, and the program the public gets checks the file the public gets.
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
MOST_INSIDE = [1_500, 2_000, 1_000, 1_500]  # set in turn: a cut must hold too
LATE_SHARE, LAPSE_SHARE, LEAVE_SHARE = 0.15, 0.02, 0.08
ASK_AGAIN = 300  # of those at the door, in one wave
LATE_CROWD = 1_500  # so many who were away come back all at once


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
    def __init__(self, room, people: int, share: float) -> None:
        from waiting_room import draw
        from waiting_room.models import Room, Ticket

        self.room = Room.objects.select_related("cohort").get(pk=room.pk)
        self.people, self.share = people, share
        self.dice = random.Random(20210712)  # noqa: S311
        self.seen: Counter = Counter()
        self.inside: list = []
        self.at_door: list = []
        self.late: list = []
        self.most_alive = 0
        places = draw.places(people, bytes.fromhex(self.room.seed))
        self.tickets = {
            places[ticket.entry - 1] + 1: ticket
            for ticket in Ticket.objects.filter(room=self.room).select_related("room__cohort")
        }

    def run(self) -> None:
        from waiting_room.services import lapse_admissions

        started, times, ticks = time.perf_counter(), [], 0
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            while self.serving() < self.people or self.at_door or self.late or self.inside:
                if ticks % 20 == 0:
                    self.set_pace(MOST_INSIDE[ticks // 20 % len(MOST_INSIDE)])
                    print(
                        f"  tick {ticks}: {self.serving():,} called, {dict(self.seen)}", flush=True
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
        from waiting_room.services import set_pace

        self.most, self.bound = most, max(most, self.alive())
        set_pace(room=self.room, max_active=most, max_per_minute=PER_MINUTE, by="bench")

    def tick(self) -> float:
        """One tick, a second after the last as far as the pace can tell."""
        from datetime import timedelta

        from django.utils import timezone

        from waiting_room.models import Line
        from waiting_room.services import tick_room

        second_ago = timezone.now() - timedelta(seconds=1)
        Line.objects.filter(pk=self.room.pk).update(ticked_at=second_ago, pace=PER_MINUTE)
        began = time.perf_counter()
        tick_room(self.room.pk)
        return time.perf_counter() - began

    def come(self, before: int, serving: int, pool) -> None:
        """Those at the door, those who were away, and of those just called the ones who come."""
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
                self.seen["met every place taken"] += 1
            else:
                self.inside.append(outcome)
                self.seen["entered"] += 1
        self.count()

    def go(self, pool) -> None:
        """One in eight of those inside is done."""
        self.dice.shuffle(self.inside)
        count = len(self.inside) if len(self.inside) < 40 else len(self.inside) // 8
        done, self.inside = self.inside[:count], self.inside[count:]
        endings = [self.ending() for _ in done]
        for ending in pool.map(leave, done, endings):
            self.seen[ending] += 1
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
        """What is in the table never passes what was allowed, whatever the line's row says."""
        alive = self.alive()
        self.most_alive = max(self.most_alive, alive)
        assert alive <= self.bound, f"{alive} are inside, {self.bound} may be"
        # After a cut nobody is thrown out, but the bound sinks with those who leave.
        self.bound = max(self.most, min(self.bound, alive))

    def report(self, ticks: int, took: float, times: list[float]) -> None:
        from django.db.models import Count

        from waiting_room.models import Admission

        endings = Admission.objects.filter(room=self.room).values_list("ending")
        told = dict(endings.annotate(Count("pk")))
        assert sum(told.values()) == self.seen["entered"], (told, self.seen)
        assert "" not in told, f"{told['']} are inside still"
        twice = Admission.objects.filter(room=self.room).values("ticket").distinct().count()
        print(
            f"drained {self.people:,} in {ticks} ticks, {took:.0f} s, slowest tick "
            f"{max(times) * 1000:.0f} ms; {self.seen['entered']:,} entered ({twice:,} people), "
            f"{self.seen['met every place taken']:,} times every place was taken; ended: {told}; "
            f"most inside at once {self.most_alive:,}, allowed {min(MOST_INSIDE):,} to "
            f"{max(MOST_INSIDE):,} and never passed"
        )


def ask(ticket):
    from waiting_room.exceptions import AtTheDoor
    from waiting_room.services import enter

    try:
        return ticket, enter(ticket=ticket)
    except AtTheDoor:
        return ticket, "AtTheDoor"


def leave(admission, ending: str) -> str:
    from datetime import timedelta

    from django.utils import timezone

    from waiting_room.models import Admission
    from waiting_room.services import end_admission

    if ending == "lapsed":
        # Gone without a word: as if the fifteen minutes had passed.
        gone = timezone.now() - timedelta(seconds=1)
        Admission.objects.filter(pk=admission.pk).update(expires_at=gone)
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
        said = subprocess.run(
            [sys.executable, "-I", verify_line.__file__, str(file)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        print(
            f"log of {file.stat().st_size / 1e6:.1f} MB written in {wrote:.1f} s, checked offline "
            f"in {time.perf_counter() - started:.1f} s, exit code {said.returncode}:"
        )
        print(said.stdout.strip())
    assert said.returncode == 0, said.stderr
    assert f"{people} tickets" in said.stdout
    assert f"places called up to {people}" in said.stdout


if __name__ == "__main__":
    main()

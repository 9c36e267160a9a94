"""A room of a hundred thousand, from gathering to the last call, and then checked offline.

    python -m bench.drain [PEOPLE]

People gather, the list is frozen and drawn, and ticks follow each other as if a second lay
between them until everybody has been called; one in a thousand enters and books. Then the log is
written as the public gets it and checked by the program the public gets.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.portal import make_room, portal, settle
from bench.tick import draw

ENTERING = 1_000  # one in so many
PER_MINUTE = 60_000


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with portal():
        room, _people = make_room("drained", people, joined=people, opened=False, order="draw")
        settle(room)
        draw(room)
        drain(room, people)
        verify(room, people)


def drain(room, people: int) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from waiting_room.models import Admission, Line, Room, Ticket
    from waiting_room.services import end_admission, enter, set_pace, tick_room

    set_pace(room=room, max_active=people, max_per_minute=PER_MINUTE, by="bench")
    room = Room.objects.select_related("cohort").get(pk=room.pk)
    started, ticks, entered, times = time.perf_counter(), 0, 0, []
    while True:
        second_ago = timezone.now() - timedelta(seconds=1)
        Line.objects.filter(pk=room.pk).update(ticked_at=second_ago, pace=PER_MINUTE)
        before = Line.objects.get(pk=room.pk).serving
        moment = time.perf_counter()
        tick_room(room.pk)
        times.append(time.perf_counter() - moment)
        ticks += 1
        serving = Line.objects.get(pk=room.pk).serving
        for place in range(before + 1, serving + 1):
            if place % ENTERING == 0:
                ticket = Ticket.objects.get(room=room, entry=room.entry_at(place))
                end_admission(admission=enter(ticket=ticket), ending="booked")
                entered += 1
        if serving >= people:
            break
    tick_room(room.pk)
    took = time.perf_counter() - started
    ended = Admission.objects.filter(room=room, ending="booked").count()
    print(
        f"drained {people:,} in {ticks} ticks, {took:.1f} s, slowest tick "
        f"{max(times) * 1000:.0f} ms; {entered} entered, {ended} booked"
    )


def verify(room, people: int) -> None:
    from waiting_room.models import Room
    from waiting_room.offline import verify_line
    from waiting_room.services.publishing import log_lines

    room = Room.objects.select_related("cohort").get(pk=room.pk)
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


if __name__ == "__main__":
    main()

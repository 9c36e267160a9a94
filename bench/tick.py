"""Ticks, a draw, joins, polls and entries, with a thousand and a million people waiting.

    python -m bench.tick [PEOPLE]

Three witnesses cosign both logs, two of them are waited for; they are asked between the ticks, as
by a job of its own. Promised: a tick under 50 ms of database time whatever the number called, and
so the whole tick with tiles and checkpoint; a draw that rewrites no table and gives a place in
under 1 ms; medians in the long line within 1.2 times the short one's.
"""

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from datetime import timedelta
from pathlib import Path

from bench.line_size import report as report_size
from bench.portal import make_room, median, portal, settle

SHORT = 1_000
EACH = 300  # joins, polls and entries measured in each room, and ticks of each kind


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with portal(), witnesses("city", "news", "clinic"):
        short, few = make_room("short", SHORT + EACH * 4, joined=SHORT)
        long, many = make_room("long", people + EACH * 4, joined=people, opened=False, order="draw")
        settle(short)
        cosign(short)
        settle(long)
        report_size(people + SHORT)
        draw(long)
        ticks(long)
        minutes(long)
        compare(short, few, SHORT, long, many, people)


@contextmanager
def witnesses(*names: str) -> Iterator[None]:
    """Runs the program of the witnesses for each of these, and has the portal wait for two."""
    from django.conf import settings

    from waiting_room.offline.witness import Handler, Key, Server
    from waiting_room.offline.witness import Witness as Program
    from waiting_room.services.log_keys import keys_for_every_room
    from waiting_room.tlog.notes import Verifier
    from waiting_room.tlog.witnessing import Witness

    class QuietHandler(Handler):
        def log_message(self, *_args: object) -> None:
            """A line for each request would stand between the figures."""

    keys = [Key.parse(key) for key in keys_for_every_room()]
    found = []
    with ExitStack() as stack:
        for name in names:
            state = Path(os.environ["JARI_HOME"]) / f"{name}.db"
            program = Program(str(state), keys, f"{name}.example.kr/witness")
            server = stack.enter_context(Server(("127.0.0.1", 0), program))
            server.RequestHandlerClass = QuietHandler
            threading.Thread(target=server.serve_forever, daemon=True).start()
            stack.callback(server.shutdown)
            url = f"http://127.0.0.1:{server.server_port}"
            found.append(Witness(name, Verifier.parse(program.vkey), url))
        settings.WITNESSES, settings.WITNESS_QUORUM = tuple(found), 2
        yield


def cosign(room) -> None:
    """Until the room need not wait for its witnesses any more."""
    from waiting_room.models import Room
    from waiting_room.services.asking_witnesses import ask_witnesses
    from waiting_room.services.ticking import tick_room

    while Room.objects.get(pk=room.pk).awaits_witnesses:
        ask_witnesses()
        tick_room(room.pk)


class DatabaseTime:
    """Sums up the time of statements, including the round trip."""

    def __init__(self) -> None:
        self.seconds, self.statements = 0.0, 0

    def __call__(self, execute, sql, params, many, context):
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started
            self.statements += 1


@contextmanager
def database_time():
    from django.db import connection

    database = DatabaseTime()
    with connection.execute_wrapper(database):
        yield database


def draw(room) -> None:
    from django.db import connection
    from django.utils import timezone

    from eligibility.models import Cohort
    from waiting_room.models import Room
    from waiting_room.services.asking_witnesses import ask_witnesses
    from waiting_room.services.ticking import tick_room

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_reset()")  # to count the rows that the draw rewrites
    Cohort.objects.filter(pk=room.cohort_id).update(opens_at=timezone.now())
    seconds, count = 0.0, 0
    with database_time() as database:
        # The list is frozen in one tick; the draw is held in a later one, in a page of its own.
        while room.drawn_at is None:
            before = database.seconds
            ask_witnesses()
            database.seconds = before  # a job of its own
            started = time.perf_counter()
            tick_room(room.pk)
            seconds += time.perf_counter() - started
            room, count = Room.objects.get(pk=room.pk), count + 1
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute(
            "SELECT coalesce(n_tup_upd, 0) FROM pg_stat_user_tables"
            " WHERE relname = 'waiting_room_ticket'"
        )
        rewritten = cursor.fetchone()[0]
    print(
        f"draw of {room.frozen_count:,}: revealed after {count} ticks of {seconds * 1000:.0f} ms "
        f"({database.seconds * 1000:.0f} ms of database time), {rewritten} tickets rewritten"
    )
    started = time.perf_counter()
    for entry in range(1, 1001):
        room.place_of(entry)
    print(f"one place: {(time.perf_counter() - started):.2f} ms")


def ticks(room) -> None:
    from waiting_room.models import Line, Room
    from waiting_room.services.asking_witnesses import ask_witnesses
    from waiting_room.services.rooms import set_pace
    from waiting_room.services.ticking import tick_room

    for called in [0, 10, 1_000, 100_000]:
        limit = max(called, 1)
        room = Room.objects.get(pk=room.pk)
        set_pace(room=room, max_active=10**7, max_per_minute=limit * 60, by="bench")
        times, walls, before = [], [], Line.objects.get(pk=room.pk).serving
        # Seven ticks: the median leaves out those that other load disturbs.
        for _tick in range(7):
            # As if a second had passed at full pace.
            Line.objects.filter(pk=room.pk).update(
                pace=limit * 60.0 if called else 0.1, credit=0,
                ticked_at=_second_ago(),
            )  # fmt: skip
            with database_time() as database:
                started = time.perf_counter()
                tick_room(room.pk)
                walls.append((time.perf_counter() - started) * 1000)
            times.append(database.seconds * 1000)
            ask_witnesses()
        moved = (Line.objects.get(pk=room.pk).serving - before) / 7
        verdict = "kept" if median(times) < 50 else "BROKEN"
        print(
            f"tick that calls {moved:,.0f}: {median(times):.1f} ms of database time, worst "
            f"{max(times):.1f}, {database.statements} statements (promised under 50, {verdict}); "
            f"with tiles and checkpoint {median(walls):.1f} ms in all, worst {max(walls):.1f}"
        )


def minutes(room) -> None:
    """What the minutes of a room cost a tick: without them, adding to one, writing its row."""
    from unittest.mock import patch

    from django.utils import timezone

    from waiting_room.models import Board, RoomMinute
    from waiting_room.services import ticking

    without = patch.object(ticking, "record_minute", lambda facts, *, is_last: {})
    times: dict[str, list[float]] = {"without": [], "added to": [], "written": []}
    begun, before = timezone.now(), RoomMinute.objects.count()
    for turn in range(EACH):
        for name, found in times.items():
            if name == "written":
                # As if the tally were one of a minute of long ago, each time of another.
                tally = Board.objects.get(room=room.pk).minute
                past = begun.replace(second=0, microsecond=0) - timedelta(minutes=turn + 10)
                tally["minute"] = past.isoformat()
                Board.objects.filter(room=room.pk).update(minute=tally)
            with without if name == "without" else nullcontext(), database_time() as database:
                ticking.tick_room(room.pk)
            found.append(database.seconds * 1000)
    assert RoomMinute.objects.count() - before >= EACH
    middle = {name: median(found) for name, found in times.items()}
    print(
        f"minutes of a room, in a tick's database time: without {middle['without']:.2f} ms, added "
        f"to {middle['added to']:.2f}, row written {middle['written']:.2f} (one tick of sixty)"
    )


def _second_ago():
    from django.utils import timezone

    return timezone.now() - timedelta(seconds=1)


def compare(short, few, short_count, long, many, long_count) -> None:
    rooms = {"short": (short, iter(few[short_count:])), "long": (long, iter(many[long_count:]))}
    times = times_in(rooms, EACH)
    for act in ["join", "poll", "enter"]:
        in_short, in_long = median(times[act, "short"]), median(times[act, "long"])
        verdict = "kept" if in_long / in_short <= 1.2 else "BROKEN"
        print(
            f"{act}: median {in_short * 1000:.2f} ms with {short_count:,} waiting, "
            f"{in_long * 1000:.2f} ms with {long_count:,}: {in_long / in_short:.2f} "
            f"(promised 1.2, {verdict})"
        )


def times_in(rooms: dict, turns: int, *, with_ticks: bool = False) -> dict[tuple, list[float]]:
    """Seconds by act and name of the room, of `rooms`: name → (room, people who may join).

    In turn in all rooms, so that other load of the machine disturbs all alike.
    """
    from waiting_room.models import Line, Room
    from waiting_room.now_cache import NowCache
    from waiting_room.services.entering import enter
    from waiting_room.services.joining import issue_ticket
    from waiting_room.services.rooms import set_pace
    from waiting_room.services.ticking import tick_room

    rooms = {
        name: (Room.objects.select_related("cohort").get(pk=room.pk), people)
        for name, (room, people) in rooms.items()
    }
    for room, _people in rooms.values():
        set_pace(room=room, max_active=10**7, max_per_minute=600, by="bench")
    times: dict[tuple, list[float]] = {}

    def timed(act, name, work):
        started = time.perf_counter()
        result = work()
        times.setdefault((act, name), []).append(time.perf_counter() - started)
        return result

    cache = NowCache()
    for _turn in range(turns if with_ticks else 0):
        for name, (room, _people) in rooms.items():
            # As if a second had passed at full pace: ten are called.
            Line.objects.filter(pk=room.pk).update(pace=600, credit=0, ticked_at=_second_ago())
            timed("tick", name, lambda r=room: tick_room(r.pk))
    for _turn in range(turns):
        for name, (room, people) in rooms.items():
            person = next(people)
            ticket = timed("join", name, lambda r=room, p=person: issue_ticket(room=r, person_id=p))
            timed(
                "poll",
                name,
                lambda r=room: cache._refresh(r.cohort.code) and cache._documents.clear(),
            )
            # Everybody is called, so that the ticket can enter.
            Line.objects.filter(pk=room.pk).update(serving=10**9)
            timed("enter", name, lambda t=ticket: enter(ticket=t))
    return times


if __name__ == "__main__":
    main()

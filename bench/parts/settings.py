import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.figures import Row, Size
from bench.flows import walk
from bench.join import PEOPLE, write_script
from bench.people import admitted, cookies_of, open_both
from bench.portal import make_room, median, portal, served, wrk

JOIN_SECONDS, BOOKING_SECONDS = 2, 3
MOST = 200  # bookings a second that the people of a run suffice for


@dataclass(frozen=True)
class Setting:
    """One setting of Postgres against its default; never one that gives durability up."""

    values: dict[str, str]
    restart: bool = False
    # The reference begins with a checkpoint, after which each page is written whole once more.
    after_checkpoint: bool = False

    @property
    def name(self) -> str:
        return ", ".join(f"`{name} = {value}`" for name, value in self.values.items())


def settings() -> list[Setting]:
    quarter = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 4 >> 20
    return [
        Setting({"shared_buffers": f"{quarter}MB"}, restart=True),
        Setting({"max_wal_size": "8GB", "checkpoint_timeout": "15min"}, after_checkpoint=True),
        Setting({"commit_delay": "200"}),
        Setting({"wal_buffers": "64MB"}, restart=True),
        Setting({"wal_compression": "pglz"}),
        Setting({"random_page_cost": "1.1"}),
        Setting(
            {"track_io_timing": "on", "shared_preload_libraries": "pg_stat_statements"},
            restart=True,
        ),
    ]


def measure(size: Size) -> Iterator[Row]:
    tried, turns = settings()[: size.of(99, 3)], size.of(2, 1)
    with portal() as services, ExitStack() as stack:
        runs = 2 * turns * len(tried) + 2
        load = Load(stack, bookings=(MOST * BOOKING_SECONDS + 100) * (runs + len(tried)))
        load.run()  # warm-up: code, plans, pages in memory
        load.run()
        yield Row(
            "all by default, as the embedded server", f"{load.joins:,.0f} joins/s, "
            f"{load.bookings:.0f} bookings/s: what the rows below are by turns with",
        )  # fmt: skip
        for setting in tried:
            pairs = []
            for _turn in range(turns):
                pair = []
                for on in (False, True):
                    load.change(services, setting, on=on)
                    pair.append(load.run())
                pairs.append(pair)
            load.change(services, setting, on=False)
            yield row(setting, pairs)


class Load:
    """Joins by 128 connections, then bookings by 16 people at a time."""

    def __init__(self, stack: ExitStack, *, bookings: int) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.room, ids = make_room("bench", PEOPLE)
        self.people = iter(ids)
        open_both()
        self.cookies = cookies_of(admitted(bookings))
        self.server = stack.enter_context(ExitStack())
        self.url = ""
        self.joins, self.bookings = 9_000.0, 0.0
        self.serve_anew()

    def serve_anew(self) -> None:
        """A server whose connections are those of the Postgres that runs now; warmed up."""
        self.server.close()
        self.url = self.server.enter_context(served("portal"))
        script = write_script(self.room, self.people, self.folder, 5_000)
        wrk(self.url, connections=16, seconds=1, script=script)
        walk(self.url, "booking", [self.cookies.pop() for _ in range(100)], seconds=2, clients=4)

    def change(self, services, setting: Setting, *, on: bool) -> None:
        if not setting.restart:
            apply(services, setting, on=on)
            return
        self.server.close()
        apply(services, setting, on=on)
        self.serve_anew()

    def run(self) -> tuple[float, float]:
        needed = int(1.3 * self.joins * JOIN_SECONDS)
        script = write_script(self.room, self.people, self.folder, needed)
        load = {"connections": 128, "seconds": JOIN_SECONDS, "script": script}
        self.joins = wrk(self.url, **load)["rate"]
        share = [self.cookies.pop() for _ in range(MOST * BOOKING_SECONDS)]
        self.bookings = walk(self.url, "booking", share, seconds=BOOKING_SECONDS).rate
        return self.joins, self.bookings


def apply(services, setting: Setting, *, on: bool) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for name, value in setting.values.items():
            # A name of the list above, which no parameter can be.
            cursor.execute(f"ALTER SYSTEM SET {name} = '{value}'" if on else
                           f"ALTER SYSTEM RESET {name}")  # fmt: skip
        cursor.execute("SELECT pg_reload_conf()")
        if setting.after_checkpoint and not on:
            cursor.execute("CHECKPOINT")
    if setting.restart:
        connection.close()
        connection.close_pool()
        postgres = services._running[0]
        postgres.stop()
        postgres.start(urlsplit(os.environ["DATABASE_URL"]).port)


def row(setting: Setting, pairs: list) -> Row:
    joins, bookings = (
        median(after[act] / before[act] for before, after in pairs if before[act]) for act in (0, 1)
    )
    rates = [median(after[act] for _before, after in pairs) for act in (0, 1)]
    return Row(
        setting.name,
        f"{rates[0]:,.0f} joins/s; {rates[1]:.0f} bookings/s, {bookings:.2f} of the default's",
        "the default" + (", just after a checkpoint" if setting.after_checkpoint else ""), joins,
    )  # fmt: skip

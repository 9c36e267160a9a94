from collections.abc import Iterator

from bench import booking_size, lookup
from bench.figures import Picture, Row, Size
from bench.portal import make_room, median, portal, settle
from bench.tick import times_in

AIM = 1.5  # times of the smallest
SIZES = (1_000, 10_000, 100_000, 1_000_000)
POWERS = "⁰¹²³⁴⁵⁶⁷"
ACTS = ("join", "poll", "tick", "enter", "look-up by phone", "find", "hold", "confirm")


def measure(size: Size) -> Iterator[Row | Picture]:
    sizes = list(SIZES[:3]) if size.quick else list(SIZES)
    curves: dict[str, dict[int, float]] = {act: {} for act in ACTS}
    with portal() as services:
        # Bookings first: their databases are copies of one that is nearly empty.
        reservations = [count for count in sizes if count >= 10_000]
        if size.large:
            reservations.append(10_000_000)
        for count, times in bookings(services, reservations, size.of(4, 2)).items():
            for act, seconds in times.items():
                curves[act][count] = 1000 * median(seconds)
        yield from rows(curves, ("find", "hold", "confirm"), "reservations")
        for count, acts in line(sizes, size.of(60, 30)).items():
            for act, seconds in acts.items():
                curves[act][count] = 1000 * median(seconds)
        yield from rows(curves, ("join", "poll", "tick", "enter"), "in the line")
        people = [*sizes, 10_000_000] if size.large else sizes
        curves["look-up by phone"] = looked_up(people, size.of(5, 3))
        yield from rows(curves, ("look-up by phone",), "people")
    yield pictured(curves)


def bookings(services, reservations: list[int], blocks: int) -> dict[int, dict[str, list[float]]]:
    """Seconds of finding, holding and confirming in databases of these sizes, by turns."""
    from django.db import connection
    from django.utils import translation

    from tests.crowd import admit
    from tests.factories import RoomFactory, VaccineFactory

    booking_size._with_memory(services)
    translation.activate("ko")
    vaccine = VaccineFactory()
    people = admit(RoomFactory(), booking_size.TURNS * blocks)
    base = connection.settings_dict["NAME"]
    names = {count: f"reservations_{count}" for count in reservations}
    booking_size.use("template1")
    with connection.cursor() as cursor:
        for name in names.values():
            cursor.execute(f'CREATE DATABASE {name} TEMPLATE "{base}"')
    for count, name in names.items():
        booking_size.use(name)
        # Two reservations for each time; the smallest database is one district of this size.
        booking_size.fill(count // 2, vaccine.pk, district=14)
        booking_size.warm_up()
    times: dict[int, dict[str, list[float]]] = {count: {} for count in reservations}
    for block in range(blocks):
        share = people[block * booking_size.TURNS : (block + 1) * booking_size.TURNS]
        for count, name in names.items():
            booking_size.use(name)
            for act, seconds in booking_size.measure(share).items():
                times[count].setdefault(act, []).extend(seconds)
    booking_size.use(base)
    return times


def line(sizes: list[int], turns: int) -> dict[int, dict[str, list[float]]]:
    """Seconds of what people and the tick do in lines of these lengths, by turns."""
    rooms = {}
    for count in sizes:
        room, people = make_room(f"line-{count}", count + turns, joined=count)
        settle(room)
        rooms[count] = (room, iter(people[count:]))
    found: dict[int, dict[str, list[float]]] = {count: {} for count in sizes}
    for (act, count), seconds in times_in(rooms, turns, with_ticks=True).items():
        found[count][act] = seconds
    return found


def looked_up(sizes: list[int], rounds: int) -> dict[int, float]:
    """Milliseconds of finding a person by the phone, in tables of these sizes."""
    from django.db import connection

    looks = {}
    with connection.cursor() as cursor:
        for count in sizes:
            table = f"people_{count}"
            cursor.execute(f"CREATE TABLE {table} (LIKE {lookup.PEOPLE} INCLUDING ALL)")
            cursor.execute(lookup.FILL.replace("{table}", table), [count])
            cursor.execute(f"VACUUM ANALYZE {table}")
            looks[count] = lookup.LookUp(cursor, table, "phone_index", count)
        for _round in range(rounds):
            for look in looks.values():
                look.time()
    return {count: 1000 * look.seconds for count, look in looks.items()}


def rows(curves: dict, acts: tuple[str, ...], of: str) -> Iterator[Row]:
    for act in acts:
        smallest, *others = sorted(curves[act])
        for count in others:
            ratio = curves[act][count] / curves[act][smallest]
            yield Row(
                f"{act}, {count:,} {of}", f"{curves[act][count]:.2f} ms",
                f"{smallest:,}: {curves[act][smallest]:.2f} ms", ratio, f"{AIM}", ratio <= AIM,
            )  # fmt: skip


def pictured(curves: dict) -> Picture:
    counts = sorted({count for curve in curves.values() for count in curve})
    series = {
        act: [curve[count] / curve[min(curve)] if count in curve else None for count in counts]
        for act, curve in curves.items()
        if act in ("join", "poll", "tick", "find", "hold", "confirm")
    }
    return Picture(
        "flat", "How much longer with more rows, against the fewest", "times", "Rows",
        [f"10{POWERS[len(str(count)) - 1]}" for count in counts], series, decimals=2,
    )  # fmt: skip

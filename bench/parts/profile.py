from collections.abc import Iterator

from bench.booking_profile import measure as measure_profile
from bench.figures import Row, Size


def measure(size: Size) -> Iterator[Row]:
    people, turns = size.of(200, 60), size.of(3, 1)
    first: dict[str, list[float]] = {}
    for name, used, _layers in measure_profile(people, turns):
        totals = used.totals(people * turns)
        first = first or totals
        for page, (web, postgres, waited) in totals.items():
            yield Row(
                f"{page}: {name}",
                f"web {web:.2f} ms, Postgres {postgres:.2f} ms, answered after {waited:.1f} ms",
                f"web {first[page][0]:.2f} ms", web / first[page][0],
            )  # fmt: skip

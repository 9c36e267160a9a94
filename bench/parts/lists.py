from collections.abc import Iterator

from bench.figures import Row, Size
from bench.open_times import measure as measure_lists


def measure(size: Size) -> Iterator[Row]:
    rendered, moulded = measure_lists(size.of(20, 5))
    yield Row(
        "a district's list, ten clinics with six times each", f"{moulded:.1f} ms of CPU",
        f"each clinic rendered: {rendered:.1f} ms", moulded / rendered,
    )  # fmt: skip

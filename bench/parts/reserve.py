from collections.abc import Iterator

from bench.figures import Row, Size
from bench.reserve import measure as measure_reserve


def measure(size: Size) -> Iterator[Row]:
    for each in measure_reserve(size.of(6, 2)):
        yield Row(
            f"hold and confirm, {each.name}", f"{each.rate:,.0f}/s",
            f"pgbench's bare statements: {each.bare:,.0f}/s", each.ratio, f"{each.promised}",
            each.ratio >= each.promised,
        )  # fmt: skip

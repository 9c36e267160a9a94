from collections.abc import Iterator

from bench.figures import Row, Size
from bench.now import measure as measure_now


def measure(size: Size) -> Iterator[Row]:
    for each in measure_now(2, size.of(5, 2)):
        name, _slash, reference = each.name.rpartition(" / ")
        yield Row(
            name, f"{each.rate:,.0f}/s", f"{reference}: {each.reference:,.0f}/s", each.ratio,
            f"{each.promised}", each.ratio >= each.promised,
        )  # fmt: skip

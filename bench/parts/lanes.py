from collections.abc import Iterator

from bench.figures import Row, Size
from bench.lanes import DAY, MOST_MS
from bench.lanes import measure as measure_lanes

NAMES = {
    "alone": "nobody else",
    "before": "a crowd, without threads of their own",
    "after": "a crowd, with threads of their own",
}


def measure(size: Size) -> Iterator[Row]:
    before: dict[str, float] = {}
    for each in measure_lanes(4, size.of(3, 1)):
        page = "a clinic's day" if each.page == DAY else f"`{each.page}`"
        beside = f", {each.joins:,.0f} joins/s beside" if each.joins else ""
        result = f"p50 {each.p50:.0f} ms, p95 {each.p95:.0f} ms, longest {each.longest:.0f}"
        if each.lanes == "before":
            before[each.page] = each.p95
        is_after = each.lanes == "after"
        yield Row(
            f"{page} beside {NAMES[each.lanes]}", result + beside,
            "p95 without them" if is_after else "",
            each.p95 / before[each.page] if is_after else None,
            f"p95 {MOST_MS} ms" if is_after else "", each.p95 < MOST_MS if is_after else None,
        )  # fmt: skip

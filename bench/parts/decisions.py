from collections.abc import Iterator

import django

from bench.decisions import MOST_DECISION, time_decision
from bench.figures import Row, Size


def measure(size: Size) -> Iterator[Row]:
    django.setup()
    decision = time_decision()
    yield Row(
        "one decision", f"{decision * 1e6:.1f} µs", aim=f"{MOST_DECISION * 1e6:.0f} µs",
        met=decision < MOST_DECISION,
    )  # fmt: skip

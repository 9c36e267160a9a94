"""Waiting for a condition instead of for a time."""

import time
from collections.abc import Callable


def until(
    condition: Callable[[], object],
    why: str | Callable[[], str] = "It never came about.",
    *,
    patience: float = 30,
) -> None:
    """Return as soon as `condition()` is true; fail with `why` after `patience` seconds."""
    alarm = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < alarm, why() if callable(why) else why
        time.sleep(0.02)

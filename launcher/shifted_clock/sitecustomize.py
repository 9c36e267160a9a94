"""Loaded at start by every Python whose clock libfaketime shifts (launcher/hours.py)."""

import select
import time
from typing import Any


def sleep(seconds: Any) -> None:
    """Replaces time.sleep, which fails: libfaketime 0.9.10 shifts the deadline of clock_nanosleep
    by the wall clock's offset even if the monotonic clock is not shifted."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep

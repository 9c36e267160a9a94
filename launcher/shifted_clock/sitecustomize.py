"""Loaded by every Python whose clock libfaketime shifts (launcher/hours.py)."""

import select
import time
from typing import Any


def sleep(seconds: Any) -> None:
    """As time.sleep, which fails: libfaketime 0.9.10 shifts the deadline of clock_nanosleep by the
    wall clock's offset even where it leaves the monotonic clock alone."""
    if seconds < 0:
        raise ValueError("sleep length must be non-negative")
    select.select([], [], [], seconds)


time.sleep = sleep

"""Garbage collection of long-running processes."""

import gc


def leave_loaded_alone() -> None:
    """Exclude all objects loaded so far from garbage collection, and collect less often.

    Scanning the loaded application again and again took a tenth of the time of every page.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)

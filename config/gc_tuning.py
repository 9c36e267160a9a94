"""What a long-running process of the portal does about garbage."""

import gc


def leave_loaded_alone() -> None:
    """Keep what is loaded by now out of the garbage collection, and collect less often.

    Looking through the loaded application again and again took a tenth of every page.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)

"""Whether a process of this machine still runs."""

import os


def is_alive(pid: str) -> bool:
    """False for a number that no process has; True for one that cannot be asked."""
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (ValueError, PermissionError):
        return True
    return True

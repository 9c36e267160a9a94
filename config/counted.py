"""Where the processes of a web server leave what they count, for prometheus_client.

Importing this names the folder; do so before prometheus_client is imported.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from config.processes import is_alive

_BASE = Path(__file__).resolve().parent.parent
HOME = Path(os.environ.get("JARI_HOME") or _BASE / "var") / "counted"


def _own_folder() -> Path:
    """A folder of this server; those of servers that have ended are removed."""
    with suppress(OSError):
        for folder in HOME.iterdir():
            if not is_alive(folder.name):
                shutil.rmtree(folder, ignore_errors=True)
    folder = HOME / str(os.getpid())
    # Of an earlier server that had the same number.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def forget_the_dead() -> None:
    """Drop the gauges of processes that have ended; what they counted stays counted."""
    with suppress(OSError):
        for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob("gauge_live*.db"):
            if not is_alive(file.stem.rpartition("_")[2]):
                file.unlink(missing_ok=True)


# Without room or rights to write, each process counts for itself.
with suppress(OSError):
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_own_folder())

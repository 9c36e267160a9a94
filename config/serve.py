"""The web server.

    python -m config.serve [--bind HOST:PORT] [--workers 2]

The application is loaded before the processes fork, so that the successor of a killed one
answers at once. SIGTERM finishes what is under way; SIGHUP renews the processes one by one.
"""

import argparse
import contextlib
import ctypes
import multiprocessing
import os
import resource
import signal
import sys
import time
from functools import partial
from typing import Any

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from config import rsgi
from config.gc_tuning import leave_loaded_alone

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
KILL_AFTER_SECONDS = 9
# How long a connection may be open and ask nothing; browsers keep several.
IDLE_MILLISECONDS = 15_000
# The most that the lines before a body may take; above it the answer is 431.
HEAD_BYTES = 32 * 1024
# Connections wait here, in order, where a process has as many as config.limits allows.
BACKLOG = 4_096
FILES = 65_536
# A worker that dies younger than this is replaced after a pause: it may well die again.
YOUNG_SECONDS, PAUSE_SECONDS = 2.0, 1.0


class Server(Granian):  # type: ignore[misc, valid-type]  # one of two, as Python was built
    """Replaces its workers however often they die.

    Granian ends the whole server when one of them dies twice within 5.5 seconds, and with it
    the others and whatever they do; then nobody answers until somebody starts it again.
    """

    def _respawn_workers(
        self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        if not delay:  # nobody asked for new ones: some have died, perhaps more than were told
            now = time.monotonic()
            workers = [place for place, one in enumerate(self.wrks) if not one.is_alive()]
            if any(now - self.wrks[place].birth < YOUNG_SECONDS for place in workers):
                self.main_loop_interrupt.wait(PAUSE_SECONDS)
            if self.interrupt_signal:
                return
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # what granian goes by


def one_worker(port: int) -> Any:
    """The application, in a worker process that ends with its main process.

    Without one it would hold the port and never be looked after. Killed and not asked: a worker
    that has only just begun does not hear SIGTERM.
    """
    main_process = multiprocessing.parent_process()
    if main_process and main_process.pid:
        _end_with(main_process.pid)
    rsgi.guard.start(port)
    return rsgi.application


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", default="127.0.0.1:8000")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    address, _colon, port = given.bind.rpartition(":")
    _allow_many_files()
    leave_loaded_alone()
    Server(
        "config.rsgi:application",
        address=address.strip("[]"),
        port=int(port),
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=IDLE_MILLISECONDS, max_buffer_size=HEAD_BYTES
        ),
        workers=given.workers,
        websockets=False,
        backlog=BACKLOG,
        backpressure=rsgi.limits.connections,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=KILL_AFTER_SECONDS,
    ).serve(target_loader=partial(one_worker, int(port)), wrap_loader=False)


def _allow_many_files() -> None:
    """Each connection is one; most systems let a process raise its own limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower limit that it does not tell
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    main()

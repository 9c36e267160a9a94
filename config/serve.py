"""The web server.

    python -m config.serve [--bind HOST:PORT] [--workers 2]

The application is loaded before the processes fork, so that the successor of a killed one answers
at once. SIGTERM finishes running requests; SIGHUP replaces the processes one by one.
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
from typing import Any, NoReturn

from django.conf import settings
from django.db import DatabaseError, connection
from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels

from config import (
    counted,  # before the application: prometheus_client looks at its folder when it is imported
    rsgi,
)
from config.calm import CROWD_NICE, CalmServer
from config.gc_tuning import leave_loaded_alone
from config.refusals import refusal_of
from privacy.reindexing import key_problems

PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
KILL_AFTER_SECONDS = 9
# Time an open connection may be idle; browsers keep several.
IDLE_MILLISECONDS = 15_000
# Limit of request line and headers; above it granian answers 431.
HEAD_BYTES = 32 * 1024
# Queue of the listening socket, for when a process has Limits.connections open.
BACKLOG = 4_096
FILES = 65_536
# A worker that dies younger than this is replaced after a pause, as it may die again at once.
YOUNG_SECONDS, PAUSE_SECONDS = 2.0, 1.0


class Server(Granian):  # type: ignore[misc, valid-type]  # one of two classes, by Python's build
    """Replaces workers however often they die.

    Granian stops the whole server when a worker dies twice within 5.5 seconds; the portal would
    then be down until it is started again.
    """

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        if rsgi.calm and rsgi.calm.is_used:
            self.workers += 1  # not before: granian warns of more workers than processors
        super().startup(spawn_target, target_loader)

    def _spawn_worker(self, idx: int, target: Any, callback_loader: Any) -> Any:
        # The last one takes no connection.
        is_calm = rsgi.calm is not None and rsgi.calm.is_used and idx == self.workers - 1
        return super()._spawn_worker(idx, target, calm_worker if is_calm else callback_loader)

    def _respawn_workers(
        self, workers: list[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        # Without a delay it is no SIGHUP: workers have died, perhaps more than granian noticed.
        if not delay:
            now = time.monotonic()
            workers = [index for index, worker in enumerate(self.wrks) if not worker.is_alive()]
            counted.forget_the_dead()
            if any(now - self.wrks[index].birth < YOUNG_SECONDS for index in workers):
                self.main_loop_interrupt.wait(PAUSE_SECONDS)
            if self.interrupt_signal:
                return
        super()._respawn_workers(workers, spawn_target, target_loader, delay)
        self.respawned_wrks.clear()  # by which granian would decide to stop the server


def one_worker(port: int) -> Any:
    """The application, in a worker process that is killed when its main process dies.

    An orphan would hold the port, and nothing would replace it. SIGKILL, as a worker that is just
    starting has no handler for SIGTERM yet.
    """
    _begin()
    if rsgi.calm and rsgi.calm.is_used:
        with contextlib.suppress(OSError):  # a sandbox may forbid it
            os.nice(CROWD_NICE)
    rsgi.guard.start(port)
    return rsgi.application


def calm_worker() -> NoReturn:
    """Instead of an application: the process of the lanes that a crowd must not slow."""
    _begin()
    assert rsgi.calm
    CalmServer(rsgi.calm, rsgi.pages.call, refusal_of).run()
    sys.exit()


def _begin() -> None:
    """What each process does after the fork."""
    main_process = multiprocessing.parent_process()
    if main_process and main_process.pid:
        _end_with(main_process.pid)
    for start in rsgi.after_fork:
        start()


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` dies. Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call above
            os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bind", default="127.0.0.1:8000")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    address, _colon, port = options.bind.rpartition(":")
    _allow_many_files()
    leave_loaded_alone()
    if rsgi.calm:
        rsgi.calm.prepare()
    try:
        serve(address.strip("[]"), int(port), options.workers)
    finally:
        if rsgi.calm:
            rsgi.calm.remove()


def serve(address: str, port: int, workers: int) -> None:
    Server(
        "config.rsgi:application",
        address=address,
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(
            header_read_timeout=IDLE_MILLISECONDS, max_buffer_size=HEAD_BYTES
        ),
        workers=workers,
        websockets=False,
        backlog=BACKLOG,
        backpressure=rsgi.limits.connections,
        log_level=LogLevels.warning,
        log_dictconfig=server_logging(),
        respawn_failed_workers=True,
        respawn_interval=0.1,
        workers_kill_timeout=KILL_AFTER_SECONDS,
    ).serve(target_loader=partial(one_worker, port), wrap_loader=False)


def server_logging() -> dict[str, Any]:
    """The settings' logging, for granian's own lines too: they would have neither time nor mask."""
    configured: dict[str, Any] = settings.LOGGING
    return configured | {"loggers": configured["loggers"] | {"_granian": {}}}


def _allow_many_files() -> None:
    """Raise the limit of open files: each connection is one, and the usual soft limit is 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has a lower, undocumented limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, target), hard))


def refuse_unfit_keys() -> None:
    """Exit if people in the database would not be found under the index keys of this node.

    Each of them would be declared a second time. A start without the database goes on: the pages
    say what is missing.
    """
    try:
        problems = list(key_problems())
    except DatabaseError:
        problems = []
    finally:
        connection.close()
        # Its threads would not survive the fork of the workers.
        connection.close_pool()  # type: ignore[attr-defined]  # the stub knows no pools
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    refuse_unfit_keys()
    main()

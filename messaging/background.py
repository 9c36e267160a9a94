"""Sending from a web process while Redis is away, and never by the thread that makes a page."""

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from django.db import connection

log = logging.getLogger(__name__)

THREADS = 2
MOST_WAITING = 200  # more are left to the sweep: the row is the truth

_lock = threading.Lock()
_pool: tuple[int, ThreadPoolExecutor] | None = None
_places = threading.BoundedSemaphore(MOST_WAITING)


def in_background(send: Callable[[int], object], message_id: int) -> bool:
    """Send it soon by a thread of its own; False if too many wait already."""
    if not _places.acquire(blocking=False):
        return False
    _executor().submit(_run, send, message_id)
    return True


def wait_until_sent() -> None:
    """Wait for all that was given to `in_background` here."""
    global _pool
    with _lock:
        pool, _pool = _pool, None
    if pool:
        pool[1].shutdown(wait=True)


def _executor() -> ThreadPoolExecutor:
    """One for each process: threads do not survive a fork."""
    global _pool
    with _lock:
        if _pool is None or _pool[0] != os.getpid():
            _pool = os.getpid(), ThreadPoolExecutor(THREADS, thread_name_prefix="jari-send")
        return _pool[1]


def _run(send: Callable[[int], object], message_id: int) -> None:
    try:
        send(message_id)
    except Exception:
        log.exception("message %s could not be sent in the background", message_id)
    finally:
        connection.close()
        _places.release()

"""Readiness probe that answers from memory, so that it never waits.

One thread per part checks it every few seconds; a part that hangs does not delay the others.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping

from django.db import close_old_connections

from config.headers import Headers
from database.clock import known_now

CHECK_SECONDS = 2.0
RETRY_SECONDS = 0.3  # after a failure, so that a starting portal is ready soon
# A result older than this counts as unreachable: the check hangs.
OLD_SECONDS = 10.0
HEADERS: Headers = [("content-type", "application/json"), ("cache-control", "no-store")]


class Readiness:
    """Readiness of `parts`: functions that return "ok" or a word for the failure.

    The probe answers 200 if the part `needs` is ok, else 503.
    """

    def __init__(self, parts: Mapping[str, Callable[[], str]], *, needs: str) -> None:
        self._parts, self._needs = parts, needs
        self._results: dict[str, tuple[str, float]] = {}
        self._started = False

    def __call__(self) -> tuple[int, Headers, bytes]:
        self._start()
        states = {name: self._state(name) for name in self._parts}
        ready = states[self._needs] == "ok"
        content = {"ready": ready, **states, "time": known_now().isoformat()}
        return 200 if ready else 503, HEADERS, json.dumps(content).encode()

    def watched(self) -> dict[str, str] | None:
        """The states for a page; None until each part was checked once."""
        self._start()
        if len(self._results) < len(self._parts):
            return None
        return {name: self._state(name) for name in self._parts}

    def _start(self) -> None:
        if self._started:  # at the first call, which is after the fork
            return
        self._started = True
        for name in self._parts:
            threading.Thread(target=self._watch, args=[name], daemon=True, name=name).start()

    def _state(self, name: str) -> str:
        state, at = self._results.get(name, ("unreachable", time.monotonic()))
        return state if time.monotonic() - at < OLD_SECONDS else "unreachable"

    def _watch(self, name: str) -> None:
        while True:
            try:
                state = self._parts[name]()
            except Exception as error:
                state = type(error).__name__
            finally:
                # As after a request: a connection that broke would be used again for ever, and
                # the node count as unready when the database has long been back.
                close_old_connections()
            self._results[name] = state, time.monotonic()
            time.sleep(CHECK_SECONDS if state == "ok" else RETRY_SECONDS)

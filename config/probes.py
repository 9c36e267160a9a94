"""Whether traffic may be sent here, known without asking: a probe never waits for anything.

Each part is asked by a thread of its own, so that one that hangs leaves the others known.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping

from config.headers import Headers
from database.clock import known_now

ASKED_EVERY_SECONDS = 2.0
AGAIN_SECONDS = 0.3  # when it was not reached: a portal that starts is waited for
# An answer older than this counts as none: the part hangs.
OLD_SECONDS = 10.0
HEADERS: Headers = [("content-type", "application/json"), ("cache-control", "no-store")]


class Readiness:
    """`parts` gives a word for each part, "ok" where it can be reached."""

    def __init__(self, parts: Mapping[str, Callable[[], str]], *, needs: str) -> None:
        self._parts, self._needs = parts, needs
        self._known: dict[str, tuple[str, float]] = {}
        self._started = False

    def __call__(self) -> tuple[int, Headers, bytes]:
        if not self._started:  # not before the process has forked
            self._started = True
            for name in self._parts:
                threading.Thread(target=self._look, args=[name], daemon=True, name=name).start()
        known = {name: self._state(name) for name in self._parts}
        ready = known[self._needs] == "ok"
        time_now = known_now().isoformat()
        content = {"ready": ready, **known, "time": time_now}
        return 200 if ready else 503, HEADERS, json.dumps(content).encode()

    def _state(self, name: str) -> str:
        state, at = self._known.get(name, ("unreachable", time.monotonic()))
        return state if time.monotonic() - at < OLD_SECONDS else "unreachable"

    def _look(self, name: str) -> None:
        while True:
            try:
                state = self._parts[name]()
            except Exception as error:
                state = type(error).__name__
            self._known[name] = state, time.monotonic()
            time.sleep(ASKED_EVERY_SECONDS if state == "ok" else AGAIN_SECONDS)

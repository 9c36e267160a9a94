"""Brakes on guessing: failures are counted by network, and above a limit the next attempt needs a
proof of work.

No request is refused outright. Without Redis nothing is counted.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.http import HttpRequest
from redis import RedisError

from eligibility.limits import client_address
from web import proof_of_work
from web.limits import over

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Brake:
    """`rate` failures ("10/10m") are free per network and `key`."""

    name: str
    rate: str

    def count(self, request: HttpRequest, key: str = "") -> None:
        self._usage(request, key, increment=True)

    def is_on(self, request: HttpRequest, key: str = "") -> bool:
        return self._usage(request, key, increment=False)

    def _usage(self, request: HttpRequest, key: str, *, increment: bool) -> bool:
        source = client_address(request) or "unknown"
        try:
            return over(
                request, group=self.name, key=f"{source}|{key}", rate=self.rate, counts=increment
            )
        except RedisError:
            # Fail open: an outage of Redis must not lock citizens out of their own reservations.
            log.warning("redis is gone: %s is not counted", self.name)
            return False


def needs_work(
    request: HttpRequest, brakes: Sequence[Brake], keys: Sequence[str], *, wait_for: str
) -> bool:
    """Whether a brake is on and the form carries neither a proof of work nor a wait token a minute
    old. `wait_for` is the text that the wait token is bound to, as in `proof_of_work.work_for`."""
    if not any(brake.is_on(request, key) for brake, key in zip(brakes, keys, strict=True)):
        return False
    return not proof_of_work.was_done(request, wait_for)

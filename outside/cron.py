"""RQ's cron on several nodes: one of them acts, and the database decides which (decision 60)."""

import logging
from typing import Any

from django_rq.cron import DjangoCronScheduler
from redis.exceptions import ConnectionError, ReadOnlyError, TimeoutError
from rq.cron import CronJob

from database.leases import Turn

log = logging.getLogger(__name__)

# So long nothing is enqueued after the acting process is killed: the lines stand still meanwhile.
TURN_SECONDS = 6.0
WAIT_SECONDS = 1.0
AWAY = (ConnectionError, ReadOnlyError, TimeoutError)


class TakingTurns(DjangoCronScheduler):
    """Enqueues jobs while it is this process's turn, and goes on when Redis fails over."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.turn = Turn("cron", self.name, seconds=TURN_SECONDS)
        self._acted = False

    def enqueue_jobs(self) -> list[CronJob]:
        was_acting, self._acted = self._acted, self.turn.take()
        if self._acted != was_acting:
            log.info("%s %s", self.name, "acts" if self._acted else "waits for its turn")
        if not self._acted:
            return []
        try:
            return super().enqueue_jobs()
        except AWAY as error:
            log.warning("Redis took no jobs: %s", error)
            self._acted = False  # not at once again
            return []

    def calculate_sleep_interval(self) -> float:
        return super().calculate_sleep_interval() if self._acted else WAIT_SECONDS

    def save(self, pipeline: Any = None) -> None:
        try:
            super().save(pipeline)
        except AWAY as error:
            log.warning("Redis took no state of cron: %s", error)

    def heartbeat(self) -> None:
        try:
            super().heartbeat()
        except AWAY as error:
            log.warning("Redis took no heartbeat of cron: %s", error)

    def register_death(self, pipeline: Any = None) -> None:
        self.turn.give_back()  # so that another process acts at once
        try:
            super().register_death(pipeline)
        except AWAY as error:
            log.warning("Redis took no farewell of cron: %s", error)

"""What the line keeps in Redis: no more for many who wait than for few."""

import django_rq
import pytest
from django.test import TestCase
from rq import SimpleWorker
from rq.timeouts import BaseDeathPenalty

from messaging.enums import Channel
from tests.waiting_room.scene import join, make_room
from tests.waiting_room.test_pages import browser
from waiting_room import jobs
from waiting_room.models import Room
from waiting_room.services import telling

pytestmark = pytest.mark.django_db


class WithoutAlarm(BaseDeathPenalty):
    """The worker runs in this thread, whose alarm is not its own."""

    def setup_death_penalty(self):
        pass

    def cancel_death_penalty(self):
        pass


class InThisProcess(SimpleWorker):
    death_penalty_class = WithoutAlarm


def run_jobs() -> None:
    queues = [django_rq.get_queue(name) for name in ("line", "messages")]
    with TestCase.captureOnCommitCallbacks(execute=True):
        for queue, job in zip(queues, (jobs.tick, jobs.send_alerts), strict=True):
            queue.enqueue(job, result_ttl=0)
    InThisProcess(queues, connection=queues[0].connection).work(burst=True)


def in_redis() -> dict[str, int]:
    """Every key and what it takes, but for the workers that came and went."""
    redis = django_rq.get_connection("line")
    keys = [key.decode() for key in redis.scan_iter(count=1000)]
    return {key: redis.memory_usage(key, samples=0) or 0 for key in keys if ":worker" not in key}


def wait_in_line(room: Room, people: int) -> dict[str, int]:
    """So many join, ask to be told, and ask how it stands, while ticks go on."""
    for _ in range(people):
        ticket = join(room)
        telling.request_alert(ticket=ticket, channel=Channel.SMS, language="ko")
        assert browser().get(f"/queue/{room.cohort.code}/now.json").status_code == 200
    for _ in range(3):
        run_jobs()
    return in_redis()


def test_redis_does_not_grow_with_the_line():
    room = make_room(max_active=5, max_per_minute=60)
    few = wait_in_line(room, 10)

    many = wait_in_line(room, 120)

    room.line.refresh_from_db()
    room.board.refresh_from_db()
    assert room.board.document["issued"] == 130
    assert room.tickets.count() - room.line.serving > 90
    assert len(many) <= len(few)
    assert sum(many.values()) <= sum(few.values()) + 200

"""The portal's minutes, and the state of its parts."""

from datetime import time, timedelta

import pytest
from redis import ConnectionError as RedisGone

from messaging.models import Message
from outside.redis import client as redis_client
from reports.minutes import record_minutes
from reports.models import ExportSchedule, PortalMinute
from tests.factories import ReservationFactory, RoomFactory, StaffFactory
from tests.waiting_room.scene import join, make_eligible
from tests.waiting_room.test_pages import browser
from waiting_room import health
from waiting_room.services import rooms

pytestmark = pytest.mark.django_db


@pytest.fixture
def tally(monkeypatch):
    tally = health.Tally()
    tally._flushed_at = 0
    monkeypatch.setattr(health, "tally", tally)
    monkeypatch.setattr(health, "FLUSH_SECONDS", 0)
    return tally


def test_a_minute_counts_pages_refusals_holds_and_bookings(clock, tally):
    clock.at("20:00:10")
    RoomFactory()
    clock.at("20:00:20")
    ReservationFactory()
    ReservationFactory(held=True)
    tally.add(0.1, failed=False)
    tally.add(0.9, failed=True)
    tally.add(0.2, failed=False, refusal="7:SlotFull")
    clock.at("20:01:06")

    assert record_minutes() == 1
    assert record_minutes() == 0
    minute = PortalMinute.objects.get()
    assert (minute.requests, minute.errors, minute.slow) == (3, 1, 1)
    assert minute.latency == pytest.approx(0.4)
    assert (minute.holds, minute.bookings) == (2, 1)
    assert minute.written == Message.objects.count() > 0
    assert minute.refusals == {"7": {"SlotFull": 1}}
    clock.at("20:03:04")  # 20:02 may still be counted
    assert record_minutes() == 1


def test_without_redis_the_pages_of_a_minute_are_unknown(clock, tally, monkeypatch):
    def gone():
        raise RedisGone

    clock.at("20:00:10")
    monkeypatch.setattr(health, "client", gone)
    tally.add(0.1, failed=False)
    clock.at("20:01:06")

    record_minutes()

    minute = PortalMinute.objects.get()
    assert (minute.requests, minute.latency, minute.bookings) == (None, None, 0)


def test_who_is_refused_by_a_line_is_counted_for_its_room(clock, tally):
    clock.at("20:00:10")
    room = RoomFactory()
    person = make_eligible(room)
    visitor = browser(person)
    rooms.close_room(room=room, by="staff:1")

    assert visitor.post(f"/queue/{room.cohort.code}/join/").status_code == 409
    clock.at("20:01:06")
    record_minutes()

    assert PortalMinute.objects.get().refusals == {str(room.pk): {"RoomClosed": 1}}


def test_readyz_names_cron_and_late_schedules(client, clock):
    clock.at("05:00")
    schedule = ExportSchedule.objects.create(
        name="morning",
        export="reservations",
        at=time(6),
        target="folder",
        reason="아침 보고",
        late_after=30,
        made_by=StaffFactory(),
    )
    redis_client().delete("rq:cron_schedulers")
    clock.at("06:29")
    parts = client.get("/readyz").json()
    assert (parts["cron"], parts["exports"]) == ("none", "ok")

    redis_client().zadd("rq:cron_schedulers", {"one": 1})
    redis_client().set("rq:cron_scheduler:one", "", ex=119)
    day = clock.at("06:31").date()
    parts = client.get("/readyz").json()

    assert (parts["cron"], parts["exports"]) == ("ok", f"late: morning of {day}")
    assert parts["ready"]
    redis_client().set("rq:cron_scheduler:one", "", ex=60)
    schedule.files.create(export="reservations", version=1, day=day, status="cancelled")
    clock.move_to(clock.now() + timedelta(minutes=1))
    parts = client.get("/readyz").json()
    assert (parts["cron"], parts["exports"]) == ("none", "ok")
    redis_client().delete("rq:cron_schedulers", "rq:cron_scheduler:one")


def test_a_person_who_joins_costs_no_statement_more(django_assert_num_queries, tally):
    """Counting happens in the process; the flush is Redis' alone."""
    join(RoomFactory())
    with django_assert_num_queries(0):
        tally.add(0.1, failed=False, refusal="7:SlotFull")
        tally.refuse("7:RoomClosed")

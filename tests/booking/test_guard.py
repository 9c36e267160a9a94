"""One guard for all booking pages, measured: the line slows down when booking does."""

from functools import partial

import pytest
import redis
from django.conf import settings
from django.db import connection, transaction
from django.urls import reverse

from booking import urls
from booking.models import Reservation
from booking.services.seats import lock_slots
from eligibility.models import Proxy
from tests.booking.test_path import sign_in
from tests.concurrency import Underway
from tests.factories import AdmissionFactory, PersonFactory, ReservationFactory, SlotFactory
from tests.roles import as_owner
from tests.waiting_room.scene import back_in_time, tick
from waiting_room import health
from waiting_room.models import Line

pytestmark = pytest.mark.django_db(transaction=True)
# For whoever has the token, or the number and the phone: not behind the line.
OPEN_TO_ALL = {"lookup", "offer", "decline", "closure_offer"}
# Before the turn, or only leading on: quick answers would hide that booking is slow.
BEFORE_THE_TURN = {"wishes", "together_people"}
POSTED = {
    "hold", "extend", "release", "leave_list", "undo", "together_extend", "together_release",
}  # fmt: skip
OF_A_RESERVATION = {
    "reservation", "cancel", "undo", "change", "change_both", "calendar", "share",
}  # fmt: skip
# For the reservation's person and another one, for whom they may act.
OF_BOTH = {
    "together", "together_second", "together_confirm", "together_extend", "together_release",
}  # fmt: skip


@pytest.fixture
def tally(monkeypatch):
    monkeypatch.setattr(health, "tally", health.Tally())
    monkeypatch.setattr(health, "FLUSH_SECONDS", float("inf"))
    return health.tally


def address(name: str, reservation: Reservation) -> str:
    if name == "clinic":
        return reverse(name, args=[reservation.slot.clinic.code])
    if name in OF_BOTH:
        proxy = Proxy.objects.create(person=PersonFactory(), by=reservation.person)
        return reverse(name, args=[proxy.pk])
    return reverse(name, args=[reservation.number] if name in OF_A_RESERVATION else [])


def ask(client, name: str, reservation: Reservation):
    where = address(name, reservation)
    return client.post(where) if name in POSTED else client.get(where)


@pytest.mark.parametrize(
    "name", sorted({one.name for one in urls.urlpatterns} - OPEN_TO_ALL - BEFORE_THE_TURN)
)
def test_each_booking_page_is_measured_for_whoever_may_see_it(client, tally, name):
    admission = AdmissionFactory()
    reservation = ReservationFactory(admission=admission, person=admission.ticket.person, held=True)
    sign_in(client, reservation.person)

    answer = ask(client, name, reservation)

    assert answer.status_code < 500
    assert (tally._requests, tally._errors) == (1, 0)


@pytest.mark.parametrize("name", sorted({one.name for one in urls.urlpatterns} - OPEN_TO_ALL))
def test_strangers_get_nowhere_and_are_not_measured(client, tally, name):
    answer = ask(client, name, ReservationFactory())

    assert answer.status_code in (302, 403)
    assert tally._requests == 0


WAITED = """
SELECT FROM pg_stat_activity
WHERE wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '700 ms'
"""


def test_the_line_slows_down_when_a_hold_waits_for_its_slot(client, tally, monkeypatch):
    admission, slot = AdmissionFactory(), SlotFactory()
    room = admission.room
    Line.objects.filter(room=room).update(pace=300)
    back_in_time(room, 5)
    sign_in(client, admission.ticket.person)
    monkeypatch.setattr(health, "FEWEST", 1)
    monkeypatch.setattr(health, "FLUSH_SECONDS", 0)
    # Pages give Redis 0.2 s, which a busy machine may miss: that is another test's matter.
    monkeypatch.setattr(health, "client", lambda: redis.Redis.from_url(settings.REDIS_URL))

    with transaction.atomic():
        lock_slots([slot.pk])
        hold = Underway(partial(client.post, reverse("hold"), {"slot": slot.pk}))
        assert hold.waits()
        wait_until_it_is_slow()
    assert hold.result().status_code == 200

    assert tick(room).line.pace < 300


def wait_until_it_is_slow() -> None:
    """A lock that is waited for longer than booking may take."""
    with as_owner(), connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(WAITED)
            if cursor.rowcount:
                return

"""Whether there is enough for all, from booking through the tick to the page."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.models import Slot
from booking.services.confirmations import confirm_hold
from booking.services.line_reports import report_to_lines
from tests.factories import ClinicFactory, SlotFactory, VaccineFactory
from tests.holding import hold_slot
from tests.waiting_room.scene import join, make_room, tick
from tests.waiting_room.test_pages import browser
from waiting_room.models import Board
from waiting_room.now_cache import NowCache
from waiting_room.services import entering, rooms

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_board(monkeypatch):
    board = NowCache()
    monkeypatch.setattr("waiting_room.now_cache.FRESH_SECONDS", 0)
    monkeypatch.setattr("waiting_room.now_cache.documents", board)
    monkeypatch.setattr("waiting_room.views.documents", board)


def reported(room) -> tuple[int | None, int | None]:
    board = Board.objects.get(room=room)
    return board.left, board.booked


def is_warned(ticket) -> bool:
    page = browser(ticket.person).get(f"/queue/t/{ticket.pk}/").content.decode()
    return 'id="not-enough" hidden' not in page


def on_the_room_page(room, name: str) -> str:
    page = browser().get(f"/queue/{room.cohort.code}/").content.decode()
    return re.search(rf"<dt>{name}</dt>\s*<dd>\s*(.*?)\s*</dd>", page)[1]


def test_a_booking_reaches_the_status_page_and_the_people_behind_it():
    room = make_room(max_active=1, max_per_minute=1)
    slot = SlotFactory(capacity=3)
    tickets = [join(room) for _ in range(5)]
    tick(room)
    room.line.serving = 1
    room.line.save(update_fields=["serving"])
    admission = entering.enter(ticket=tickets[0])
    report_to_lines()
    tick(room)
    assert [is_warned(ticket) for ticket in tickets[1:]] == [False, False, False, True]

    [held] = hold_slot(person_id=tickets[0].person_id, slot_id=slot.pk, admission_id=admission.pk)
    confirm_hold(person_id=tickets[0].person_id, key=held.key)
    report_to_lines()
    tick(room)

    assert [is_warned(ticket) for ticket in tickets[1:]] == [False, False, True, True]
    assert on_the_room_page(room, "Booked") == "1"
    assert on_the_room_page(room, "Places left") == "2"

    Slot.objects.filter(pk=slot.pk).update(capacity=30)
    report_to_lines()
    tick(room)

    assert [is_warned(ticket) for ticket in tickets[1:]] == [False] * 4


def test_only_what_can_still_be_booked_by_this_line_counts():
    vaccine, other = VaccineFactory(double=True), VaccineFactory()
    room, anything = make_room(vaccines=[vaccine.code]), make_room()
    SlotFactory(capacity=5, vaccine=vaccine)
    SlotFactory(capacity=4, vaccine=other, booked=1)
    SlotFactory(capacity=8, vaccine=vaccine, clinic=ClinicFactory(active=False))
    SlotFactory(capacity=8, vaccine=vaccine, starts_at=timezone.now() - timedelta(hours=1))
    SlotFactory(capacity=8, vaccine=vaccine, full=True)

    report_to_lines()

    # Five places are two series of two.
    assert reported(room) == (2, 0)
    assert reported(anything) == (5, 0)


def test_a_line_that_is_over_is_told_nothing_and_any_number_of_lines_cost_three_queries():
    closed = make_room()
    rooms.close_room(room=closed, by="system")
    assert report_to_lines() == 0
    SlotFactory()
    for _ in range(3):
        make_room()
    report_to_lines()

    with CaptureQueriesContext(connection) as queries:
        report_to_lines()

    reads = [query["sql"] for query in queries if not query["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(reads) == 3
    assert reported(closed) == (None, None)

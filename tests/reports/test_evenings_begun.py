"""Reports of lines that go on after their evening, or that have not begun."""

from datetime import timedelta

import pytest

from eligibility.models import Cohort
from reports.evening import make_report
from staff.enums import Role
from tests.reports.test_control_room import signed_in
from tests.waiting_room.evenings import totals_of_the_tables
from tests.waiting_room.scene import make_room, tick
from tests.waiting_room.test_evening import an_evening, wound_up
from waiting_room.services.evening import last_totals

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def test_a_line_that_goes_on_after_its_totals_is_counted_as_it_stands(clock):
    room = an_evening(clock, minutes=1)
    Cohort.objects.update(closes_at=clock.now())
    room = wound_up(room, clock)
    Cohort.objects.update(closes_at=clock.now() + timedelta(minutes=2))
    for _ in range(30):
        clock.forward(seconds=1)
        room = tick(room)

    totals = make_report(room).logged["totals"]

    assert totals["called"] > last_totals(room)["called"]
    assert totals == totals_of_the_tables(room)


def test_a_line_that_nobody_can_join_yet_has_no_report(clock):
    client = signed_in(Role.OPERATOR)
    room = make_room(ticked=False)

    answer = client.post(f"/admin/evenings/of/{room.pk}/make/", follow=True)

    assert "Nobody has joined this line yet." in answer.content.decode()
    assert client.post("/admin/evenings/of/999999/make/").status_code == 404
    assert client.get("/admin/evenings/999999/").status_code == 404

"""The evening's report: kept at the end, and recomputable from the public log."""

import csv
import io
import json
from datetime import timedelta

import pytest
from django.db import DatabaseError

from eligibility.models import Cohort
from eligibility.services.purging import purge
from reports.evening import make_due_reports, make_report
from reports.evening_files import tables_of
from reports.evening_page import binned, by_minute, shown
from reports.models import EveningReport, PortalMinute
from staff.enums import Role
from tests.reports.test_control_room import signed_in
from tests.waiting_room.evenings import totals_of_the_tables
from tests.waiting_room.scene import room_of
from tests.waiting_room.test_evening import an_evening, over
from waiting_room.models import Admission, Room, RoomMinute
from waiting_room.offline import verify_line
from waiting_room.services.joining import leave_line
from waiting_room.services.publishing import log_file

pytestmark = pytest.mark.django_db

MINUTE = 60_000_000


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def an_evening_that_is_over(clock) -> int:
    """A drawn line, with a refusal in one of its minutes."""
    room = an_evening(clock, minutes=6)
    PortalMinute.objects.create(
        minute=room.cohort.opens_at,
        requests=10,
        errors=1,
        slow=2,
        milliseconds=4000,
        holds=3,
        bookings=2,
        written=5,
        sent=4,
        failed=1,
        refusals={str(room.pk): {"SlotFull": 3}, "0": {"SlotFull": 8}},
    )
    leave_line(ticket=room.tickets.order_by("-entry")[0])
    return over(room, clock).pk


@pytest.fixture(scope="module")
def evening(make_once):
    return make_once(an_evening_that_is_over)


@pytest.fixture
def room(evening, clock) -> Room:
    clock.move_to(evening.at)
    return room_of(evening.value)


def offline(room: Room) -> dict:
    """What a stranger works out from the published file, with the program as they download it."""
    report = verify_line.check(
        verify_line.rows_of(
            log_file(room).read_text(encoding="utf-8-sig").splitlines(keepends=True)
        )
    )
    assert report.is_good, report.troubles
    return json.loads(verify_line.as_json(report))["evening"]


def test_the_figures_of_the_log_are_those_of_the_published_file(room):
    assert make_due_reports() == 1
    assert make_due_reports() == 0
    report = EveningReport.objects.get()
    logged, evening = report.logged, offline(room)

    assert report.is_final
    assert logged["totals"] == {name: evening[name] for name in logged["totals"]}
    assert logged["totals"] == totals_of_the_tables(room)
    assert logged["waited_95"] == evening["waited_95"] >= logged["totals"]["waited_median"]
    assert logged["pauses"] == evening["pauses_from_until"]
    assert logged["paces"] == evening["paces_set"]
    curves = logged["curves"]
    for name in ("joined", "called"):
        pairs = zip(curves["minute"], curves[name], strict=True)
        assert [[at, n] for at, n in pairs if n] == evening[f"{name}_by_minute"]
    counts = {at - at % MINUTE: numbers for at, *numbers in evening["counts"]}
    last = list(counts.values())[-1]
    assert [sum(curves["entered"]), curves["inside"][-1], sum(curves["ran_out"])] == last
    assert curves["waiting"][-1] == evening["uncalled"]


def test_what_only_the_database_knows_adds_up(room):
    report = make_report(room)

    shares = report.stored["shares"]
    assert shares["called"] == shares["came"] + shares["left"] + shares["no_show"]
    booked = Admission.objects.filter(room=room, ending="booked").count()
    assert sum(n for _at, n in report.stored["booked"]) == booked > 0
    assert report.stored["refusals"] == {"SlotFull": 3}
    assert report.stored["portal"]["errors"] == 1
    assert sum(report.stored["reasons"].values()) > 0
    # Ticks three seconds apart are none; twenty minutes without one, at the end, are.
    assert {fault["kind"] for fault in report.stored["faults"]} == {"still", "missed"}
    acts = [act["act"] for act in report.stored["acts"]]
    assert acts == ["pause", "resume", "pace", "close"]
    [effect] = shown(report).effects
    assert effect.called_before > 0
    text = json.dumps([report.logged, report.stored], ensure_ascii=False)
    people = {ticket.person.name for ticket in room.tickets.all()}
    assert not [name for name in people if name in text]


@pytest.mark.parametrize(
    ("role", "sees", "makes"),
    [
        (Role.OPERATOR, 200, 302),
        (Role.AUTHORITY, 200, 403),
        (Role.AUDITOR, 200, 403),
        (Role.LOCAL, 403, 403),
    ],
)
def test_who_sees_reports_and_who_works_them_out(
    room, role, sees, makes, django_assert_max_num_queries
):
    report = make_report(room)
    client = signed_in(role, **({"region": "서울특별시"} if role == Role.LOCAL else {}))

    for address in ("", f"{report.pk}/", f"{report.pk}/?first", f"{report.pk}/minutes.csv"):
        with django_assert_max_num_queries(12):
            assert client.get(f"/admin/evenings/{address}").status_code == sees
    assert client.post(f"/admin/evenings/of/{room.pk}/make/").status_code == makes
    assert EveningReport.objects.count() == 1 + (makes == 302)


def test_page_csv_and_pdf_say_the_same(room):
    report, client = make_report(room), signed_in(Role.OPERATOR)
    client.post(f"/admin/evenings/of/{room.pk}/make/")

    text = client.get(f"/admin/evenings/{report.pk}/").content.decode()
    assert "The time had just been taken" in text
    assert "the same figures of the public log" in text
    assert report.log_root in text
    answer = client.get(f"/admin/evenings/{report.pk}/minutes.csv")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert sum(int(row["called"]) for row in rows) == report.logged["totals"]["called"]
    assert sum(int(row["booked_db"]) for row in rows) == report.stored["shares"]["booked"]
    pdf = client.get(f"/admin/evenings/{report.pk}/report.pdf")
    assert pdf.headers["Content-Type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF-")
    [acts] = [table for table in tables_of(shown(report)) if table.title == "What operators did"]
    assert len(acts.rows) == len(report.stored["acts"]) == 4
    assert all(cell in text for row in acts.rows for cell in row)


def test_minutes_and_reports_go_when_their_time_is_over(room, clock, settings):
    closed = clock.now()
    Cohort.objects.update(closes_at=closed)
    make_due_reports()
    settings.MINUTE_DAYS, settings.EVENING_DAYS = 40, 60
    kept = RoomMinute.objects.count() + PortalMinute.objects.count()

    assert kept > 1
    clock.move_to(closed + timedelta(days=39))
    assert (purge()["minutes"], purge()["reports of evenings"]) == (0, 0)
    clock.move_to(closed + timedelta(days=41))
    assert (purge()["minutes"], purge()["reports of evenings"]) == (kept, 0)
    clock.move_to(closed + timedelta(days=61))
    assert purge()["reports of evenings"] == 1
    # Nor is the report made anew.
    assert (make_due_reports(), EveningReport.objects.count()) == (0, 0)
    assert offline(room)["tickets"] == room.tickets.count()


def test_minutes_stay_until_the_line_has_its_report(room, clock, settings):
    settings.MINUTE_DAYS = 40
    late = clock.now() + timedelta(days=41)
    Cohort.objects.update(closes_at=late)
    clock.move_to(late)

    assert purge()["minutes"] == 0
    make_report(room)
    assert RoomMinute.objects.count() > 0


def test_a_young_report_can_not_be_deleted(room):
    make_due_reports()

    with pytest.raises(DatabaseError, match="Cannot delete"):
        EveningReport.objects.all().delete()


def test_an_evening_of_days_is_added_up_into_few_points(room):
    minutes = by_minute(make_report(room))
    begin = min(minutes)
    far = {**minutes, begin + 5 * 24 * 60 * MINUTE: {**minutes[begin], "called": 7, "waiting": 3}}

    labels, parts, width = binned(far, begin, None)

    assert (width, len(labels)) == (60, len(parts))
    assert len(parts) <= 240
    assert sum(part["called"] for part in parts) == sum(row["called"] for row in far.values())
    assert (parts[-1]["waiting"], parts[1]["waiting"]) == (3, minutes[max(minutes)]["waiting"])
    assert binned({}, begin, None) == ([], [], 1)

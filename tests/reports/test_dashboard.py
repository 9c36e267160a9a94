"""The dashboard: its figures are those of the tables, and who sees which of them."""

import csv
import io
from datetime import date, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from booking.models import Reservation
from reports.dashboard import Figures, Scope
from reports.dashboard_charts import CHARTS
from reports.figures import recount
from reports.models import CohortPlan, DailyFigure, FigureCount, Measure
from reports.morning import report, scope_of_morning
from staff.enums import Role
from tests.concurrency import at_once
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    put_into,
)
from tests.markup import flat
from tests.reports.files import scene_in
from tests.vaccination.factories import LotFactory

pytestmark = pytest.mark.django_db

PAGE = "/admin/dashboard/"
SEOUL, BUSAN = "서울특별시", "부산광역시"


def _sql(text, *values):
    with connection.cursor() as cursor:
        cursor.execute(text, values)
        return cursor.fetchone()[0] or 0


def expected(measure, first, last, region="", district=""):
    """The count by SQL of the tables, with nothing of the product in it."""
    what, rows, at = COUNTED[measure]
    statement = f"""
        SELECT {what} FROM {rows} JOIN booking_clinic c ON c.id = x.clinic_id
        WHERE (x.{at} AT TIME ZONE 'Asia/Seoul')::date BETWEEN %s AND %s
            AND (%s = '' OR c.region = %s) AND (%s = '' OR c.district = %s)
    """  # noqa: S608
    return _sql(statement, first, last, region, region, district, district)


APPOINTMENTS = """(SELECT s.clinic_id, s.starts_at FROM booking_reservation r
    JOIN booking_slot s ON s.id = r.slot_id WHERE r.status IN ({})) x"""
COUNTED = {
    Measure.FIRST: (
        "count(*)", "(SELECT * FROM vaccination_dosegiven WHERE dose_number = 1) x", "given_at"
    ),
    Measure.DOSES: ("count(*)", "vaccination_dosegiven x", "given_at"),
    Measure.SEATS: ("sum(capacity + margin)", "booking_slot x", "starts_at"),
    Measure.TAKEN: ("sum(booked)", "booking_slot x", "starts_at"),
    Measure.DUE: (
        "count(*)",
        APPOINTMENTS.format("'confirmed', 'arrived', 'vaccinated', 'not_done', 'no_show'"),
        "starts_at",
    ),
    Measure.NO_SHOWS: ("count(*)", APPOINTMENTS.format("'no_show'"), "starts_at"),
}  # fmt: skip


@pytest.fixture
def campaign(clock):
    """Doses on three days in two regions, and appointments around them; the first of the days."""
    start = clock.at("10:00")
    for days, place in [(0, (SEOUL, "강남구")), (1, (SEOUL, "종로구")), (2, (BUSAN, "해운대구"))]:
        clock.move_to(start + timedelta(days=days))
        scene_in(*place, "사람")
    clinics = [ClinicFactory(region=SEOUL, district="강남구"), ClinicFactory(region=BUSAN)]
    statuses = ["confirmed", "no_show", "cancelled", "not_done"]
    for number in range(8):
        at = clock.now() + timedelta(days=number % 4, hours=1)
        reservation = ReservationFactory(slot=SlotFactory(clinic=clinics[number % 2], starts_at=at))
        put_into(reservation, statuses[number // 2])
    recount()
    return start.date()


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    first=st.integers(-1, 5), length=st.integers(0, 5),
    place=st.sampled_from([("", ""), (SEOUL, ""), (BUSAN, ""), (SEOUL, "강남구"), (SEOUL, "중구")]),
)  # fmt: skip
def test_figures_are_those_of_an_independent_count(campaign, first, length, place):
    start = campaign + timedelta(days=first)
    end = start + timedelta(days=length)
    region, district = place
    scope = Scope(region=region, district=district, first=start, last=end, today=campaign)
    figures = Figures(scope)

    for measure in COUNTED:
        counted = sum(figures.on(measure, day) for day in scope.days)
        assert counted == expected(measure, start, end, *place), measure
    before = expected(Measure.FIRST, date(2000, 1, 1), end, *place)
    assert figures.total(Measure.FIRST, "until") == before


def test_a_recount_removes_what_is_no_more_and_leaves_what_is_equal(campaign):
    before = dict(DailyFigure.objects.values_list("pk", "count"))
    put_into(Reservation.objects.filter(status="no_show").order_by("pk").first(), "confirmed")

    recount()

    after = dict(DailyFigure.objects.values_list("pk", "count"))
    removed = before.keys() - after.keys()
    assert {before[pk] for pk in removed} == {1}
    assert 2 <= len(removed) <= 3  # of the country, the region, the district
    assert len(before.keys() & after.keys()) > 20
    assert FigureCount.objects.get().counted_at is not None


def test_figures_hold_no_person_and_no_clinic(campaign):
    names = {field.name for field in DailyFigure._meta.get_fields()}

    assert names == {"id", "area", "measure", "day", "cohort", "count"}


def plan(days=10, **values):
    today = date(2027, 4, 14)
    values = {"people": 100, "cohort": CohortFactory(), **values}
    return CohortPlan.objects.create(
        first_day=today, last_day=today + timedelta(days=days - 1), **values
    )


def test_a_plan_is_spread_over_its_days_and_regions_add_up(clock):
    today = clock.at("09:00").date()
    cohort = CohortFactory()
    plan(cohort=cohort, region=SEOUL)
    plan(cohort=cohort, region=BUSAN, people=50)
    country = plan(people=1000)
    scope = Scope(first=today, last=today + timedelta(days=20), today=today)

    plans = Figures(scope).plans
    seoul = Figures(Scope(region=SEOUL, first=today, last=today, today=today)).plans

    assert plans[cohort.code].people == 150
    assert plans[cohort.code].on(today) == 15
    assert plans[cohort.code].until(today + timedelta(days=4)) == 75
    assert plans[cohort.code].until(today + timedelta(days=40)) == 150
    assert plans[country.cohort.code].people == 1000
    assert {code: found.people for code, found in seoul.items()} == {cohort.code: 100}


def test_a_region_is_measured_by_the_cohorts_it_has_a_plan_for(client, campaign):
    cohort = Reservation.objects.order_by("pk").first().admission.room.cohort
    plan(cohort=cohort, region=SEOUL, people=4)
    plan(region=BUSAN, people=4)
    days = {"first": campaign, "last": campaign + timedelta(days=2)}
    sign_in(client, Role.AUTHORITY)

    rows = client.get(f"{PAGE}uptake_map.csv", days).content.decode("utf-8-sig").split("\r\n")

    assert "서울,25.0" in rows
    assert "부산,0.0" in rows
    assert "대구," in rows


def sign_in(client, role, **values):
    user = StaffFactory(role=role, **values)
    client.force_login(user)
    return user


def test_the_authority_sees_the_country_in_twelve_statements(
    client, campaign, django_assert_max_num_queries
):
    plan(cohort=Reservation.objects.first().admission.room.cohort)
    sign_in(client, Role.AUTHORITY)
    LotFactory(doses=10)

    with django_assert_max_num_queries(12):
        page = client.get(PAGE, {"first": campaign, "last": campaign + timedelta(days=2)})

    text = flat(page)
    assert page.status_code == 200
    assert [chart.key for chart in page.context["charts"]] == list(CHARTS)
    assert "기간 안의 1차 접종은 3회" in text
    assert page.content.count(b'role="img"') >= 7


@pytest.mark.parametrize(("district", "doses"), [("", "2"), ("강남구", "1"), ("중구", "0")])
def test_a_local_government_sees_its_own_area(client, campaign, district, doses):
    sign_in(client, Role.LOCAL, region=SEOUL, district=district)
    days = {"first": campaign, "last": campaign + timedelta(days=2)}

    page = client.get(PAGE, days)
    file = client.get(f"{PAGE}daily.csv", days | {"region": SEOUL})
    other = client.get(f"{PAGE}daily.csv", days | {"region": BUSAN})

    assert {chart.key for chart in page.context["charts"]} == CHARTS.keys() - {
        "uptake_map",
        "seats_map",
    }
    rows = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"))))
    assert len(rows) == 4
    assert sum(int(cell) for row in rows[1:] for cell in row[1:]) == int(doses)
    assert other.status_code == 422
    assert client.get(f"{PAGE}uptake_map.csv", days).status_code == 404


@pytest.mark.parametrize("role", [Role.CLINIC, Role.MANAGER, Role.OPERATOR, Role.AUDITOR])
@pytest.mark.parametrize("address", ["", "daily.csv", "report.pdf"])
def test_others_see_nothing(client, role, address):
    values = {"clinic": ClinicFactory()} if role in (Role.CLINIC, Role.MANAGER) else {}
    sign_in(client, role, **values)

    assert client.get(PAGE + address).status_code == 403


@pytest.mark.parametrize("address", ["", "daily.csv", "report.pdf"])
@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"first": "2027-04-14", "last": "2027-04-13"}, "last"),
        ({"first": "2027-04-14", "last": "2028-12-31"}, "last"),
        ({"first": "yesterday"}, "first"),
        ({"first": "2027-02-30"}, "first"),
        ({"last": "0001-01-01"}, "last"),
        ({"last": "9999-12-31"}, "last"),
        ({"region": "아틀란티스"}, "region"),
    ],
)
def test_bad_input_is_a_clear_error(client, address, values, field):
    sign_in(client, Role.AUTHORITY)

    page = client.get(PAGE + address, values)

    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]


def test_an_empty_portal_has_a_dashboard_too(client, clock):
    clock.at("00:10")
    sign_in(client, Role.AUTHORITY)

    page = client.get(PAGE)
    missing = client.get(f"{PAGE}nothing.csv")

    assert page.status_code == 200
    assert page.context["late"]
    empty = {chart.key for chart in page.context["charts"] if chart.empty}
    assert {"cohorts", "no_shows", "doses", "forecast"} <= empty
    assert missing.status_code == 404


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_report_is_a_pdf_in_both_languages(campaign, language):
    plan(region=SEOUL)

    content = report(scope_of_morning("", campaign + timedelta(days=3)), language)

    assert content.startswith(b"%PDF-")
    assert content.count(b"/Type /Page\n") >= 3
    assert b"\xec\x82\xac\xeb\x9e\x8c" not in content  # the name of the people


def test_plans_are_made_by_the_authority_alone(client, clock):
    clock.at("09:00")
    cohort = CohortFactory()
    values = {"cohort": cohort.pk, "region": SEOUL, "people": 10, "first_day": "2027-04-02",
              "last_day": "2027-04-01"}  # fmt: skip
    address = "/admin/reports/cohortplan/add/"
    sign_in(client, Role.LOCAL, region=SEOUL)
    assert client.post(address, values).status_code == 403
    sign_in(client, Role.AUTHORITY)

    refused = client.post(address, values)
    made = client.post(address, values | {"last_day": "2027-04-10"})
    again = client.post(address, values | {"last_day": "2027-04-10"})

    assert refused.context["errors"]
    assert made.status_code == 302
    assert again.context["errors"]
    assert CohortPlan.objects.get().people == 10


@pytest.mark.django_db(transaction=True)
def test_of_two_counts_at_once_one_waits_for_nobody():
    scene_in(SEOUL, "강남구", "사람")
    FigureCount.objects.get_or_create(pk=1)

    counted = at_once([recount, recount, recount])

    assert any(counted)
    assert DailyFigure.objects.filter(area="", measure=Measure.FIRST).get().count == 1

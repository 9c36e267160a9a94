"""Slots made from opening hours, special days, holidays and doses: planned, previewed, made."""

from datetime import date, datetime, time, timedelta

import pytest
from django.db import IntegrityError
from django.urls import reverse
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from booking.exceptions import ScheduleChanged
from booking.models import OpeningHours, Slot, SpecialDay, Stock
from booking.schedules import (
    DayRule,
    NoSlots,
    WeeklyHours,
    plan_day,
    public_holidays,
    spread_doses,
)
from booking.services import schedules
from booking.services.schedules import Options
from staff.enums import Role
from tests.concurrency import at_once
from tests.factories import (
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
MONDAY = date(2027, 6, 14)  # no holiday in this week
CHUSEOK = date(2027, 9, 15)  # a Wednesday
NINE_TO_TWELVE = {"opens": time(9), "closes": time(12), "minutes": 60, "capacity": 4}


def weekly(weekday: int = 0, vaccine_id: int = 1, **values) -> WeeklyHours:
    lunch = {"lunch_from": None, "lunch_to": None}
    return WeeklyHours(weekday, vaccine_id, **{**NINE_TO_TWELVE, **lunch, **values})


def planned(day: date = MONDAY, hours=None, rule=None, holiday="", doses=None):
    hours = [weekly(day.weekday())] if hours is None else hours
    return plan_day(day, hours=hours, rule=rule, holiday=holiday, doses=doses or {})


def times_of(plan) -> dict[str, int]:
    return {f"{timezone.localtime(start):%H:%M}": seats for (start, _), seats in plan.slots.items()}


# The plan of one day


def test_slots_end_before_lunch_and_before_closing():
    hours = weekly(closes=time(14, 45), lunch_from=time(11, 30), lunch_to=time(13), minutes=30)

    starts = list(times_of(planned(hours=[hours])))

    assert starts == ["09:00", "09:30", "10:00", "10:30", "11:00", "13:00", "13:30", "14:00"]


@pytest.mark.parametrize(
    ("rule", "holiday", "starts", "reason"),
    [
        (None, "", ["09:00", "10:00", "11:00"], None),
        (None, "Chuseok", [], NoSlots.HOLIDAY),
        (DayRule(closed=True), "", [], NoSlots.CLOSED),
        (DayRule(closed=False), "Chuseok", ["09:00", "10:00", "11:00"], None),
        (DayRule(closed=False, opens=time(10), closes=time(11, 30)), "", ["10:00"], None),
        (DayRule(closed=False, opens=time(13), closes=time(15)), "", [], NoSlots.NO_HOURS),
    ],
)
def test_a_special_day_comes_before_a_holiday_and_both_before_the_weekday(
    rule, holiday, starts, reason
):
    plan = planned(rule=rule, holiday=holiday)

    assert (list(times_of(plan)), plan.reason, plan.holiday) == (starts, reason, holiday)


def test_another_weekday_has_no_hours():
    assert planned(hours=[weekly(weekday=1)]).reason is NoSlots.NO_HOURS


def test_doses_bound_the_seats_of_their_vaccine_only():
    hours = [weekly(vaccine_id=1), weekly(vaccine_id=2)]

    plan = planned(hours=hours, doses={1: 7})

    of_first = [seats for (_, vaccine), seats in plan.slots.items() if vaccine == 1]
    of_second = [seats for (_, vaccine), seats in plan.slots.items() if vaccine == 2]
    assert (of_first, of_second) == ([3, 2, 2], [4, 4, 4])


@given(st.integers(0, 60), st.integers(1, 1000), st.none() | st.integers(0, 70_000))
def test_doses_are_spread_evenly_and_none_is_promised_twice(slots, capacity, doses):
    seats = spread_doses(slots, capacity, doses)

    most = slots * capacity
    assert sum(seats) == (most if doses is None else min(doses, most))
    assert all(0 <= number <= capacity for number in seats)
    assert not seats or max(seats) - min(seats) <= 1


def test_public_holidays_are_those_of_korea_with_their_substitute_days():
    korean = public_holidays(date(2026, 12, 20), date(2027, 2, 10), korean=True)

    assert korean[date(2027, 1, 1)] == "신정연휴"
    assert date(2027, 2, 9) in korean  # in place of a Sunday
    assert date(2026, 12, 24) not in korean
    english = public_holidays(CHUSEOK, CHUSEOK, korean=False)
    assert english == {CHUSEOK: "Chuseok"}


# Preview and making


@pytest.fixture
def clinic(clock):
    """Open on Monday to Friday from nine to twelve, four people an hour; it is Sunday noon."""
    clock.at("12:00", on=MONDAY - timedelta(days=1))
    clinic, vaccine = ClinicFactory(), VaccineFactory()
    for weekday in range(5):
        OpeningHours.objects.create(
            clinic=clinic, weekday=weekday, vaccine=vaccine, **NINE_TO_TWELVE
        )
    return clinic


@pytest.fixture
def vaccine(clinic):
    return OpeningHours.objects.filter(clinic=clinic).first().vaccine


def at(hour: int, day: date = MONDAY) -> datetime:
    return timezone.make_aware(datetime.combine(day, time(hour)))


def week(**more) -> Options:
    return Options(first=MONDAY, last=MONDAY + timedelta(days=6), **more)


def make(clinic, options: Options | None = None) -> tuple[int, int]:
    options = options or week()
    days = schedules.preview(clinic=clinic, options=options)
    shown = schedules.fingerprint(days)
    return schedules.make_slots(clinic=clinic, options=options, shown=shown, by="staff:1")


def seats(clinic) -> dict[datetime, int]:
    return dict(Slot.objects.filter(clinic=clinic).values_list("starts_at", "capacity"))


def test_what_was_previewed_is_made_and_made_once(clinic):
    days = schedules.preview(clinic=clinic, options=week())

    assert [len(day.new) for day in days] == [3, 3, 3, 3, 3, 0, 0]
    assert not Slot.objects.exists()
    assert make(clinic) == (15, 0)
    assert seats(clinic)[at(9)] == 4
    assert make(clinic) == (0, 0)


def test_new_hours_change_slots_and_take_no_seat_that_is_booked(clinic, vaccine):
    make(clinic)
    slot = Slot.objects.get(clinic=clinic, starts_at=at(9))
    for _number in range(3):
        ReservationFactory(slot=slot)
    OpeningHours.objects.filter(clinic=clinic, weekday=0).update(capacity=2, opens=time(9))

    [monday, *_others] = schedules.preview(clinic=clinic, options=week())

    assert [(change.before, change.after) for change in monday.changed] == [(4, 3), (4, 2), (4, 2)]
    assert [change.starts_at for change in monday.kept] == [at(9)]
    assert make(clinic) == (0, 3)
    slot.refresh_from_db()
    assert (slot.capacity, slot.booked) == (3, 3)


def test_slots_outside_the_hours_stay_unless_closing_them_was_chosen(clinic, vaccine):
    evening = SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=at(18), capacity=5)
    ReservationFactory(slot=evening)
    saturday = SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=at(9, MONDAY + timedelta(5)))

    make(clinic)
    before = seats(clinic)
    make(clinic, week(close_others=True))
    after = seats(clinic)

    assert (before[evening.starts_at], before[saturday.starts_at]) == (5, 10)
    assert (after[evening.starts_at], after[saturday.starts_at]) == (1, 0)


def test_a_seat_of_the_margin_does_not_raise_the_capacity(clinic):
    make(clinic)
    slot = Slot.objects.get(clinic=clinic, starts_at=at(9))
    Slot.objects.filter(pk=slot.pk).update(capacity=10, margin=1)
    OpeningHours.objects.filter(clinic=clinic, weekday=0).update(capacity=10)
    make(clinic)
    slot.refresh_from_db()
    for _number in range(10 + slot.margin):
        ReservationFactory(slot=slot)

    [monday, *_others] = schedules.preview(clinic=clinic, options=week())

    assert (monday.changed, monday.kept) == ([], [])


def test_doses_on_hand_bound_a_day_when_that_was_chosen(clinic, vaccine):
    Stock.objects.create(clinic=clinic, vaccine=vaccine, on=MONDAY, doses=5)

    bounded = schedules.preview(clinic=clinic, options=week(fit_doses=True))
    plain = schedules.preview(clinic=clinic, options=week())

    assert [day.seats for day in bounded[:2]] == [5, 12]
    assert [day.seats for day in plain[:2]] == [12, 12]
    assert bounded[0].doses == {vaccine.pk: 5}


def test_what_has_begun_today_stays_as_it_is(clinic, vaccine, clock):
    begun = SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=at(9), capacity=1)
    clock.at("10:30", on=MONDAY)

    make(clinic, Options(first=MONDAY, last=MONDAY, close_others=True))

    assert seats(clinic) == {begun.starts_at: 1, at(11): 4}


def test_what_changed_since_the_preview_is_previewed_again(clinic, vaccine):
    shown = schedules.fingerprint(schedules.preview(clinic=clinic, options=week()))
    SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=at(9), capacity=1)

    with pytest.raises(ScheduleChanged):
        schedules.make_slots(clinic=clinic, options=week(), shown=shown, by="staff:1")

    assert Slot.objects.count() == 1


def test_two_who_make_the_same_slots_at_once_make_them_once(clinic):
    results = at_once([lambda: make(clinic), lambda: make(clinic)])

    made = [result for result in results if result == (15, 0)]
    assert len(made) == 1
    [other] = [result for result in results if result != (15, 0)]
    assert other == (0, 0) or isinstance(other, ScheduleChanged)
    assert Slot.objects.count() == 15


@pytest.mark.parametrize(
    "values",
    [
        {"closes": time(9)},
        {"lunch_from": time(10)},
        {"lunch_from": time(10), "lunch_to": time(10)},
        {"lunch_from": time(8), "lunch_to": time(10)},
        {"minutes": 4},
        {"capacity": 1001},
        {"capacity": 0},
        {"weekday": 7},
    ],
)
def test_impossible_hours_are_refused_by_the_database(clinic, values):
    with pytest.raises(IntegrityError):
        OpeningHours.objects.create(
            clinic=clinic,
            **{"weekday": 6, "vaccine": VaccineFactory(), **NINE_TO_TWELVE, **values},
        )


@pytest.mark.parametrize(
    "values",
    [
        {"closed": True, "opens": time(9), "closes": time(10)},
        {"closed": False, "opens": time(9)},
        {"closed": False, "opens": time(9), "closes": time(9)},
    ],
)
def test_an_impossible_special_day_is_refused_by_the_database(clinic, values):
    with pytest.raises(IntegrityError):
        SpecialDay.objects.create(clinic=clinic, on=MONDAY, **values)


# Pages


def page_of(clinic, name: str = "schedule", *more) -> str:
    return reverse(f"admin:booking_clinic_{name}", args=[clinic.pk, *more])


@pytest.fixture
def manager(client, clinic):
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=clinic))
    return client


HOURS = {
    "weekdays": ["5", "6"],
    "opens": "10:00",
    "closes": "13:00",
    "lunch_from": "",
    "lunch_to": "",
    "minutes": "30",
    "capacity": "6",
    "save_hours": "1",
}
PERIOD = {"first": MONDAY.isoformat(), "last": (MONDAY + timedelta(days=6)).isoformat()}


def test_a_manager_sets_hours_previews_and_makes_the_slots(manager, clinic, vaccine):
    manager.post(page_of(clinic), {**HOURS, "vaccine": vaccine.pk})
    closed = {"on": MONDAY.isoformat(), "closed": "closed", "save_day": "1"}
    manager.post(page_of(clinic), closed)
    preview = manager.get(page_of(clinic, "schedule_slots"), PERIOD)
    shown = preview.context["shown"]
    made = manager.post(page_of(clinic, "schedule_slots"), {**PERIOD, "shown": shown}, follow=True)

    days = preview.context["days"]
    assert [day["new"] for day in days] == [0, 3, 3, 3, 3, 6, 6]
    assert str(days[0]["reason"]) == "휴무"
    assert [str(message) for message in made.context["messages"]] == [
        "예약 시간 24개를 추가했습니다. 예약 시간 0개를 변경했습니다."
    ]
    assert Slot.objects.filter(clinic=clinic).count() == 24


def test_hours_of_a_weekday_are_replaced_and_removed(manager, clinic, vaccine):
    saved = {**HOURS, "weekdays": ["0"], "vaccine": vaccine.pk}
    manager.post(page_of(clinic), saved, follow=True)
    row = OpeningHours.objects.get(clinic=clinic, weekday=0)
    assert (row.opens, row.capacity) == (time(10), 6)

    removing = page_of(clinic, "schedule_remove_hours", row.pk)
    first = manager.post(removing, follow=True)
    again = manager.post(removing, follow=True)

    assert not OpeningHours.objects.filter(pk=row.pk).exists()
    assert [len(page.context["messages"]) for page in (first, again)] == [1, 1]


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"opens": "03:00"}, "opens"),
        ({"closes": "09:00"}, "__all__"),
        ({"lunch_from": "11:00"}, "__all__"),
        ({"minutes": "200"}, "minutes"),
        ({"minutes": "1"}, "minutes"),
        ({"capacity": "32767"}, "capacity"),
        ({"weekdays": []}, "weekdays"),
        ({"weekdays": ["9"]}, "weekdays"),
        ({"opens": "nine"}, "opens"),
    ],
)
def test_wrong_hours_are_told_beside_the_field(manager, clinic, vaccine, changed, field):
    before = list(OpeningHours.objects.values_list())

    page = manager.post(page_of(clinic), {**HOURS, "vaccine": vaccine.pk, **changed})

    assert page.status_code == 422
    assert list(page.context["hours_form"].errors) == [field]
    assert list(OpeningHours.objects.values_list()) == before


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"first": "2027-06-01"}, "first"),
        ({"last": "2027-06-13"}, "last"),
        ({"last": "2028-06-13"}, "last"),
        ({"last": "soon"}, "last"),
    ],
)
def test_a_wrong_period_is_told_beside_the_field(manager, clinic, changed, field):
    page = manager.get(page_of(clinic, "schedule_slots"), {**PERIOD, **changed})

    assert (page.status_code, list(page.context["form"].errors)) == (422, [field])


def test_an_outdated_preview_is_shown_anew(manager, clinic, vaccine):
    shown = manager.get(page_of(clinic, "schedule_slots"), PERIOD).context["shown"]
    SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=at(9), capacity=1)

    page = manager.post(page_of(clinic, "schedule_slots"), {**PERIOD, "shown": shown})

    assert page.status_code == 409
    assert page.context["outdated"]
    assert page.context["shown"] != shown
    assert Slot.objects.count() == 1


def test_a_day_that_is_over_is_no_special_day(manager, clinic):
    posted = {"on": "2027-06-12", "closed": "closed", "save_day": "1"}

    page = manager.post(page_of(clinic), posted)

    assert (page.status_code, list(page.context["day_form"].errors)) == (422, ["on"])
    assert not SpecialDay.objects.exists()


def test_a_holiday_is_opened_by_a_special_day_with_its_hours(manager, clinic, clock):
    posted = {
        "on": CHUSEOK.isoformat(),
        "closed": "open",
        "opens": "10:00",
        "closes": "11:00",
        "save_day": "1",
    }
    options = Options(first=CHUSEOK, last=CHUSEOK)
    [before] = schedules.preview(clinic=clinic, options=options)

    manager.post(page_of(clinic), posted)

    [after] = schedules.preview(clinic=clinic, options=options)
    assert (before.plan.reason, before.new) == (NoSlots.HOLIDAY, [])
    assert [change.starts_at for change in after.new] == [at(10, CHUSEOK)]
    assert after.plan.holiday == "추석"


def test_those_who_may_not_change_slots_see_the_hours_and_change_nothing(client, clinic, vaccine):
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=clinic))
    row = OpeningHours.objects.filter(clinic=clinic).first()

    page = client.get(page_of(clinic))
    refused = [
        client.post(page_of(clinic), {**HOURS, "vaccine": vaccine.pk}),
        client.get(page_of(clinic, "schedule_slots"), PERIOD),
        client.post(page_of(clinic, "schedule_remove_hours", row.pk)),
        client.post(page_of(clinic, "schedule_remove_day", 1)),
    ]

    assert page.status_code == 200
    assert 'name="save_hours"' not in page.content.decode()
    assert [answer.status_code for answer in refused] == [403] * 4
    assert OpeningHours.objects.filter(pk=row.pk).exists()


def test_another_clinics_hours_are_not_there(client, clinic):
    other = StaffFactory(role=Role.MANAGER, clinic=ClinicFactory())
    client.force_login(other)
    row = OpeningHours.objects.filter(clinic=clinic).first()

    answers = [
        client.get(page_of(clinic)),
        client.get(page_of(clinic, "schedule_slots"), PERIOD),
        client.post(page_of(clinic, "schedule_remove_hours", row.pk)),
    ]

    assert [answer.status_code for answer in answers] == [404] * 3
    assert OpeningHours.objects.filter(pk=row.pk).exists()

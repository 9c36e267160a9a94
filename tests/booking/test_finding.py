"""Finding a time: where, when and what for; fresh, and read once however many look."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booking.finder import availability
from booking.finder.distance import distance_km
from booking.finder.search import Search, coordinates_of, find
from booking.models import Clinic, Reservation, Slot
from booking.services.confirmations import confirm_hold
from booking.services.outside_doses import record_outside_dose
from booking.services.staff_bookings import book_for
from booking.services.visits import mark_no_show
from tests.booking.test_path import heading, page, slots_on
from tests.factories import AdmissionFactory, ClinicFactory, SlotFactory, VaccineFactory
from tests.holding import hold_slot

pytestmark = pytest.mark.django_db


def look(client, **asked) -> list[int]:
    return slots_on(client.get(reverse("booking"), asked))


def clinic_at(district: str, region: str = "서울특별시", **values) -> Slot:
    return SlotFactory(clinic=ClinicFactory(region=region, district=district, **values))


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"near": "서초구"}, ["서초구", "강남구", "도봉구"]),
        ({"near": "37.66, 127.03"}, ["도봉구", "강남구", "서초구"]),
        ({"name": "바른"}, ["강남구", "도봉구"]),
        ({"name": "바른", "near": "도봉"}, ["도봉구", "강남구"]),
    ],
)
@pytest.mark.parametrize("home", [{}, {"region": "서울특별시", "district": "강남구"}])
def test_a_name_or_a_place_is_looked_for_beyond_the_district_of_the_page(
    inside, asked, found, home
):
    """The form on a page of one district sends that district along."""
    slots = {
        clinic_at(district, name=name).pk: district
        for district, name in [
            ("서초구", "푸른의원"),
            ("도봉구", "바른의원"),
            ("강남구", "서울바른의원"),
        ]
    }

    assert [slots[pk] for pk in look(inside, **asked, **home)] == found


def test_the_nearest_of_many_clinics_of_one_name_are_shown(inside):
    for number in range(41):
        clinic_at("춘천시", "강원특별자치도", name=f"연세의원 {number}")
    here = clinic_at("강남구", name="연세의원")

    listed = [look(inside, name="연세", **more)[0] for more in ({}, {"near": "서울 강남구"})]

    assert listed == [here.pk, here.pk]


def test_of_several_districts_of_one_name_that_of_ones_own_region_is_meant(inside):
    slots = {
        region: clinic_at("중구", region).pk
        for region in ("대구광역시", "서울특별시", "부산광역시")
    }

    assert look(inside, near="중구")[0] == slots["서울특별시"]
    assert look(inside, near="부산 중구")[0] == slots["부산광역시"]
    assert look(inside, near="중구", region="부산광역시")[0] == slots["부산광역시"]


def test_clinics_that_are_nowhere_are_found_by_their_name_only(inside):
    lost = clinic_at("없는구", name="외딴의원")
    here = clinic_at("강남구")

    assert look(inside, name="외딴") == [lost.pk]
    assert look(inside, near="강남구") == [here.pk, lost.pk]


def test_a_named_search_that_finds_nothing_does_not_blame_the_district(inside):
    clinic_at("강남구")

    nothing = inside.get(
        reverse("booking"), {"region": "서울특별시", "district": "강남구", "name": "없는의원"}
    )

    assert heading(nothing) == "There is no clinic named “없는의원”"


@pytest.mark.parametrize(
    ("typed", "place"),
    [
        ("강남구", "강남구"),
        ("강남", "강남구"),
        ("서울 강남구", "강남구"),
        ("서울특별시강남구", "강남구"),
        ("　강남구 ", "강남구"),
    ],
)
def test_a_district_is_known_however_it_is_typed(typed, place):
    assert coordinates_of(typed) == availability.directory().centre("서울특별시", place)


@pytest.mark.parametrize("typed", ["", "없는구", "127.04, 37.51", "nan nan", "91 200", "37.5"])
def test_what_is_no_place_is_none(typed):
    assert coordinates_of(typed) is None


def test_distances_are_those_of_the_map():
    seoul, busan = (37.5665, 126.9780), (35.1796, 129.0756)

    assert round(distance_km(seoul, busan)) == 325
    assert distance_km(seoul, seoul) == 0


@pytest.fixture
def week(clock):
    """Times of two vaccines on Monday 19 July 2021 and the two days after, at 9, 13 and 18."""
    seoul = ZoneInfo("Asia/Seoul")
    clock.move_to(datetime(2021, 7, 18, 22, tzinfo=seoul))
    clinic = ClinicFactory()
    vaccines = [VaccineFactory(code="one"), VaccineFactory(code="two")]
    return [
        SlotFactory(
            clinic=clinic,
            vaccine=vaccine,
            starts_at=datetime(2021, 7, day, hour, tzinfo=seoul),
            capacity=hour,
        )
        for day in (19, 20, 21)
        for hour in (9, 13, 18)
        for vaccine in vaccines
    ]


@pytest.mark.parametrize(
    ("asked", "days", "times"),
    [
        ({}, [19, 20, 21], [(9, "one"), (9, "two"), (13, "one"), (13, "two"), (18, "one")]),
        ({"on": date(2021, 7, 20), "part": "evening"}, [19, 20, 21], [(18, "one"), (18, "two")]),
        (
            {"weekdays": frozenset([1, 2]), "vaccine": "two"},
            [20, 21],
            [(9, "two"), (13, "two"), (18, "two")],
        ),
        ({"part": "morning", "vaccine": "one"}, [19, 20, 21], [(9, "one")]),
        ({"weekdays": frozenset([6])}, [], []),
    ],
)
def test_day_weekday_hours_and_vaccine_narrow_the_search(week, asked, days, times):
    found = find(Search(region="서울특별시", district="강남구", **asked))

    assert [day.day for day, _left in found.days] == days
    shown = [time for here in found.clinics for time in here.times]
    codes = {slot.vaccine_id: slot.vaccine.code for slot in week}
    assert [(timezone.localtime(time.starts_at).hour, codes[time.vaccine_id]) for time in shown][
        :5
    ] == times


def test_list_and_calendar_say_how_many_are_left(inside, week):
    Slot.objects.filter(pk=week[0].pk).update(booked=4)

    listed = inside.get(reverse("booking"), {"vaccine": "one", "date": "2021-07-19"})

    left = [time.left for here in listed.context["found"].clinics for time in here.times]
    assert left == [5, 13, 18]
    assert "5 left" in page(listed)
    weeks = listed.context["found"].days
    assert [(day.day, left) for day, left in weeks] == [(19, 36), (20, 40), (21, 40)]


@pytest.mark.parametrize(
    ("language", "strip", "calendar"),
    [("ko", "7/19", "7/19"), ("en", "19 Jul", "19 Jul"), ("vi", "19/7", "19/7")],
)
def test_the_calendar_writes_days_as_the_language_does(inside, week, language, strip, calendar):
    inside.cookies["jari_language"] = language

    shown = inside.get(reverse("booking"), {"date": "2021-07-19"}).content.decode()

    current = re.findall(r'aria-current="date".*?</a>', shown, re.DOTALL)
    assert [re.search(rf">({strip}|{calendar})<", day)[1] for day in current] == [strip, calendar]


def test_midnight_and_the_turn_of_the_year_are_those_of_seoul(clock):
    seoul = ZoneInfo("Asia/Seoul")
    clock.move_to(datetime(2021, 12, 31, 22, tzinfo=seoul))
    clinic = ClinicFactory()
    last = SlotFactory(clinic=clinic, starts_at=datetime(2021, 12, 31, 23, 59, tzinfo=seoul))
    first = SlotFactory(clinic=clinic, starts_at=datetime(2022, 1, 1, 0, 0, tzinfo=seoul))

    found = find(Search(region="서울특별시", district="강남구"))
    next_day = find(Search(region="서울특별시", district="강남구", on=date(2022, 1, 1)))

    assert [day for day, _left in found.days] == [date(2021, 12, 31), date(2022, 1, 1)]
    assert [time.id for time in found.clinics[0].times] == [last.pk]
    assert [time.id for time in next_day.clinics[0].times] == [first.pk]


def test_a_page_is_read_once_however_many_look_and_is_two_seconds_old_at_most(inside, monkeypatch):
    slot = SlotFactory()
    clock = [1000.0]
    monkeypatch.setattr("booking.finder.availability.time.monotonic", lambda: clock[0])

    def left() -> list[int]:
        shown = page(inside.get(reverse("booking")))
        return [int(n) for n in re.findall(r'name="slot".*?>(\d+) left<', shown, re.S)]

    before = left()
    Slot.objects.filter(pk=slot.pk).update(booked=10)
    clock[0] += 0.9
    with CaptureQueriesContext(connection) as statements:
        kept = [left() for _look in range(5)]
    clock[0] += 1.1
    after = left()

    assert (before, kept, after) == ([10], [[10]] * 5, [])
    assert not [one for one in statements if "booking_slot" in one["sql"]]


def test_a_clinic_that_was_switched_off_has_no_times_within_two_seconds(inside, monkeypatch):
    slot = SlotFactory()
    clock = [1000.0]
    monkeypatch.setattr("booking.finder.availability.time.monotonic", lambda: clock[0])
    address = reverse("clinic", args=[slot.clinic.code])
    before = [slots_on(inside.get(one)) for one in (reverse("booking"), address)]

    Clinic.objects.update(active=False)
    clock[0] += 2
    after = [slots_on(inside.get(one)) for one in (reverse("booking"), address)]

    assert (before, after) == ([[slot.pk]] * 2, [[], []])


def test_a_load_that_fails_is_told_to_all_who_wait_and_tried_anew():
    """Also when what was kept is forgotten meanwhile."""
    answers = [OSError("gone"), {"a": 1}]

    def load(_keys):
        cache.clear()
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    cache = availability.TimedCache(load, 1)

    with pytest.raises(OSError, match="gone"):
        cache.get(["a"])
    assert cache.get(["a"]) == {"a": 1}


def test_while_a_value_is_loaded_again_the_event_loop_has_it_as_it_was(monkeypatch):
    clock, values = [1000.0], iter([1, 2])
    monkeypatch.setattr("booking.finder.availability.time.monotonic", lambda: clock[0])
    began, goes_on = threading.Event(), threading.Event()

    def load(_keys: list[str]) -> dict[str, int]:
        value = next(values)
        if value == 2:
            began.set()
            goes_on.wait(30)
        return {"a": value}

    cache = availability.TimedCache(load, 1)

    def at_hand() -> int | None:
        try:
            with availability.at_hand():
                return cache.get(["a"])["a"]
        except availability.NotAtHand:
            return None

    with ThreadPoolExecutor(1) as thread:
        cache.get(["a"])
        fresh, clock[0] = at_hand(), 1001.5
        old = at_hand()
        loading = thread.submit(cache.get, ["a"])
        began.wait(30)
        meanwhile, clock[0] = at_hand(), 1002.1
        too_old = at_hand()
        goes_on.set()
        loading.result()

    assert (fresh, old, meanwhile, too_old, at_hand()) == (1, None, 1, None, 2)


def test_where_all_is_sold_out_the_country_is_not_read_at_every_look(inside, monkeypatch):
    """The nearest districts are asked each second; those far away twice a minute."""
    for region, district in [("서울특별시", "강남구"), ("제주특별자치도", "서귀포시")]:
        for _clinic in range(2):
            SlotFactory(full=True, clinic=ClinicFactory(region=region, district=district))
    for district in ["서초구", "송파구", "강동구", "성동구", "광진구", "용산구"]:
        ClinicFactory(district=district)
    far = Slot.objects.filter(clinic__district="서귀포시").first()
    clock = [1000.0]
    monkeypatch.setattr("booking.finder.availability.time.monotonic", lambda: clock[0])

    def looks(count: int) -> int:
        """How many statements asked for the times far away."""
        with CaptureQueriesContext(connection) as statements:
            for _look in range(count):
                clock[0] += 1
                pages.append(inside.get(reverse("booking")))
        asked = [one["sql"] for one in statements if "FROM booking_slot" in one["sql"]]
        clinics = [re.search(r"ANY\('\{([\d,]+)\}", sql)[1].split(",") for sql in asked]
        return sum(str(far.clinic_id) in ids for ids in clinics)

    pages = []
    counts = [looks(1), looks(10)]
    Slot.objects.filter(pk=far.pk).update(booked=8)
    clock[0] += 30
    looks(1)
    Slot.objects.filter(pk=far.pk).update(booked=10)
    looks(2)

    assert counts == [1, 0]
    shown = [[(one.clinic.id, one.left) for one in page.context["instead"]] for page in pages]
    assert shown == [[]] * 11 + [[(far.clinic_id, 2)]] + [shown[12], []]


def test_finding_asks_only_for_the_clinics_that_somebody_looks_at(inside):
    here, elsewhere = clinic_at("강남구"), clinic_at("서초구")

    with CaptureQueriesContext(connection) as statements:
        inside.get(reverse("booking"))

    asked = [one["sql"] for one in statements if "FROM booking_slot" in one["sql"]]
    assert len(asked) == 2  # sums by day, then the times of the day shown
    assert all(f"ARRAY[{here.clinic_id}]" in sql or f"{{{here.clinic_id}}}" in sql for sql in asked)
    assert not any(f"{elsewhere.clinic_id}" in sql.split("ANY")[1][:40] for sql in asked)


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01", "2026-13-40", "x"])
def test_a_day_out_of_reach_is_pointed_out(inside, day):
    slot = SlotFactory()

    pages = [
        inside.get(reverse("booking"), {"date": day}),
        inside.get(reverse("clinic", args=[slot.clinic.code]), {"date": day}),
    ]

    assert [(one.status_code, slots_on(one)) for one in pages] == [(422, [slot.pk])] * 2


def test_second_times_are_shown_however_long_the_interval(inside):
    """The longest of 2021: twelve weeks, after a first time some weeks ahead."""
    vaccine = VaccineFactory(doses=2, min_days=77, best_days=80, max_days=84)
    start = SlotFactory(vaccine=vaccine).starts_at + timedelta(weeks=5)
    first = SlotFactory(vaccine=vaccine, starts_at=start)
    [second, _late] = [
        SlotFactory(clinic=first.clinic, vaccine=vaccine, starts_at=start + timedelta(days=days))
        for days in (84, 85)
    ]
    inside.post(reverse("hold"), {"slot": first.pk})

    listed = inside.get(reverse("second"))

    shown = [time.id for here in listed.context["found"].clinics for time in here.times]
    assert shown == [second.pk]


@pytest.fixture
def begun(inside):
    """A first dose of a two-dose vaccine given yesterday; times that fit the second and others."""
    vaccine = VaccineFactory(double=True)
    yesterday = timezone.localdate() - timedelta(days=1)
    record_outside_dose(
        person_id=inside.person.pk, vaccine=vaccine, dose=1, given_on=yesterday, by="staff:1"
    )
    early = SlotFactory(vaccine=vaccine)
    inside.clinic = early.clinic
    inside.other = SlotFactory(clinic=early.clinic)
    inside.fitting = [
        SlotFactory(
            vaccine=vaccine,
            clinic=early.clinic,
            starts_at=early.starts_at + timedelta(days=days),
            capacity=1,
        )
        for days in (18, 25, 39, 40)
    ][:3]
    return inside


def test_whoever_was_given_a_first_dose_is_shown_only_times_that_fit_it(begun):
    listed = begun.get(reverse("booking"), follow=True)
    clinic = begun.get(reverse("clinic", args=[begun.clinic.code]), follow=True)

    for shown in (listed, clinic):
        assert heading(shown) == "Choose the time of your second dose"
        days = [day for day, _left in shown.context["found"].days]
        assert days == [timezone.localdate(slot.starts_at) for slot in begun.fitting]
    held = begun.post(reverse("hold"), {"slot": slots_on(listed)[0]})
    assert held.status_code == 200


def test_a_second_time_that_was_lost_is_replaced_by_ones_that_fit(begun):
    lost_one, *others = begun.fitting
    Slot.objects.filter(pk=lost_one.pk).update(booked=1)

    lost = begun.post(reverse("hold"), {"slot": lost_one.pk})

    assert heading(lost) == "Somebody was faster"
    assert slots_on(lost) == [slot.pk for slot in others]


def test_a_second_time_lost_beside_a_held_first_one_is_replaced_by_ones_that_fit(inside):
    first = SlotFactory(double=True)
    early, best, late, too_late = [
        SlotFactory(
            vaccine=first.vaccine,
            clinic=first.clinic,
            starts_at=first.starts_at + timedelta(days=days),
        )
        for days in (20, 28, 42, 43)
    ]
    inside.post(reverse("hold"), {"slot": first.pk, "second": best.pk})
    full = SlotFactory(
        vaccine=first.vaccine,
        clinic=first.clinic,
        starts_at=late.starts_at - timedelta(hours=1),
        full=True,
    )

    lost = inside.post(reverse("hold"), {"slot": first.pk, "second": full.pk})

    offered = [int(pk) for pk in re.findall(r'name="second" value="(\d+)"', page(lost))]
    assert offered == [late.pk, best.pk]
    assert slots_on(lost) == [first.pk]
    assert not {early.pk, too_late.pk} & set(offered)


def test_after_a_first_dose_that_was_missed_times_must_fit_the_second(inside):
    first = SlotFactory(double=True, capacity=3)
    second, *times = [
        SlotFactory(
            vaccine=first.vaccine,
            clinic=first.clinic,
            starts_at=first.starts_at + timedelta(days=days),
        )
        for days in (28, 7, 8)
    ]
    person_id, admission_id = inside.person.pk, inside.admission.pk
    [one, _two] = hold_slot(
        person_id=person_id, slot_id=first.pk, second_id=second.pk, admission_id=admission_id
    )
    [one, _two] = confirm_hold(person_id=person_id, key=one.key)
    Slot.objects.filter(pk=first.pk).update(starts_at=timezone.now() - timedelta(hours=1))
    one = Reservation.objects.select_related("slot").get(pk=one.pk)
    mark_no_show(reservation=one, by="staff:1")
    AdmissionFactory(person=inside.person)

    listed = inside.get(reverse("booking"))

    assert [day for day, _left in listed.context["found"].days] == [
        timezone.localdate(times[0].starts_at)
    ]


@pytest.mark.parametrize("given", [True, False])
def test_whoever_has_all_doses_is_told_so_instead_of_being_shown_times(inside, given):
    slot = SlotFactory()
    if given:
        today = timezone.localdate()
        record_outside_dose(
            person_id=inside.person.pk, vaccine=slot.vaccine, dose=1, given_on=today, by="staff:1"
        )
    else:
        book_for(person=inside.person, slot=slot, by="staff:1")

    shown = inside.get(reverse("booking"), follow=True)

    assert heading(shown) == (
        "All doses of this vaccine have been booked or given already."
        if given
        else "There is an appointment for this dose already. Change or cancel that one."
    )
    assert slots_on(shown) == []
    assert ("/booking/" in page(shown).split("<main")[1]) is False

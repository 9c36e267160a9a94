"""The clinic's day: what the page shows around now, the box, the marks and the polls."""

from datetime import date, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from booking.admin.day.finding import MOST_LISTED
from booking.admin.day.hours import counts_of, hours_of, window_around
from booking.admin.day.marks import MARKS
from booking.admin.day.pages import FRAGMENT, LOCATION
from booking.admin.day.terms import Term, read_term
from booking.enums import ReservationStatus
from booking.exceptions import DetailsNeeded
from booking.models import Reservation, Slot
from booking.models.reservations import NUMBER_LETTERS
from booking.services.changes import cancel_reservation
from booking.services.visits import mark_arrived, mark_vaccinated
from staff.enums import Act, Role
from staff.models import Access
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    put_into,
)
from web.codes import random_number

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"
DAY = f"{LIST}day/"
SCRIPT = {FRAGMENT: "1"}


@pytest.fixture
def clinic(clock):
    clock.at("08:00", tick=True)
    return ClinicFactory(name="가의원")


@pytest.fixture
def tablet(client, clinic):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    user = StaffFactory(role=Role.CLINIC, clinic=clinic, username="desk")
    client.sign_in = lambda: client.force_login(user)  # again, after the clock was moved far
    client.sign_in()
    return client


def slot_at(clinic, hour: int, minute: int = 0, days: int = 0, **values):
    at = timezone.localtime().replace(hour=hour, minute=minute, second=0, microsecond=0)
    return SlotFactory(clinic=clinic, starts_at=at + timedelta(days=days), **values)


def booked(clinic, name: str = "김은란", hour: int = 10, days: int = 0, **person):
    values = {"birth_date": date(1963, 10, 26), **person}
    slot = slot_at(clinic, hour, days=days)
    return ReservationFactory(person=PersonFactory(name=name, **values), slot=slot)


def found(tablet, text: str, **query):
    """The answer to the box as the page's script gets it."""
    address = f"{DAY}find/?" + "&".join(f"{name}={value}" for name, value in query.items())
    return tablet.post(address, {"q": text}, headers=SCRIPT).context


def names(context) -> list[str]:
    return [entry.row.person.name for entry in context["found"].entries]


# What the box understands


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("김은란", Term(name="김은란")),
        ("5678", Term(ending="5678")),
        ("010-1234-5678", Term(phone="+821012345678")),
        ("01012345678", Term(phone="+821012345678")),
        ("김은란 1963-10-26", Term(name="김은란", born=(date(1963, 10, 26),))),
        ("1963-10-26 김은란", Term(name="김은란", born=(date(1963, 10, 26),))),
        ("19631026김은란", Term(name="김은란", born=(date(1963, 10, 26),))),
        ("631026, 김은란", Term(name="김은란", born=(date(1963, 10, 26),))),
        ("1963년 10월 26일 김은란", Term(name="김은란", born=(date(1963, 10, 26),))),
        ("100102", Term(born=(date(1910, 1, 2), date(2010, 1, 2)))),
        ("김은란 5678", Term(name="김은란", ending="5678")),
        ("5678 Anna Maria", Term(name="Anna Maria", ending="5678")),
        ("19639926", Term()),
        ("", Term()),
        ("?!", Term()),
    ],
)
def test_the_box_reads(text, term):
    assert read_term(text, today=date(2026, 11, 29)) == term


def test_a_number_is_read_as_scanned_typed_or_with_the_keyboard_in_hangul_mode():
    today = date(2026, 11, 29)
    number = "JHG7K2M4XS"
    number = next(
        candidate
        for last in "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
        if not read_term(candidate := number[:-1] + last, today=today).misread
    )
    keys = dict(zip("JHGKMXS", "ㅓㅗㅎㅏㅡㅌㄴ", strict=True))

    assert read_term(number, today=today).number == number
    assert read_term(f" {number[:4].lower()}-{number[4:]}", today=today).number == number
    jamo = "".join(keys.get(letter, letter) for letter in number[:-1]) + number[-1]
    assert read_term(jamo, today=today).number == number
    swapped = number[1] + number[0] + number[2:]
    assert read_term(swapped, today=today) == Term(misread=True)


# The page


def test_clinic_staff_land_on_their_day_and_others_on_the_overview(tablet, client):
    assert tablet.get("/admin/").url == DAY
    for role in [Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR]:
        client.force_login(StaffFactory(role=role))
        assert client.get("/admin/").status_code == 200
    client.force_login(StaffFactory(role=Role.LOCAL, region="서울특별시"))
    assert client.get("/admin/").status_code == 200


def test_the_page_begins_around_now_and_leads_to_the_other_hours(tablet, clinic, clock):
    for hour in (9, 11, 15):
        slot = slot_at(clinic, hour, capacity=20)
        for _number in range(13):
            ReservationFactory(slot=slot)
    clock.at("11:10", tick=True)
    tablet.sign_in()

    page = tablet.get(DAY)
    times = {timezone.localtime(entry.row.slot.starts_at).hour for entry in page.context["entries"]}
    hours = {
        timezone.localtime(hour.starts_at).hour: dict(hour.counts)
        for hour in page.context["day"]["hours"]
    }

    assert times == {11}
    assert (page.context["day"]["earlier"][-7:], page.context["day"]["later"][-7:]) == (
        "&hour=9",
        "hour=15",
    )
    assert hours[9] == {"late": 13, "arrived": 0, "done": 0, "absent": 0}
    assert hours[15] == {"expected": 13, "arrived": 0, "done": 0, "absent": 0, "free": 7}
    earlier = tablet.get(page.context["day"]["earlier"])
    assert {timezone.localtime(e.row.slot.starts_at).hour for e in earlier.context["entries"]} == {
        9
    }


def test_a_small_clinic_sees_its_whole_day(clinic, clock):
    for hour in (9, 12, 16):
        ReservationFactory(slot=slot_at(clinic, hour))
    clock.at("12:05", tick=True)
    now = timezone.now()
    counts = counts_of(clinic, timezone.localdate())

    window = window_around(now, counts)

    assert all(hour.is_shown for hour in hours_of(counts, window, now))
    assert [hour.is_now for hour in hours_of(counts, window, now)] == [False, True, False]


def test_who_came_earlier_and_is_still_here_stands_on_the_page(tablet, clinic, clock):
    morning = slot_at(clinic, 9, capacity=20)
    here, gone, *_others = [ReservationFactory(slot=morning) for _number in range(4)]
    noon = slot_at(clinic, 12, capacity=20)
    for _number in range(12):
        ReservationFactory(slot=noon)
    clock.at("11:50", tick=True)
    tablet.sign_in()
    mark_arrived(reservation=here, by="staff:1")
    mark_arrived(reservation=gone, by="staff:1")
    mark_vaccinated(reservation=gone, by="staff:1")

    def earlier():
        entries = tablet.get(DAY).context["entries"]
        return {entry.row.pk for entry in entries if entry.row.slot_id == morning.pk}

    assert earlier() == {here.pk, gone.pk}
    clock.forward(minutes=6)
    assert earlier() == {here.pk}


def test_an_empty_day_says_when_the_next_appointments_are(tablet, clinic):
    later = booked(clinic, days=3)

    page = tablet.get(DAY)

    assert page.context["next_at"] == later.slot.starts_at
    text = page.content.decode()
    assert "Nobody is booked on this day." in text
    assert f"day={timezone.localtime(later.slot.starts_at):%Y-%m-%d}" in text
    assert (
        "There are no later appointments." in tablet.get(f"{DAY}?day=2099-01-01").content.decode()
    )


def test_a_day_that_is_over_says_so(tablet, clinic):
    yesterday = timezone.localdate() - timedelta(days=1)

    assert "a day that is over" in tablet.get(f"{DAY}?day={yesterday}").content.decode()
    assert "a day that is over" not in tablet.get(DAY).content.decode()


def test_a_look_is_one_record_and_a_mark_adds_none(tablet, clinic):
    reservation = booked(clinic)

    tablet.get(DAY)
    tablet.post(f"{LIST}{reservation.pk}/mark/", {"act": "arrived"}, headers=SCRIPT)

    [record] = Access.objects.all()
    assert (record.act, record.what, record.people) == (Act.LIST, "day", [reservation.person_id])


def test_a_full_day_asks_no_more_than_a_small_one(tablet, clinic):
    slot = slot_at(clinic, 10, capacity=60)
    ReservationFactory(slot=slot)
    tablet.get(DAY)
    with CaptureQueriesContext(connection) as few:
        tablet.get(DAY)
    for _number in range(30):
        mark_arrived(reservation=ReservationFactory(slot=slot), by="staff:1")
    tablet.get(DAY)  # writes the set of people once

    with CaptureQueriesContext(connection) as many:
        page = tablet.get(DAY)

    assert len(page.context["entries"]) == 31
    assert len(few) <= 12
    assert len(many) <= 12


# Scans


def test_a_scan_shows_the_person_and_waits_for_one_press(tablet, clinic):
    reservation = booked(clinic)

    answer = found(tablet, reservation.number)

    assert (answer["found"].text, answer["found"].is_problem) == ("", False)
    [entry] = answer["found"].entries
    assert [act for act, _label in entry.buttons] == ["arrived"]
    ways = [link.address.split("/")[-2] for link in entry.links]
    assert [way for way in ways if way in ("move", "cancel")] == ["move", "cancel"]
    reservation.refresh_from_db()
    assert reservation.status == "confirmed"


def test_each_scan_that_stops_somebody_is_told_apart(tablet, clinic, clock):
    yesterdays, future = booked(clinic, hour=18), booked(clinic, days=2)
    starts_at = yesterdays.slot.starts_at - timedelta(days=1)
    Slot.objects.filter(pk=yesterdays.slot_id).update(starts_at=starts_at)
    arrived, over, absent, cancelled = (booked(clinic, hour=hour) for hour in (11, 12, 10, 14))
    held = ReservationFactory(held=True, slot=slot_at(clinic, 17))
    others = booked(ClinicFactory(name="나의원"), name="남의편")
    cancel_reservation(reservation=cancelled, by="citizen")
    clock.at("13:00", tick=True)
    tablet.sign_in()
    for row in (arrived, over):
        mark_arrived(reservation=row, by="staff:1")
    mark_vaccinated(reservation=over, by="staff:1")
    put_into(absent, "no_show")

    said = {
        name: found(tablet, row if isinstance(row, str) else row.number)["found"]
        for name, row in {
            "yesterday": yesterdays,
            "future": future,
            "arrived": arrived,
            "over": over,
            "absent": absent,
            "cancelled": cancelled,
            "held": held,
            "others": others,
            # With a digit: a number of letters alone may be a name.
            "misread": ("3" if others.number[0] == "2" else "2") + others.number[1:],
        }.items()
    }

    assert all(answer.is_problem for answer in said.values())
    begins = {name: answer.text.split(".")[0].split("(")[0][:34] for name, answer in said.items()}
    assert len(set(begins.values())) == len(said)
    assert said["yesterday"].text.startswith("This appointment was on")
    assert said["future"].text.startswith("This appointment is on")
    assert [link.label for link in said["future"].links] == ["Move to another time", "That day"]
    assert said["arrived"].text.startswith("Scanned again: arrived at 13:0")
    assert said["over"].text.startswith("This visit is over: Vaccinated at 13:0")
    assert said["absent"].text.startswith("Marked as not come")
    assert "was cancelled on" in said["cancelled"].text
    assert "never confirmed" in said["held"].text
    assert "another clinic" in said["others"].text
    assert "나의원" not in said["others"].text
    assert "not read right" in said["misread"].text


def test_an_unknown_number_is_a_guess_and_a_misread_one_is_not(tablet, clinic, clock):
    reservation = booked(clinic)
    number = reservation.number
    while number.isalpha():  # it would be looked for as a name too
        number = random_number(NUMBER_LETTERS)
    with_owner = Reservation.objects.filter(pk=reservation.pk)
    put_into(reservation, "confirmed", number="0000000000")

    answer = found(tablet, number)["found"]

    assert "No reservation has this number" in answer.text
    assert answer.is_guess
    assert Access.objects.latest("pk").data["found"] == 0
    assert with_owner.exists()
    for _number in range(20):
        found(tablet, number)
    assert "Wait ten minutes" in found(tablet, number)["found"].text
    # Looking among the people of the page is no guess.
    assert names(found(tablet, "김은란")) == ["김은란"]


# Searches


@pytest.mark.parametrize(
    "text",
    ["김은란", "은란", "1963-10-26", "김은란 631026", "19631026 김은란", "5678", "010-9999-5678"],
)
def test_the_box_finds_a_person_of_the_day(tablet, clinic, text):
    booked(clinic, phone="+821099995678")
    booked(clinic, name="박철수", hour=11, birth_date=date(1950, 1, 1), phone="+821099991234")

    assert names(found(tablet, text)) == ["김은란"]


def test_several_people_are_listed_and_very_many_are_not(tablet, clinic):
    slot = slot_at(clinic, 10, capacity=40)
    for _number in range(2):
        ReservationFactory(slot=slot, person=PersonFactory(name="이영희"))

    answer = found(tablet, "이영희")
    assert names(answer) == ["이영희", "이영희"]
    assert "Compare the dates of birth" in answer["found"].text
    for _number in range(MOST_LISTED):
        ReservationFactory(slot=slot, person=PersonFactory(name="이영희"))
    assert found(tablet, "이영희")["found"].text.startswith("More than 20")


def test_who_is_booked_on_another_day_is_said_to_be(tablet, clinic):
    booked(clinic, days=2)

    answer = found(tablet, "김은란 1963-10-26")["found"]

    assert answer.text.startswith("This appointment is on")
    assert "Nobody with this" in found(tablet, "박철수")["found"].text


def test_nobody_of_another_clinic_is_found(tablet, clinic):
    other = booked(ClinicFactory(), name="남의편", phone="+821088887777")

    for text in ["남의편", "남의편 1963-10-26", "7777", "010-8888-7777", other.number]:
        assert found(tablet, text)["found"].entries == []


def test_without_the_script_the_answer_stands_on_the_page(tablet, clinic):
    reservation = booked(clinic)

    page = tablet.post(f"{DAY}find/", {"q": "김은란"})

    text = page.content.decode()
    assert f'id="found-reservation-{reservation.pk}"' in text
    assert f'id="reservation-{reservation.pk}"' in text
    assert 'value="김은란"' in text


# Marks


def test_a_mark_answers_its_row_alone(tablet, clinic):
    reservation, other = booked(clinic), booked(clinic, name="박철수", hour=11)

    answer = tablet.post(
        f"{LIST}{reservation.pk}/mark/", {"act": "arrived", "seen": "confirmed"}, headers=SCRIPT
    )

    text = answer.content.decode()
    assert (answer.status_code, text.count("<li")) == (200, 1)
    assert "Take back for 김은란" in text
    assert other.number not in text
    assert f"{answer.context['entry'].row.status}" == "arrived"
    assert answer.context["entry"].marked_by == "desk"


def test_an_old_row_is_told_who_did_what_and_when(tablet, clinic, clock):
    reservation = booked(clinic)
    other = StaffFactory(role=Role.CLINIC, clinic=clinic, username="injector")
    clock.at("09:12", tick=True)
    tablet.sign_in()
    mark_arrived(reservation=reservation, by=f"staff:{other.pk}")
    mark_vaccinated(reservation=reservation, by=f"staff:{other.pk}")

    answer = tablet.post(
        f"{LIST}{reservation.pk}/mark/", {"act": "arrived", "seen": "confirmed"}, headers=SCRIPT
    )

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "09:12, marked by injector. Nothing was changed." in text
    assert 'class="visit visit-vaccinated"' in text
    assert "Take back for" not in text


def test_a_mark_that_needs_more_leads_to_the_page_that_asks(tablet, clinic, monkeypatch):
    def refuse(**_values):
        raise DetailsNeeded(address="/admin/account/")

    reservation = booked(clinic)
    mark_arrived(reservation=reservation, by="staff:1")
    monkeypatch.setitem(MARKS, "vaccinated", (refuse, ReservationStatus.VACCINATED, "Vaccinated"))

    answer = tablet.post(f"{LIST}{reservation.pk}/mark/", {"act": "vaccinated"}, headers=SCRIPT)

    assert answer[LOCATION] == "/admin/account/"
    plain = tablet.post(f"{LIST}{reservation.pk}/mark/", {"act": "vaccinated"})
    assert plain.url == "/admin/account/"


def test_a_mark_asks_little(tablet, clinic):
    reservation = booked(clinic)
    tablet.get(DAY)
    values = {"act": "arrived", "seen": "confirmed"}

    with CaptureQueriesContext(connection) as queries:
        tablet.post(f"{LIST}{reservation.pk}/mark/", values, headers=SCRIPT)

    assert len(queries) <= 14


# Polls


def poll(tablet, page, etag: str = "", **more):
    window = page.context["day"]["window"]
    query = {
        "since": page.context["day"]["since"],
        "start": int(window.start.timestamp() * 1000),
        "end": int(window.end.timestamp() * 1000),
        "live": "1",
        **more,
    }
    text = "&".join(f"{name}={value}" for name, value in query.items())
    headers = {"If-None-Match": etag} if etag else {}
    return tablet.get(f"{page.context['day']['changes_address']}&{text}", headers=headers)


def test_a_poll_answers_304_until_another_tablet_marks(tablet, clinic, clock):
    reservation = booked(clinic)
    booked(clinic, name="박철수", hour=11)
    clock.forward(minutes=1)
    page = tablet.get(DAY)
    first = poll(tablet, page)
    etag = first["ETag"]

    unchanged = poll(tablet, page, etag)
    mark_arrived(reservation=reservation, by="staff:1")
    changed = poll(tablet, page, etag)

    assert first.status_code == 200
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert [entry.row.pk for entry in changed.context["entries"]] == [reservation.pk]
    assert len(changed.context["ids"].split()) == 2
    assert changed["ETag"] != etag
    assert poll(tablet, page, changed["ETag"]).status_code == 304


def test_an_unchanged_poll_reads_the_day_by_one_query(tablet, clinic):
    booked(clinic)
    page = tablet.get(DAY)
    etag = poll(tablet, page)["ETag"]
    looks = Access.objects.count()

    with CaptureQueriesContext(connection) as queries:
        poll(tablet, page, etag)

    of_day = [query for query in queries.captured_queries if "booking_" in query["sql"]]
    assert [query["sql"].count("booking_reservation") > 0 for query in of_day].count(True) == 1
    assert Access.objects.count() == looks


def test_a_poll_does_not_keep_a_session_in_use(tablet, clinic, clock, settings):
    booked(clinic)
    page = tablet.get(DAY)
    for _minute in range(settings.STAFF_IDLE_MINUTES - 1):
        clock.forward(minutes=1)
        assert poll(tablet, page).status_code == 200
    clock.forward(minutes=2)

    assert poll(tablet, page).url.startswith("/admin/login/")


def test_somebody_booked_meanwhile_appears_and_is_on_record(tablet, clinic):
    booked(clinic)
    page = tablet.get(DAY)
    new = booked(clinic, name="박철수")

    answer = poll(tablet, page)

    assert new.pk in [entry.row.pk for entry in answer.context["entries"]]
    assert new.person_id in Access.objects.latest("pk").people


def test_an_idle_page_follows_the_time(tablet, clinic, clock):
    morning, noon = slot_at(clinic, 9, capacity=20), slot_at(clinic, 12, capacity=20)
    for slot in (morning, noon):
        for _number in range(12):
            ReservationFactory(slot=slot)
    page = tablet.get(DAY)
    clock.at("12:10", tick=True)

    tablet.sign_in()
    stays = poll(tablet, page)
    moves = poll(tablet, page, stays["ETag"], follow=1)

    assert stays.context["day"]["window"] == page.context["day"]["window"]
    assert {entry.row.slot_id for entry in moves.context["entries"]} == {noon.pk}


@pytest.mark.parametrize(
    "query", ["day=9999-12-31", "day=0001-01-01", "hour=24", "hour=-1", "day=x"]
)
def test_odd_days_are_answered(tablet, query):
    assert tablet.get(f"{DAY}?{query}").status_code == 200


@pytest.mark.parametrize("query", ["since=x&start=&end=-1", "since=" + "9" * 18, "start=0&end=0"])
def test_odd_polls_are_answered(tablet, clinic, query):
    booked(clinic)

    assert tablet.get(f"{DAY}changes/?{query}").status_code == 200


# The list to print


def test_the_list_to_print_has_the_least_data_and_is_on_record(tablet, clinic):
    reservation = booked(clinic, phone="+821099995678")

    text = tablet.get(f"{DAY}list/").content.decode()

    assert "김은란" in text
    assert "1963" in text
    assert "…5678" in text
    for secret in ["1963-10-26", "9999-5678", "99995678", reservation.number]:
        assert secret not in text
    assert Access.objects.get().act == Act.PRINT

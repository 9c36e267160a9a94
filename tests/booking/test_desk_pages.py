"""Staff book for a caller or somebody at the counter: within their scope, once, on record."""

import re
from datetime import date, timedelta
from urllib.parse import urlencode

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from booking.finder import availability
from booking.models import Reservation, Slot
from booking.services.outside_doses import record_outside_dose
from booking.services.staff_bookings import book_for
from eligibility.models import Person
from messaging.models import Message
from staff.enums import Act, Role
from staff.models import Access
from tests.booking.test_path import key_on, page
from tests.booking.test_series import booked
from tests.booking.test_staff_pages import identity_of, said
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
    VaccineFactory,
)
from waiting_room.models import Alert, Ticket
from web.times import moment

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
DESK = "/admin/booking/reservation/desk/"


@pytest.fixture
def ours():
    return ClinicFactory(name="가의원", region="서울특별시", district="강남구")


@pytest.fixture
def theirs():
    return ClinicFactory(name="나의원", region="부산광역시", district="해운대구")


@pytest.fixture
def cohort():
    return CohortFactory()


@pytest.fixture
def caller(cohort):
    return PersonFactory(name="남궁민수")


@pytest.fixture
def desk(client, ours):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.user = StaffFactory(role=Role.CLINIC, clinic=ours, username="desk")
    client.force_login(client.user)
    return client


@pytest.fixture
def local(desk):
    desk.user = StaffFactory(role=Role.LOCAL, region="서울특별시", username="local")
    desk.force_login(desk.user)
    return desk


def find(client, person, **more) -> str:
    """The address of the person's page."""
    answer = client.post(DESK, {**identity_of(person), **more})
    assert answer.status_code == 302, page(answer)
    return answer.url


def look(client, person, **query):
    address = find(client, person)
    return client.get(f"{address}?{urlencode(query)}" if query else address)


def offered(response) -> list[int]:
    return [int(pk) for pk in re.findall(r"/book/\?slot=(\d+)", page(response))]


def book_address(client, person, slot) -> str:
    return f"{find(client, person)}book/?slot={slot.pk}"


def book(client, person, slot, **fields):
    address = book_address(client, person, slot)
    key = key_on(client.get(address))
    return client.post(address, {"key": key, "language": "ko", **fields})


def test_a_caller_is_found_looked_at_booked_and_told(desk, ours, caller):
    slot = SlotFactory(clinic=ours)

    page_of_caller = look(desk, caller)
    answer = book(desk, caller, slot, language="en")

    assert offered(page_of_caller) == [slot.pk]
    assert "yes, now" in page(page_of_caller)
    reservation = Reservation.objects.get()
    assert (reservation.person_id, reservation.slot_id, reservation.by) == (
        caller.pk,
        slot.pk,
        f"staff:{desk.user.pk}",
    )
    assert answer.url == reverse("admin:booking_reservation_change", args=[reservation.pk])
    assert said(answer) == ["Booked. Read the person what stands below."]
    landing = desk.get(answer.url)
    spoken = landing.context["read_out"]
    assert spoken[0] == "Your vaccination is booked."
    assert reservation.shown_number in spoken[1]
    assert ours.name in spoken[1]
    assert spoken[2] == "Please bring your identity card."
    assert spoken[3].startswith("You can change or cancel it until")
    assert Message.objects.get(kind="confirmed").text.startswith("[Jari] Your vaccination")


def test_the_text_to_read_out_is_in_the_persons_language(desk, ours, caller):
    answer = book(desk, caller, SlotFactory(clinic=ours), language="ko")

    landing = desk.get(answer.url)

    assert landing.context["read_out"][0] == "예방접종이 예약되었습니다."
    assert '<div lang="ko">' in page(landing)


def test_every_look_and_act_is_on_record(desk, ours, caller):
    book(desk, caller, SlotFactory(clinic=ours))

    acts = Access.objects.filter(user=desk.user, people=[caller.pk]).order_by("pk")
    assert list(acts.values_list("act", flat=True)) == [Act.SEARCH, Act.DETAIL, Act.CHANGE]
    assert Reservation.objects.get().number in str(acts.last().data["numbers"])


def test_no_name_and_no_phone_stands_in_an_address(desk, caller):
    address = find(desk, caller)

    assert caller.name not in address
    assert caller.phone[-8:] not in address


def test_an_address_of_the_desk_is_of_no_use_to_somebody_else_or_later(desk, ours, caller, clock):
    address = find(desk, caller)
    slot = SlotFactory(clinic=ours)
    other = StaffFactory(role=Role.CLINIC, clinic=ours)
    desk.force_login(other)
    by_other = [
        desk.get(address),
        desk.post(f"{address}book/?slot={slot.pk}"),
        desk.post(f"{address}line/"),
    ]
    desk.force_login(desk.user)
    clock.forward(hours=3)
    desk.force_login(desk.user)

    for answer in [*by_other, desk.get(address), desk.get(DESK + "made-up/")]:
        assert (answer.status_code, answer.url) == (302, DESK)
    assert not Reservation.objects.exists()


@pytest.mark.parametrize("role", [Role.AUTHORITY, Role.OPERATOR])
def test_roles_without_the_right_have_no_desk(desk, ours, caller, role):
    address = find(desk, caller)
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    desk.force_login(StaffFactory(role=role))

    for each in [DESK, address, f"{address}book/?slot={reservation.slot_id}"]:
        assert desk.get(each).status_code == 403
        assert desk.post(each).status_code == 403
    assert desk.post(f"{address}line/").status_code == 403
    if role == Role.AUTHORITY:
        shown = page(desk.get(f"/admin/booking/reservation/{reservation.pk}/change/"))
        assert DESK not in shown + page(desk.get("/admin/booking/reservation/"))


def test_nobody_outside_reaches_the_desk(client, desk, caller):
    address = find(desk, caller)
    client.logout()

    for each in [DESK, address, f"{address}book/", f"{address}line/"]:
        assert client.post(each).url.startswith("/admin/login/")


@pytest.mark.parametrize("who", ["desk", "local"])
def test_times_of_others_are_neither_shown_nor_booked(request, desk, ours, theirs, caller, who):
    client = request.getfixturevalue(who)
    ours_slot, foreign = SlotFactory(clinic=ours), SlotFactory(clinic=theirs)

    shown = look(client, caller, district="강남구")
    smuggled = look(client, caller, clinic=theirs.code)
    other_region = look(client, caller, region="부산광역시", district="해운대구", name="의원")
    address = book_address(client, caller, ours_slot)
    key = key_on(client.get(address))
    foreign_address = address.replace(f"slot={ours_slot.pk}", f"slot={foreign.pk}")

    assert offered(shown) == [ours_slot.pk]
    for response in (smuggled, other_region):
        assert foreign.pk not in offered(response)
        assert "나의원" not in page(response)
    assert client.get(foreign_address).status_code == 404
    posted = client.post(foreign_address, {"key": key, "language": "ko"})
    assert posted.status_code == 404
    assert booked(ours_slot, foreign) == [0, 0]


def test_a_second_time_of_others_is_not_booked(desk, ours, theirs, caller):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(clinic=ours, vaccine=vaccine)
    later = first.starts_at + timedelta(days=28)
    SlotFactory(clinic=ours, vaccine=vaccine, starts_at=later)
    foreign = SlotFactory(clinic=theirs, vaccine=vaccine, starts_at=later)

    assert book(desk, caller, first, second=foreign.pk).status_code == 404
    assert booked(first, foreign) == [0, 0]


def test_the_local_government_chooses_district_clinic_and_day(local, ours, caller):
    other = ClinicFactory(name="다의원", region="서울특별시", district="강남구")
    far = ClinicFactory(name="라의원", region="서울특별시", district="서초구")
    here, there = SlotFactory(clinic=ours), SlotFactory(clinic=other)
    later = SlotFactory(clinic=other, starts_at=there.starts_at + timedelta(days=1))
    elsewhere = SlotFactory(clinic=far)

    empty = look(local, caller)
    district = look(local, caller, district="강남구")
    one_clinic = look(local, caller, clinic=other.code)
    day = timezone.localtime(later.starts_at).date()
    next_day = look(local, caller, district="강남구", day=day.isoformat())
    by_name = look(local, caller, name="라의")

    assert offered(empty) == []
    assert "Choose a district" in page(empty)
    assert offered(district) == [here.pk, there.pk]
    assert offered(one_clinic) == [there.pk]
    assert offered(next_day) == [later.pk]
    assert offered(by_name) == [elsewhere.pk]
    answer = book(local, caller, elsewhere)
    assert Reservation.objects.get().slot_id == elsewhere.pk
    assert local.get(answer.url).context["read_out"]


def test_a_district_desk_sees_its_district_only(local, ours, caller):
    here = SlotFactory(clinic=ours)
    far = SlotFactory(clinic=ClinicFactory(region="서울특별시", district="서초구"))
    local.force_login(StaffFactory(role=Role.LOCAL, region="서울특별시", district="강남구"))

    shown = look(local, caller, district="서초구")

    assert offered(shown) == [here.pk]
    assert local.get(book_address(local, caller, here)).status_code == 200
    assert local.get(book_address(local, caller, far)).status_code == 404


def test_the_local_government_finds_people_of_its_region_and_of_none(local, cohort):
    near, far = PersonFactory(), PersonFactory(region="부산광역시", district="해운대구")
    unknown = PersonFactory(declared=True, region="", district="")

    assert find(local, near)
    assert find(local, unknown)
    refused = local.post(DESK, identity_of(far))
    insisted = local.post(DESK, {**identity_of(far), "new": "on"})

    assert "Nobody is known" in refused.context["form"].non_field_errors()[0]
    assert insisted.context["form"].non_field_errors() == [
        "This person lives elsewhere. The desk of their region books."
    ]
    assert Person.objects.count() == 3


def test_somebody_unknown_is_entered_as_they_say_after_asking_again(desk, ours):
    CohortFactory(proof="counter")
    slot = SlotFactory(clinic=ours)
    asked = {"name": "새사람", "birth_date": "19640102", "phone": "010-7777-1234"}

    first = desk.post(DESK, asked)
    assert "new" in [field for line in first.context["adminform"] for field in line.fields]
    assert not Person.objects.exists()
    answer = desk.post(DESK, {**asked, "new": "on"})
    person = Person.objects.get()
    assert (person.name, person.birth_date, person.source) == (
        "새사람",
        date(1964, 1, 2),
        "declared",
    )
    assert offered(desk.get(answer.url)) == [slot.pk]


def test_reasons_and_dates_are_shown_where_nothing_can_be_booked(desk, ours):
    later = CohortFactory(soon=True, name_en="Later")
    CohortFactory(name_en="Others", birth_from=date(1990, 1, 1), birth_to=date(1990, 12, 31))
    SlotFactory(clinic=ours)

    shown = look(desk, PersonFactory())

    assert offered(shown) == []
    text = page(shown)
    assert f"{timezone.localtime(later.opens_at):%Y-%m-%d %H:%M}" in text
    assert "Later opens for this person on" in text
    assert "You were born between" in text
    assert "Others" not in text.replace("Others wait", "")
    assert "Other periods are for other birth dates." in text


def test_only_vaccines_of_the_period_are_shown_and_booked(desk, ours):
    named, other = VaccineFactory(), VaccineFactory()
    CohortFactory(vaccines=[named.code])
    caller = PersonFactory()
    mine, theirs = SlotFactory(clinic=ours, vaccine=named), SlotFactory(clinic=ours, vaccine=other)

    assert offered(look(desk, caller)) == [mine.pk]
    refused = book(desk, caller, theirs, language="en")

    assert refused.status_code == 409
    assert refused.context["refusal"] == (
        "The period of this person is for other vaccines. Choose a time of one of them."
    )
    assert refused.context["form"]["language"].value() == "en"


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "This person has an appointment for this dose already."),
        ("ko", "이 차수의 예약이 이미 있는 분입니다."),
    ],
)
def test_whoever_is_booked_already_is_not_booked_twice(desk, ours, caller, language, words):
    slot = SlotFactory(clinic=ours)
    address = book_address(desk, caller, slot)
    key = key_on(desk.get(address))
    [before] = book_for(person=caller, slot=SlotFactory(vaccine=slot.vaccine), by="staff:1")

    refused = desk.post(
        address, {"key": key, "language": "ko"}, headers={"accept-language": language}
    )

    assert (refused.status_code, refused.context["refusal"]) == (409, words)
    assert list(Reservation.objects.all()) == [before]


def test_a_lost_race_says_so_keeps_the_form_and_offers_own_times_near(local, ours, theirs, caller):
    slot = SlotFactory(clinic=ours, capacity=1)
    near = SlotFactory(
        clinic=ours, vaccine=slot.vaccine, starts_at=slot.starts_at + timedelta(hours=1)
    )
    SlotFactory(clinic=theirs, vaccine=slot.vaccine, starts_at=slot.starts_at)
    address = book_address(local, caller, slot)
    key = key_on(local.get(address))
    ReservationFactory(slot=slot)
    availability.clear_caches()

    lost = local.post(address, {"key": key, "language": "en"})

    assert lost.status_code == 409
    assert lost.context["refusal"] == "This time has just been taken. Choose another time."
    assert [label for label, _address in lost.context["offered"]] == [
        f"{moment(near.starts_at)} · 가의원"
    ]
    assert near.pk in offered(lost)
    assert (key_on(lost), lost.context["form"]["language"].value()) == (key, "en")
    assert booked(slot, near) == [1, 0]


def test_a_double_click_books_once(desk, ours, caller):
    slot = SlotFactory(clinic=ours)
    address = book_address(desk, caller, slot)
    form = {"key": key_on(desk.get(address)), "language": "ko"}

    answers = [desk.post(address, form) for _ in range(2)]

    assert {answer.url for answer in answers} == {
        reverse("admin:booking_reservation_change", args=[Reservation.objects.get().pk])
    }
    assert booked(slot) == [1]
    assert Message.objects.filter(kind="confirmed").count() == 1


def test_a_form_without_its_key_books_nothing(desk, ours, caller):
    slot = SlotFactory(clinic=ours)

    refused = desk.post(book_address(desk, caller, slot), {"key": "x", "language": "ko"})

    assert (refused.status_code, booked(slot)) == (422, [0])


# Two doses


@pytest.fixture
def pair(ours):
    first = SlotFactory(clinic=ours, double=True)
    later = first.starts_at + timedelta(days=28)
    return first, SlotFactory(clinic=ours, vaccine=first.vaccine, starts_at=later)


def test_both_doses_are_booked_together_and_read_out(desk, caller, pair):
    first, second = pair
    address = book_address(desk, caller, first)
    form = desk.get(address)
    assert form.context["form"]["second"].value() == str(second.pk)

    answer = desk.post(address, {"key": key_on(form), "language": "en", "second": str(second.pk)})

    assert booked(first, second) == [1, 1]
    spoken = desk.get(answer.url).context["read_out"]
    assert [line[:7] for line in spoken[1:3]] == ["Dose 1:", "Dose 2:"]


def test_a_second_time_that_is_just_taken_is_said_and_the_first_is_not_booked_alone(
    desk, caller, pair
):
    first, second = pair
    address = book_address(desk, caller, first)
    form = desk.get(address)
    Slot.objects.filter(pk=second.pk).update(capacity=0)

    refused = desk.post(address, {"key": key_on(form), "language": "ko", "second": second.pk})

    assert (refused.status_code, booked(first)) == (409, [0])
    assert refused.context["offered"] == []
    assert refused.context["no_second"]


def test_the_second_dose_is_booked_later_and_the_way_is_said(desk, caller, pair):
    first, second = pair

    answer = book(desk, caller, first, second="")
    landing = desk.get(answer.url)
    shown = desk.get(landing.context["caller_address"])
    [reservation] = Reservation.objects.all()
    again = desk.get(f"{landing.context['caller_address']}book/?slot={second.pk}")
    desk.post(
        f"{landing.context['caller_address']}book/?slot={second.pk}",
        {"key": key_on(again), "language": "ko"},
    )

    assert "2차 접종은 아직 예약되지 않았습니다." in landing.context["read_out"][2]
    assert (offered(shown), shown.context["next"].dose) == ([second.pk], 2)
    assert again.context["second_days"] is None
    assert reservation.number in page(shown)
    assert booked(first, second) == [1, 1]


def test_a_second_dose_outside_of_the_interval_is_refused(desk, ours, caller, pair):
    first, _second = pair
    early = SlotFactory(
        clinic=ours, vaccine=first.vaccine, starts_at=first.starts_at + timedelta(days=3)
    )
    book_for(person=caller, slot=first, by="staff:1")

    refused = book(desk, caller, early)

    assert refused.context["refusal"] == (
        "The two appointments would be too close together or too far apart."
    )
    assert booked(early) == [0]


def test_doses_given_elsewhere_and_appointments_of_others_are_shown_as_far_as_one_may_see(
    desk, ours, theirs, caller
):
    vaccine = VaccineFactory(double=True)
    [foreign] = book_for(
        person=caller, slot=SlotFactory(clinic=theirs, vaccine=vaccine), by="staff:1"
    )
    given = PersonFactory()
    day = timezone.localdate() - timedelta(days=10)
    record_outside_dose(person_id=given.pk, vaccine=vaccine, dose=1, given_on=day, by="staff:1")

    elsewhere = page(look(desk, caller))
    outside_dose = page(look(desk, given))

    assert "at another clinic" in elsewhere
    assert foreign.number not in elsewhere
    assert "나의원" not in elsewhere
    assert f"given elsewhere on {day}" in outside_dose


def test_the_same_name_with_another_phone_is_pointed_out(desk, ours, cohort):
    known = ReservationFactory(
        slot=SlotFactory(clinic=ours), person=PersonFactory(declared=True, name="쌍둥이")
    )
    twin = PersonFactory(declared=True, name="쌍둥이")

    shown = page(look(desk, twin))

    assert "May be booked twice" in shown
    assert known.number in shown


# The line


@pytest.fixture
def line(ours):
    """Three wait in the line of the cohort, and today something is left over."""
    room = RoomFactory()
    for _ in range(3):
        TicketFactory(room=room)
    return room


def test_others_who_wait_come_first_but_for_what_is_left_over_today(desk, ours, line):
    caller = PersonFactory()
    begun = SlotFactory(clinic=ours, starts_at=timezone.now() - timedelta(seconds=1))
    SlotFactory(clinic=ours)

    shown = look(desk, caller)
    book(desk, caller, begun)

    assert "3 people wait in the line." in page(shown)
    assert "only what is left over today can be had here" in page(shown)
    assert offered(shown) == [begun.pk]
    assert Reservation.objects.get().slot_id == begun.pk


def test_the_local_government_waits_for_the_line_and_takes_a_place_in_it(local, ours, line):
    caller, slot = PersonFactory(), SlotFactory(clinic=ours)
    today = SlotFactory(clinic=ours, starts_at=timezone.now() + timedelta(seconds=30))
    address = find(local, caller)

    shown = local.get(f"{address}?district=강남구")
    refused = [book(local, caller, one) for one in (slot, today)]
    joined = local.post(f"{address}line/", {"cohort": line.cohort.code, "language": "en"})
    in_line = local.get(address)
    line.line.serving = 4
    line.line.save(update_fields=["serving"])
    called = local.get(address)
    book(local, caller, slot)

    assert (offered(shown), shown.context["next"].refusal) == (
        [],
        "3 people wait in the line of this period. Nobody is booked before them.",
    )
    assert [one.status_code for one in refused] == [409, 409]
    assert said(joined)[0].startswith("The person stands in the line.")
    ticket = Ticket.objects.get(person=caller)
    assert Alert.objects.get(ticket=ticket).language == "en"
    assert "Stands in the line, 3 people ahead." in page(in_line)
    assert "Called from the line: they may book." in page(called)
    assert Reservation.objects.get().slot_id == slot.pk
    assert Access.objects.filter(act=Act.CHANGE, people=[caller.pk]).count() == 2


def test_nobody_takes_a_place_in_a_line_that_is_not_theirs(local, line):
    stranger = PersonFactory(birth_date=date(1999, 1, 1))
    address = find(local, stranger)

    refused = local.post(f"{address}line/", {"cohort": line.cohort.code})

    assert [str(one) for one in get_messages(refused.wsgi_request)] == [
        "You can't book with this group. See what you may book, and when."
    ]
    assert not Ticket.objects.filter(person=stranger).exists()
    assert local.post(f"{address}line/", {"cohort": "none"}).status_code == 404


def test_the_ways_to_the_desk_stand_where_staff_look(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    day = timezone.localtime(reservation.slot.starts_at).date()

    for address in [
        "/admin/",
        "/admin/booking/reservation/",
        f"/admin/booking/reservation/day/?day={day}",
    ]:
        assert f'href="{DESK}"' in page(desk.get(address, follow=True))
    changed = desk.get(f"/admin/booking/reservation/{reservation.pk}/change/")
    assert desk.get(changed.context["caller_address"]).context["person"] == reservation.person

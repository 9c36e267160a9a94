"""The pages of care homes and their visits, for staff; and what a resident's own pages show."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from booking.models import CareHome, HomeVisit, Reservation, Slot
from booking.services.standings import facts_of
from booking.services.visits import mark_arrived, mark_vaccinated
from staff.enums import Act, Role
from staff.models import Access
from tests.booking.test_path import sign_in
from tests.booking.visits import BY, book, care_home, morning, planned_visit, residents
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)
from tests.markup import flat
from vaccination.enums import IdentityCheck, Site
from vaccination.services.doses import DoseDetails
from vaccination.services.lots import receive_lot, set_default_lot

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("every_invariant_holds"),
]


@pytest.fixture
def visit():
    return planned_visit()


@pytest.fixture
def manager(client, visit):
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=visit.slot.clinic))
    return client


def page_of(name: str, *ids: int) -> str:
    return reverse(f"admin:booking_homevisit_{name}", args=ids)


def times(days: int, **values) -> dict[str, str]:
    day = f"{timezone.localtime(morning(days)):%Y-%m-%d}"
    return {"day": day, "begins": "10:00", "ends": "12:00", "places": "5", **values}


def listed(people) -> str:
    return "\n".join(f"{person.name} {person.birth_date}" for person in people)


def confirm_of(preview, text: str) -> dict[str, str]:
    """The form by which the previewed list is booked."""
    context = preview.context
    return {"text": text, "key": str(context["key"]), "shown": context["preview"]["shown"]}


def test_a_list_is_looked_at_booked_and_told_once(manager, visit):
    people = residents(3)
    text = listed(people) + "\n누구도 1900-01-01"

    preview = manager.post(page_of("list", visit.pk), {"text": text})
    form = confirm_of(preview, text)
    assert (preview.context["preview"]["people"], preview.context["preview"]["left_out"]) == (3, 1)
    assert Reservation.objects.count() == 0
    booked = manager.post(page_of("book", visit.pk), form, follow=True)
    again = manager.post(page_of("book", visit.pk), form, follow=True)

    assert {row.person for row in booked.context["rows"]} == set(people)
    assert again.status_code == 200
    assert Reservation.objects.filter(slot=visit.slot, status="confirmed").count() == 3
    acts = Access.objects.filter(what__startswith="visit").order_by("pk")
    assert [(act.what, len(act.people)) for act in acts][:3] == [
        ("visit_list", 3),
        ("visit_book", 3),
        ("visit", 3),
    ]


def test_a_list_that_changed_since_its_preview_books_nobody(manager, visit):
    people = residents(2)
    text = listed(people)
    preview = manager.post(page_of("list", visit.pk), {"text": text})
    ReservationFactory(person=people[0])

    answer = manager.post(page_of("book", visit.pk), confirm_of(preview, text))

    assert answer.status_code == 409
    # The new preview is shown beside the refusal.
    assert answer.context["preview"]["people"] == 1
    assert Reservation.objects.filter(slot=visit.slot).count() == 0


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949"])
def test_a_list_may_be_a_file(manager, visit, encoding):
    [person] = residents(1)
    content = f"이름,생년월일\r\n{person.name},{person.birth_date}\r\n".encode(encoding)

    preview = manager.post(
        page_of("list", visit.pk), {"text": "", "file": SimpleUploadedFile("a.csv", content)}
    )

    assert preview.context["preview"]["people"] == 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"text": ""}, 422),
        ({"text": "김 1938-05-12\n" * 501}, 422),
        ({"text": "", "file": SimpleUploadedFile("a.xlsx", b"PK\x03\x04x")}, 422),
        ({"text": "", "file": SimpleUploadedFile("a.csv", b"\xff\x00")}, 422),
        ({"text": "<script>alert(1)</script>"}, 200),
        ({"text": "x\x00y 1938-05-12"}, 400),
    ],
    ids=["empty", "too long", "excel", "binary", "markup", "null"],
)
def test_a_list_that_cannot_be_read_is_told_and_books_nobody(manager, visit, sent, status):
    answer = manager.post(page_of("list", visit.pk), sent)

    assert answer.status_code == status
    assert b"<script>alert" not in answer.content
    for form in ({}, {"text": "x", "key": "no", "shown": "x"}, {**sent, "key": "", "shown": ""}):
        assert manager.post(page_of("book", visit.pk), form).status_code in (400, 409, 422)
    assert Reservation.objects.count() == 0


def test_an_appointment_elsewhere_is_shown_to_those_who_may_see_it(client, visit):
    here, there = residents(2)
    shown = ReservationFactory(person=here, slot=SlotFactory(clinic=visit.slot.clinic))
    hidden = ReservationFactory(person=there)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=visit.slot.clinic))

    preview = client.post(page_of("list", visit.pk), {"text": listed([here, there])})

    notes = [row["note"] for row in preview.context["preview"]["rows"]]
    assert notes[0].startswith(f"{timezone.localtime(shown.slot.starts_at):%Y-%m-%d %H:%M}")
    assert hidden.slot.clinic.name not in flat(preview)
    assert not any(char.isdigit() for char in notes[1])


def test_a_visit_is_planned_changed_and_called_off(manager, visit):
    home = visit.slot.home
    vaccine = VaccineFactory()
    form = {"home": home.pk, "vaccine": vaccine.pk, "dose": "1", **times(4)}

    planned = manager.post(page_of("add"), form, follow=True)
    made = HomeVisit.objects.latest("pk")
    twice = manager.post(page_of("add"), form)
    book(made, residents(2))
    moved = manager.post(page_of("edit", made.pk), times(6, places="2"), follow=True)
    few = manager.post(page_of("edit", made.pk), times(7, places="1"))
    off = manager.post(page_of("call_off", made.pk), follow=True)

    assert planned.context["visit"] == made
    assert (twice.status_code, few.status_code) == (422, 422)
    assert moved.context["visit"].slot.starts_at == morning(6)
    assert [row.status for row in off.context["rows"]] == ["cancelled", "cancelled"]
    assert not any(off.context["acts"].values())


@pytest.mark.parametrize(
    "wrong",
    [
        {"day": "2020-01-01"},
        {"ends": "09:00"},
        {"begins": "03:00"},
        {"places": "0"},
        {"places": "501"},
        {"dose": "2"},
        {"home": "0"},
        {"vaccine": "x"},
        {"day": "morgen"},
    ],
    ids=str,
)
def test_a_visit_that_makes_no_sense_is_refused_at_its_field(manager, visit, wrong):
    form = {"home": visit.slot.home_id, "vaccine": visit.slot.vaccine_id, "dose": "1", **times(4)}

    answer = manager.post(page_of("add"), form | wrong)

    assert answer.status_code == 422
    assert set(answer.context["form"].errors) == set(wrong)
    assert HomeVisit.objects.count() == 1


def test_one_resident_is_cancelled_and_another_added(manager, visit):
    first, second = residents(2)
    [row] = book(visit, [first])
    address = page_of("cancel", visit.pk, row.pk)

    assert manager.post(address, {"reason": ""}).status_code == 422
    manager.post(address, {"reason": "person"})
    preview = manager.post(page_of("list", visit.pk), {"text": listed([second])})
    manager.post(page_of("book", visit.pk), confirm_of(preview, listed([second])))

    rows = Reservation.objects.filter(slot=visit.slot).order_by("pk")
    assert [(row.person_id, row.status) for row in rows] == [
        (first.pk, "cancelled"),
        (second.pk, "confirmed"),
    ]


def test_the_second_visit_lists_the_people_of_the_first(client):
    vaccine = VaccineFactory(double=True)
    first = planned_visit(vaccine=vaccine)
    people = residents(2)
    book(first, people)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=first.slot.clinic))

    page = client.get(page_of("second", first.pk))
    early = client.post(page_of("second", first.pk), times(5))
    preview = client.post(page_of("second", first.pk), times(2 + 28), follow=True)
    again = client.post(page_of("second", first.pk), times(2 + 28))

    best = first.slot.starts_at + timedelta(days=28)
    assert page.context["form"].initial["day"] == timezone.localtime(best).date()
    assert early.status_code == 422
    assert preview.context["preview"]["people"] == 2
    assert again.status_code == 403  # there is one
    second = HomeVisit.objects.get(first=first)
    text = preview.context["text"]
    client.post(page_of("book", second.pk), confirm_of(preview, text))
    assert second.slot.reservations.filter(dose=2, status="confirmed").count() == 2


def test_visits_and_homes_are_seen_by_their_clinic_and_area(client, visit):
    local = {"role": Role.LOCAL, "region": "서울특별시"}
    # The team may come from another district than the home's.
    elsewhere = planned_visit(home=care_home(district="종로구", clinic=visit.slot.clinic))
    seen = {
        "own clinic": StaffFactory(role=Role.CLINIC, clinic=visit.slot.clinic),
        "other clinic": StaffFactory(role=Role.MANAGER, clinic=ClinicFactory()),
        "district": StaffFactory(**local, district="강남구"),
        "other district": StaffFactory(**local, district="종로구"),
        "authority": StaffFactory(role=Role.AUTHORITY),
    }
    expected = {
        "own clinic": {visit, elsewhere},
        "other clinic": set(),
        "district": {visit},
        "other district": {elsewhere},
        "authority": {visit, elsewhere},
    }

    for name, user in seen.items():
        client.force_login(user)
        visits = set(client.get(page_of("changelist")).context["cl"].result_list)
        homes = client.get(reverse("admin:booking_carehome_changelist")).context["cl"].result_list
        assert visits == expected[name], name
        assert {home.pk for home in homes} == {row.slot.home_id for row in expected[name]}, name
        hidden = {visit, elsewhere} - expected[name]
        for row in hidden:
            for act in ("change", "list", "edit", "print", "call_off"):
                assert client.get(page_of(act, row.pk)).status_code in (403, 404)


def test_a_home_is_entered_with_its_official_district(client):
    clinic = ClinicFactory()
    client.force_login(StaffFactory(role=Role.LOCAL, region="서울특별시", district="강남구"))
    address = reverse("admin:booking_carehome_add")
    form = {
        "name": "새요양원",
        "clinic": clinic.pk,
        "region": "서울",
        "district": "강남구",
        "address": "서울 강남구 새길 1",
        "contact": "이담당\n둘째 줄",
        "active": "on",
    }

    two_lines = client.post(address, form)
    outside = client.post(address, {**form, "contact": "", "district": "종로구"})
    saved = client.post(address, {**form, "contact": "이담당"})

    assert (two_lines.status_code, outside.status_code, saved.status_code) == (200, 200, 302)
    home = CareHome.objects.get()
    assert (home.region, home.district, home.contact) == ("서울특별시", "강남구", "이담당")


def test_pages_of_a_visit_take_few_statements(client, visit, django_assert_max_num_queries):
    people = residents(4)
    book(visit, people[:3])
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=visit.slot.clinic))
    pages = [
        page_of("changelist"),
        page_of("change", visit.pk),
        page_of("print", visit.pk),
        page_of("list", visit.pk),
        page_of("edit", visit.pk),
        page_of("add"),
        reverse("admin:booking_carehome_changelist"),
        reverse("admin:booking_carehome_change", args=[visit.slot.home_id]),
    ]
    for address in pages:
        with django_assert_max_num_queries(12):
            assert client.get(address).status_code == 200
    ReservationFactory(person=people[3])
    with django_assert_max_num_queries(12):
        preview = client.post(page_of("list", visit.pk), {"text": listed(people)})
    assert preview.context["preview"]["left_out"] == 4


def test_the_print_list_names_those_whom_no_message_reaches(manager, visit):
    people = [*residents(1), PersonFactory(phone="")]
    book(visit, people)

    page = flat(manager.get(page_of("print", visit.pk)))

    assert people[1].name in page
    with override("ko"):
        assert page.count(_("to be told")) == 1
    assert Access.objects.get(what="visit_print").act == Act.PRINT


def test_the_clinics_day_shows_the_visit_and_vaccinates_there(client, visit, clock):
    rows = book(visit, residents(2))
    clinic, vaccine = visit.slot.clinic, visit.slot.vaccine
    clock.move_to(visit.slot.starts_at + timedelta(minutes=100), tick=True)
    lot = receive_lot(
        clinic=clinic,
        vaccine=vaccine,
        number="X1",
        expires_on=(morning(60)).date(),
        doses=5,
        by=BY,
    )
    set_default_lot(lot=lot, on=timezone.localtime(clock.now()).date(), by=BY)
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=clinic))
    address = f"{reverse('admin:booking_reservation_day')}?clinic={clinic.code}"

    page = client.get(address)
    mark_arrived(reservation=rows[0], by=BY)
    details = DoseDetails(site=Site.LEFT_ARM, identity=IdentityCheck.CARD)
    mark_vaccinated(reservation=rows[0], by=BY, details=details)

    # An hour into the visit those to come are listed, and none of them is late.
    assert [entry.row.pk for entry in page.context["entries"]] == sorted(
        (row.pk for row in rows), key=lambda pk: Reservation.objects.get(pk=pk).number
    )
    assert not any(entry.is_late for entry in page.context["entries"])
    assert visit.slot.home.name in flat(page)
    assert Reservation.objects.get(pk=rows[0].pk).status == "vaccinated"


def test_a_resident_sees_the_home_and_may_cancel_but_not_move(client):
    visit = planned_visit(vaccine=VaccineFactory(double=True))
    [row] = book(visit, residents(1))
    sign_in(client, row.person)
    receipt = reverse("reservation", args=[row.number])

    page = flat(client.get(receipt, headers={"accept-language": "en"}))
    change = client.get(reverse("change", args=[row.number]))
    moved = client.post(reverse("change", args=[row.number]), {"slot": SlotFactory().pk})

    home = visit.slot.home
    assert home.name in page
    assert home.address in page
    assert f'The team of<span lang="ko">{visit.slot.clinic.name}</span>comes to the home.' in page
    assert reverse("change", args=[row.number]) not in page
    assert (change.status_code, moved.status_code) == (409, 409)
    standing = facts_of(row.person_id, row.created_at)
    assert standing.booked
    assert standing.booked.clinic == home.name
    # The second dose comes with a list, not by the person.
    assert not standing.misses_second
    calendar = client.get(reverse("calendar", args=[row.number])).content.decode()
    assert home.name in re.sub(r"\r\n ", "", calendar)
    client.post(reverse("cancel", args=[row.number]))
    assert Reservation.objects.get(pk=row.pk).status == "cancelled"
    assert Slot.objects.get(pk=visit.slot_id).booked == 0
    client.post(reverse("undo", args=[row.number]))
    assert Reservation.objects.get(pk=row.pk).status == "confirmed"


def test_the_desk_does_not_move_an_appointment_of_a_visit(client, visit):
    [row] = book(visit, residents(1))
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=visit.slot.clinic))

    page = flat(client.get(reverse("admin:booking_reservation_change", args=[row.pk])))
    move = client.get(reverse("admin:booking_reservation_move", args=[row.pk]))

    assert reverse("admin:booking_reservation_cancel", args=[row.pk]) in page
    assert reverse("admin:booking_reservation_move", args=[row.pk]) not in page
    assert move.status_code == 302

"""The questions before a vaccination at the clinic: read, asked, flagged, printed."""

from functools import partial

import pytest
from django.urls import reverse

from booking.services.changes import change_reservation
from booking.services.visits import mark_arrived, mark_vaccinated, undo_mark
from staff.enums import Act, Role
from staff.models import Access
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory, StaffFactory
from tests.vaccination.answering import HEALTHY, ON_ANTICOAGULANTS, posted, sent, stored
from vaccination.exceptions import DoctorNeeded
from vaccination.models import DoseGiven, QuestionnaireResponse
from vaccination.services.doses import DoseDetails, form_address, record_dose
from vaccination.services.questionnaires import save_draft, sent_answers

pytestmark = pytest.mark.django_db
EMPTY = "/admin/vaccination/dosegiven/questions/"


@pytest.fixture
def desk(client, nurse):
    client.force_login(nurse)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


@pytest.fixture
def asked(arrived) -> str:
    """The page of the questions of the person who has arrived."""
    return f"{form_address(arrived)}questions/"


def answered_at_counter(arrived, answers=ON_ANTICOAGULANTS):
    return sent(arrived, answers, by="staff:1")


def dose_fields(nurse, **values) -> dict:
    return {
        "identity": "card",
        "vaccinator": nurse.pk,
        "site": "LA",
        "status_shown": "arrived",
        **values,
    }


def errors(page) -> str:
    return " ".join(str(error) for found in page.context["form"].errors.values() for error in found)


def test_the_counter_asks_and_each_look_is_on_record(desk, arrived, asked, by):
    form = desk.get(asked)
    page = desk.post(asked, posted(arrived, ON_ANTICOAGULANTS))
    read = desk.get(asked).content.decode()

    response = stored(arrived)
    assert "Do you feel ill" in form.content.decode()
    assert page.url == form_address(arrived)
    assert (sent_answers(response), response.by) == (ON_ANTICOAGULANTS, by)
    assert "와파린" in read
    assert "Asked at the counter by nurse" in read
    looks = Access.objects.filter(what="answers").order_by("pk")
    assert [(look.act, look.people) for look in looks] == [
        (act, [arrived.person_id]) for act in (Act.DETAIL, Act.CHANGE, Act.DETAIL)
    ]


@pytest.mark.parametrize(
    ("values", "status"),
    [
        ({"q_sick": ""}, 422),
        ({"q_sick": "x"}, 422),
        ({"q_bleeding_detail": ""}, 422),
        ({"version": "5"}, 409),
        ({"revision": "9"}, 409),
    ],
)
def test_the_counter_stores_nothing_half_done(desk, arrived, asked, values, status):
    page = desk.post(asked, {**posted(arrived, ON_ANTICOAGULANTS), **values})

    assert page.status_code == status
    assert not QuestionnaireResponse.objects.exists()
    assert page.context["form"]["q_covid"].value() == "earlier"


def test_a_draft_is_no_business_of_the_clinic(desk, clock):
    row = ReservationFactory()
    save_draft(reservation=row, answers={"sick": "yes", "sick_detail": "열"})
    clock.move_to(row.slot.starts_at)
    mark_arrived(reservation=row, by="staff:1")
    desk.force_login(StaffFactory(role=Role.CLINIC, clinic=row.slot.clinic))

    page = desk.get(f"{form_address(row)}questions/").content.decode()

    assert "Begun by the person, not sent yet" in page
    assert "열" not in page


def test_a_flag_stands_on_the_day_until_the_doctor_has_spoken(desk, arrived, nurse):
    answered_at_counter(arrived)
    day = reverse("admin:booking_reservation_day")
    shown = desk.get(day).content.decode()

    refused = desk.post(form_address(arrived), dose_fields(nurse))
    recorded = desk.post(form_address(arrived), dose_fields(nurse, doctor_spoke="on"))

    assert "Doctor first" in shown
    assert "Tick this once the doctor has spoken" in errors(refused)
    assert recorded.status_code == 302
    response = stored(arrived)
    assert DoseGiven.objects.filter(reservation=arrived).exists()
    assert response.doctor_by == f"staff:{nurse.pk}"
    assert "The doctor has spoken to the person" in desk.get(form_address(arrived)).content.decode()
    assert "Doctor first" not in desk.get(day).content.decode()


def test_one_press_on_the_day_asks_for_the_doctor_first(desk, arrived):
    answered_at_counter(arrived)
    mark = {"act": "vaccinated", "seen": "arrived"}

    page = desk.post(f"/admin/booking/reservation/{arrived.pk}/mark/", mark)

    assert page.url == form_address(arrived)
    with pytest.raises(DoctorNeeded):
        mark_vaccinated(reservation=arrived, by="staff:1")
    assert not DoseGiven.objects.exists()
    sent(arrived, HEALTHY, by="staff:1")
    mark_vaccinated(reservation=arrived, by="staff:1")


def test_other_answers_are_another_conversation(arrived):
    answered_at_counter(arrived)
    record_dose(reservation=arrived, details=DoseDetails(doctor_spoke=True), by="staff:1")
    undo_mark(reservation=arrived, by="staff:1")
    # Taken back, the conversation stands; with other answers it does not.
    record_dose(reservation=arrived, details=DoseDetails(), by="staff:1")
    undo_mark(reservation=arrived, by="staff:1")
    answered_at_counter(arrived, {**ON_ANTICOAGULANTS, "sick": "yes", "sick_detail": "열"})

    with pytest.raises(DoctorNeeded):
        record_dose(reservation=arrived, details=DoseDetails(), by="staff:1")


def test_a_sheet_of_paper_is_noted_with_the_dose(desk, arrived, nurse):
    desk.post(form_address(arrived), dose_fields(nurse, on_paper="on"))

    response = stored(arrived)
    page = desk.get(form_address(arrived)).content.decode()
    assert (response.is_on_paper, response.content, response.version) == (True, None, None)
    assert "Answered on paper" in page


def test_nothing_changes_after_the_vaccination(desk, arrived, asked):
    answered_at_counter(arrived, HEALTHY)
    record_dose(reservation=arrived, details=DoseDetails(), by="staff:1")

    page = desk.post(asked, posted(arrived, ON_ANTICOAGULANTS))

    assert page.status_code == 409
    assert "was given already" in page.content.decode()
    assert "Ask again" not in desk.get(asked).content.decode()
    assert sent_answers(stored(arrived)) == HEALTHY


def test_the_sheet_is_printed_filled_in_and_empty(desk, arrived, asked):
    answered_at_counter(arrived)

    filled = desk.get(f"{asked}print/").content.decode()
    empty = desk.get(EMPTY).content.decode()

    for text in ["혈액응고장애", "anticoagulants", "와파린", arrived.person.name, "☑"]:
        assert text in filled
    for text in ["혈액응고장애", "anticoagulants", "☐"]:
        assert text in empty
    assert "☑" not in empty
    assert [look.act for look in Access.objects.filter(what="answers")] == [Act.PRINT]


# Who sees nothing


def requests_of(client, row):
    asked = f"{form_address(row)}questions/"
    return [
        partial(client.get, asked),
        partial(client.post, asked, posted(row, HEALTHY)),
        partial(client.get, f"{asked}print/"),
    ]


@pytest.mark.parametrize("role", [Role.LOCAL, Role.AUTHORITY, Role.OPERATOR, Role.AUDITOR, ""])
def test_other_roles_are_refused(client, arrived, role):
    answered_at_counter(arrived)
    client.force_login(StaffFactory(role=role, region="서울특별시"))

    assert [act().status_code for act in requests_of(client, arrived)] == [403] * 3
    assert client.get(EMPTY).status_code == 403
    assert sent_answers(stored(arrived)) == ON_ANTICOAGULANTS


@pytest.mark.parametrize("superuser", [False, True])
def test_another_clinic_and_a_superuser_find_nothing(client, arrived, superuser):
    answered_at_counter(arrived)
    other = {"superuser": True} if superuser else {"role": Role.MANAGER, "clinic": ClinicFactory()}
    client.force_login(StaffFactory(**other))

    assert [act().status_code for act in requests_of(client, arrived)] == [404] * 3
    page = client.get(f"/admin/booking/reservation/day/?clinic={arrived.slot.clinic.code}")
    assert "의사 상담 필요" not in page.content.decode()
    assert sent_answers(stored(arrived)) == ON_ANTICOAGULANTS


def test_the_former_clinic_no_longer_sees_what_moved(client, clock):
    row = ReservationFactory()
    sent(row, ON_ANTICOAGULANTS)
    former, later = row.slot.clinic, ClinicFactory()
    slot = SlotFactory(clinic=later, vaccine=row.slot.vaccine)
    change_reservation(reservation=row, slot_id=slot.pk, by="citizen")

    found = []
    for clinic in (former, later):
        client.force_login(StaffFactory(role=Role.CLINIC, clinic=clinic))
        page = client.get(f"{form_address(row)}questions/")
        found.append((page.status_code, "와파린" in page.content.decode()))

    assert found == [(404, False), (200, True)]

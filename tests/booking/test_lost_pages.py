"""What staff see and can do when a mistaken record is taken back."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from booking.models import ListEntry, LostAppointment, Offer, OutsideDose, Reservation, Slot
from booking.services.lost_appointments import lost_appointments
from booking.services.outside_doses import record_outside_dose
from booking.services.staff_bookings import book_for
from staff.enums import Act, Role
from staff.models import Access
from tests.booking.test_desk_pages import book, offered
from tests.booking.test_offers import entry
from tests.booking.test_path import page
from tests.booking.test_staff_pages import said
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
OUTSIDE_DOSES = "/admin/booking/outsidedose/"
LOST = f"{OUTSIDE_DOSES}lost/"


@pytest.fixture
def ours():
    return ClinicFactory(name="가의원", region="서울특별시", district="강남구")


@pytest.fixture
def desk(client, ours):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.user = StaffFactory(role=Role.CLINIC, clinic=ours, username="desk")
    client.force_login(client.user)
    return client


def recorded(client, reservation, *, days_ago=0) -> OutsideDose:
    outside_dose, _freed = record_outside_dose(
        person_id=reservation.person_id,
        vaccine=reservation.slot.vaccine,
        dose=1,
        given_on=timezone.localdate() - timedelta(days=days_ago),
        by=f"staff:{client.user.pk}",
    )
    return outside_dose


def withdraw(client, outside_dose):
    return client.post(f"{OUTSIDE_DOSES}{outside_dose.pk}/withdraw/")


def lose(client, reservation):
    """Somebody else has the place when the record is withdrawn; the answer."""
    Slot.objects.filter(pk=reservation.slot_id).update(capacity=1)
    outside_dose = recorded(client, reservation)
    ReservationFactory(slot=reservation.slot)
    return withdraw(client, outside_dose)


def test_withdrawing_says_what_is_booked_again_and_who_waits_again(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    admission = AdmissionFactory()
    waiting = entry(admission, dose=1, places=[f"c:{ClinicFactory().pk}"])
    outside_dose = recorded(desk, reservation)
    other, _freed = record_outside_dose(
        person_id=admission.ticket.person_id,
        vaccine=reservation.slot.vaccine,
        dose=1,
        given_on=timezone.localdate(),
        by=outside_dose.by,
    )

    answer, of_list = withdraw(desk, outside_dose), withdraw(desk, other)

    assert answer.url == OUTSIDE_DOSES
    done, again = said(answer)
    assert done == "The record is withdrawn. Its history is kept."
    assert again.startswith("Booked again: dose 1,")
    assert reservation.number in again
    assert "in their old place" in said(of_list)[-1]
    assert ListEntry.objects.get(pk=waiting.pk).status == "waiting"
    history = desk.get(f"/admin/booking/reservation/{reservation.pk}/history/")
    assert [(event.what, by) for event, by in history.context["story"]][-2:] == [
        ("Cancelled", "desk"),
        ("Cancellation taken back", "desk"),
    ]


def test_a_correction_says_what_is_booked_again(desk, ours):
    first = SlotFactory(clinic=ours, double=True)
    later = first.starts_at + timedelta(days=28)
    second = SlotFactory(clinic=ours, vaccine=first.vaccine, starts_at=later)
    person = PersonFactory()
    AdmissionFactory(person=person)
    _one, two = book_for(person=person, slot=first, second=second, by="staff:1")
    outside_dose = recorded(desk, two, days_ago=30)
    right = timezone.localdate() - timedelta(days=3)

    answer = desk.post(
        f"{OUTSIDE_DOSES}{outside_dose.pk}/change/",
        {"vaccine": first.vaccine_id, "dose": 1, "given_on": f"{right}"},
    )

    assert any(
        text.startswith("Booked again: dose 2") and two.number in text for text in said(answer)
    )
    assert Reservation.objects.get(pk=two.pk).status == "confirmed"


def test_what_is_lost_is_named_with_the_nearest_times_and_booked_from_there(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    vaccine, starts_at = reservation.slot.vaccine, reservation.slot.starts_at
    elsewhere = ClinicFactory(region="부산광역시", district="해운대구")
    SlotFactory(clinic=elsewhere, vaccine=vaccine, starts_at=starts_at)
    near = SlotFactory(clinic=ours, vaccine=vaccine, starts_at=starts_at + timedelta(hours=1))

    answer = lose(desk, reservation)
    shown = desk.get(answer.url)

    assert answer.url == LOST
    assert said(answer)[-1].startswith("Not everything could be booked again.")
    [entry] = shown.context["entries"]
    assert (entry["row"], entry["by"]) == (reservation, "desk")
    assert "The place was given to somebody else" in page(shown)
    assert offered(shown) == [near.pk]
    assert Access.objects.filter(user=desk.user, act=Act.LIST, people=[reservation.person_id])

    answer = book(desk, reservation.person, near)
    assert answer.status_code == 302
    assert desk.get(LOST).context["entries"] == []


def test_whoever_lost_an_appointment_is_put_first_with_one_click(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    lose(desk, reservation)
    [address] = re.findall(r'action="([^"]*/first/)"', page(desk.get(LOST)))

    answers = [desk.post(address), desk.post(address)]

    entry_ = ListEntry.objects.get()
    assert (entry_.person_id, entry_.priority, entry_.by) == (
        reservation.person_id,
        1,
        f"staff:{desk.user.pk}",
    )
    assert said(answers[0])[-1].startswith("First on the list: the next time")
    assert [answer.url for answer in answers] == [LOST, LOST]
    assert Access.objects.filter(act=Act.CHANGE, people=[reservation.person_id]).exists()
    assert desk.get(LOST).context["entries"] == []
    assert LostAppointment.objects.get().entry == entry_


def test_a_time_that_is_open_is_offered_at_once(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))
    lose(desk, reservation)
    later = reservation.slot.starts_at + timedelta(hours=1)
    slot = SlotFactory(clinic=ours, vaccine=reservation.slot.vaccine, starts_at=later)

    answer = desk.post(f"{LOST}{LostAppointment.objects.get().pk}/first/")

    assert "was offered at once" in said(answer)[-1]
    assert Offer.objects.get().slot_id == slot.pk


def test_without_a_first_dose_the_second_waits(desk, ours):
    first = SlotFactory(clinic=ours, double=True)
    later = first.starts_at + timedelta(days=28)
    second = SlotFactory(clinic=ours, vaccine=first.vaccine, starts_at=later)
    person = PersonFactory()
    AdmissionFactory(person=person)
    one, two = book_for(person=person, slot=first, second=second, by="staff:1")
    lose(desk, one)

    shown = desk.get(LOST)
    refused = desk.post(f"{LOST}{two.freed.pk}/first/")

    assert [entry["needs_first"] for entry in shown.context["entries"]] == [False, True]
    assert said(refused) == ["There is no appointment for the first dose. Book that one first."]


def test_lost_appointments_are_seen_and_helped_within_the_role(desk, ours):
    theirs = ClinicFactory(name="나의원", region="부산광역시", district="해운대구")
    far = PersonFactory(region="부산광역시", district="해운대구", name="먼사람")
    foreign = ReservationFactory(slot=SlotFactory(clinic=theirs), person=far)
    staff = StaffFactory(role=Role.CLINIC, clinic=theirs)
    Slot.objects.filter(pk=foreign.slot_id).update(capacity=1)
    outside_dose, _freed = record_outside_dose(
        person_id=far.pk,
        vaccine=foreign.slot.vaccine,
        dose=1,
        given_on=timezone.localdate(),
        by=f"staff:{staff.pk}",
    )
    ReservationFactory(slot=foreign.slot)
    desk.force_login(staff)
    withdraw(desk, outside_dose)
    address = f"{LOST}{LostAppointment.objects.get().pk}/first/"
    assert len(desk.get(LOST).context["entries"]) == 1

    for user in [desk.user, StaffFactory(role=Role.LOCAL, region="서울특별시")]:
        desk.force_login(user)
        assert desk.get(LOST).context["entries"] == []
        assert desk.post(address).status_code == 404
    desk.force_login(StaffFactory(role=Role.OPERATOR))
    assert desk.get(LOST).status_code == 403
    assert desk.post(address).status_code == 403
    desk.force_login(StaffFactory(role=Role.AUTHORITY))
    [entry] = desk.get(LOST).context["entries"]
    assert (entry["near"], entry["desk"]) == ([], "")
    assert desk.post(address).status_code == 403
    desk.force_login(StaffFactory(role=Role.LOCAL, region="부산광역시"))
    assert len(desk.get(LOST).context["entries"]) == 1
    assert desk.post(address).status_code == 302
    assert not lost_appointments().exists()


def test_the_list_of_records_leads_to_what_was_lost(desk):
    assert 'href="/admin/booking/outsidedose/lost/"' in page(desk.get(OUTSIDE_DOSES))
    assert "Nobody waits for help." in page(desk.get(LOST))

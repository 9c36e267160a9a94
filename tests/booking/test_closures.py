"""Closing hours: everybody moved or cancelled and told, or nothing; and all of it taken back."""

from datetime import timedelta
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from booking.enums import ClosureMode, ClosureStatus, EntryStatus, ReservationStatus
from booking.exceptions import (
    ClosureChanged,
    HoursClosed,
    MessagesLeft,
    NothingToClose,
    Refused,
)
from booking.models import (
    AffectedAppointment,
    ClosedSlot,
    Closure,
    ListEntry,
    OpeningHours,
    Reservation,
    Slot,
    SpecialDay,
)
from booking.services import closures, schedules
from booking.services.changes import cancel_reservation, change_reservation
from booking.services.closure_messages import render_closed, tell_due
from booking.services.closure_plans import Wish
from booking.services.holds import hold_slot
from booking.services.offers import make_offers
from booking.services.slots import set_capacity
from booking.services.visits import mark_arrived
from events.services import story_of
from messaging.models import Message
from tests.booking.closures import (
    BY,
    CANCEL,
    MOVE,
    book,
    clinic_near,
    close,
    hours_of,
    places,
    seats,
    slot_at,
)
from tests.booking.test_offers import entry
from tests.booking.test_path import page, sign_in
from tests.concurrency import Underway
from tests.factories import (
    AdmissionFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
    put_into,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]


@pytest.fixture
def slot():
    return SlotFactory()


# Closing and telling


def test_people_move_to_the_nearest_time_and_are_told(slot, clock):
    first, second = book(slot, 1), book(slot_at(slot, capacity=1, vaccine=VaccineFactory()), 1)
    near, full = slot_at(slot, 1), slot_at(slot, 1, vaccine=second[0].slot.vaccine, capacity=1)

    closure = close(slot)

    assert places([*first, *second]) == [("confirmed", near.pk), ("confirmed", full.pk)]
    assert set(seats().values()) == {(0, 0, 0), (10, 0, 1), (1, 0, 1)}
    assert tell_due() == 0  # not yet: it may be taken back
    clock.move_to(closure.tells_at, tick=True)
    assert tell_due() == 2
    assert tell_due() == 0
    [text] = [message.text for message in rendered(first)]
    assert text.startswith(f"[자리] {slot.clinic.name}")
    assert first[0].number in text
    story = [event.kind for event in story_of(first[0].person_id)]
    assert story[:3] == ["booked_by_staff", "clinic_closed", "moved"]


def rendered(rows):
    keys = [
        message.key
        for message in Message.objects.filter(
            kind="closed", person_id__in=[row.person_id for row in rows]
        )
    ]
    return list(render_closed(keys).values())


def test_a_full_clinic_sends_people_to_the_nearest_one(slot):
    [moved] = book(slot, 1)
    other = slot_at(slot, clinic=clinic_near(slot.clinic))
    slot_at(slot, 1, capacity=1, booked=0)
    Slot.objects.filter(clinic=slot.clinic).exclude(pk=slot.pk).update(capacity=0)

    with pytest.raises(ClosureChanged):
        close(slot)
    close(slot, Wish(ClosureMode.MOVE, km=10))

    assert places([moved]) == [("confirmed", other.pk)]


def test_people_left_without_a_time_come_first_and_book_without_queueing(slot, clock):
    left = ReservationFactory(slot=slot)
    waiting = entry(AdmissionFactory(), days=9)

    closure = close(slot, CANCEL, without=1)
    clock.move_to(closure.tells_at, tick=True)
    tell_due()

    listed = ListEntry.objects.get(person=left.person)
    assert (listed.priority, listed.admission_id) == (1, left.admission_id)
    assert AffectedAppointment.objects.get().entry == listed
    free = slot_at(slot, 1, capacity=1)
    make_offers()
    assert [EntryStatus(row.status) for row in (refreshed(listed), refreshed(waiting))] == [
        EntryStatus.OFFERED,
        EntryStatus.WAITING,
    ]
    [message] = rendered([left])
    assert "대기" in message.text
    again = slot_at(slot, 2)
    hold_slot(person_id=left.person_id, slot_id=again.pk, admission_id=left.admission_id)
    assert refreshed(free).booked == 0 or refreshed(again).booked == 1


def refreshed(row):
    row.refresh_from_db()
    return row


def test_the_booking_page_opens_again_for_whom_a_closure_cancelled(client, slot):
    left = ReservationFactory(slot=slot)
    open_slot = slot_at(slot, 1)
    sign_in(client, left.person)
    before = client.get(reverse("booking"), follow=True)

    close(slot, CANCEL, without=1)
    receipt = page(client.get(reverse("reservation", args=[left.number])))
    finder = client.get(reverse("booking"))
    held = client.post(reverse("hold"), {"slot": open_slot.pk})

    assert before.status_code != finder.status_code or before.redirect_chain
    assert slot.clinic.name in receipt
    assert (finder.status_code, held.status_code) == (200, 200)
    assert refreshed(open_slot).booked == 1


def test_a_second_dose_goes_along_with_its_first(clock):
    first = SlotFactory(double=True)
    second = slot_at(first, 21)
    [one, two] = book_both(first, second)
    later, fitting = slot_at(first, 1), slot_at(first, 23)

    closure = close(first)

    assert places([one, two]) == [("confirmed", later.pk), ("confirmed", fitting.pk)]
    closures.take_back(closure=closure, by=BY)
    assert places([one, two]) == [("confirmed", first.pk), ("confirmed", second.pk)]


def book_both(first: Slot, second: Slot) -> list[Reservation]:
    admission = AdmissionFactory()
    person = admission.ticket.person
    rows = [
        ReservationFactory(slot=slot, person=person, admission=admission)
        for slot in (first, second)
    ]
    assert [row.dose for row in rows] == [1, 2]
    return rows


# Taking back and opening again


def test_taking_back_restores_people_and_slots_and_tells_nobody(slot, clock):
    Slot.objects.filter(pk=slot.pk).update(margin=1)
    rows = book(slot, 3)
    slot_at(slot, 1, capacity=2)
    before, was = places(rows), seats()
    closure = close(slot, without=1)
    assert places(rows) != before

    assert closures.take_back(closure=closure, by=BY) == (3, 0)

    assert (places(rows), seats()) == (before, was)
    clock.forward(minutes=10)
    assert tell_due() == 0
    assert not Message.objects.filter(kind="closed").exists()
    assert refreshed(closure).status == ClosureStatus.TAKEN_BACK
    with pytest.raises(Refused):
        closures.take_back(closure=closure, by=BY)


def test_people_who_acted_since_are_left_as_they_are(slot):
    moved, cancelled, kept = book(slot, 3)
    slot_at(slot, 1)
    elsewhere = slot_at(slot, 2)
    closure = close(slot)
    change_reservation(reservation=moved, slot_id=elsewhere.pk, by="citizen")
    cancel_reservation(reservation=cancelled, by="citizen")

    assert closures.take_back(closure=closure, by=BY) == (1, 2)

    assert places([moved])[0] == ("confirmed", elsewhere.pk)
    assert places([cancelled])[0][0] == "cancelled"
    assert places([kept])[0] == ("confirmed", slot.pk)


def test_after_the_messages_left_only_the_hours_open_again(slot, clock):
    [row] = book(slot, 1)
    there = slot_at(slot, 1)
    closure = close(slot)
    clock.move_to(closure.tells_at, tick=True)
    tell_due()

    with pytest.raises(MessagesLeft):
        closures.take_back(closure=closure, by=BY)
    closures.reopen(closure=closure, by=BY)

    assert places([row]) == [("confirmed", there.pk)]
    assert seats()[slot.pk] == (10, 0, 0)


# Bad input


def test_people_who_came_stay_and_their_seat_is_not_freed(slot, clock):
    came, comes = book(slot, 2)
    slot_at(slot, 1)
    put_into(came, ReservationStatus.ARRIVED)

    close(slot)

    assert places([came]) == [("arrived", slot.pk)]
    assert places([comes])[0][1] != slot.pk
    put_into(came, ReservationStatus.CONFIRMED)
    cancel_reservation(reservation=came, by=BY)
    assert seats()[slot.pk] == (0, 0, 0)


def test_what_is_closed_stays_closed(slot):
    book(slot, 1)
    slot_at(slot, 1)
    entry(AdmissionFactory(), days=9)
    close(slot)

    with pytest.raises(HoursClosed):
        set_capacity(slot=slot, capacity=5, by=BY)
    Slot.objects.filter(pk=slot.pk).update(capacity=5)

    assert seats()[slot.pk] == (0, 0, 0)


def test_a_file_of_slots_does_not_open_closed_hours(slot, tmp_path):
    close(slot)
    path = tmp_path / "slots.csv"
    path.write_text(
        "clinic,vaccine,starts_at,capacity\n"
        f"{slot.clinic.code},{slot.vaccine.code},{timezone.localtime(slot.starts_at):%FT%H:%M},5\n"
    )

    said = StringIO()
    with pytest.raises(CommandError):
        call_command("import_slots", str(path), "--language=en", stdout=said, stderr=said)
    assert "This time is closed" in said.getvalue()

    assert seats()[slot.pk] == (0, 0, 0)


def test_new_slots_from_the_opening_hours_leave_closed_hours_out(clock):
    slot = SlotFactory()
    start = slot.starts_at
    OpeningHours.objects.create(
        clinic=slot.clinic,
        weekday=start.astimezone(clock.now().tzinfo).weekday(),
        vaccine=slot.vaccine,
        opens="07:00",
        closes="23:00",
        minutes=30,
        capacity=4,
    )
    closures.close_hours(
        hours=hours_of(slot, 0.6), wish=MOVE, reason="other", shown_without=0, by=BY
    )
    day = start.astimezone(clock.now().tzinfo).date()
    SpecialDay.objects.create(clinic=slot.clinic, on=day, closed=False)  # it may be a holiday
    options = schedules.Options(first=day, last=day)
    shown = schedules.fingerprint(schedules.preview(clinic=slot.clinic, options=options))
    schedules.make_slots(clinic=slot.clinic, options=options, shown=shown, by=BY)

    inside = Slot.objects.filter(starts_at__gte=start, starts_at__lt=start + timedelta(minutes=36))
    assert list(inside.values_list("pk", "capacity")) == [(slot.pk, 0)]
    assert Slot.objects.count() > 10


def test_closing_twice_or_overlapping_closes_only_what_was_open(slot):
    book(slot, 1)
    slot_at(slot, 3)
    next_slot = slot_at(slot, 1)
    close(slot)

    with pytest.raises(NothingToClose):
        close(slot)
    second = close(slot, hours=30)

    assert [row.slot_id for row in second.closed_slots.all()] == [next_slot.pk]
    assert ClosedSlot.objects.filter(reopened=False).count() == 2


def test_more_people_without_a_time_than_shown_close_nothing(slot):
    rows = book(slot, 2)
    slot_at(slot, 1, capacity=1)
    before = places(rows)

    with pytest.raises(ClosureChanged):
        close(slot)

    assert places(rows) == before
    assert not Closure.objects.exists()


def test_people_choosing_these_times_choose_again(slot):
    held = ReservationFactory(slot=slot, held=True)

    close(slot)

    assert places([held]) == [("released", slot.pk)]


def test_a_mark_that_waited_for_a_move_finds_the_row(slot, clock):
    [row] = book(slot, 1)
    there = slot_at(slot, 1)
    clock.move_to(slot.starts_at, tick=True)
    with transaction.atomic():
        Reservation.objects.filter(pk=row.pk).update(slot=there)
        marking = Underway(partial(mark_arrived, reservation=row, by=BY))
        assert marking.waits()
        Reservation.objects.filter(pk=row.pk).update(slot=there)
    with pytest.raises(Refused):  # the appointment is on another day by now
        marking.result()
    Reservation.objects.filter(pk=row.pk).update(slot=slot)
    assert places([row]) == [("confirmed", slot.pk)]

"""A record of a dose that was a mistake: what it cancelled comes back, or somebody sees to it."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from booking.enums import EntryStatus, LostReason
from booking.exceptions import AlreadyBooked, NoFirstDose, RecordWithdrawn
from booking.history import history_of
from booking.models import Clinic, ListEntry, LostAppointment, Offer, OutsideDose, Reservation, Slot
from booking.services.changes import cancel_reservation, undo_cancel
from booking.services.holds import take_back_holds
from booking.services.lost_appointments import lost_appointments, put_first
from booking.services.offers import decline_offer, make_offers
from booking.services.outside_doses import (
    correct_outside_dose,
    record_outside_dose,
    withdraw_outside_dose,
)
from booking.services.staff_bookings import book_for
from eligibility.models import Person
from messaging.models import Message
from tests.booking.test_offers import entry
from tests.booking.test_series import book_both, booked, hold
from tests.concurrency import at_once
from tests.factories import (
    AdmissionFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.holding import hold_slot

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
STAFF = "staff:7"


@pytest.fixture
def pair():
    """A first time, and the best one for its second dose, 28 days later."""
    first = SlotFactory(double=True)
    later = first.starts_at + timedelta(days=28)
    return first, SlotFactory(clinic=first.clinic, vaccine=first.vaccine, starts_at=later)


def record(person_id, vaccine, *, dose=1, days_ago=0) -> OutsideDose:
    outside_dose, _freed = record_outside_dose(
        person_id=person_id,
        vaccine=vaccine,
        dose=dose,
        given_on=timezone.localdate() - timedelta(days=days_ago),
        by=STAFF,
    )
    return outside_dose


def corrected(outside_dose, *, vaccine=None, dose=None, days_ago=0):
    return correct_outside_dose(
        outside_dose=outside_dose,
        vaccine=vaccine or outside_dose.vaccine,
        dose=dose or outside_dose.dose,
        given_on=timezone.localdate() - timedelta(days=days_ago),
        by=STAFF,
    )[1]


def person_of(reservation) -> Person:
    return Person.objects.get(pk=reservation.person_id)


def state_of(*reservations) -> list[str]:
    return [Reservation.objects.get(pk=one.pk).status for one in reservations]


def numbers(rows) -> list[str]:
    return [row.number for row in rows]


def test_what_a_mistaken_record_cancelled_comes_back_with_its_number_and_a_message():
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    assert (state_of(reservation), booked(reservation.slot)) == (["cancelled"], [0])

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert (numbers(after.restored), after.cancelled, after.lost) == ([reservation.number], [], [])
    assert (state_of(reservation), booked(reservation.slot)) == (["confirmed"], [1])
    told = Message.objects.get(kind="restored")
    assert (told.person_id, reservation.number in told.text) == (reservation.person_id, True)
    story = history_of(Reservation.objects.get(pk=reservation.pk))
    assert [(event.by, event.what) for event in story[-2:]] == [
        (STAFF, "취소됨"),
        (STAFF, "취소를 되돌림"),
    ]
    assert not LostAppointment.objects.exists()


@pytest.mark.parametrize(("dose", "days_ago"), [(1, 30), (2, 1)])
def test_both_doses_come_back(pair, dose, days_ago):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, first.vaccine, dose=dose, days_ago=days_ago)
    assert state_of(one, two) == ["cancelled", "cancelled"]

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert numbers(after.restored) == [one.number, two.number]
    assert booked(first, second) == [1, 1]
    assert Message.objects.filter(kind="restored").count() == 1


def test_a_second_dose_that_stayed_stands_on_the_first_again(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, first.vaccine)  # today: the second still fits
    assert state_of(one, two) == ["cancelled", "confirmed"]

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert (numbers(after.restored), after.cancelled) == ([one.number], [])
    assert state_of(one, two) == ["confirmed", "confirmed"]


def test_a_second_dose_moved_to_suit_the_record_gives_way_to_the_first(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, first.vaccine)
    cancel_reservation(reservation=two, by="citizen")
    # 22 days from today, 20 from the first appointment.
    early = SlotFactory(
        clinic=first.clinic, vaccine=first.vaccine, starts_at=first.starts_at + timedelta(days=20)
    )
    [new] = book_for(person=person_of(one), slot=early, by=STAFF)

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert (numbers(after.restored), numbers(after.cancelled)) == ([one.number], [new.number])
    assert state_of(one, two, new) == ["confirmed", "cancelled", "cancelled"]


def test_a_place_that_is_gone_is_lost_and_its_second_dose_with_it(pair):
    first, second = pair
    one, two = book_both(first, second)
    Slot.objects.filter(pk=first.pk).update(capacity=1)
    outside_dose = record(one.person_id, first.vaccine)
    ReservationFactory(slot=first)

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert (after.restored, numbers(after.cancelled)) == ([], [two.number])
    assert [(lost.reservation_id, lost.lost_because) for lost in after.lost] == [
        (one.pk, LostReason.TAKEN),
        (two.pk, LostReason.NO_FIRST),
    ]
    assert list(lost_appointments()) == after.lost
    assert booked(first, second) == [1, 0]


def test_what_the_list_was_offered_meanwhile_is_not_taken_from_it():
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(AdmissionFactory())
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    offer = Offer.objects.get()

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert [lost.lost_because for lost in after.lost] == [LostReason.TAKEN]
    assert Offer.objects.get().status == offer.status == "open"


def test_a_hold_that_ran_out_keeps_nobody_from_coming_back():
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    held = ReservationFactory(held=True, slot=reservation.slot)
    Reservation.objects.filter(pk=held.pk).update(held_until=timezone.now())

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert numbers(after.restored) == [reservation.number]
    assert state_of(held, reservation) == ["lapsed", "confirmed"]


def test_ones_own_hold_that_ran_out_at_the_same_time_is_counted_once(pair):
    """Held as the second dose of the mistaken record, at the very time that was the first."""
    first, _second = pair
    admission = AdmissionFactory()
    one = ReservationFactory(admission=admission, person=admission.ticket.person, slot=first)
    outside_dose = record(one.person_id, first.vaccine, days_ago=26)
    [held] = hold(admission, first)
    Reservation.objects.filter(pk=held.pk).update(held_until=timezone.now())

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert (held.dose, numbers(after.restored)) == (2, [one.number])
    assert booked(first) == [1]


def test_a_time_that_is_over_and_a_clinic_that_closed_bring_nothing_back(clock):
    over, closed = ReservationFactory(), ReservationFactory()
    Slot.objects.filter(pk=closed.slot_id).update(
        starts_at=closed.slot.starts_at + timedelta(days=9)
    )
    outside_doses = [record(one.person_id, one.slot.vaccine) for one in (over, closed)]
    Clinic.objects.filter(pk=closed.slot.clinic_id).update(active=False)
    clock.move_to(over.slot.starts_at + timedelta(minutes=1))

    lost = [
        withdraw_outside_dose(outside_dose=outside_dose, by=STAFF).lost
        for outside_dose in outside_doses
    ]

    assert [one.lost_because for [one] in lost] == [LostReason.OVER, LostReason.CLOSED]


def test_a_corrected_day_brings_the_second_dose_back(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(
        one.person_id, first.vaccine, days_ago=30
    )  # the second would come too late
    assert state_of(one, two) == ["cancelled", "cancelled"]

    after = corrected(outside_dose, days_ago=3)

    assert (numbers(after.restored), after.lost) == ([two.number], [])
    assert state_of(one, two) == ["cancelled", "confirmed"]
    # The first is still the record's: it comes back with its withdrawal.
    assert numbers(withdraw_outside_dose(outside_dose=outside_dose, by=STAFF).restored) == [
        one.number
    ]
    assert state_of(one, two) == ["confirmed", "confirmed"]


def test_a_corrected_vaccine_brings_the_second_dose_back(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, VaccineFactory(double=True))
    assert state_of(one, two) == ["cancelled", "cancelled"]

    after = corrected(outside_dose, vaccine=first.vaccine)

    assert numbers(after.restored) == [two.number]


def test_another_correction_tries_once_more(pair):
    first, second = pair
    one, two = book_both(first, second)
    Slot.objects.filter(pk=second.pk).update(capacity=1)
    outside_dose = record(one.person_id, first.vaccine, days_ago=30)
    [other] = book_for(person=person_of(one), slot=SlotFactory(vaccine=first.vaccine), by=STAFF)
    cancel_reservation(reservation=other, by=STAFF)
    rival = ReservationFactory(slot=second)

    lost = corrected(outside_dose, days_ago=3).lost
    cancel_reservation(reservation=rival, by="citizen")
    after = corrected(outside_dose, days_ago=4)

    assert [one.lost_because for one in lost] == [LostReason.TAKEN]
    assert (numbers(after.restored), after.lost) == ([two.number], [])
    assert not lost_appointments().exists()


def test_a_correction_that_changes_nothing_brings_nothing_back(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, first.vaccine, days_ago=30)

    after = corrected(outside_dose, days_ago=29)

    assert (after.restored, after.lost) == ([], [])
    assert set(LostAppointment.objects.values_list("reservation_id", flat=True)) == {one.pk, two.pk}


def test_what_another_record_makes_needless_waits_for_that_one(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_doses = [record(one.person_id, first.vaccine, dose=dose) for dose in (1, 2)]
    assert state_of(one, two) == ["cancelled", "cancelled"]

    before = withdraw_outside_dose(outside_dose=outside_doses[0], by=STAFF)
    after = withdraw_outside_dose(outside_dose=outside_doses[1], by=STAFF)

    assert (before.restored, before.lost) == ([], [])
    assert numbers(after.restored) == [one.number, two.number]


def test_whoever_has_booked_anew_keeps_that(pair):
    first, second = pair
    one, two = book_both(first, second)
    outside_dose = record(one.person_id, first.vaccine, days_ago=30)
    corrected(outside_dose, days_ago=20)  # neither day suits the second appointment
    new = SlotFactory(vaccine=first.vaccine, starts_at=first.starts_at + timedelta(days=5))
    [other] = book_for(person=person_of(one), slot=new, by=STAFF)

    after = corrected(outside_dose, days_ago=1)

    assert state_of(two, other) == ["confirmed", "cancelled"]
    assert (numbers(after.restored), numbers(after.cancelled)) == ([two.number], [other.number])
    [again] = [row for row in Reservation.objects.filter(person=one.person) if row.pk == other.pk]
    assert again.freed.outside_dose_id == outside_dose.pk


def test_what_the_person_cancelled_since_stays_cancelled():
    reservation = ReservationFactory()
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)
    cancel_reservation(reservation=reservation, by="citizen")
    again = record(reservation.person_id, reservation.slot.vaccine)

    after = withdraw_outside_dose(outside_dose=again, by=STAFF)

    assert (after.restored, after.lost) == ([], [])
    assert state_of(reservation) == ["cancelled"]


def test_a_person_who_is_choosing_another_time_is_not_disturbed(pair):
    first, second = pair
    admission = AdmissionFactory()
    one = ReservationFactory(admission=admission, person=admission.ticket.person, slot=first)
    two = ReservationFactory(admission=admission, person=one.person, slot=second)
    outside_dose = record(one.person_id, first.vaccine, days_ago=30)
    days = {name: first.starts_at + timedelta(days=number) for name, number in [("new", 9)]}
    # The first stay ended with the booking: they were called once more.
    again = AdmissionFactory(person=one.person)
    [held] = hold(again, SlotFactory(vaccine=first.vaccine, starts_at=days["new"]))

    after = corrected(outside_dose, days_ago=11)

    assert [lost.lost_because for lost in after.lost] == [LostReason.HOLDING]
    assert state_of(held, two) == ["held", "cancelled"]


def test_a_entry_comes_back_to_its_old_place_in_the_list():
    first, second = AdmissionFactory(), AdmissionFactory()
    early, late = entry(first), entry(second)
    outside_dose = record(first.ticket.person_id, VaccineFactory())
    early.refresh_from_db()
    assert (early.status, early.ended_by, early.outside_dose) == (
        EntryStatus.ENDED,
        STAFF,
        outside_dose,
    )

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)
    slot = SlotFactory(capacity=1)
    make_offers()

    assert [one.pk for one in after.entries] == [early.pk]
    early.refresh_from_db()
    assert (early.status, early.ended_at, early.ended_by, early.outside_dose) == (
        "offered",
        None,
        "",
        None,
    )
    assert Offer.objects.get(slot=slot).entry_id == early.pk
    assert ListEntry.objects.get(pk=late.pk).status == EntryStatus.WAITING


def test_what_is_open_is_offered_to_a_entry_at_once_when_it_comes_back():
    admission = AdmissionFactory()
    waiting = entry(admission)
    outside_dose = record(admission.ticket.person_id, VaccineFactory())
    slot = SlotFactory()

    withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert Offer.objects.get().slot_id == slot.pk
    assert ListEntry.objects.get(pk=waiting.pk).status == EntryStatus.OFFERED


def test_a_newer_entry_takes_the_old_place():
    first, second = AdmissionFactory(), AdmissionFactory()
    early, late = entry(first), entry(second)
    outside_dose = record(first.ticket.person_id, VaccineFactory())
    # By another way than the page, which has nothing to entry for whom a dose is on record.
    newer = ListEntry.objects.get(pk=early.pk)
    newer.pk, newer.status, newer.joined_at = None, EntryStatus.WAITING, timezone.now()
    newer.outside_dose, newer.ended_at, newer.ended_by = None, None, ""
    newer.save()

    after = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)
    SlotFactory(capacity=1)
    make_offers()

    assert after.entries == []
    assert Offer.objects.get().entry_id == newer.pk
    assert ListEntry.objects.get(pk=newer.pk).joined_at == early.joined_at < late.joined_at


def test_a_entry_for_days_that_are_over_does_not_come_back(clock):
    admission = AdmissionFactory()
    waiting = entry(admission, days=3)
    outside_dose = record(admission.ticket.person_id, VaccineFactory())
    clock.forward(days=5)

    assert withdraw_outside_dose(outside_dose=outside_dose, by=STAFF).entries == []
    assert ListEntry.objects.get(pk=waiting.pk).status == EntryStatus.ENDED


def test_an_open_offer_ends_with_the_record_and_the_entry_waits_again():
    admission = AdmissionFactory()
    slot = SlotFactory(capacity=1)
    waiting = entry(admission)
    assert Offer.objects.get().slot_id == slot.pk
    outside_dose = record(admission.ticket.person_id, slot.vaccine)
    assert (booked(slot), Offer.objects.get().status) == ([0], "declined")

    withdraw_outside_dose(outside_dose=outside_dose, by=STAFF)

    assert ListEntry.objects.get(pk=waiting.pk).status == EntryStatus.WAITING


def lose(reservation) -> LostAppointment:
    """Somebody else has the place by the time the mistake is found."""
    Slot.objects.filter(pk=reservation.slot_id).update(capacity=1)
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    ReservationFactory(slot=reservation.slot)
    [lost] = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF).lost
    return lost


def one_place_like(lost) -> Slot:
    slot = lost.reservation.slot
    later = slot.starts_at + timedelta(hours=1)
    return SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine, starts_at=later, capacity=1)


def test_whoever_lost_an_appointment_is_put_first_on_the_list():
    lost = lose(ReservationFactory())
    ahead = entry(AdmissionFactory())

    mine = put_first(lost=lost, by=STAFF)
    again = put_first(lost=lost, by=STAFF)
    one_place_like(lost)
    make_offers()

    assert (again, mine.by, mine.language) == (mine, STAFF, lost.reservation.language)
    assert Offer.objects.get().entry_id == mine.pk
    assert ListEntry.objects.get(pk=ahead.pk).status == EntryStatus.WAITING
    assert not lost_appointments().exists()


def test_whoever_waits_already_moves_up():
    admission = AdmissionFactory()
    lost = lose(ReservationFactory(admission=admission, person=admission.ticket.person))
    ahead, mine = entry(AdmissionFactory()), entry(admission)

    assert put_first(lost=lost, by=STAFF).pk == mine.pk

    SlotFactory(capacity=1)
    make_offers()
    assert Offer.objects.get().entry_id == mine.pk
    assert ListEntry.objects.get(pk=ahead.pk).status == EntryStatus.WAITING


def test_nobody_is_put_first_who_has_booked_again_or_lacks_the_first_dose(pair):
    one, _two = book_both(*pair)
    Slot.objects.filter(pk=one.slot_id).update(capacity=1)
    outside_dose = record(one.person_id, pair[0].vaccine)
    ReservationFactory(slot=one.slot)
    first, second = withdraw_outside_dose(outside_dose=outside_dose, by=STAFF).lost

    with pytest.raises(NoFirstDose):
        put_first(lost=second, by=STAFF)
    new = SlotFactory(vaccine=pair[0].vaccine)
    book_for(person=person_of(one), slot=new, by=STAFF)
    with pytest.raises(AlreadyBooked):
        put_first(lost=first, by=STAFF)

    assert list(lost_appointments()) == [second]
    assert put_first(lost=second, by=STAFF).dose == 2


def test_a_record_can_be_withdrawn_once():
    reservation = ReservationFactory()
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)

    outcomes = at_once(
        [partial(withdraw_outside_dose, outside_dose=outside_dose, by=STAFF) for _ in range(4)]
    )

    assert sum(len(one.restored) for one in outcomes) == 1
    assert booked(reservation.slot) == [1]
    with pytest.raises(RecordWithdrawn):
        corrected(outside_dose)


def test_a_race_for_the_place_is_won_by_one():
    """The record is withdrawn while everybody reaches for the place it had freed."""
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)
    room = RoomFactory()
    others = [AdmissionFactory(room=room, person=PersonFactory()) for _ in range(6)]

    withdrawn, *outcomes = at_once(
        [
            partial(withdraw_outside_dose, outside_dose=outside_dose, by=STAFF),
            *[
                partial(
                    hold_slot,
                    person_id=one.ticket.person_id,
                    admission_id=one.pk,
                    slot_id=reservation.slot_id,
                )
                for one in others
            ],
        ]
    )

    won = Counter(type(one).__name__ for one in outcomes)["list"]
    assert len(withdrawn.restored) + won == 1
    assert len(withdrawn.restored) + len(withdrawn.lost) == 1
    assert booked(reservation.slot) == [1]


def test_a_person_who_takes_it_back_meanwhile_has_it_once():
    reservation = ReservationFactory()
    outside_dose = record(reservation.person_id, reservation.slot.vaccine)

    at_once(
        [
            partial(withdraw_outside_dose, outside_dose=outside_dose, by=STAFF),
            partial(undo_cancel, reservation=reservation, by="citizen"),
            partial(withdraw_outside_dose, outside_dose=outside_dose, by=STAFF),
        ]
    )

    assert (state_of(reservation), booked(reservation.slot)) == (["confirmed"], [1])
    assert not LostAppointment.objects.exists()


def test_declining_after_all_leaves_nothing_behind():
    lost = lose(ReservationFactory())
    one_place_like(lost)

    mine = put_first(lost=lost, by=STAFF)
    offer = Offer.objects.get()
    decline_offer(token=offer.token, by="citizen")
    take_back_holds()

    assert (offer.entry_id, ListEntry.objects.get(pk=mine.pk).status) == (mine.pk, "waiting")

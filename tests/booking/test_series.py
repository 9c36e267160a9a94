"""Two doses, doses given elsewhere, changes, staff's acts, reminders, margins."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.utils import timezone, translation

from booking.exceptions import (
    AlreadyBooked,
    CapacityBelowBooked,
    HoldChanged,
    HoldLapsed,
    NoDoseLeft,
    SlotFull,
    TooLate,
    WrongInterval,
    WrongVaccine,
)
from booking.models import Clinic, Reservation, Slot, Stock
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.confirmations import confirm_hold
from booking.services.holds import ContactChoice
from booking.services.outside_doses import record_outside_dose
from booking.services.reminders import FROM_HOUR, remind
from booking.services.seats import lock_slots
from booking.services.slots import measure_no_shows, set_capacity, set_margins
from booking.services.staff_bookings import book_for
from booking.services.visits import mark_no_show, undo_mark
from messaging.enums import Channel
from messaging.models import Message
from messaging.services import send_waiting
from tests.booking.test_offers import entry
from tests.concurrency import Underway, at_once
from tests.crowd import admit
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.holding import hold_best_slots, hold_slot

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds", "both_paths_of_a_hold"),
]


@pytest.fixture
def pair():
    """A first time, and times 20, 21, 28, 42 and 43 days later, of one two-dose vaccine."""
    first = SlotFactory(double=True)
    return first, {
        days: SlotFactory(
            clinic=first.clinic,
            vaccine=first.vaccine,
            starts_at=first.starts_at + timedelta(days=days),
        )
        for days in (20, 21, 28, 42, 43)
    }


def hold(admission, first, second=None, service=hold_slot):
    return service(
        person_id=admission.ticket.person_id,
        admission_id=admission.pk,
        slot_id=first.pk,
        second_id=second.pk if second else None,
    )


def book_both(first, second) -> list[Reservation]:
    admission = AdmissionFactory()
    [held, _second] = hold(admission, first, second)
    return confirm_hold(person_id=held.person_id, key=held.key)


def booked(*slots) -> list[int]:
    return [Slot.objects.get(pk=slot.pk).booked for slot in slots]


@pytest.mark.parametrize(
    ("days", "fits"), [(20, False), (21, True), (28, True), (42, True), (43, False)]
)
def test_a_second_dose_fits_within_the_interval_only(pair, days, fits):
    first, later = pair
    admission = AdmissionFactory()

    if fits:
        assert [one.dose for one in hold(admission, first, later[days])] == [1, 2]
    else:
        with pytest.raises(WrongInterval):
            hold(admission, first, later[days])
    assert booked(first, later[days]) == [fits, fits]


def test_two_doses_of_one_day_are_two_times():
    clinic = ClinicFactory()
    vaccine = VaccineFactory(doses=2, min_days=0, best_days=0, max_days=1)
    before, first, after = [
        SlotFactory(
            vaccine=vaccine,
            clinic=clinic,
            starts_at=timezone.now() + timedelta(days=3, minutes=minutes),
        )
        for minutes in (0, 1, 4)
    ]

    with pytest.raises(WrongInterval):
        hold(AdmissionFactory(), first, first)
    held = hold(AdmissionFactory(), first, service=hold_best_slots)

    assert [one.slot_id for one in held] == [first.pk, after.pk]
    assert booked(before, first, after) == [0, 1, 1]


def test_a_second_dose_of_another_vaccine_is_refused(pair):
    first, _later = pair
    other = SlotFactory(double=True, starts_at=first.starts_at + timedelta(days=28))

    with pytest.raises(WrongVaccine):
        hold(AdmissionFactory(), first, other)


def test_both_doses_or_none(pair):
    first, later = pair
    Slot.objects.filter(pk=later[28].pk).update(capacity=0)

    with pytest.raises(SlotFull):
        hold(AdmissionFactory(), first, later[28])

    assert booked(first) == [0]


def test_the_best_second_time_comes_along_and_the_next_best_when_it_is_full(pair):
    first, later = pair

    best = hold(AdmissionFactory(), first, service=hold_best_slots)
    Slot.objects.filter(pk=later[28].pk).update(capacity=1)
    next_best = hold(AdmissionFactory(), first, service=hold_best_slots)

    assert [one.slot_id for one in best] == [first.pk, later[28].pk]
    assert [one.slot_id for one in next_best] == [first.pk, later[21].pk]


@pytest.mark.parametrize("chosen", [None, 42])
def test_holding_the_first_time_again_keeps_the_second_that_went_with_it(pair, chosen):
    """Pressing reload, or the button twice, must not move the second dose."""
    first, later = pair
    Slot.objects.filter(pk__in=[later[28].pk, later[42].pk]).update(capacity=1)
    admission = AdmissionFactory()
    before = hold(admission, first, service=hold_best_slots)
    if chosen:
        before = hold(admission, first, later[chosen], service=hold_best_slots)

    again = hold(admission, first, service=hold_best_slots)

    assert [(one.slot_id, one.key) for one in again] == [(one.slot_id, one.key) for one in before]
    assert again[1].slot_id == later[chosen or 28].pk


def test_without_any_second_time_the_first_is_held_alone():
    first = SlotFactory(double=True)

    held = hold(AdmissionFactory(), first, service=hold_best_slots)

    assert [(one.dose, one.slot_id) for one in held] == [(1, first.pk)]


def test_the_second_dose_can_be_booked_later(pair):
    first, later = pair
    admission = AdmissionFactory()
    [held] = hold(admission, first)
    confirm_hold(person_id=held.person_id, key=held.key)

    with pytest.raises(WrongInterval):
        hold(admission, later[43])
    [second] = hold(admission, later[42])
    confirm_hold(person_id=second.person_id, key=second.key)

    assert second.dose == 2
    with pytest.raises(AlreadyBooked):
        hold(admission, later[28])


def test_both_doses_are_confirmed_or_none(pair):
    first, later = pair
    admission = AdmissionFactory()
    held, second = hold(admission, first, later[28])
    Reservation.objects.filter(pk=second.pk).update(held_until=timezone.now())

    with pytest.raises(HoldLapsed):
        confirm_hold(person_id=held.person_id, key=held.key)

    assert set(Reservation.objects.values_list("status", flat=True)) == {"held"}
    assert not Message.objects.exists()
    admission.refresh_from_db()
    assert admission.ended_at is None


def test_the_message_of_both_doses_is_written_in_their_language_and_sent_where_they_want(
    pair, settings, tmp_path
):
    settings.HOME = tmp_path
    first, later = pair
    [held, _second] = hold(AdmissionFactory(), first, later[28])
    with translation.override("en"):
        made = confirm_hold(
            person_id=held.person_id,
            key=held.key,
            contact=ContactChoice(channel=Channel.EMAIL, email="me@example.org"),
        )

    send_waiting()

    message = Message.objects.get()
    lines = message.text.splitlines()
    assert (message.channel, message.to) == ("email", "me@example.org")
    assert lines[:2] == ["Your vaccination is booked", ""]  # the subject of the mail
    assert [line.partition(":")[0] for line in lines[2:4]] == ["Dose 1", "Dose 2"]
    assert [one.number for one in made] == [line.rpartition(" ")[2] for line in lines[2:4]]
    assert lines[-1].endswith(f"/reservations/{made[0].number}/")


def test_each_dose_can_be_moved_within_the_interval(pair):
    first, later = pair
    _one, two = book_both(first, later[28])

    moved = change_reservation(reservation=two, slot_id=later[42].pk, by="citizen")
    with pytest.raises(WrongInterval):
        change_reservation(reservation=two, slot_id=later[43].pk, by="citizen")

    assert (moved.number, moved.slot_id) == (two.number, later[42].pk)
    assert booked(later[28], later[42], later[43]) == [0, 1, 0]


def test_cancelling_the_first_takes_the_second_along_and_both_come_back(pair):
    first, later = pair
    one, two = book_both(first, later[28])

    cancelled = cancel_reservation(reservation=one, by="citizen")
    free = booked(first, later[28])
    back = undo_cancel(reservation=two, by="citizen")

    assert [row.number for row in cancelled] == [one.number, two.number]
    assert free == [0, 0]
    assert [row.number for row in back] == [one.number, two.number]
    assert booked(first, later[28]) == [1, 1]


def test_cancelling_the_second_leaves_the_first(pair):
    first, later = pair
    one, two = book_both(first, later[28])

    cancel_reservation(reservation=two, by="citizen")

    one.refresh_from_db()
    assert one.status == "confirmed"
    assert booked(first, later[28]) == [1, 0]


@pytest.mark.parametrize("kept", ["held", "offered"])
def test_cancelling_the_first_gives_up_a_second_that_is_only_kept(pair, kept):
    first, later = pair
    admission = AdmissionFactory()
    [held] = hold(admission, first)
    [one] = confirm_hold(person_id=held.person_id, key=held.key)
    if kept == "held":
        hold(admission, later[28])
    else:
        entry(admission, dose=2, days=60)
    second = Reservation.objects.get(dose=2)

    cancelled = cancel_reservation(reservation=one, by="citizen")

    assert [row.number for row in cancelled] == [one.number]
    with pytest.raises(HoldChanged):
        confirm_hold(person_id=second.person_id, key=second.key)
    assert sum(booked(first, *later.values())) == 0


def test_each_of_two_changes_within_a_second_is_told(clock):
    """Otherwise the last word the person has would be the wrong time."""
    reservation, now = ReservationFactory(), timezone.now().replace(microsecond=100_000)
    vaccine = reservation.slot.vaccine
    hours = [SlotFactory(vaccine=vaccine, capacity=number) for number in (1, 2)]

    for number, slot in enumerate(hours):
        clock.move_to(now + timedelta(milliseconds=200 * number))
        change_reservation(reservation=reservation, slot_id=slot.pk, by="citizen")

    told = Message.objects.filter(kind="changed").order_by("pk")
    assert [hours[n].clinic.name in one.text for n, one in enumerate(told)] == [True, True]


def test_after_the_cut_off_only_staff_change_anything():
    soon = timezone.now() + timedelta(hours=1)
    reservation = ReservationFactory(slot=SlotFactory(starts_at=soon))
    later = SlotFactory()

    with pytest.raises(TooLate):
        cancel_reservation(reservation=reservation, by="citizen")
    with pytest.raises(TooLate):
        change_reservation(reservation=reservation, slot_id=later.pk, by="citizen")

    assert len(cancel_reservation(reservation=reservation, by="staff:1")) == 1


@pytest.mark.parametrize(
    ("dose", "days_ago", "freed"),
    [
        (1, 0, [1]),  # today elsewhere: the second still fits, in 30 days
        (1, 30, [1, 2]),  # long ago: the second would come too late
        (2, 1, [1, 2]),
    ],
)
def test_a_outside_dose_elsewhere_frees_what_is_needless(pair, dose, days_ago, freed):
    first, later = pair
    one, _two = book_both(first, later[28])

    _outside_dose, rows = record_outside_dose(
        person_id=one.person_id,
        vaccine=first.vaccine,
        dose=dose,
        given_on=timezone.localdate() - timedelta(days=days_ago),
        by="system",
    )
    again = record_outside_dose(
        person_id=one.person_id,
        vaccine=first.vaccine,
        dose=dose,
        given_on=timezone.localdate() - timedelta(days=days_ago),
        by="system",
    )

    assert sorted(row.dose for row in rows) == freed
    assert again[1] == []
    assert booked(first, later[28]) == [1 not in freed, 2 not in freed]
    assert Message.objects.filter(kind="cancelled").count() == 1


def test_a_outside_dose_written_down_while_a_hold_waits_for_its_slot_is_not_overlooked():
    """The quick hold had asked for outside_doses before it waited."""
    admission, slot = AdmissionFactory(), SlotFactory()
    write_down = partial(
        record_outside_dose,
        person_id=admission.ticket.person_id,
        vaccine=slot.vaccine,
        dose=1,
        given_on=timezone.localdate(),
        by="staff:1",
    )

    with transaction.atomic():
        lock_slots([slot.pk])
        holding = Underway(partial(hold, admission, slot))
        waits = [holding.waits()]
        writing = Underway(write_down)
        waits.append(writing.waits())

    assert waits == [True, True]
    assert [one.slot_id for one in holding.result()] == [slot.pk]
    _outside_dose, freed = writing.result()
    assert [row.slot_id for row in freed] == [slot.pk]
    assert booked(slot) == [0]


def test_after_a_first_outside_dose_elsewhere_the_second_is_booked(pair):
    first, _later = pair
    admission = AdmissionFactory()
    record_outside_dose(
        person_id=admission.ticket.person_id,
        vaccine=first.vaccine,
        dose=1,
        given_on=timezone.localdate() - timedelta(days=30),
        by="system",
    )

    [held] = hold(admission, first, service=hold_best_slots)

    assert held.dose == 2


def test_after_the_last_outside_dose_nothing_is_left_to_book():
    admission, slot = AdmissionFactory(), SlotFactory()
    record_outside_dose(
        person_id=admission.ticket.person_id,
        vaccine=slot.vaccine,
        dose=1,
        given_on=timezone.localdate(),
        by="system",
    )

    with pytest.raises(NoDoseLeft):
        hold(admission, slot)


def test_a_no_show_may_book_again_and_then_the_mark_stays(clock):
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at + timedelta(minutes=1))
    mark_no_show(reservation=reservation, by="staff:1")
    later = SlotFactory()
    book_for(person=reservation.person, slot=later, by="staff:1")

    with pytest.raises(AlreadyBooked):
        undo_mark(reservation=reservation, by="staff:1")


def test_staff_book_for_a_caller_in_place_of_what_is_held():
    held = ReservationFactory(held=True)
    slot = SlotFactory()

    [reservation] = book_for(person=held.person, slot=slot, by="staff:7")

    assert (reservation.origin, reservation.by, reservation.admission_id) == (
        "staff",
        "staff:7",
        held.admission_id,
    )
    assert booked(held.slot, slot) == [0, 1]
    with pytest.raises(AlreadyBooked):
        book_for(person=held.person, slot=SlotFactory(vaccine=slot.vaccine), by="staff:7")


def test_capacity_never_sinks_below_what_is_booked():
    slot = SlotFactory(capacity=3)
    for _ in range(2):
        ReservationFactory(slot=slot)

    with pytest.raises(CapacityBelowBooked):
        set_capacity(slot=slot, capacity=1, by="staff:1")

    assert set_capacity(slot=slot, capacity=2, by="staff:1").left == 0


def test_the_day_before_everybody_is_reminded_once(clock):
    reservation = ReservationFactory()
    ReservationFactory(slot=SlotFactory(starts_at=timezone.now() + timedelta(days=9)))
    cancelled = ReservationFactory(slot=reservation.slot)
    cancel_reservation(reservation=cancelled, by="citizen")
    morning = timezone.localtime(reservation.slot.starts_at) - timedelta(days=1)
    morning = morning.replace(hour=FROM_HOUR)

    counts = [clock.call_at(morning + timedelta(hours=hours), remind) for hours in (-1, 0, 1)]

    assert counts == [0, 1, 0]
    assert Message.objects.get(kind="reminder").person_id == reservation.person_id


@pytest.fixture
def morning_before():
    """Ten o'clock of the day before the factories' slots."""
    day = timezone.localtime() + timedelta(days=1)
    return day.replace(hour=FROM_HOUR, minute=0, second=0, microsecond=0)


def test_a_reminder_goes_where_the_person_wanted_and_in_their_language(morning_before, clock):
    by_mail, by_phone = ReservationFactory(), ReservationFactory()
    Reservation.objects.filter(pk=by_mail.pk).update(
        channel=Channel.EMAIL, email="me@example.org", language="en"
    )
    clock.move_to(morning_before)

    remind()
    send_waiting()

    told = {one.person_id: one for one in Message.objects.filter(kind="reminder")}
    mail, text = told[by_mail.person_id], told[by_phone.person_id]
    assert (mail.channel, mail.to, mail.status) == ("email", "me@example.org", "sent")
    assert mail.text.splitlines()[0] == "Your vaccination is tomorrow"
    assert (text.channel, text.to) == ("sms", by_phone.person.phone)
    assert text.text.splitlines()[0] == "[자리] 내일은 예방접종 날입니다."


@pytest.mark.parametrize("since", ["cancelled", "moved", "midnight"])
def test_nobody_is_reminded_of_what_has_changed_since(since, morning_before, clock):
    reservation = ReservationFactory()
    clock.move_to(morning_before)
    remind()
    if since == "cancelled":
        cancel_reservation(reservation=reservation, by="citizen")
    elif since == "moved":
        later = SlotFactory(vaccine=reservation.slot.vaccine)
        change_reservation(reservation=reservation, slot_id=later.pk, by="citizen")
    else:
        clock.forward(hours=14, seconds=1)  # it would say "tomorrow"

    send_waiting()

    assert Message.objects.get(kind="reminder").status == "expired"


def test_a_busy_day_is_reminded_run_by_run(morning_before, clock):
    slot = SlotFactory(capacity=1200)
    people = admit(RoomFactory(), 1200)
    Reservation.objects.bulk_create(
        Reservation(
            number=f"N{number}",
            person=one.ticket.person,
            slot=slot,
            admission=one,
            status="confirmed",
            by="citizen",
            confirmed_at=timezone.now(),
        )
        for number, one in enumerate(people)
    )
    Slot.objects.filter(pk=slot.pk).update(booked=1200)

    clock.move_to(morning_before)
    runs = [remind(most=most) for most in (700, 5000, 5000)]

    assert runs == [700, 500, 0]
    assert Message.objects.filter(kind="reminder").count() == 1200


def marked(clinic, vaccine, came: int, missing: int) -> None:
    """Past reservations of a clinic, by their marks."""
    past = SlotFactory(
        clinic=clinic,
        vaccine=vaccine,
        capacity=came + missing,
        booked=came + missing,
        starts_at=timezone.now() - timedelta(days=1),
    )
    now = timezone.now()
    Reservation.objects.bulk_create(
        Reservation(
            number=f"P{number}",
            person=PersonFactory(),
            slot=past,
            status="vaccinated" if number < came else "no_show",
            origin="staff",
            by="staff:1",
            confirmed_at=now,
        )
        for number in range(came + missing)
    )


def test_a_margin_follows_the_measured_rate_within_its_bounds():
    slot = SlotFactory(capacity=20)
    marked(slot.clinic, slot.vaccine, came=45, missing=5)
    day = timezone.localtime(slot.starts_at).date()
    clinic = slot.clinic

    off = (measure_no_shows(clinic=clinic), set_margins(clinic=clinic, day=day))
    clinic.margin_percent = 5
    limited = set_margins(clinic=clinic, day=day)
    clinic.margin_percent = 20
    measured = set_margins(clinic=clinic, day=day)
    Stock.objects.create(clinic=clinic, vaccine=slot.vaccine, on=day, doses=19)
    few_doses = set_margins(clinic=clinic, day=day)

    assert off == (0.1, {slot.pk: 0})
    assert (limited, measured) == ({slot.pk: 1}, {slot.pk: 2})
    assert few_doses == {slot.pk: 0}  # 19 doses and a tenth of them are 20


def test_too_few_people_measure_nothing():
    slot = SlotFactory()
    marked(slot.clinic, slot.vaccine, came=20, missing=20)

    assert measure_no_shows(clinic=slot.clinic) is None
    assert Clinic.objects.get(pk=slot.clinic_id).no_show_rate is None


def test_a_margin_is_bookable_and_no_more():
    slot = SlotFactory(capacity=5)
    Slot.objects.filter(pk=slot.pk).update(margin=1)
    room = RoomFactory()
    people = [AdmissionFactory(room=room, person=PersonFactory()) for _ in range(10)]

    outcomes = at_once([partial(hold, one, slot) for one in people])

    assert Counter(type(one).__name__ for one in outcomes) == {"list": 6, "SlotFull": 4}


def test_many_people_swapping_among_few_times_stay_within_capacity():
    """The nearest peer checks before it locks and overbooks here."""
    slots = [SlotFactory(capacity=4) for _ in range(3)]
    Slot.objects.update(vaccine=slots[0].vaccine)
    rows = [ReservationFactory(slot=slot) for slot in slots for _ in range(3)]
    calls = [
        partial(change_reservation, reservation=row, slot_id=slot.pk, by="citizen")
        for row in rows
        for slot in slots
    ]

    outcomes = at_once(calls)

    assert {type(one).__name__ for one in outcomes} <= {"Reservation", "SlotFull"}
    assert sum(booked(*slots)) == len(rows)
    assert max(booked(*slots)) <= 4

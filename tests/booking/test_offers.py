"""The cancellation list: in order, once, never lost."""

from datetime import time, timedelta
from functools import partial

import pytest
from django.db import IntegrityError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from booking.areas import clinic_key, district_key
from booking.enums import OfferStatus
from booking.exceptions import AlreadyBooked, NoDoseLeft, OfferOver, OnTheListAlready
from booking.models import ListEntry, Offer, Reservation, Slot
from booking.rules import day_of, suits_weekday
from booking.services.changes import cancel_reservation
from booking.services.confirmations import confirm_hold
from booking.services.holds import take_back_holds
from booking.services.offers import (
    NEXT_ENTRY,
    OFFER_LIFETIME,
    SHORT_OFFER_LIFETIME,
    Preferences,
    _ids,
    _values,
    decline_offer,
    join_list,
    leave_list,
    make_offers,
)
from booking.services.outside_doses import record_outside_dose
from booking.services.slots import set_capacity
from booking.services.staff_bookings import book_for
from booking.verifying import verify
from messaging.models import Message
from tests.concurrency import at_once
from tests.crowd import admit
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.holding import hold_slot

pytestmark = pytest.mark.django_db(transaction=True)


def entry(admission, *, days=7, dose=1, priority=0, **preferences) -> ListEntry:
    today = timezone.localdate()
    preferences = {
        "places": [district_key("서울특별시", "강남구")],
        "dates": (today, today + timedelta(days=days)),
        "hours": (time(0), time(23, 59)),
        **preferences,
    }
    return join_list(
        person_id=admission.ticket.person_id,
        admission_id=admission.pk,
        dose=dose,
        preferences=Preferences(**preferences),
        priority=priority,
    )


def admitted(count: int) -> list:
    room = RoomFactory()
    return [AdmissionFactory(room=room, person=PersonFactory()) for _ in range(count)]


def broken() -> list[str]:
    return [result.invariant.name for result in verify() if result.broken]


def offered_to() -> list[int]:
    return list(Offer.objects.order_by("pk").values_list("person_id", flat=True))


def test_what_frees_up_goes_to_the_first_whom_it_suits():
    first, second, elsewhere = admitted(3)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(elsewhere, places=[district_key("서울특별시", "서초구")])
    entry(first)
    entry(second)

    cancel_reservation(reservation=reservation, by="citizen")

    offer = Offer.objects.get()
    assert (offer.person_id, offer.status) == (first.ticket.person_id, "open")
    assert Slot.objects.get(pk=reservation.slot_id).booked == 1
    assert Message.objects.filter(kind="offer").count() == 1
    assert broken() == []


def test_priority_comes_before_joining_early():
    early, urgent = admitted(2)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(early)
    ListEntry.objects.filter(pk=entry(urgent).pk).update(priority=1)

    cancel_reservation(reservation=reservation, by="citizen")

    assert offered_to() == [urgent.ticket.person_id]


@pytest.mark.parametrize("no", ["declined", "silent"])
def test_a_no_and_a_silence_pass_it_on_and_nobody_is_asked_twice(no, clock):
    first, second = admitted(2)
    slot = SlotFactory(capacity=1)
    reservation = ReservationFactory(slot=slot)
    entry(first)
    entry(second)
    cancel_reservation(reservation=reservation, by="citizen")

    for _turn in range(3):
        for offer in Offer.objects.filter(status=OfferStatus.OPEN):
            if no == "declined":
                decline_offer(token=offer.token, by="citizen")
            else:
                clock.call_at(offer.until, take_back_holds)
    make_offers()

    assert offered_to() == [first.ticket.person_id, second.ticket.person_id]
    assert set(ListEntry.objects.values_list("status", flat=True)) == {"waiting"}
    assert Slot.objects.get(pk=slot.pk).booked == 0
    assert broken() == []


@pytest.mark.parametrize("days", [0, 1])
def test_an_offer_lasts_fifteen_minutes_and_a_leftover_of_today_five(days, clock):
    nine = clock.at("09:00")
    long, short = admitted(2)
    slot = SlotFactory(capacity=2, starts_at=nine + timedelta(days=days, hours=6))
    reservations = [ReservationFactory(slot=slot), ReservationFactory(slot=slot)]
    entry(long)
    entry(short, leftover=True)

    for reservation in reservations:
        cancel_reservation(reservation=reservation, by="citizen")

    lasts = [offer.until - offer.offered_at for offer in Offer.objects.order_by("pk")]
    assert lasts == [OFFER_LIFETIME, OFFER_LIFETIME if days else SHORT_OFFER_LIFETIME]


@pytest.mark.parametrize("freed", [False, True])
def test_leftover_doses_of_today_go_to_whoever_asked_for_them_beside_later_days(freed, clock):
    nine = clock.at("09:00")
    later_only, also_today = admitted(2)
    days = (nine.date() + timedelta(days=3), nine.date() + timedelta(days=9))
    entry(later_only, dates=days)
    entry(also_today, dates=days, leftover=True)
    today, tomorrow = (
        SlotFactory(starts_at=nine + timedelta(days=day, hours=8), capacity=1) for day in (0, 1)
    )
    if freed:
        set_capacity(slot=today, capacity=2, by="staff:1")
    else:
        make_offers()

    assert offered_to() == [also_today.ticket.person_id]
    assert Offer.objects.get().slot_id == today.pk
    assert Slot.objects.get(pk=tomorrow.pk).booked == 0


def test_saying_yes_books_and_ends_the_entry(client):
    [admission] = admitted(1)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=reservation, by="citizen")
    offer = Offer.objects.get()

    shown = client.get(reverse("offer", args=[offer.token]))
    booked = client.post(reverse("offer", args=[offer.token]), follow=True)
    again = client.post(reverse("offer", args=[offer.token]), follow=True)

    assert Reservation.objects.get(status="confirmed")
    assert shown.status_code == 200
    assert booked.redirect_chain == [(reverse("offer", args=[offer.token]), 302)]
    assert again.status_code == 200
    assert ListEntry.objects.get().status == "fulfilled"
    assert Offer.objects.get().status == "taken"
    assert broken() == []


def test_an_answered_offer_is_no_key_to_the_reservation():
    [admission] = admitted(1)
    cancelled = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=cancelled, by="citizen")
    address = reverse("offer", args=[Offer.objects.get().token])
    Client().post(address)
    booked = Reservation.objects.get(status="confirmed")
    stranger = Client()

    shown = [stranger.get(address), stranger.post(address)]
    receipt = stranger.get(reverse("reservation", args=[booked.number]))
    stranger.post(reverse("cancel", args=[booked.number]))
    stranger.post(reverse("decline", args=[Offer.objects.get().token]))

    for page in shown:
        text = page.content.decode()
        assert page.status_code == 200
        assert booked.number not in text
        assert booked.shown_number not in text
        assert booked.slot.clinic.name not in text
    assert receipt["Location"].startswith("/reservations/?number=")
    booked.refresh_from_db()
    assert booked.status == "confirmed"


def test_the_person_who_is_signed_in_goes_on_to_the_receipt(client):
    [admission] = admitted(1)
    cancelled = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=cancelled, by="citizen")
    sign_in(client, admission.ticket.person)

    booked = client.post(reverse("offer", args=[Offer.objects.get().token]))

    number = Reservation.objects.get(status="confirmed").number
    assert booked["Location"] == reverse("reservation", args=[number])


@pytest.mark.parametrize("places", ["", "x", "d:", "c:", "d:x", "c:x", ":", "d:/", "\x00"])
def test_odd_places_are_pointed_out(client, places):
    [admission] = admitted(1)
    sign_in(client, admission.ticket.person)

    answer = client.post(reverse("cancellation_list"), {"places": [places]})

    assert answer.status_code == 422
    assert not ListEntry.objects.exists()


def test_saying_no_to_what_was_just_booked_shows_that_it_is_booked(client):
    [admission] = admitted(1)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=reservation, by="citizen")
    offer = Offer.objects.get()
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.post(reverse("offer", args=[offer.token]))

    late = client.post(reverse("decline", args=[offer.token]), follow=True)

    assert "Your vaccination is booked" in late.content.decode()
    assert "went to the next person" not in late.content.decode()


def test_an_offer_that_ended_says_so(client, clock):
    [admission] = admitted(1)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=reservation, by="citizen")
    offer = Offer.objects.get()
    clock.move_to(offer.until)

    late = client.post(reverse("offer", args=[offer.token]))
    take_back_holds()

    assert late.status_code == 409
    with pytest.raises(OfferOver):
        decline_offer(token=offer.token, by="citizen")
    assert Offer.objects.get().status == "lapsed"


def test_what_is_open_already_is_offered_on_joining():
    [admission] = admitted(1)
    slot = SlotFactory(clinic=ClinicFactory(district="중구"))

    entry(admission, places=[clinic_key(slot.clinic_id)])

    assert Offer.objects.get().slot_id == slot.pk


def test_new_times_are_offered_by_the_job():
    [admission] = admitted(1)
    entry(admission)
    slot = SlotFactory()

    assert make_offers() == 1
    assert Offer.objects.get().slot_id == slot.pk


@pytest.mark.parametrize("seconds", [5, 0])
def test_whoever_waits_behind_many_whom_nothing_suits_is_offered_what_is_open(seconds):
    *many, last = admit(RoomFactory(), 601)
    today = timezone.localdate()
    ListEntry.objects.bulk_create(
        ListEntry(
            person_id=admission.ticket.person_id,
            admission=admission,
            places=[district_key("서울특별시", "강남구")],
            date_from=today,
            date_to=today + timedelta(days=7),
            time_from=time(18),
            time_to=time(23),
        )
        for admission in many
    )
    entry(last)
    slot = SlotFactory(capacity=1)  # in the morning
    runs = [make_offers(seconds=seconds) for _run in range(2)]

    assert runs == [1, 0]
    assert (Offer.objects.get().person_id, Offer.objects.get().slot_id) == (
        last.ticket.person_id,
        slot.pk,
    )


def test_a_run_without_time_goes_through_one_clinic_and_the_next_ones_through_the_rest():
    [waiting, *_] = waiters = admitted(4)
    for admission in waiters:
        entry(admission)
    slots = [SlotFactory(capacity=1) for _ in range(4)]

    runs = [make_offers(seconds=0) for _run in range(5)]

    assert runs == [1, 1, 1, 1, 0]
    assert {Slot.objects.get(pk=slot.pk).booked for slot in slots} == {1}
    assert offered_to()[0] == waiting.ticket.person_id


def test_more_capacity_goes_to_the_list_first():
    waiting = admitted(3)
    slot = ReservationFactory(slot=SlotFactory(capacity=1)).slot
    for admission in waiting:
        entry(admission)

    set_capacity(slot=slot, capacity=3, by="staff:1")

    assert offered_to() == [admission.ticket.person_id for admission in waiting[:2]]


def test_booking_oneself_ends_the_entry_and_the_offer():
    [admission] = admitted(1)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(admission)
    cancel_reservation(reservation=reservation, by="citizen")
    [held] = hold_slot(
        person_id=admission.ticket.person_id,
        slot_id=SlotFactory(clinic=ClinicFactory(district="중구")).pk,
        admission_id=admission.pk,
    )

    confirm_hold(person_id=held.person_id, key=held.key)

    assert (ListEntry.objects.get().status, Offer.objects.get().status) == ("fulfilled", "declined")
    assert broken() == []


def test_leaving_the_list_gives_the_offer_on():
    first, second = admitted(2)
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(first)
    entry(second)
    cancel_reservation(reservation=reservation, by="citizen")

    leave_list(person_id=first.ticket.person_id)

    assert offered_to() == [first.ticket.person_id, second.ticket.person_id]
    assert broken() == []


def test_one_entry_at_a_time_and_none_beside_an_appointment():
    [admission] = admitted(1)
    entry(admission)
    booked = ReservationFactory()

    with pytest.raises(OnTheListAlready):
        entry(admission)
    with pytest.raises(AlreadyBooked):
        entry(booked.admission)


@pytest.mark.parametrize("given", [None, "all", "first"])
def test_whoever_needs_no_dose_does_not_wait_for_one(client, given):
    from tests.booking.test_path import heading, sign_in

    [admission] = admitted(1)
    person = admission.ticket.person
    vaccine = VaccineFactory(double=given == "first")
    if given:
        today = timezone.localdate()
        record_outside_dose(
            person_id=person.pk, vaccine=vaccine, dose=1, given_on=today, by="staff:1"
        )
    else:
        ReservationFactory(person=person, admission=admission, slot=SlotFactory(vaccine=vaccine))
    sign_in(client, person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"

    shown = client.get(reverse("cancellation_list"))

    assert (
        heading(shown)
        == {
            None: "There is an appointment for this dose already. Change or cancel that one.",
            "all": "All doses of this vaccine have been booked or given already.",
            "first": "Join the cancellation list",
        }[given]
    )
    if given == "first":
        assert entry(admission, dose=2).status == "waiting"
    else:
        with pytest.raises(NoDoseLeft if given else AlreadyBooked):
            entry(admission, dose=2)


def test_one_may_wait_for_something_better_while_a_time_is_held():
    [admission] = admitted(1)
    [held] = hold_slot(
        person_id=admission.ticket.person_id,
        slot_id=SlotFactory(clinic=ClinicFactory(district="중구")).pk,
        admission_id=admission.pk,
    )
    waiting = entry(admission)

    none = make_offers()
    confirm_hold(person_id=held.person_id, key=held.key)

    waiting.refresh_from_db()
    assert (none, waiting.status) == (0, "fulfilled")


@pytest.mark.parametrize(
    ("how", "status"), [("booked by staff", "fulfilled"), ("given elsewhere", "ended")]
)
def test_an_entry_ends_once_there_is_nothing_to_wait_for(how, status):
    [admission] = admitted(1)
    person = admission.ticket.person
    waiting = entry(admission)
    slot = SlotFactory(double=True, clinic=ClinicFactory(district="중구"))
    if how == "booked by staff":
        book_for(person=person, slot=slot, by="staff:1")
    else:
        today = timezone.localdate()
        record_outside_dose(
            person_id=person.pk, vaccine=slot.vaccine, dose=2, given_on=today, by="staff:1"
        )

    make_offers()

    waiting.refresh_from_db()
    assert waiting.status == status


def test_a_second_dose_is_offered_within_its_interval_only():
    vaccine = VaccineFactory(double=True)
    first = ReservationFactory(slot=SlotFactory(vaccine=vaccine))
    entry(first.admission, dose=2, days=60)
    start = first.slot.starts_at

    for days, other in [(20, vaccine), (25, VaccineFactory()), (43, vaccine)]:
        SlotFactory(vaccine=other, starts_at=start + timedelta(days=days))
    make_offers()
    none = Offer.objects.count()
    fitting = SlotFactory(vaccine=vaccine, starts_at=start + timedelta(days=25))
    make_offers()

    assert none == 0
    assert Offer.objects.get().slot_id == fitting.pk


def test_many_cancellations_at_once_reach_as_many_people():
    waiting = admitted(6)
    slot = SlotFactory(capacity=6)
    reservations = [ReservationFactory(slot=slot) for _ in range(6)]
    for admission in waiting:
        entry(admission)

    at_once(
        [
            partial(cancel_reservation, reservation=reservation, by="citizen")
            for reservation in reservations
        ]
    )
    make_offers()  # whoever was skipped while another transaction dealt with them

    assert sorted(offered_to()) == sorted(one.ticket.person_id for one in waiting)
    assert Slot.objects.get(pk=slot.pk).booked == 6
    assert broken() == []


def test_joining_and_leaving_over_the_pages(client):
    from tests.booking.test_path import heading, sign_in

    [admission] = admitted(1)
    sign_in(client, admission.ticket.person)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    SlotFactory(full=True)
    today = timezone.localdate()
    typed = {
        "places": ["d:서울특별시/강남구"],
        "date_from": today.isoformat(),
        "date_to": (today - timedelta(days=1)).isoformat(),
    }
    address = reverse("cancellation_list")

    empty = client.get(address)
    wrong = client.post(address, typed)
    right = client.post(address, typed | {"date_to": today.isoformat()}, follow=True)
    left = client.post(reverse("leave_list"))

    assert heading(empty) == "Join the cancellation list"
    assert wrong.status_code == 422
    assert heading(right) == "You are on the cancellation list"
    assert left.url == reverse("booking")
    assert ListEntry.objects.get().status == "ended"


@pytest.mark.parametrize("weekdays", [[], [0], [5, 6], [0, 1, 2, 3, 4], list(range(7))])
def test_a_seat_is_offered_on_the_weekdays_asked_for(weekdays, clock):
    """The condition in SQL and its twin; 06:00 in Seoul is another day in UTC."""
    now = clock.freeze()
    [admission] = admitted(1)
    waiting = entry(admission, days=9, weekdays=weekdays)
    today = timezone.localtime(now).replace(minute=0, second=0, microsecond=0)
    slots = [
        SlotFactory(starts_at=today.replace(hour=hour) + timedelta(days=days))
        for days in range(1, 8)
        for hour in (6, 22)
    ]

    def goes_to(slot: Slot) -> list[int]:
        return _ids(NEXT_ENTRY, _values(now, slot=slot.pk, passed=[0]))

    suiting = [slot.pk for slot in slots if goes_to(slot) == [waiting.pk]]

    plain = [slot.pk for slot in slots if suits_weekday(weekdays, day_of(slot.starts_at))]
    assert suiting == plain
    assert len(suiting) == 2 * len(weekdays or range(7))


def test_a_leftover_of_today_suits_on_any_weekday(clock):
    nine = clock.at("09:00")  # a Wednesday
    [admission] = admitted(1)
    entry(admission, weekdays=[5], leftover=True)
    SlotFactory(starts_at=nine + timedelta(days=1, hours=8))
    today = SlotFactory(starts_at=nine + timedelta(hours=8))

    make_offers()

    assert [offer.slot_id for offer in Offer.objects.all()] == [today.pk]


def test_an_entry_names_days_of_the_week():
    [admission] = admitted(1)
    waiting = entry(admission)

    with pytest.raises(IntegrityError, match="entry_names_days_of_the_week"):
        ListEntry.objects.filter(pk=waiting.pk).update(weekdays=[7])

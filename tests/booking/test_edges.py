"""Just before and just after cut-offs, clocks and midnights; and what nobody should send."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.exceptions import HoldLapsed, OfferOver, SlotClosed, TooLate, WrongInterval
from booking.models import Clinic, Offer, Reservation, Slot
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.confirmations import confirm_hold
from booking.services.holds import HOLD_LIFETIME, extend_hold, take_back_holds
from booking.services.offers import decline_offer
from booking.services.slots import set_capacity
from eligibility.models import Proxy
from tests.booking.test_offers import entry
from tests.booking.test_path import key_on, page, sign_in
from tests.eligibility.signing_in import FamilyClient
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.holding import hold_slot
from waiting_room.enums import Ending
from waiting_room.models import Admission

pytestmark = pytest.mark.django_db
SEOUL = ZoneInfo("Asia/Seoul")
# The same in every run: the workers must agree on what there is to test.
NOBODY = "00000000-0000-4000-8000-000000000000"
MOMENT = timedelta(microseconds=1)


def hold(admission, slot, **more):
    return hold_slot(
        person_id=admission.ticket.person_id, slot_id=slot.pk, admission_id=admission.pk, **more
    )


@pytest.mark.parametrize("hours", [0, 2, 48])
def test_the_cut_off_of_each_clinic_counts_to_the_moment(hours, clock):
    clinic = ClinicFactory(cutoff_hours=hours)
    start = timezone.now() + timedelta(days=3)
    reservation = ReservationFactory(slot=SlotFactory(clinic=clinic, starts_at=start))
    later = SlotFactory(vaccine=reservation.slot.vaccine, starts_at=start + timedelta(days=1))
    back = SlotFactory(vaccine=later.vaccine, clinic=clinic, starts_at=start + MOMENT)
    end = start - timedelta(hours=hours)
    act = {"reservation": reservation, "by": "citizen"}

    clock.move_to(end - MOMENT)
    change_reservation(**act, slot_id=later.pk)
    change_reservation(**act, slot_id=back.pk)
    clock.move_to(end)
    cancel_reservation(**act)
    undo_cancel(**act)
    clock.move_to(end + MOMENT)
    for late in (cancel_reservation, lambda **kw: change_reservation(slot_id=later.pk, **kw)):
        with pytest.raises(TooLate):
            late(**act)

    reservation.refresh_from_db()
    assert (reservation.status, reservation.slot_id) == ("confirmed", back.pk)


def test_a_cancellation_is_not_taken_back_after_the_cut_off(clock):
    reservation = ReservationFactory()
    end = Reservation.objects.with_slot().get(pk=reservation.pk).changes_until
    clock.move_to(end - MOMENT)
    cancel_reservation(reservation=reservation, by="citizen")

    clock.move_to(end)
    with pytest.raises(TooLate):
        undo_cancel(reservation=reservation, by="citizen")


def test_a_hold_runs_out_to_the_moment(clock):
    now = clock.freeze()
    admission, slot = AdmissionFactory(), SlotFactory(capacity=1)
    [held] = hold(admission, slot)
    act = {"person_id": held.person_id, "key": held.key}

    assert clock.call_at(now + HOLD_LIFETIME - MOMENT, take_back_holds) == 0
    for late in (extend_hold, confirm_hold):
        with pytest.raises(HoldLapsed):
            clock.call_at(now + HOLD_LIFETIME, late, **act)
    [confirmed] = clock.call_at(now + HOLD_LIFETIME - MOMENT, confirm_hold, **act)

    assert confirmed.number == held.number


@pytest.mark.django_db(transaction=True)
def test_an_offer_runs_out_to_the_moment(clock):
    reservation = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(AdmissionFactory())
    cancel_reservation(reservation=reservation, by="citizen")
    offer = Offer.objects.get()
    act = {"person_id": offer.person_id, "key": offer.reservation.key}

    assert clock.call_at(offer.until - MOMENT, take_back_holds) == 0
    with pytest.raises(HoldLapsed):
        clock.call_at(offer.until, confirm_hold, **act)
    [confirmed] = clock.call_at(offer.until - MOMENT, confirm_hold, **act)

    assert confirmed.number == offer.reservation.number
    with pytest.raises(OfferOver):
        clock.call_at(offer.until, decline_offer, token=offer.token, by="citizen")


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        # Days are those of Seoul: 21 to 42 of them, whatever the hours.
        ("2021-07-31 23:59", "2021-08-21 00:00", True),
        ("2021-07-31 23:59", "2021-08-20 23:59", False),
        ("2021-07-31 00:00", "2021-09-11 23:59", True),
        ("2021-07-31 00:00", "2021-09-12 00:00", False),
        # Over the turn of the year, and over a 29 February.
        ("2021-12-20 09:00", "2022-01-10 09:00", True),
        ("2021-12-20 09:00", "2022-01-09 09:00", False),
        ("2024-02-08 08:30", "2024-02-29 08:30", True),
        ("2024-02-09 08:30", "2024-03-01 08:30", True),
        ("2024-02-10 08:30", "2024-03-01 08:30", False),
    ],
)
def test_intervals_are_days_of_the_calendar_here(first, second, fits, clock):
    clock.move_to(datetime.fromisoformat(first).replace(tzinfo=SEOUL) - timedelta(days=1))
    vaccine = VaccineFactory(double=True)
    slots = [
        SlotFactory(vaccine=vaccine, starts_at=datetime.fromisoformat(at).replace(tzinfo=SEOUL))
        for at in (first, second)
    ]
    act = {"slot": slots[0], "second_id": slots[1].pk}

    if fits:
        assert [one.dose for one in hold(AdmissionFactory(), **act)] == [1, 2]
    else:
        with pytest.raises(WrongInterval):
            hold(AdmissionFactory(), **act)


def test_what_is_held_stays_ours_when_the_clinic_stops_and_the_visit_ends():
    """A hold is a promise until its clock runs out; only new ones are refused."""
    admission, slot = AdmissionFactory(), SlotFactory()
    other = SlotFactory(clinic=slot.clinic, vaccine=slot.vaccine, starts_at=slot.starts_at + MOMENT)
    [held] = hold(admission, slot)
    Clinic.objects.update(active=False)
    Admission.objects.filter(pk=admission.pk).update(ended_at=timezone.now(), ending=Ending.LAPSED)

    with pytest.raises(SlotClosed):
        hold(AdmissionFactory(), other)
    extend_hold(person_id=held.person_id, key=held.key)
    [confirmed] = confirm_hold(person_id=held.person_id, key=held.key)

    assert confirmed.status == "confirmed"


def test_a_lower_capacity_takes_no_hold_away_but_one_that_ran_out(clock):
    slot = SlotFactory(capacity=2)
    [late] = hold(AdmissionFactory(), slot)
    clock.move_to(late.held_until)
    [held] = hold(AdmissionFactory(), slot)

    set_capacity(slot=slot, capacity=1, by="staff:1")
    [confirmed] = confirm_hold(person_id=held.person_id, key=held.key)

    assert confirmed.status == "confirmed"
    assert Slot.objects.values_list("capacity", "booked").get() == (1, 1)


def test_a_proxy_books_for_the_person_and_no_longer_once_it_is_taken_back():
    client = FamilyClient()
    admission, proxy = AdmissionFactory(), PersonFactory()
    person = admission.ticket.person
    declared = Proxy.objects.create(person=person, by=proxy)
    sign_in(client, proxy)
    client.post(reverse("family_act", args=[declared.pk]))

    held = client.post(reverse("hold"), {"slot": SlotFactory().pk})
    declared.ended_at = timezone.now()
    declared.save()
    late = client.post(reverse("confirm"), {"key": key_on(held)})

    assert Reservation.objects.get().person_id == person.pk
    assert Reservation.objects.get().status == "held"
    assert late.url.startswith(reverse("identity"))


ASKED = ["page", "date", "near", "name", "region", "district", "weekday", "part", "vaccine"]
ODD = ["", "x", "-1", "0", "9" * 17, "9" * 40, "١٢", "1\x00", "1 or 1=1", "1e3", "%", "\ud7ff"]


@pytest.mark.parametrize("text", ODD)
def test_what_nobody_should_send_gets_a_page(inside, text):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    number = reservation.number
    sent = [
        inside.post(reverse("hold"), {"slot": text, "second": text}),
        inside.post(reverse("confirm"), {"key": text, "channel": text, "email": text}),
        inside.post(reverse("extend"), {"key": text, "extension": text}),
        inside.post(reverse("change", args=[number]), {"slot": text}),
        inside.post(reverse("lookup"), {"number": text, "phone": text}),
        inside.post(
            reverse("cancellation_list"), {"places": text, "date_from": text, "date_to": text}
        ),
        *[
            inside.get(reverse(name), dict.fromkeys(ASKED, text))
            for name in ("booking", "second", "cancellation_list", "lookup")
        ],
        inside.get(reverse("booking"), {"clinic": text, "near": text}),
    ]

    assert {one.status_code for one in sent} <= {200, 302, 403, 404, 409, 422}
    assert all("<h1" in page(one) for one in sent if one.status_code != 302)
    reservation.refresh_from_db()
    assert reservation.status == "confirmed"


@pytest.mark.parametrize(
    "address",
    [
        "/offers/x/",
        f"/offers/{NOBODY}/",
        f"/offers/{NOBODY}/decline/",
        "/reservations/x/",
        "/reservations/ABCDEFGHJK/",
        "/reservations/%00%00/",
        "/booking/clinics/%00/",
        f"/booking/clinics/{'x' * 300}/",
    ],
)
def test_addresses_of_nothing_are_not_found(inside, address):
    answer = inside.get(address)

    assert answer.status_code == 404
    assert "<h1" in page(answer)


def test_no_page_with_anything_personal_is_kept_by_a_cache(inside):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    slot, number = SlotFactory(), reservation.number
    offered = ReservationFactory(slot=SlotFactory(capacity=1))
    entry(AdmissionFactory())
    cancel_reservation(reservation=offered, by="citizen")
    answers = [
        inside.get(address)
        for address in [
            reverse("booking"),
            reverse("clinic", args=[slot.clinic.code]),
            reverse("second"),
            reverse("confirm"),
            reverse("cancellation_list"),
            reverse("lookup"),
            *[
                reverse(name, args=[number])
                for name in ("reservation", "cancel", "undo", "change", "calendar")
            ],
            *[reverse("offer", args=[one.token]) for one in Offer.objects.all()],
        ]
    ] + [
        inside.post(reverse("hold"), {"slot": slot.pk}),
        inside.post(reverse("lookup"), {"number": number, "phone": "010-0000-0000"}),
    ]

    kept = [
        answer.request["PATH_INFO"]
        for answer in answers
        if not {"no-store", "private"} <= set(answer.headers["Cache-Control"].split(", "))
    ]
    assert kept == []

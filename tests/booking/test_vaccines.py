"""A cohort may name its vaccines: no other one is shown, held, offered or changed to."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.urls import reverse
from django.utils import translation

from booking.exceptions import VaccineNotForYou
from booking.models import Offer, Reservation, Slot, Vaccine
from booking.services.changes import cancel_reservation, change_reservation
from booking.services.confirmations import confirm_hold
from booking.services.offers import make_offers
from booking.services.outside_doses import record_outside_dose
from tests.booking.test_offers import entry
from tests.booking.test_path import heading, page, sign_in, slots_on
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    CohortFactory,
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
def ours():
    return VaccineFactory(name_en="Ours")


@pytest.fixture
def other():
    return VaccineFactory(name_en="Other")


@pytest.fixture
def admission(ours):
    """Somebody admitted for one vaccine."""
    return AdmissionFactory(room=RoomFactory(cohort=CohortFactory(vaccines=[ours.code])))


@pytest.fixture
def inside(client, admission):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    sign_in(client, admission.ticket.person)
    return client


def held(admission, slot, **more):
    person_id = admission.ticket.person_id
    return hold_best_slots(person_id=person_id, slot_id=slot.pk, admission_id=admission.pk, **more)


def booked(admission, slot, **more) -> list[Reservation]:
    [first, *_rest] = held(admission, slot, **more)
    return confirm_hold(person_id=first.person_id, key=first.key)


@pytest.mark.parametrize(
    "interval",
    [
        {"doses": 2},
        {"doses": 2, "min_days": 21, "max_days": 42},
        {"doses": 2, "min_days": 28, "best_days": 21, "max_days": 42},
        {"doses": 3, "min_days": 21, "best_days": 28, "max_days": 42},
        {"doses": 0},
    ],
)
def test_a_vaccine_says_how_many_doses_and_how_far_apart(interval):
    vaccine = Vaccine(code="v", name_ko="백신", **interval)

    with pytest.raises(ValidationError, match="Two need the days"), translation.override("en"):
        vaccine.full_clean()
    with pytest.raises(IntegrityError):
        vaccine.save()


@pytest.mark.parametrize("hold", [hold_slot, hold_best_slots])
def test_a_vaccine_of_the_cohort_can_be_held_and_another_one_not(admission, ours, other, hold):
    person_id = admission.ticket.person_id
    mine, theirs = SlotFactory(vaccine=ours), SlotFactory(vaccine=other)

    with pytest.raises(VaccineNotForYou):
        hold(person_id=person_id, slot_id=theirs.pk, admission_id=admission.pk)
    [reservation] = hold(person_id=person_id, slot_id=mine.pk, admission_id=admission.pk)

    assert reservation.slot_id == mine.pk
    assert Slot.objects.get(pk=theirs.pk).booked == 0


def test_a_held_time_is_not_exchanged_for_one_of_another_vaccine(admission, ours, other):
    mine, theirs = SlotFactory(vaccine=ours), SlotFactory(vaccine=other)
    held(admission, mine)

    with pytest.raises(VaccineNotForYou):
        held(admission, theirs)

    assert Reservation.objects.get(status="held").slot_id == mine.pk


def test_two_doses_of_another_vaccine_are_refused_and_of_ones_own_held():
    own, other = VaccineFactory(double=True), VaccineFactory(double=True)
    room = RoomFactory(cohort=CohortFactory(vaccines=[own.code]))
    admission = AdmissionFactory(room=room)
    clinic = ClinicFactory()
    for vaccine in (own, other):
        first = SlotFactory(clinic=clinic, vaccine=vaccine)
        SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=28))
    mine, theirs = (Slot.objects.filter(vaccine=one).order_by("pk") for one in (own, other))

    with pytest.raises(VaccineNotForYou):
        held(admission, theirs[0])
    with pytest.raises(VaccineNotForYou):
        held(admission, theirs[0], second_id=theirs[1].pk)
    both = held(admission, mine[0])

    assert [one.slot_id for one in both] == [mine[0].pk, mine[1].pk]
    assert not Slot.objects.filter(vaccine=other, booked__gt=0).exists()


def test_a_cohort_that_names_none_may_have_any(other):
    admission = AdmissionFactory()
    theirs = SlotFactory(vaccine=other)

    assert held(admission, theirs)[0].slot_id == theirs.pk


def test_a_series_that_began_elsewhere_is_finished_with_its_own_vaccine(admission):
    begun = VaccineFactory(double=True)
    slot = SlotFactory(vaccine=begun)
    given = slot.starts_at.date() - timedelta(days=28)
    record_outside_dose(
        person_id=admission.ticket.person_id, vaccine=begun, dose=1, given_on=given, by="staff:1"
    )

    [second] = held(admission, slot)

    assert (second.dose, second.slot_id) == (2, slot.pk)


def test_a_change_stays_within_the_vaccines_of_the_cohort(admission, ours, other):
    [reservation] = booked(admission, SlotFactory(vaccine=ours))
    theirs, mine = SlotFactory(vaccine=other), SlotFactory(vaccine=ours)

    with pytest.raises(VaccineNotForYou):
        change_reservation(reservation=reservation, slot_id=theirs.pk, by="citizen")
    moved = change_reservation(reservation=reservation, slot_id=mine.pk, by="citizen")

    assert moved.slot_id == mine.pk


def test_what_was_booked_before_the_cohort_named_others_can_be_moved(admission, ours, other):
    cohort = admission.room.cohort
    [reservation] = booked(admission, SlotFactory(vaccine=ours))
    later = SlotFactory(vaccine=ours)
    cohort.vaccines = [other.code]
    cohort.save()

    moved = change_reservation(reservation=reservation, slot_id=later.pk, by="citizen")

    assert moved.slot_id == later.pk


def test_the_cancellation_list_offers_only_vaccines_of_the_cohort(admission, ours, other):
    open_one = SlotFactory(vaccine=other)
    freed = ReservationFactory(slot=SlotFactory(vaccine=other, capacity=1))
    waiting = entry(admission)

    cancel_reservation(reservation=freed, by="citizen")
    assert make_offers() == 0
    mine = SlotFactory(vaccine=ours)
    assert make_offers() == 1

    assert Offer.objects.get().slot_id == mine.pk
    assert Slot.objects.get(pk=open_one.pk).booked == 0
    assert waiting.offers.count() == 1


def test_pages_show_only_times_of_the_vaccines_of_the_cohort(inside, ours, other):
    clinic = ClinicFactory()
    mine, theirs = (
        SlotFactory(clinic=clinic, vaccine=ours),
        SlotFactory(clinic=clinic, vaccine=other),
    )

    listed = inside.get(reverse("booking"))
    at_clinic = inside.get(reverse("clinic", args=[clinic.code]))
    asked = inside.get(reverse("booking"), {"vaccine": other.code, "district": "강남구"})
    districts = inside.get(reverse("booking"), {"choose": "1", "region": "서울특별시"})

    assert slots_on(listed) == slots_on(at_clinic) == [mine.pk]
    assert str(theirs.pk) not in slots_on(asked)
    assert "10 places left" in page(districts)
    assert "20 places left" not in page(districts)
    assert 'name="vaccine"' not in page(listed)


def test_people_of_two_cohorts_do_not_see_each_others_times(inside, ours, other):
    mine, theirs = SlotFactory(vaccine=ours), SlotFactory(vaccine=other)
    elsewhere = AdmissionFactory(room=RoomFactory(cohort=CohortFactory(vaccines=[other.code])))

    before = slots_on(inside.get(reverse("booking")))
    sign_in(inside, elsewhere.ticket.person)
    after = slots_on(inside.get(reverse("booking")))

    assert (before, after) == ([mine.pk], [theirs.pk])


@pytest.mark.parametrize(
    ("language", "reason"),
    [
        ("en", "You were admitted for another vaccine. Choose a time of one that is for you."),
        (
            "ko",
            "예약하실 수 있는 백신이 아닙니다. 맞으실 수 있는 백신의 시간을 선택해 주세요.",
        ),
    ],
)
def test_posting_the_number_of_another_vaccines_time_is_refused_with_the_reason(
    inside, other, language, reason
):
    theirs = SlotFactory(vaccine=other)

    refused = inside.post(
        reverse("hold"), {"slot": theirs.pk}, headers={"accept-language": language}
    )

    assert (refused.status_code, heading(refused)) == (409, reason)
    assert not Reservation.objects.exists()


def test_a_lost_race_for_another_vaccine_offers_ones_own(inside, ours, other):
    clinic = ClinicFactory()
    full = SlotFactory(clinic=clinic, vaccine=other, full=True)
    later = full.starts_at + timedelta(hours=1)
    SlotFactory(clinic=clinic, vaccine=other, starts_at=later)
    mine = SlotFactory(clinic=clinic, vaccine=ours, starts_at=later)

    lost = inside.post(reverse("hold"), {"slot": full.pk})
    Slot.objects.filter(pk=full.pk).update(booked=0)

    assert (heading(lost), slots_on(lost)) == ("Somebody was faster", [mine.pk])


def test_the_change_page_and_the_list_form_show_only_what_may_be_had(
    inside, admission, ours, other
):
    clinic = ClinicFactory()
    third = VaccineFactory(name_en="Third")
    cohort = admission.room.cohort
    cohort.vaccines = [ours.code, third.code]
    cohort.save()
    form = page(inside.get(reverse("cancellation_list")))
    [reservation] = booked(admission, SlotFactory(clinic=clinic, vaccine=ours))
    later = reservation.slot.starts_at + timedelta(hours=1)
    mine = SlotFactory(clinic=clinic, vaccine=third, starts_at=later)
    SlotFactory(clinic=clinic, vaccine=other, starts_at=later)

    changing = inside.get(reverse("change", args=[reservation.number]))

    assert [code in form for code in (ours.code, third.code, other.code)] == [True, True, False]
    assert set(slots_on(changing)) == {mine.pk, reservation.slot_id}

"""What the pages say in the less happy cases, and where they lead on."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from booking.models import Clinic, ListEntry, Reservation, Slot
from booking.services.changes import cancel_reservation
from tests.booking.test_path import heading, key_on, page, slots_on
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    ReservationFactory,
    SlotFactory,
    VaccineFactory,
    put_into,
)

pytestmark = pytest.mark.django_db


def clinics_on(response) -> list[str]:
    return re.findall(r'href="/booking/clinics/(\w+)/', page(response))


def conditions_on(response) -> str:
    found = re.search(r'class="booking-conditions"><strong>(.*?)</strong>', page(response))
    return found[1] if found else ""


@pytest.fixture
def places():
    """Clinics with times: at home in 강남구, next to it, and far away but first in the alphabet."""
    return {
        district: SlotFactory(clinic=ClinicFactory(region=region, district=district)).clinic
        for region, district in [
            ("강원특별자치도", "강릉시"),
            ("서울특별시", "서초구"),
            ("서울특별시", "강남구"),
        ]
    }


def test_a_lost_second_time_is_made_good_within_the_interval(inside):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    too_early, lost, later = (
        SlotFactory(
            clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )
        for days in (20, 21, 30)
    )
    inside.post(reverse("hold"), {"slot": first.pk})
    Slot.objects.filter(pk=lost.pk).update(capacity=0)

    answer = inside.post(reverse("hold"), {"slot": first.pk, "second": lost.pk})

    offered = re.findall(r'name="second" value="(\d+)"', page(answer))
    assert heading(answer) == "Somebody was faster"
    assert offered == [f"{later.pk}"]
    assert f'name="slot" value="{first.pk}"' in page(answer)
    assert f'href="{reverse("second")}"' in page(answer)
    assert too_early.left == 10


def test_a_time_that_has_begun_was_not_taken_by_somebody(inside):
    slot = SlotFactory(starts_at=timezone.now() - timedelta(minutes=1))

    answer = inside.post(reverse("hold"), {"slot": slot.pk})

    assert heading(answer) == "This time has already begun. Choose a later time."


def test_a_clinic_that_takes_no_bookings_leads_to_the_nearest(inside, places):
    Clinic.objects.filter(pk=places["강남구"].pk).update(active=False)

    closed = inside.get(reverse("clinic", args=[places["강남구"].code]))
    unknown = inside.get(reverse("clinic", args=["X1"]))

    assert heading(closed) == f"{places['강남구'].name} takes no bookings at the moment"
    assert clinics_on(closed) == [places["서초구"].code, places["강릉시"].code]
    assert unknown.status_code == 404


def test_a_name_that_no_clinic_has_leads_to_the_nearest_from_home(inside, places):
    answer = inside.get(reverse("booking"), {"name": "없는"})

    assert heading(answer) == "There is no clinic named “없는”"
    assert clinics_on(answer) == [places[one].code for one in ("강남구", "서초구", "강릉시")]


def test_a_name_is_looked_for_everywhere_and_the_nearest_comes_first(inside, places):
    typed = {"region": "서울특별시", "district": "서초구", "name": "시험"}

    answer = inside.get(reverse("booking"), typed)

    expected = [places[one].code for one in ("서초구", "강남구", "강릉시")]
    assert list(dict.fromkeys(clinics_on(answer))) == expected
    assert "Clinics named “시험”, nearest to Seoul Seocho-gu first" in page(answer)


def test_a_place_that_is_typed_counts_more_than_the_district_looked_at(inside, places):
    typed = {"region": "서울특별시", "district": "서초구", "near": "강릉시"}

    answer = inside.get(reverse("booking"), typed)

    assert clinics_on(answer)[0] == places["강릉시"].code


def test_what_a_search_is_narrowed_to_is_said_and_can_be_dropped(inside):
    slot = SlotFactory()
    day = timezone.localtime(slot.starts_at)
    narrowed = {"part": "morning", "weekday": day.weekday(), "vaccine": slot.vaccine.code}

    found = inside.get(reverse("booking"), narrowed)
    nothing = inside.get(reverse("booking"), {"district": "강남구", "part": "evening"})
    widened = re.search(r'<a class="jari-link" href="(\?[^"]*)">Show every time', page(nothing))
    again = inside.get(reverse("booking") + widened[1].replace("&amp;", "&"))

    weekday = f"{day:%a}"
    assert conditions_on(found) == f"{weekday} · Morning, before 12 · {slot.vaccine.name}"
    assert '<details class="booking-tool booking-search">' in page(found)
    assert heading(nothing) == "Nothing that suits is open in Gangnam-gu"
    assert (slots_on(again), conditions_on(again)) == ([slot.pk], "")


def test_a_wrong_search_opens_its_form(inside):
    SlotFactory()

    answer = inside.get(reverse("booking"), {"near": "nowhere"})

    assert answer.status_code == 422
    assert '<details class="booking-tool booking-search" open>' in page(answer)


def test_a_vaccine_is_named_only_where_there_is_a_choice(inside):
    double, single = VaccineFactory(double=True, name_en="Two"), VaccineFactory(name_en="One")
    first = SlotFactory(vaccine=double)
    SlotFactory(vaccine=single)
    SlotFactory(clinic=first.clinic, vaccine=double, starts_at=first.starts_at + timedelta(days=28))

    listed = inside.get(reverse("booking"))
    inside.post(reverse("hold"), {"slot": first.pk})
    second = inside.get(reverse("second"))

    assert all(name in page(listed) for name in ["<br>Two<", "<br>One<"])
    assert ">Two<" not in page(second)


@pytest.mark.parametrize("name", ["confirm", "booking", "cancellation_list"])
def test_whoever_has_booked_is_led_to_the_reservation(inside, name):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    inside.post(reverse("confirm"), {"key": key_on(held)})
    reservation = Reservation.objects.get()

    answer = inside.get(reverse(name))

    said = {
        "confirm": "You have booked already.",
        "booking": "Your vaccination is booked",
        "cancellation_list": (
            "There is an appointment for this dose already. Change or cancel that one."
        ),
    }
    address = reverse("reservation", args=[reservation.number])
    assert heading(answer) == said[name]
    assert address in page(answer)


def test_nobody_waits_for_a_second_dose_of_a_vaccine_that_has_one(inside):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    typed = {
        "places": ["d:서울특별시/강남구"],
        "date_from": f"{timezone.localdate()}",
        "date_to": f"{timezone.localdate() + timedelta(days=9)}",
    }

    joined = inside.post(reverse("cancellation_list"), typed)
    cancel_reservation(reservation=reservation, by="citizen")
    AdmissionFactory(ticket=inside.admission.ticket)
    joined_again = inside.post(reverse("cancellation_list"), typed)

    assert (joined.status_code, joined_again.status_code) == (409, 302)
    assert ListEntry.objects.get().dose == 1


@pytest.mark.parametrize("what", ["change", "cancel"])
def test_after_the_cut_off_nothing_is_offered_that_would_be_refused(inside, what):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    soon = SlotFactory(
        clinic=reservation.slot.clinic, starts_at=timezone.now() + timedelta(minutes=90)
    )
    Reservation.objects.filter(pk=reservation.pk).update(slot=soon)

    answer = inside.get(reverse(what, args=[reservation.number]))

    assert answer.status_code == 409
    assert heading(answer) == "Your vaccination is booked"
    assert "It is too late to change or cancel this here. Please call the clinic." in page(answer)
    assert slots_on(answer) == []


def test_ones_reservations_begin_with_what_comes_first(inside):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    SlotFactory(
        clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=28)
    )
    other = SlotFactory(clinic=first.clinic, starts_at=first.starts_at + timedelta(days=1))
    given_up = ReservationFactory(person=inside.person, admission=inside.admission, slot=other)
    cancel_reservation(reservation=given_up, by="citizen")
    again = AdmissionFactory(ticket=inside.admission.ticket)
    held = inside.post(reverse("hold"), {"slot": first.pk}, follow=True)
    inside.post(reverse("confirm"), {"key": key_on(held)})

    answer = inside.get(reverse("lookup"))

    booked = Reservation.objects.filter(status="confirmed", admission=again).order_by("dose")
    numbers = [one.number for one in [*booked, given_up]]
    assert re.findall(r'<a href="/reservations/(\w+)/">', page(answer)) == numbers


@pytest.mark.parametrize(
    ("status", "said"),
    [
        ("arrived", "You have arrived at the clinic"),
        ("no_show", "You did not come to this appointment"),
        ("lapsed", "This time ran out before it was confirmed"),
        ("released", "You gave this time up before confirming it"),
    ],
)
def test_every_state_of_a_reservation_is_said_in_a_sentence(inside, status, said):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    put_into(reservation, status)

    answer = inside.get(reverse("reservation", args=[reservation.number]))

    leads_on = status != "arrived"
    assert heading(answer) == said
    assert (f'href="{reverse("booking")}">Choose a time' in page(answer)) == leads_on
    assert ("booking-number" in page(answer)) == (not leads_on)


def test_a_vaccine_that_all_times_share_is_said_once(inside):
    one, other = VaccineFactory(name_en="One"), VaccineFactory(name_en="Other")
    alike, mixed = (ClinicFactory(name=name, district="강남구") for name in ("가의원", "나의원"))
    starts_at = timezone.localtime().replace(hour=9) + timedelta(days=2)
    for clinic, vaccines in [(alike, [one, one, one]), (mixed, [one, other, other])]:
        for hour, vaccine in enumerate(vaccines):
            SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=starts_at + timedelta(hours=hour))

    listed = page(inside.get(reverse("booking")))
    alone = page(inside.get(reverse("clinic", args=[alike.code])))

    of_alike, of_mixed = listed.split('<section class="jari-card booking-clinic"')[1:]
    assert re.findall("<(?:br|span)>(?:One|Other)<", of_alike) == ["<br>One<"]
    assert re.findall("<(?:br|span)>(?:One|Other)<", of_mixed) == [
        "<span>One<", "<span>Other<", "<span>Other<",
    ]  # fmt: skip
    assert re.findall("<[^>]*>One<", alone) == ["<p>One<"]


def test_a_person_without_a_reservation_is_led_to_their_place(inside):
    answer = inside.get(reverse("lookup"))

    assert heading(answer) == "My bookings"
    link = f'<p><a class="jari-link" href="{reverse("own_place")}">Go to my place</a></p>'
    assert f"<p>You have no reservation yet.</p>{link}" in page(answer)


def test_the_clinics_nearby_say_their_places_and_how_far_they_are(inside):
    put = {"latitude": 37.5, "longitude": 127.0}
    SlotFactory(full=True, clinic=ClinicFactory(district="강남구", **put))
    SlotFactory(clinic=ClinicFactory(district="서초구", **put), capacity=1200)

    answer = page(inside.get(reverse("booking"), {"region": "서울특별시", "district": "강남구"}))

    assert re.search(r"<span>1,200 places left · \d+\.\d&nbsp;km</span>", answer)

"""From the open times to the receipt and back, over plain forms."""

import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from django.utils.html import strip_tags
from redis import RedisError

from booking.finder import availability
from booking.models import Reservation, Slot
from booking.services.holds import HOLD_LIFETIME, take_back_holds
from booking.services.staff_bookings import book_for
from eligibility.sessions import _SALT, COOKIE
from messaging.models import Message
from messaging.services import send_waiting
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    TicketFactory,
    VaccineFactory,
    put_into,
)
from tests.forms import Forms
from tests.markup import flat
from web.codes import random_number

pytestmark = pytest.mark.django_db


def sign_in(client, person):
    from django.core import signing

    stamp = int(timezone.now().timestamp())
    client.cookies[COOKIE] = signing.dumps([person.pk, stamp, 0], salt=_SALT)


def browser_of(admission) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.admission, client.person = admission, admission.ticket.person
    sign_in(client, client.person)
    return client


def page(response) -> str:
    return flat(response)


def chosen_on(response) -> str:
    return re.search(r'name="channel" value="(\w+)"[^>]* checked', page(response))[1]


def heading(response) -> str:
    found = re.search(r"<h1[^>]*>(.*?)</h1>", response.content.decode(), re.S)
    return flat(strip_tags(found[1])) if found else ""


def slots_on(response) -> list[int]:
    return [int(pk) for pk in re.findall(r'name="slot" value="(\d+)"', page(response))]


def key_on(response) -> str:
    return re.search(r'name="key" value="([0-9a-f-]{36})"', page(response))[1]


def test_from_the_open_times_to_the_receipt(inside):
    slot = SlotFactory()

    listed = inside.get(reverse("booking"))
    held = inside.post(reverse("hold"), {"slot": slots_on(listed)[0]}, follow=True)
    receipt = inside.post(reverse("confirm"), {"key": key_on(held)}, follow=True)

    reservation = Reservation.objects.get()
    assert (reservation.slot_id, reservation.status) == (slot.pk, "confirmed")
    assert receipt.redirect_chain == [(f"/reservations/{reservation.number}/", 302)]
    assert heading(receipt) == "Your vaccination is booked"
    assert reservation.shown_number in page(receipt)
    send_waiting()
    assert Message.objects.get(kind="confirmed").text.splitlines()[0] == (
        "[Jari] Your vaccination is booked."
    )


def test_each_list_of_times_leads_to_more_time(inside):
    clinic = SlotFactory().clinic
    longer = reverse("more_time", args=[inside.admission.ticket_id])
    pages = [reverse("booking"), "/booking/?choose", reverse("clinic", args=[clinic.code])]

    for address in [*pages, "/booking/?name=nowhere"]:
        shown = page(inside.get(address))
        assert f'action="{longer}"' in shown, address
        assert (
            f"You can book until {timezone.localtime(inside.admission.expires_at):%H:%M}." in shown
        )


def test_more_time_leads_back_to_the_list_and_nowhere_else(inside):
    SlotFactory()
    listed = inside.get("/booking/?choose=1")
    address = reverse("more_time", args=[inside.admission.ticket_id])
    ticket = reverse("ticket", args=[inside.admission.ticket_id])

    back = inside.post(address, {"next": listed.context["here"]})
    away = [inside.post(address, {"next": to}) for to in ("https://example.org/", "//x/booking/")]

    assert (back.status_code, back.url) == (302, "/booking/?choose=1")
    assert [answer.url for answer in away] == [ticket, ticket]


def test_the_list_starts_in_ones_own_district_and_links_to_clinics(inside):
    here = SlotFactory()
    there = SlotFactory(clinic=ClinicFactory(district="서초구"))

    listed = inside.get(reverse("booking"))
    other = inside.get(reverse("booking"), {"district": "서초구"})

    assert slots_on(listed) == [here.pk]
    assert f"/booking/clinics/{here.clinic.code}/" in page(listed)
    assert slots_on(other) == [there.pk]


def test_the_clinic_page_shows_every_time_of_the_day(inside):
    first = SlotFactory()
    for hour in range(1, 9):
        SlotFactory(
            clinic=first.clinic,
            vaccine=first.vaccine,
            starts_at=first.starts_at + timedelta(hours=hour),
        )

    listed = inside.get(reverse("booking"))
    clinic = inside.get(reverse("clinic", args=[first.clinic.code]))

    assert (len(slots_on(listed)), len(slots_on(clinic))) == (6, 9)


def test_whoever_was_not_called_learns_what_to_do(client):
    ticket = TicketFactory()
    sign_in(client, ticket.person)
    slot = SlotFactory()

    listed = client.get(reverse("booking"))
    held = client.post(reverse("hold"), {"slot": slot.pk})

    assert (listed.status_code, held.status_code) == (403, 403)
    assert reverse("ticket", args=[ticket.pk]) in page(listed)
    assert not Reservation.objects.exists()


def test_a_lost_race_offers_the_nearest_open_times(inside):
    slot = SlotFactory(capacity=1)
    later = SlotFactory(
        clinic=slot.clinic, vaccine=slot.vaccine, starts_at=slot.starts_at + timedelta(hours=1)
    )
    nearby = SlotFactory(vaccine=slot.vaccine, starts_at=slot.starts_at)
    shown = slots_on(inside.get(reverse("booking")))
    ReservationFactory(slot=slot)

    lost = inside.post(reverse("hold"), {"slot": slot.pk})

    assert slot.pk in shown
    assert lost.status_code == 409
    assert heading(lost) == "Somebody was faster"
    assert slots_on(lost) == [later.pk, nearby.pk]


def test_a_lost_race_names_three_times_as_long_as_there_are_any(inside):
    """Also when the clinic is full, and so is the day at all clinics around."""
    slot = SlotFactory(full=True)
    for _clinic in range(3):
        SlotFactory(full=True, vaccine=slot.vaccine)
    tomorrow = slot.starts_at + timedelta(days=1)
    around = [SlotFactory(vaccine=slot.vaccine, starts_at=tomorrow) for _clinic in range(2)]
    SlotFactory(
        vaccine=slot.vaccine, starts_at=tomorrow + timedelta(hours=5), clinic=around[0].clinic
    )
    far = SlotFactory(vaccine=slot.vaccine, clinic=ClinicFactory(district="도봉구"))
    SlotFactory(clinic=ClinicFactory())  # of another vaccine

    lost = inside.post(reverse("hold"), {"slot": slot.pk})

    assert sorted(slots_on(lost)) == sorted([*(one.pk for one in around), far.pk])


def test_where_nothing_is_open_the_nearest_clinics_are_named(inside):
    SlotFactory(full=True)
    other = SlotFactory(clinic=ClinicFactory(district="서초구"))

    listed = inside.get(reverse("booking"))

    assert heading(listed) == "Nothing is open in Gangnam-gu"
    assert f"/booking/clinics/{other.clinic.code}/" in page(listed)


def test_confirming_too_late_says_so_and_offers_the_same_time_again(inside, clock):
    slot = SlotFactory()
    held = inside.post(reverse("hold"), {"slot": slot.pk}, follow=True)
    clock.move_to(timezone.now() + HOLD_LIFETIME)
    take_back_holds()

    late = inside.post(reverse("confirm"), {"key": key_on(held)})

    assert late.status_code == 409
    assert heading(late) == "We could not keep your time any longer. Choose a time again."
    assert slots_on(late)[0] == slot.pk


def test_a_form_about_an_exchanged_time_confirms_nothing(inside):
    old, new = SlotFactory(), SlotFactory()
    held = inside.post(reverse("hold"), {"slot": old.pk}, follow=True)
    inside.post(reverse("hold"), {"slot": new.pk})

    shown = inside.post(reverse("confirm"), {"key": key_on(held)})

    assert shown.status_code == 409
    assert "You have chosen another time since." in page(shown)
    assert key_on(shown) != key_on(held)
    assert not Reservation.objects.filter(status="confirmed").exists()


def test_wrong_input_is_pointed_out_and_kept(inside):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)

    answer = inside.post(
        reverse("confirm"), {"key": key_on(held), "channel": "email", "email": "me@"}
    )

    assert answer.status_code == 422
    assert 'value="me@"' in page(answer)
    assert Reservation.objects.get().status == "held"


@pytest.mark.parametrize("channel", ["sms", None])
def test_an_address_that_is_not_used_need_not_be_mended(inside, channel):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    typed = {"key": key_on(held), "email": "me@"} | ({"channel": channel} if channel else {})

    answer = inside.post(reverse("confirm"), typed)

    reservation = Reservation.objects.get()
    assert answer.status_code == 302
    assert (reservation.status, reservation.channel, reservation.email) == (
        "confirmed",
        "sms",
        None,
    )


def test_what_one_person_typed_is_on_nobody_elses_page(inside):
    slot = SlotFactory()
    held = inside.post(reverse("hold"), {"slot": slot.pk})
    typed = {"key": key_on(held), "channel": "email", "email": "me@example.org"}

    mine = inside.post(reverse("extend"), typed, follow=True)
    theirs = browser_of(AdmissionFactory()).post(reverse("hold"), {"slot": slot.pk})

    assert ("me@example.org" in page(mine), "me@example.org" in page(theirs)) == (True, False)
    assert chosen_on(mine) == "email"
    assert (chosen_on(held), chosen_on(theirs)) == ("sms", "sms")


def test_extending_keeps_what_was_typed(inside):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    typed = {"key": key_on(held), "channel": "email", "email": "me@example.org"}

    again = inside.post(reverse("extend"), typed, follow=True)

    assert 'value="me@example.org"' in page(again)
    assert Reservation.objects.get().extensions == 1


@pytest.mark.parametrize("signed_out", [False, True])
def test_what_is_only_half_typed_is_kept_too(inside, signed_out):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    typed = {"key": key_on(held), "channel": "email", "email": "me@"}
    cookie = inside.cookies[COOKIE].value

    if signed_out:
        inside.cookies.pop(COOKIE)
        inside.post(reverse("confirm"), typed)
        inside.cookies[COOKIE] = cookie
    else:
        inside.post(reverse("extend"), typed)

    again = page(inside.get(reverse("confirm")))
    assert 'value="me@"' in again
    assert re.search(r'value="email"[^>]* checked', again)


def test_pressing_the_button_twice_extends_once(inside):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    button = re.search(r'name="extension" value="(\d)"', page(held))
    sent = {"key": key_on(held), "channel": "sms", "extension": button[1]}

    for _press in range(2):
        again = inside.post(reverse("extend"), sent, follow=True)

    assert Reservation.objects.get().extensions == 1
    assert 'name="extension" value="2"' in page(again)


def test_extending_in_a_tab_whose_time_was_exchanged_shows_the_new_one(inside):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    new = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)

    shown = inside.post(reverse("extend"), {"key": key_on(held)})

    assert "You have chosen another time since." in page(shown)
    assert key_on(shown) == key_on(new)


@pytest.mark.parametrize("to", ["confirm", "extend"])
def test_whoever_lost_all_cookies_loses_nothing_typed(inside, to):
    """Without the token of the form nothing is done, but what was typed waits with the hold."""
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    strict = Client(enforce_csrf_checks=True)
    typed = {"channel": "email", "email": "me@example.org"}

    answers = [
        strict.post(reverse(to), typed | key)
        for key in ({"key": key_on(held)}, {"key": str(uuid4())}, {"key": "x"}, {})
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert (Reservation.objects.get().status, Reservation.objects.get().extensions) == ("held", 0)
    assert 'value="me@example.org"' in page(inside.get(reverse("confirm")))


def test_whoever_was_signed_out_meanwhile_loses_nothing_typed(inside):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    cookie = inside.cookies.pop(COOKIE)
    typed = {"key": key_on(held), "channel": "email", "email": "me@example.org"}

    away = inside.post(reverse("confirm"), typed)
    inside.cookies[COOKIE] = cookie.value
    back = inside.get(reverse("confirm"))

    assert away.url == "/identity/?next=%2Fbooking%2Fconfirm%2F"
    assert 'value="me@example.org"' in page(back)


def test_without_a_database_the_page_holds_what_was_typed(inside, monkeypatch):
    held = inside.post(reverse("hold"), {"slot": SlotFactory().pk}, follow=True)
    typed = {"key": key_on(held), "channel": "email", "email": "me@example.org"}

    def gone(**_values):
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("booking.services.confirmations.confirm_in_session", gone)
    away = inside.post(reverse("confirm"), typed)
    monkeypatch.undo()
    again = inside.post(reverse("confirm"), Forms(away).typed("again"))

    assert away.status_code == 503
    assert again.url == f"/reservations/{Reservation.objects.get().number}/"


def test_cancelling_asks_first_and_can_be_taken_back(inside):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    slot = reservation.slot

    asked = inside.get(reverse("cancel", args=[reservation.number]))
    done = inside.post(reverse("cancel", args=[reservation.number]), follow=True)
    free = Slot.objects.get(pk=slot.pk).booked
    back = inside.post(reverse("undo", args=[reservation.number]), follow=True)

    assert heading(asked) == "Cancel this appointment?"
    assert (heading(done), free) == ("This appointment is cancelled", 0)
    assert heading(back) == "Your vaccination is booked"
    assert Slot.objects.get(pk=slot.pk).booked == 1


def test_a_cancellation_can_not_be_taken_back_once_the_place_is_gone(inside):
    reservation = ReservationFactory(
        person=inside.person, admission=inside.admission, slot=SlotFactory(capacity=1)
    )
    inside.post(reverse("cancel", args=[reservation.number]))
    ReservationFactory(slot=reservation.slot)

    back = inside.post(reverse("undo", args=[reservation.number]))

    assert back.status_code == 409
    assert heading(back) == "This appointment is cancelled"
    assert Slot.objects.get(pk=reservation.slot_id).booked == 1


@pytest.mark.parametrize("why", ["gone", "late", "replaced", "open"])
def test_taking_back_is_offered_only_where_it_is_possible(inside, why, clock):
    """A first dose comes back with the second that was cancelled along with it, or not at all."""
    first = SlotFactory(double=True)
    second = SlotFactory(
        clinic=first.clinic,
        vaccine=first.vaccine,
        starts_at=first.starts_at + timedelta(days=28),
        capacity=1,
    )
    held = inside.post(reverse("hold"), {"slot": first.pk})
    receipt = inside.post(reverse("confirm"), {"key": key_on(held)}).url
    inside.post(f"{receipt}cancel/")
    if why == "gone":
        Slot.objects.filter(pk=second.pk).update(booked=1)
    elif why == "late":
        clock.move_to(first.starts_at - timedelta(hours=2))
    elif why == "replaced":
        book_for(person=inside.person, slot=SlotFactory(), by="staff:1")

    shown = page(inside.get(receipt))
    back = inside.post(f"{receipt}undo/")

    assert ("Take it back" in shown) == (back.status_code == 302) == (why == "open")
    assert ("The place has gone to somebody else." in shown) == (why == "gone")
    assert ("It is too late to take it back here." in shown) == (why == "late")


def test_changing_moves_to_the_new_time_and_keeps_the_number(inside):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)
    later = SlotFactory(
        clinic=reservation.slot.clinic,
        vaccine=reservation.slot.vaccine,
        starts_at=reservation.slot.starts_at + timedelta(hours=2),
    )
    address = reverse("change", args=[reservation.number])

    listed = inside.get(address)
    moved = inside.post(address, {"slot": later.pk}, follow=True)

    assert later.pk in slots_on(listed)
    assert moved.redirect_chain == [(f"/reservations/{reservation.number}/", 302)]
    reservation.refresh_from_db()
    assert reservation.slot_id == later.pk
    assert [Slot.objects.get(pk=pk).booked for pk in (reservation.slot_id, later.pk)] == [1, 1]
    history = inside.get(reverse("reservation", args=[reservation.number]), {"history": "1"})
    what = [(entry["what"], entry["by"]) for entry in history.context["history"]]
    assert what == [
        ("Time chosen and kept", "by you"),
        ("Appointment confirmed", "by you"),
        ("Moved to another time", "by you"),
    ]


def test_two_doses_are_held_and_confirmed_together(inside):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    for days in (20, 27, 28, 43):
        last = SlotFactory(
            clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )

    held = inside.post(reverse("hold"), {"slot": first.pk}, follow=True)
    receipt = inside.post(reverse("confirm"), {"key": key_on(held)}, follow=True)

    booked = list(Reservation.objects.order_by("dose").values_list("dose", "status"))
    assert booked == [(1, "confirmed"), (2, "confirmed")]
    second = Reservation.objects.get(dose=2)
    assert second.slot.starts_at == first.starts_at + timedelta(days=28)
    assert second.number in page(receipt)
    assert last.booked == 0


def test_another_time_for_the_second_dose(inside):
    vaccine = VaccineFactory(double=True)
    first = SlotFactory(vaccine=vaccine)
    seconds = [
        SlotFactory(
            clinic=first.clinic, vaccine=vaccine, starts_at=first.starts_at + timedelta(days=days)
        )
        for days in (20, 24, 28)
    ]
    inside.post(reverse("hold"), {"slot": first.pk})

    listed = inside.get(reverse("second"))
    chosen = re.search(r'name="second" value="(\d+)"', page(listed))[1]
    inside.post(reverse("hold"), {"slot": first.pk, "second": chosen})

    assert int(chosen) == seconds[1].pk
    held = Reservation.objects.filter(status="held").order_by("dose")
    assert [one.slot_id for one in held] == [first.pk, seconds[1].pk]


def test_a_stranger_is_asked_for_number_and_phone(client):
    reservation = ReservationFactory()
    address = reverse("reservation", args=[reservation.number])

    asked = client.get(address)
    wrong = client.post(reverse("lookup"), {"number": reservation.number, "phone": "01099998888"})
    phone = "0" + reservation.person.phone.removeprefix("+82")
    right = client.post(
        reverse("lookup"), {"number": reservation.shown_number.lower(), "phone": phone}
    )
    shown = client.get(address)

    assert asked.url == f"/reservations/?number={reservation.number}"
    assert wrong.status_code == 422
    assert right.url == address
    assert reservation.shown_number in page(shown)


def test_the_calendar_file_says_when_and_where(inside):
    reservation = ReservationFactory(person=inside.person, admission=inside.admission)

    answer = inside.get(reverse("calendar", args=[reservation.number]))

    from icalendar import Calendar

    [event] = Calendar.from_ical(answer.content).walk("VEVENT")
    assert event["DTSTART"].dt == reservation.slot.starts_at
    assert str(event["LOCATION"]).startswith(reservation.slot.clinic.name)


@pytest.mark.parametrize(
    ("status", "said"),
    [("held", "TENTATIVE"), ("lapsed", "CANCELLED"), ("cancelled", "CANCELLED")],
)
def test_the_calendar_file_says_what_became_of_it(inside, status, said):
    reservation = ReservationFactory(held=True, person=inside.person, admission=inside.admission)
    put_into(reservation, status)

    answer = inside.get(reverse("calendar", args=[reservation.number]))

    assert f"STATUS:{said}" in page(answer)


def test_wrong_phones_for_a_number_cost_work_and_lock_nobody_out(clock):
    """A number belongs to one phone; after ten wrong ones each further one costs work."""
    reservation = ReservationFactory()
    phone = "0" + reservation.person.phone.removeprefix("+82")
    wrong = {"number": reservation.number, "phone": "01099998888"}
    attacker, owner = {"REMOTE_ADDR": "8.8.1.1"}, {"REMOTE_ADDR": "9.9.9.9"}
    browser = Client()
    clock.freeze()  # within one window of the limit

    tried = [browser.post(reverse("lookup"), wrong, **attacker) for _try in range(15)]
    guessed = browser.post(reverse("lookup"), wrong | {"phone": phone}, **attacker)
    found = browser.post(reverse("lookup"), wrong | {"phone": phone}, **owner)

    assert [bool(one.context["challenge"]) for one in tried] == [False] * 11 + [True] * 4
    assert guessed.status_code == 422
    assert found.url == reverse("reservation", args=[reservation.number])


def test_where_no_source_is_known_work_is_still_enough(monkeypatch, clock):
    clock.freeze()
    reservation = ReservationFactory()
    right = {
        "number": reservation.number,
        "phone": "0" + reservation.person.phone.removeprefix("+82"),
    }
    browser = Client()
    for _try in range(12):
        asked = browser.post(reverse("lookup"), right | {"phone": "01099998888"})
    monkeypatch.setattr("web.proof_of_work.is_done", lambda payload: payload == "done")

    refused = browser.post(reverse("lookup"), right)
    worked = browser.post(reverse("lookup"), right | {"work": "done"})

    assert "data-work" in asked.content.decode()
    assert refused.status_code == 422
    assert worked.url == reverse("reservation", args=[reservation.number])


def test_look_ups_that_find_something_are_not_counted():
    reservation = ReservationFactory()
    phone = "0" + reservation.person.phone.removeprefix("+82")
    browser = Client()

    answers = [
        browser.post(reverse("lookup"), {"number": reservation.number, "phone": phone}).status_code
        for _try in range(15)
    ]

    assert answers == [302] * 15


def test_one_address_does_not_try_many_numbers(client, clock):
    clock.freeze()
    answers = [
        client.post(
            reverse("lookup"),
            {"number": random_number(10), "phone": "01099998888"},
            REMOTE_ADDR="8.8.2.2",
        )
        for _try in range(102)
    ]

    assert [bool(one.context["challenge"]) for one in answers] == [False] * 101 + [True]


def test_the_look_up_works_without_redis(client, monkeypatch):
    def gone(*_args, **_more):
        raise RedisError

    monkeypatch.setattr("web.limits.is_ratelimited", gone)
    reservation = ReservationFactory()
    phone = "0" + reservation.person.phone.removeprefix("+82")

    found = client.post(reverse("lookup"), {"number": reservation.number, "phone": phone})

    assert found.url == reverse("reservation", args=[reservation.number])


@pytest.mark.parametrize(("double", "most"), [(False, 9), (True, 11)])
def test_a_whole_booking_costs_four_requests_and_few_statements(inside, double, most):
    slot = SlotFactory(double=double)
    if double:
        SlotFactory(
            clinic=slot.clinic, vaccine=slot.vaccine, starts_at=slot.starts_at + timedelta(days=28)
        )
    availability.directory()  # kept by the process, whoever books

    with CaptureQueriesContext(connection) as statements:
        listed = inside.get(reverse("booking"))
        held = inside.post(reverse("hold"), {"slot": slots_on(listed)[0]})
        booked = inside.post(reverse("confirm"), {"key": key_on(held)})
        receipt = inside.get(booked.headers["Location"])

    assert [one.status_code for one in (listed, held, booked, receipt)] == [200, 200, 302, 200]
    asked = [one["sql"] for one in statements if "SAVEPOINT" not in one["sql"]]
    assert Reservation.objects.filter(status="confirmed").count() == 1 + double
    assert len(asked) <= most, "\n".join(asked)


def test_nobody_elses_reservation_opens(inside):
    other = ReservationFactory(person=PersonFactory())

    answers = [
        inside.get(reverse("reservation", args=[other.number])),
        inside.post(reverse("cancel", args=[other.number])),
        inside.post(reverse("undo", args=[other.number])),
        inside.post(reverse("change", args=[other.number]), {"slot": other.slot_id}),
        inside.get(reverse("calendar", args=[other.number])),
    ]

    assert {answer.url for answer in answers} == {f"/reservations/?number={other.number}"}
    other.refresh_from_db()
    assert other.status == "confirmed"

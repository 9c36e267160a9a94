"""The desk's one box and the caller's page: found, read out, acted for, within scope, on record."""

import re
from datetime import date, timedelta

import pytest
from django.contrib.messages import get_messages
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils.timezone import localtime

from booking.qr import qr_svg
from booking.services.changes import cancel_reservation
from booking.services.staff_bookings import book_for
from database.clock import database_now
from eligibility.services.purging import forget
from events.models import CallerNote, Complaint
from messaging.models import Message
from messaging.services import send_waiting
from staff.enums import Role
from staff.models import Access
from tests.booking.test_path import page
from tests.events import evening
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
)
from waiting_room.services.resume_codes import resume_code_of

pytestmark = pytest.mark.django_db
DESK = "/admin/desk/"


@pytest.fixture
def local(client):
    """The desk of a region, in English."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.user = StaffFactory(role=Role.LOCAL, region="서울특별시", username="desk")
    client.force_login(client.user)
    return client


def text_of(html: str) -> str:
    """What a reader hears: the text without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def as_clinic(client, clinic) -> None:
    client.user = StaffFactory(role=Role.CLINIC, clinic=clinic)
    client.force_login(client.user)


def search(client, term: str):
    """The answer after all redirects but the last, which leads to a page about one person."""
    answer = client.post(DESK, {"search": term})
    assert answer.status_code == 302
    return client.get(answer.url)


def page_address(client, person) -> str:
    answer = search(client, "0" + person.phone[3:])
    assert answer.status_code == 302, page(answer)
    return answer.url


def opened(client, person, **query):
    return client.get(page_address(client, person), query)


def terms_for(person, reservation, ticket) -> dict[str, str]:
    return {
        "phone": "010-" + person.phone[5:9] + "-" + person.phone[9:],
        "phone abroad": person.phone,
        "name, birth": f"{person.name} 1964-05-12",
        "birth, name": f"19640512 {person.name}",
        "six digits, name": f"640512 {person.name}",
        "all three": f"{person.phone} {person.name} 1964.5.12",
        "number": reservation.shown_number.lower(),
        "resume code": resume_code_of(ticket),
        "place": f"{ticket.place:,}",
        "ticket's address": f"http://jari.example/queue/t/{ticket.pk}/",
        "four digits of today": person.phone[-4:],
        "name of today": person.name,
        "name, four digits": f"{person.name} {person.phone[-4:]}",
    }


@pytest.mark.parametrize("kind", range(13))
@pytest.mark.parametrize("role", [Role.LOCAL, Role.CLINIC])
def test_a_caller_is_found_by_whatever_they_say(local, clock, kind, role):
    clock.at("09:00")
    slot = SlotFactory(starts_at=clock.now() + timedelta(hours=2))
    person = PersonFactory(name="박서준", phone="+821012345678")
    reservation = ReservationFactory(person=person, slot=slot)
    # Of another person, one place behind.
    other = PersonFactory()
    admission = AdmissionFactory(room=person.tickets.get().room, person=other)
    ReservationFactory(person=other, slot=slot, admission=admission)
    local.force_login(local.user)  # the clock was moved past the session
    if role == Role.CLINIC:
        as_clinic(local, slot.clinic)
    term = list(terms_for(person, reservation, person.tickets.get()).values())[kind]

    answer = search(local, term)

    assert answer.status_code == 302, term
    assert "박서준" in page(local.get(answer.url))


def test_nobody_is_shown_before_a_search_and_phones_are_masked_until_a_page_is_opened(local):
    first, second = (
        PersonFactory(name="박서준", phone=f"+82101234{number}") for number in (5678, 9999)
    )
    assert "박서준" not in page(local.get(DESK))

    answer = search(local, "박서준 19640512")

    listed = page(answer)
    assert listed.count("<strong>박서준</strong>") == 2
    assert "010-****-5678" in listed
    assert "010-1234-5678" not in listed
    assert "010-1234-5678" in page(opened(local, first))
    looks = list(Access.objects.order_by("pk").values_list("act", "what", "people"))
    assert looks[-3:] == [
        ("search", "find_caller", [first.pk, second.pk]),
        ("search", "find_caller", [first.pk]),
        ("detail", "story", [first.pk]),
    ]


def test_neither_term_nor_person_is_in_an_address(local):
    person = PersonFactory(name="박서준")

    hidden = local.post(DESK, {"search": "박서준 19640512"}).url
    address = page_address(local, person)

    assert "19640512" not in hidden
    assert f"/{person.pk}/" not in address
    other = StaffFactory(role=Role.LOCAL, region="서울특별시")
    local.force_login(other)
    assert local.get(address).url == DESK  # another user's
    assert "Nobody is shown before" in page(local.get(hidden))


def test_a_resident_registration_number_is_cut_to_the_birth_date(local):
    person = PersonFactory(name="박서준")

    answer = search(local, "박서준 640512-1234567")

    assert answer.status_code == 302
    assert person.name in page(local.get(answer.url))


@pytest.mark.parametrize("term", ["박서준", "5678", "박", "%", "#999999999999", "번", "640512"])
def test_too_little_finds_nobody_and_says_what_to_ask_for(local, term):
    PersonFactory(name="박서준", phone="+821012345678")

    answer = search(local, term)

    text = page(answer)
    assert answer.status_code == 200
    assert "Nobody found" in text or "Nobody is shown before" in text
    assert "박서준</strong>" not in text


def test_guesses_rest(local):
    for number in range(20):
        search(local, f"0109999{number:04}")
    PersonFactory(phone="+821012345678")

    answer = search(local, "01012345678")

    assert "Too many searches found nobody" in page(answer)


def test_people_elsewhere_are_found_by_all_three_or_not_at_all(local):
    person = PersonFactory(name="박서준", region="부산광역시", phone="+821012345678")
    clinic = ClinicFactory()

    assert "Nobody found" in page(search(local, "01012345678"))
    assert "Nobody found" in page(search(local, "박서준 19640512 01012345678"))
    as_clinic(local, clinic)
    assert "Nobody found" in page(search(local, "박서준 19640512"))
    answer = search(local, "박서준 19640512 01012345678")
    # Whom a clinic may only book for has no story there.
    assert local.get(answer.url).url.startswith("/admin/booking/reservation/desk/")
    assert person.region == "부산광역시"


def test_the_call_of_the_columnist_is_read_from_the_page(local):
    person = evening.play()
    local.force_login(local.user)  # the clock was moved past the session

    text = text_of(page(opened(local, person, read="en")))

    for words in [
        "19:58:00 verified by a code to the phone the person",
        "20:00:03 joined the line as number 6,123 (The fifties) the person",
        "20:48:00 called: number 6,123 the system",
        "20:48:02 message handed over: it is your turn",
        "20:49:00 away: had not entered a minute after the call",
        "20:51:00 entered the booking pages the person",
        "21:01:20 the hold ran out unconfirmed: dose 1",
    ]:
        assert words in text
    korean = text_of(page(opened(local, person, read="ko")))
    assert "20:00:03 6,123번으로 줄에 서셨습니다 (50대)" in korean


def test_a_resident_who_booked_elsewhere_is_told_where_and_acts_there(local):
    theirs = ClinicFactory(name="나의원", region="부산광역시", district="해운대구")
    reservation = ReservationFactory(slot=SlotFactory(clinic=theirs))

    text = text_of(page(opened(local, reservation.person)))

    assert "나의원" in text
    assert reservation.shown_number in text
    assert f"{localtime(reservation.slot.starts_at):%Y-%m-%d}" in text
    assert "Booked outside your area" in text
    assert "Move to another time" not in text


def test_a_clinic_reads_of_other_clinics_only_that_something_was_there(local):
    ours, theirs = ClinicFactory(name="가의원"), ClinicFactory(name="나의원")
    person = PersonFactory()
    first = ReservationFactory(person=person, slot=SlotFactory(clinic=theirs))
    cancel_reservation(reservation=first, by="citizen")
    [own] = book_for(person=person, slot=SlotFactory(clinic=ours), by="staff:1")
    as_clinic(local, ours)

    text = text_of(page(opened(local, person)))

    assert own.shown_number in text
    assert first.number not in text
    assert first.shown_number not in text
    assert "나의원" not in text
    assert "Cancelled (at another clinic)" in text
    assert "opened by staff" not in text


def test_the_buttons_move_cancel_and_book(local):
    reservation = ReservationFactory()

    text = page(opened(local, reservation.person))

    for name in ["move", "cancel", "change"]:
        assert reverse(f"admin:booking_reservation_{name}", args=[reservation.pk]) in text
    assert "/admin/booking/reservation/desk/" in text


def said(answer) -> list[str]:
    return [str(message) for message in get_messages(answer.wsgi_request)]


def test_a_message_is_sent_again_to_the_phone_of_now(local, clock):
    clock.at("12:00")
    local.force_login(local.user)
    reservation = ReservationFactory()
    person = reservation.person
    send_waiting()
    message = Message.objects.get(kind="confirmed")
    type(person).objects.filter(pk=person.pk).update(phone="+821099999999")
    address = page_address_of(local, person)
    again = f"{address}messages/{message.pk}/again/"

    first, second = local.post(again), local.post(again)

    assert said(first) == ["The message goes out again now: appointment booked."]
    assert said(second)[-1] == "It was sent again a minute ago. Wait a little."
    copy = Message.objects.get(key=f"{message.key}:again:1")
    assert (copy.text, copy.to, copy.person_id) == (message.text, "+821099999999", person.pk)
    for _ in range(3):
        send_waiting()
        clock.forward(minutes=2)
        answer = local.post(f"{address}messages/{copy.pk}/again/")
    assert said(answer)[-1] == "It was sent again often enough. Read it out instead."
    assert Message.objects.filter(kind="confirmed").count() == 4
    assert Access.objects.filter(what="send_again").count() == 3


def page_address_of(client, person) -> str:
    """By the reservation's number, as the phone is another one now."""
    answer = search(client, person.reservations.get().number)
    return answer.url


def test_nobody_sends_what_is_not_theirs(local):
    person, other = PersonFactory(), ReservationFactory().person
    send_waiting()
    message = Message.objects.get(person_id=other.pk, kind="confirmed")

    answer = local.post(f"{page_address(local, person)}messages/{message.pk}/again/")

    assert answer.status_code == 404


def test_a_resume_code_is_shown_and_recorded(local):
    ticket = TicketFactory()
    address = page_address(local, ticket.person)

    answer = local.post(f"{address}tickets/{ticket.pk}/code/")

    assert resume_code_of(ticket) in page(answer)
    assert Access.objects.filter(what="resume_code", people=[ticket.person_id]).count() == 1
    assert local.get(f"{address}tickets/{ticket.pk}/code/").status_code == 405
    other = TicketFactory()
    assert local.post(f"{address}tickets/{other.pk}/code/").status_code == 404


def test_the_authority_reads_and_has_no_buttons(local):
    ticket = TicketFactory(person=ReservationFactory().person)
    local.force_login(StaffFactory(role=Role.AUTHORITY))
    address = page_address(local, ticket.person)

    text = page(local.get(address))

    assert "What happened" in text
    assert "Resume code</button>" not in text
    assert local.post(f"{address}tickets/{ticket.pk}/code/").status_code == 403
    local.force_login(StaffFactory(role=Role.OPERATOR))
    assert local.get(DESK).status_code == 403
    assert local.get(address).status_code == 403


def test_pages_of_a_ticket_a_reservation_and_a_person_lead_here(local):
    reservation = ReservationFactory()
    ticket = reservation.person.tickets.get()

    for model, pk in [
        ("booking_reservation", reservation.pk),
        ("waiting_room_ticket", ticket.pk),
        ("eligibility_person", reservation.person_id),
    ]:
        text = page(local.get(reverse(f"admin:{model}_change", args=[pk])))
        assert 'href="/admin/desk/' in text, model


def test_a_ticket_says_its_place_and_the_second_of_joining(local, clock):
    clock.at("20:00:03", on=date(2027, 4, 14))
    local.force_login(local.user)
    ticket = TicketFactory()

    text = text_of(page(local.get(reverse("admin:waiting_room_ticket_change", args=[ticket.pk]))))

    assert "Place in the line:" in text
    assert "2027-04-14 20:00:03" in text


@pytest.mark.parametrize("role", [Role.LOCAL, Role.CLINIC])
def test_the_page_and_what_they_can_do_take_twelve_queries_each(
    local, django_assert_max_num_queries, role
):
    person = evening.play()
    first = evening.book(person)
    cancel_reservation(reservation=first, by="citizen")
    if role == Role.CLINIC:
        as_clinic(local, first.slot.clinic)
    local.force_login(local.user)
    address = search(local, first.number).url
    local.post(f"{address}note/", {"note": "x"})
    TicketFactory(person=person)

    with django_assert_max_num_queries(12):
        answer = local.get(address)
    with django_assert_max_num_queries(12):
        local.get(f"{address}now/")

    assert f'data-fetch="{address}now/"' in page(answer)


def test_what_they_can_do_is_a_part_of_its_own(local):
    ticket = TicketFactory()
    address = page_address(local, ticket.person)

    text = text_of(page(local.get(f"{address}now/")))

    assert text.startswith("This person is next in the line, and not called yet.")
    assert ticket.room.cohort.name_en in text
    local.force_login(StaffFactory(role=Role.AUTHORITY))
    assert local.get(f"{address}now/").status_code == 403


def test_a_note_is_kept_for_the_next_call_and_its_text_never_rewritten(local):
    person = PersonFactory()
    address = page_address(local, person)

    answer = local.post(f"{address}note/", {"note": "내일 아침 다시 전화 <b>", "reason": ""})

    assert said(answer) == ["Noted."]
    text = text_of(page(local.get(address)))
    assert "내일 아침 다시 전화 &lt;b&gt; desk" in text
    note = CallerNote.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM events_callernote")
        assert "전화".encode() not in bytes(cursor.fetchone()[0])
    refused = pytest.raises(DatabaseError, match="Cannot update rows")
    with refused, transaction.atomic():
        CallerNote.objects.filter(pk=note.pk).update(text="Something else")
    with pytest.raises(DatabaseError), transaction.atomic():
        note.delete()
    forget([person.pk], now=database_now())
    assert not CallerNote.objects.filter(text__isnull=False).exists()


def test_a_note_needs_a_text_or_a_complaint(local):
    address = page_address(local, PersonFactory())

    answers = [
        local.post(f"{address}note/", values)
        for values in [{}, {"note": " "}, {"reason": "x"}, {"note": "x" * 501}]
    ]

    assert all(said(answer) and "Noted." not in said(answer) for answer in answers)
    assert not CallerNote.objects.exists()
    assert not Complaint.objects.exists()


def test_complaints_are_counted_by_hour_and_reason_within_the_region(local, clock):
    clock.at("20:10")
    local.force_login(local.user)
    address = page_address(local, PersonFactory())
    for reason in ["no_message", "no_message", "wait"]:
        local.post(f"{address}note/", {"reason": reason})
    clock.at("21:10")
    local.force_login(local.user)
    local.post(f"{address}note/", {"reason": "page"})
    Complaint.objects.create(reason="page", person_id=1, region="부산광역시", by="staff:1")

    table = text_of(page(local.get("/admin/desk/complaints/")))
    file = local.get("/admin/desk/complaints/?format=csv")

    assert "20:00 2 0 1 0 0 0 0 0 3 21:00 0 0 0 0 0 1 0 0 1" in table
    assert file.content.decode("utf-8-sig").splitlines() == [
        "hour,reason,text,number",
        "2027-04-14 20:00,no_message,A code or message did not come,2",
        "2027-04-14 20:00,wait,Waiting took too long,1",
        "2027-04-14 21:00,page,A page did not work,1",
    ]
    assert "complained: A page did not work" in text_of(page(local.get(address)))
    assert "No complaint was recorded" in page(local.get("/admin/desk/complaints/?day=2027-04-13"))
    # The first day of the calendar has none before it: today is shown.
    first = text_of(page(local.get("/admin/desk/complaints/?day=0001-01-01")))
    assert "Day before 2027-04-14 (Wed) Day after" in first
    as_clinic(local, ClinicFactory())
    assert local.get("/admin/desk/complaints/").status_code == 403


def test_a_voucher_is_printed_of_an_appointment_that_stands(local):
    reservation = ReservationFactory()
    address = page_address(local, reservation.person)

    answer = local.get(f"{address}voucher/{reservation.pk}/")

    assert reservation.shown_number in page(answer)
    assert reservation.slot.clinic.address in page(answer)
    assert qr_svg(reservation.number) in answer.content.decode()
    assert Access.objects.filter(act="print", what="voucher").count() == 1
    cancel_reservation(reservation=reservation, by="citizen")
    assert local.get(f"{address}voucher/{reservation.pk}/").status_code == 404
    assert local.get(f"{address}voucher/{ReservationFactory().pk}/").status_code == 404

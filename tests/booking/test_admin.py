from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from booking.admin import buttons_of
from booking.enums import ReservationStatus
from booking.models import Clinic, Reservation, Slot
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.confirmations import confirm_hold
from booking.services.holds import extend_hold, take_back_holds
from booking.services.staff_bookings import book_for
from booking.services.visits import mark_arrived, mark_vaccinated
from messaging.enums import Channel, MessageStatus
from messaging.models import Message
from staff.enums import Role
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    TicketFactory,
    VaccineFactory,
)

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"


def queries_of(client, address) -> int:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert client.get(address, follow=True).status_code == 200
    return len(queries)


@pytest.mark.parametrize(
    ("address", "make"),
    [
        (LIST, ReservationFactory),
        ("/admin/booking/slot/", SlotFactory),
        ("/admin/booking/clinic/", ClinicFactory),
        ("/admin/booking/vaccine/", VaccineFactory),
        ("/admin/eligibility/person/", PersonFactory),
        ("/admin/eligibility/cohort/", CohortFactory),
        ("/admin/eligibility/decision/", TicketFactory),
        ("/admin/staff/user/", StaffFactory),
    ],
)
def test_a_list_asks_no_more_for_three_rows_than_for_one(client, address, make):
    client.force_login(StaffFactory(superuser=True))
    make()
    client.get(address)
    one = queries_of(client, address)
    make()
    make()

    assert queries_of(client, address) == one


def test_the_day_asks_no_more_for_three_rows_than_for_one(client):
    slot = SlotFactory()
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=slot.clinic))
    address = f"{LIST}day/?day={timezone.localtime(slot.starts_at):%Y-%m-%d}"
    ReservationFactory(slot=slot)
    one = queries_of(client, address)
    ReservationFactory(slot=slot)
    ReservationFactory(slot=slot)

    assert queries_of(client, address) == one


def test_the_day_has_a_button_for_each_mark_that_may_follow(client, clock):
    slot = SlotFactory()
    reservation = ReservationFactory(slot=slot, person=PersonFactory(name="남궁민수"))
    clock.move_to(slot.starts_at)
    user = StaffFactory(role=Role.CLINIC, clinic=slot.clinic)
    client.force_login(user)
    day = f"{timezone.localtime(slot.starts_at):%Y-%m-%d}"

    page = client.get(f"{LIST}day/?day={day}")
    [entry] = page.context["entries"]
    assert "남궁민수" in page.content.decode()
    assert [act for act, _label in entry.buttons] == ["arrived", "no_show"]

    answer = client.post(
        f"{LIST}{reservation.pk}/mark/", {"act": "arrived", "next": f"{LIST}day/?day={day}"}
    )
    assert answer.url == f"{LIST}day/?day={day}#reservation-{reservation.pk}"
    assert f'id="reservation-{reservation.pk}"' in page.content.decode()
    reservation.refresh_from_db()
    assert (reservation.status, reservation.by) == ("arrived", f"staff:{user.pk}")


def test_buttons_follow_the_status_and_the_clock(clock):
    reservation = ReservationFactory()
    starts_at = reservation.slot.starts_at
    later = clock.move_to(starts_at + timedelta(minutes=1))

    def acts(at=later):
        return [act for act, _label in buttons_of(reservation, at)]

    assert acts(starts_at - timedelta(days=1)) == []
    assert acts(starts_at - timedelta(minutes=1)) == ["arrived"]
    assert acts() == ["arrived", "no_show"]
    reservation = mark_arrived(reservation=reservation, by="staff:1")
    assert acts() == ["vaccinated", "not_done", "take_back"]
    reservation = mark_vaccinated(reservation=reservation, by="staff:1")
    assert acts() == ["take_back"]


def test_a_mark_can_be_taken_back(client, clock):
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at)
    mark_arrived(reservation=reservation, by="staff:1")
    client.force_login(StaffFactory(superuser=True))

    client.post(f"{LIST}{reservation.pk}/mark/", {"act": "take_back"})

    reservation.refresh_from_db()
    assert reservation.status == ReservationStatus.CONFIRMED


def test_the_history_says_who_did_what(client, clock):
    reservation = ReservationFactory()
    clock.move_to(reservation.slot.starts_at)
    user = StaffFactory(role=Role.CLINIC, clinic=reservation.slot.clinic, username="desk")
    client.force_login(user)
    client.post(f"{LIST}{reservation.pk}/mark/", {"act": "arrived"})

    changes = client.get(f"{LIST}{reservation.pk}/history/").context["changes"]

    assert changes[0].by == "desk"
    assert [(label, old, new) for label, old, new in changes[0].fields] == [
        ("상태", "예약 확정", "도착")
    ]


def story_on(client, reservation) -> list[tuple[str, str, str]]:
    page = client.get(f"{LIST}{reservation.pk}/history/")
    return [(event.what, event.detail, by) for event, by in page.context["story"]]


def test_what_was_never_changed_has_its_beginning_for_a_history(client):
    reservation = ReservationFactory(held=True)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(StaffFactory())

    [(what, detail, by)] = story_on(client, reservation)

    assert (what, by) == ("Time chosen and kept", "the person")
    assert detail.endswith(reservation.slot.clinic.name)


def test_the_history_tells_the_whole_story_in_words(client, clock):
    user = StaffFactory(superuser=True, username="officer")
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(user)
    held = ReservationFactory(held=True, slot=SlotFactory(clinic=ClinicFactory(name="가의원")))
    extend_hold(person_id=held.person_id, key=held.key)
    [reservation] = confirm_hold(person_id=held.person_id, key=held.key)
    reservation = Reservation.objects.get(pk=reservation.pk)
    target = SlotFactory(vaccine=held.slot.vaccine, clinic=ClinicFactory(name="나의원"))
    change_reservation(reservation=reservation, slot_id=target.pk, by="citizen")
    cancel_reservation(reservation=reservation, by=f"staff:{user.pk}")
    undo_cancel(reservation=reservation, by="citizen")
    clock.move_to(target.starts_at)
    client.force_login(user)
    client.post(f"{LIST}{reservation.pk}/mark/", {"act": "arrived"})

    story = story_on(client, reservation)

    assert [(what, by) for what, _detail, by in story] == [
        ("Time chosen and kept", "the person"),
        ("Kept for longer", "the person"),
        ("Appointment confirmed", "the person"),
        ("Moved to another time", "the person"),
        ("Cancelled", "officer"),
        ("Cancellation taken back", "the person"),
        ("Arrived at the clinic", "officer"),
    ]
    before, after = story[3][1].split(" → ")
    assert (before.endswith("가의원"), after.endswith("나의원")) == (True, True)
    page = client.get(f"{LIST}{reservation.pk}/history/").content.decode()
    assert page.index("Arrived at the clinic") < page.index("<strong>Arrived</strong>")


def test_the_story_of_bookings_by_staff_and_of_lapsed_holds(client):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    user = StaffFactory(superuser=True, username="officer")
    client.force_login(user)
    late = ReservationFactory(held=True)
    Reservation.objects.filter(pk=late.pk).update(held_until=timezone.now())
    take_back_holds()
    [by_staff] = book_for(person=PersonFactory(), slot=SlotFactory(), by=f"staff:{user.pk}")

    assert [(what, by) for what, _detail, by in story_on(client, late)][-1] == (
        "Not confirmed in time; the place was given back",
        "the system",
    )
    assert [(what, by) for what, _detail, by in story_on(client, by_staff)] == [
        ("Booked by staff", "officer")
    ]


def test_the_history_of_a_clinic_shows_each_field_before_and_after(client):
    clinic = ClinicFactory(phone="02-1")
    user = StaffFactory(username="authority")
    client.force_login(user)
    address = reverse("admin:booking_clinic_change", args=[clinic.pk])
    form = client.get(address).context["adminform"].form
    data = {
        name: "" if form.initial.get(name) is None else form.initial[name] for name in form.fields
    }
    client.post(address, {**data, "phone": "02-2", "active": "on"})

    changes = client.get(reverse("admin:booking_clinic_history", args=[clinic.pk])).context[
        "changes"
    ]

    assert Clinic.objects.get().phone == "02-2"
    assert changes[0].by == "authority"
    assert [change[1:] for change in changes[0].fields] == [("02-1", "02-2")]


def test_reservations_cannot_be_added_changed_or_deleted_by_hand(client):
    reservation = ReservationFactory()
    client.force_login(StaffFactory(superuser=True))

    client.post(f"{LIST}{reservation.pk}/change/", {"status": "cancelled"})
    client.post(f"{LIST}{reservation.pk}/delete/", {"post": "yes"})

    reservation.refresh_from_db()
    assert reservation.status == ReservationStatus.CONFIRMED
    assert client.get(f"{LIST}add/").status_code == 403


def change_capacity(client, slot, capacity):
    return client.post(reverse("admin:booking_slot_change", args=[slot.pk]), {"capacity": capacity})


def test_a_capacity_changes_through_the_service(client):
    slot = SlotFactory(capacity=3)
    ReservationFactory(slot=slot)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=slot.clinic))

    assert change_capacity(client, slot, 5).status_code == 302
    slot.refresh_from_db()
    assert (slot.capacity, slot.booked) == (5, 1)

    refused = change_capacity(client, slot, 0)
    assert "capacity" in refused.context["adminform"].form.errors
    slot.refresh_from_db()
    assert slot.capacity == 5


def test_a_capacity_that_is_too_small_by_the_time_of_the_lock_is_refused(client, monkeypatch):
    slot = SlotFactory(capacity=3)
    ReservationFactory(slot=slot)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=slot.clinic))
    # The form saw no booking yet.
    monkeypatch.setattr("booking.admin.clinics.SlotForm.clean_capacity", lambda form: 0)

    answer = change_capacity(client, slot, 0)

    assert answer.url == reverse("admin:booking_slot_change", args=[slot.pk])
    slot.refresh_from_db()
    assert slot.capacity == 3


def test_a_slot_in_the_past_is_not_added(client):
    clinic, vaccine = ClinicFactory(), VaccineFactory()
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=clinic))
    form = {"clinic": clinic.pk, "vaccine": vaccine.pk, "capacity": 3}

    answer = client.post(
        "/admin/booking/slot/add/", {**form, "starts_at_0": "2021-07-19", "starts_at_1": "20:00"}
    )

    assert "starts_at" in answer.context["adminform"].form.errors
    assert not Slot.objects.exists()


def test_a_cohort_that_ends_before_it_opens_is_refused_beside_the_field(client):
    client.force_login(StaffFactory())

    answer = client.post(
        "/admin/eligibility/cohort/add/",
        {
            "code": "x",
            "name_ko": "가",
            "name_en": "a",
            "birth_from": "1966-12-31",
            "birth_to": "1962-01-01",
            "opens_at_0": "2026-07-20",
            "opens_at_1": "20:00",
            "closes_at_0": "2026-07-19",
            "closes_at_1": "20:00",
            "order": "draw",
            "proof": "roster",
            "priority": 0,
        },
    )

    assert {"birth_to", "closes_at"} <= set(answer.context["adminform"].form.errors)


def message(**values) -> Message:
    values = {
        "key": f"k{Message.objects.count()}",
        "kind": "confirmed",
        "channel": Channel.SMS,
        "to": "+821000000001",
        "text": "비밀번호는 아닙니다",
        "status": MessageStatus.FAILED,
        "tries": 6,
        "problem": "The channel did not take the message.",
        **values,
    }
    return Message.objects.create(**values)


def test_operators_send_failed_messages_again_and_never_see_the_text(client):
    failed, sent = message(), message(status=MessageStatus.SENT, sent_at=timezone.now())
    client.force_login(StaffFactory(role=Role.OPERATOR))

    pages = [
        client.get("/admin/messaging/message/"),
        client.get(f"/admin/messaging/message/{failed.pk}/change/"),
    ]
    client.post(
        "/admin/messaging/message/",
        {"action": "send_again", "_selected_action": [failed.pk, sent.pk], "index": 0},
    )

    for page in pages:
        assert "비밀번호는" not in page.content.decode()
        assert "0001" not in page.content.decode()
        assert "The channel did not take the message." in page.content.decode()
    failed.refresh_from_db()
    sent.refresh_from_db()
    assert (failed.status, failed.tries) == (MessageStatus.WAITING, 0)
    assert sent.status == MessageStatus.SENT

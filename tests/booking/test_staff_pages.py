"""The cancellation list, doses given elsewhere, doses on hand: seen and done by staff."""

from datetime import timedelta

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse
from django.utils import timezone

from booking.enums import EntryStatus
from booking.models import ListEntry, Offer, OutsideDose, Reservation, Slot, Stock
from booking.services.changes import cancel_reservation
from booking.services.confirmations import confirm_hold
from booking.services.offers import make_offers
from booking.services.outside_doses import record_outside_dose
from booking.services.slots import set_margins
from messaging.models import Message
from staff.enums import Act, Role
from staff.models import Access
from tests.booking.test_offers import entry
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("every_invariant_holds"),
]
ENTRIES, OUTSIDE_DOSES = "/admin/booking/listentry/", "/admin/booking/outsidedose/"


@pytest.fixture
def ours():
    return ClinicFactory(name="가의원", region="서울특별시", district="강남구")


@pytest.fixture
def theirs():
    return ClinicFactory(name="나의원", region="부산광역시", district="해운대구")


@pytest.fixture
def desk(client, ours):
    """A browser in which the staff of our clinic is signed in."""
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.user = StaffFactory(role=Role.CLINIC, clinic=ours, username="desk")
    client.force_login(client.user)
    return client


def by_local(client):
    client.force_login(StaffFactory(role=Role.LOCAL, region="서울특별시", district="강남구"))


def waits(clinic, name="기다림", **values) -> ListEntry:
    admission = AdmissionFactory(person=PersonFactory(name=name))
    return entry(admission, places=[f"c:{clinic.pk}"], **values)


def rows(client, address) -> list[int]:
    return [row.pk for row in client.get(address).context["cl"].result_list]


def said(response) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


def identity_of(person) -> dict:
    return {
        "name": person.name,
        "birth_date": person.birth_date.isoformat(),
        "phone": "0" + person.phone[3:],
    }


# The cancellation list


@pytest.mark.parametrize("local", [False, True])
def test_each_sees_who_waits_for_their_own_clinics(desk, ours, theirs, local):
    at_ours = waits(ours)
    at_theirs = waits(theirs)
    in_district = entry(AdmissionFactory(), places=["d:서울특별시/강남구"])
    if local:
        by_local(desk)

    assert rows(desk, ENTRIES) == [at_ours.pk, in_district.pk]
    assert at_theirs.pk not in rows(desk, f"{ENTRIES}?clinic={theirs.code}&state=all")
    for address in [f"{ENTRIES}{at_theirs.pk}/change/", f"{ENTRIES}{at_theirs.pk}/end/"]:
        page = desk.get(address, follow=True)
        assert page.status_code == 404 or page.redirect_chain[0] == ("/admin/", 302)
    assert desk.post(f"{ENTRIES}{at_theirs.pk}/end/").status_code == 404
    at_theirs.refresh_from_db()
    assert at_theirs.status == EntryStatus.WAITING


def test_the_list_is_in_order_with_places_states_and_offers(desk, ours):
    first, second, third = (waits(ours, name=f"이름{n}") for n in range(3))
    ListEntry.objects.filter(pk=third.pk).update(priority=5)
    slot = SlotFactory(clinic=ours, capacity=1)
    make_offers()  # the third, by priority

    page = desk.get(ENTRIES).content.decode()
    admin_rows = rows(desk, ENTRIES)

    assert admin_rows == [third.pk, first.pk, second.pk]
    until = timezone.localtime(Offer.objects.get(slot=slot).until)
    assert f"Has an offer until {until:%H:%M}" in page
    assert "Open 1" in page
    assert [
        desk.get(ENTRIES).context["cl"].model_admin.rank(one)
        for one in desk.get(ENTRIES).context["cl"].result_list
    ] == ["–", "1", "2"]


def test_seeing_the_list_is_on_record(desk, ours):
    one = waits(ours)

    desk.get(ENTRIES)
    desk.get(f"{ENTRIES}{one.pk}/change/")

    seen = Access.objects.filter(user=desk.user, people=[one.person_id])
    assert set(seen.values_list("act", flat=True)) == {Act.LIST, Act.DETAIL}


def test_roles_without_the_right_have_no_list(client, ours):
    one = waits(ours)
    client.force_login(StaffFactory(role=Role.OPERATOR))
    assert client.get(ENTRIES).status_code == 403

    client.force_login(StaffFactory(role=Role.AUTHORITY))
    assert client.get(ENTRIES).status_code == 200
    assert client.get(f"{ENTRIES}add/").status_code == 403
    assert client.post(f"{ENTRIES}{one.pk}/end/").status_code == 403


def put_on(client, clinic, person_fields, **more):
    today = timezone.localdate()
    return client.post(
        f"{ENTRIES}add/",
        {
            **person_fields,
            "clinic": clinic.pk,
            "date_from": f"{today}",
            "date_to": f"{today + timedelta(days=7)}",
            "language": "en",
            **more,
        },
    )


def test_a_caller_who_was_never_called_is_put_on_the_list_and_offered_what_frees_up(desk, ours):
    person = PersonFactory()

    answer = put_on(desk, ours, identity_of(person), whole_district="on")

    one = ListEntry.objects.get()
    assert answer.url == f"{ENTRIES}{one.pk}/change/"
    assert said(answer) == ["On the list, at place 1."]
    assert one.places == sorted([f"c:{ours.pk}", "d:서울특별시/강남구"])
    assert (one.person_id, one.by, one.admission_id, one.language) == (
        person.pk,
        f"staff:{desk.user.pk}",
        None,
        "en",
    )
    assert Access.objects.filter(act=Act.SEARCH, people=[person.pk]).exists()

    freed = ReservationFactory(slot=SlotFactory(clinic=ours, capacity=1))
    cancel_reservation(reservation=freed, by="citizen")
    offer = Offer.objects.get()
    assert Message.objects.get(kind="offer").text.startswith("[Jari] A place is free")
    [booked] = confirm_hold(person_id=person.pk, key=offer.reservation.key)
    assert (booked.status, booked.slot_id) == ("confirmed", freed.slot_id)


def test_a_caller_with_a_number_of_this_clinic_waits_for_the_second_dose(desk, ours):
    vaccine = VaccineFactory(double=True)
    first = ReservationFactory(slot=SlotFactory(clinic=ours, vaccine=vaccine))

    put_on(desk, ours, {"number": first.shown_number})

    one = ListEntry.objects.get()
    assert (one.person_id, one.dose, one.admission_id) == (
        first.person_id,
        2,
        first.admission_id,
    )


def test_whoever_was_admitted_for_one_vaccine_is_not_offered_another_through_staff(desk, ours):
    named, other = VaccineFactory(), VaccineFactory()
    room = RoomFactory(cohort=CohortFactory(vaccines=[named.code]))
    admission = AdmissionFactory(room=room)
    SlotFactory(clinic=ours, vaccine=other)

    put_on(desk, ours, identity_of(admission.ticket.person))
    assert make_offers() == 0
    mine = SlotFactory(clinic=ours, vaccine=named)
    assert make_offers() == 1

    assert Offer.objects.get().slot_id == mine.pk


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({}, "Give the reservation number, or name, date of birth and phone."),
        ({"name": "김시험"}, "Give the reservation number, or name, date of birth and phone."),
        (
            {"name": "김시험", "birth_date": "19640512", "phone": "010-9999-9999"},
            "Nobody is known with this name, date of birth and phone. Check each of them.",
        ),
    ],
)
def test_nobody_is_found_by_less_than_the_whole_identity(desk, ours, fields, problem):
    PersonFactory(name="김시험")

    page = put_on(desk, ours, fields)

    assert page.context["form"].non_field_errors() == [problem]
    assert not ListEntry.objects.exists()


def test_numbers_and_people_out_of_reach_are_not_found(desk, ours, theirs):
    foreign = ReservationFactory(
        slot=SlotFactory(clinic=theirs),
        person=PersonFactory(region="부산광역시", district="해운대구"),
    )

    page = put_on(desk, ours, {"number": foreign.number})
    assert page.context["form"].errors["number"] == ["You have no reservation with this number."]
    page = put_on(desk, theirs, identity_of(PersonFactory()))
    assert list(page.context["form"].errors) == ["clinic"]
    by_local(desk)
    page = put_on(desk, ours, identity_of(foreign.person))
    assert "Nobody is known" in page.context["form"].non_field_errors()[0]

    assert not ListEntry.objects.exists()


def test_nobody_is_put_on_the_list_twice(desk, ours):
    one = waits(ours)

    page = put_on(desk, ours, identity_of(one.person))

    assert page.context["form"].non_field_errors() == ["This person is on the list already."]
    assert ListEntry.objects.count() == 1


def test_taking_somebody_off_passes_their_offer_on(desk, ours):
    first, second = waits(ours), waits(ours)
    SlotFactory(clinic=ours, capacity=1)
    make_offers()
    assert Offer.objects.get().person_id == first.person_id

    asked = desk.get(f"{ENTRIES}{first.pk}/end/")
    assert ListEntry.objects.get(pk=first.pk).status == EntryStatus.OFFERED
    desk.post(f"{ENTRIES}{first.pk}/end/")

    first.refresh_from_db()
    assert asked.status_code == 200
    assert (first.status, first.ended_by) == (EntryStatus.ENDED, f"staff:{desk.user.pk}")
    assert Offer.objects.get(status="open").person_id == second.person_id
    changes = desk.get(f"{ENTRIES}{first.pk}/history/").context["changes"]
    assert changes[0].by == "desk"


# Doses given elsewhere


def record(client, person_fields, vaccine, **more):
    given = timezone.localdate() - timedelta(days=20)
    return client.post(
        f"{OUTSIDE_DOSES}add/",
        {"vaccine": vaccine.pk, "dose": 1, "given_on": f"{given}", **person_fields, **more},
    )


def test_a_dose_is_recorded_and_what_it_frees_is_shown(desk, ours):
    reservation = ReservationFactory(slot=SlotFactory(clinic=ours))

    answer = record(
        desk, {"number": reservation.number}, reservation.slot.vaccine, place="Busan Hospital"
    )

    outside_dose = OutsideDose.objects.get()
    assert (outside_dose.person_id, outside_dose.dose, outside_dose.place) == (
        reservation.person_id,
        1,
        "Busan Hospital",
    )
    assert outside_dose.by == f"staff:{desk.user.pk}"
    reservation.refresh_from_db()
    assert (reservation.status, reservation.by) == ("cancelled", outside_dose.by)
    assert Slot.objects.get(pk=reservation.slot_id).booked == 0
    done, freed = said(answer)
    assert done == "The dose is on record."
    assert freed.startswith("Cancelled: dose 1,")
    assert reservation.number in freed
    assert Message.objects.filter(kind="cancelled").count() == 1


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"dose": 2}, "dose"),
        ({"given_on": timedelta(days=2)}, "given_on"),
        ({"given_on": "1950-01-01"}, "given_on"),
        ({"given_on": ""}, "given_on"),
    ],
)
def test_a_dose_that_cannot_be_is_refused_beside_the_field(desk, more, field):
    if isinstance(more.get("given_on"), timedelta):
        more = {"given_on": f"{timezone.localdate() + more['given_on']}"}

    page = record(desk, identity_of(PersonFactory()), VaccineFactory(), **more)

    assert list(page.context["form"].errors) == [field]
    assert not OutsideDose.objects.exists()


def test_a_dose_on_record_is_corrected_not_recorded_again(desk, ours):
    vaccine = VaccineFactory(double=True)
    person = PersonFactory()
    record(desk, identity_of(person), vaccine)
    again = record(desk, identity_of(person), vaccine)
    assert list(again.context["form"].errors) == ["dose"]
    outside_dose = OutsideDose.objects.get()
    given = timezone.localdate() - timedelta(days=3)

    desk.post(
        f"{OUTSIDE_DOSES}{outside_dose.pk}/change/",
        {"vaccine": vaccine.pk, "dose": 1, "given_on": f"{given}", "place": "Jeju"},
    )

    outside_dose.refresh_from_db()
    assert (outside_dose.given_on, outside_dose.place) == (given, "Jeju")
    changes = desk.get(f"{OUTSIDE_DOSES}{outside_dose.pk}/history/").context["changes"]
    assert [change.by for change in changes] == ["desk", "desk"]
    assert {label for label, _old, _new in changes[0].fields} == {"given on", "place"}


def test_a_correction_frees_what_no_longer_fits(desk, ours):
    vaccine = VaccineFactory(double=True)  # 21 to 42 days apart
    slot = SlotFactory(clinic=ours, vaccine=vaccine)
    person = PersonFactory()
    given = timezone.localtime(slot.starts_at).date() - timedelta(days=28)
    outside_dose, _freed = record_outside_dose(
        person_id=person.pk, vaccine=vaccine, dose=1, given_on=given, by=f"staff:{desk.user.pk}"
    )
    second = ReservationFactory(person=person, slot=slot)
    late = given + timedelta(days=20)

    answer = desk.post(
        f"{OUTSIDE_DOSES}{outside_dose.pk}/change/",
        {"vaccine": vaccine.pk, "dose": 1, "given_on": f"{late}"},
    )

    second.refresh_from_db()
    assert (second.dose, second.status) == (2, "cancelled")
    assert any(second.number in text for text in said(answer))


def test_a_withdrawn_record_leaves_its_history_and_takes_along_what_rested_on_it(desk, ours):
    vaccine = VaccineFactory(double=True)
    slot = SlotFactory(clinic=ours, vaccine=vaccine)
    person = PersonFactory(name="남궁민수")
    given = timezone.localtime(slot.starts_at).date() - timedelta(days=28)
    outside_dose, _freed = record_outside_dose(
        person_id=person.pk, vaccine=vaccine, dose=1, given_on=given, by="system"
    )
    second = ReservationFactory(person=person, slot=slot)

    assert desk.get(f"{OUTSIDE_DOSES}{outside_dose.pk}/withdraw/").status_code == 200
    assert OutsideDose.objects.exists()
    desk.post(f"{OUTSIDE_DOSES}{outside_dose.pk}/withdraw/")

    second.refresh_from_db()
    assert not OutsideDose.objects.exists()
    assert second.status == "cancelled"
    [(row, by)] = desk.get(f"{OUTSIDE_DOSES}withdrawn/").context["rows"]
    assert (row.person_id, row.dose, row.given_on, by) == (person.pk, 1, given, "desk")


def test_doses_of_others_are_out_of_reach(desk, ours, theirs):
    vaccine = VaccineFactory()
    far = PersonFactory(region="부산광역시", district="해운대구")
    mine = ReservationFactory(slot=SlotFactory(clinic=ours)).person
    given = timezone.localdate() - timedelta(days=200)
    for person in (far, mine):
        record_outside_dose(
            person_id=person.pk, vaccine=vaccine, dose=1, given_on=given, by="staff:999"
        )
    theirs_outside_dose, our_outside_dose = (
        OutsideDose.objects.get(person=one) for one in (far, mine)
    )

    for local in (False, True):
        if local:
            by_local(desk)
        assert rows(desk, OUTSIDE_DOSES) == [our_outside_dose.pk]
        assert desk.post(f"{OUTSIDE_DOSES}{theirs_outside_dose.pk}/withdraw/").status_code == 404
    desk.post(
        f"{OUTSIDE_DOSES}{theirs_outside_dose.pk}/change/", {"vaccine": vaccine.pk, "dose": 1}
    )
    theirs_outside_dose.delete()
    assert desk.get(f"{OUTSIDE_DOSES}withdrawn/").context["rows"] == []

    desk.force_login(StaffFactory(role=Role.OPERATOR))
    assert desk.get(f"{OUTSIDE_DOSES}add/").status_code == 403
    assert desk.get(f"{OUTSIDE_DOSES}withdrawn/").status_code == 403


# Doses on hand, and the margin for people who do not come


def measured(clinic, *, missing: int, came: int) -> None:
    past = timezone.now() - timedelta(days=3)
    slot = SlotFactory(clinic=clinic, starts_at=past, capacity=200)
    old = [
        Reservation(
            number=f"N{number:09}",
            person=person,
            slot=slot,
            origin="staff",
            by="staff:1",
            status="no_show" if number < missing else "vaccinated",
            confirmed_at=past,
        )
        for number, person in enumerate(PersonFactory.create_batch(missing + came))
    ]
    Reservation.objects.bulk_create(old)
    Slot.objects.filter(pk=slot.pk).update(booked=missing + came)


def doses_page(clinic) -> str:
    return reverse("admin:booking_clinic_doses", args=[clinic.pk])


def test_the_clinic_sees_rate_margin_and_what_the_doses_allow(desk, ours):
    ours.margin_percent = 10
    ours.save()
    measured(ours, missing=12, came=48)
    slot = SlotFactory(clinic=ours, capacity=40)
    on = timezone.localtime(slot.starts_at).date()
    name = f"doses-{on}-{slot.vaccine_id}"

    desk.get(doses_page(ours))
    desk.post(doses_page(ours), {name: "42"})
    limited = desk.get(doses_page(ours))
    desk.post(doses_page(ours), {name: ""})
    page = desk.get(doses_page(ours))

    assert limited.context["rate"] == pytest.approx(20.0)
    assert limited.context["in_force"] == 10
    [(row, _field)] = limited.context["days"]
    # The rate is measured by the job; until then there is no margin.
    assert (row.places, row.margin, row.doses, row.too_few) == (40, 0, 42, 0)
    assert [one.doses for one, _field in page.context["days"]] == [None]


def test_the_margin_never_passes_the_doses_and_their_share(desk, ours):
    ours.margin_percent, ours.no_show_rate = 10, 0.2
    ours.save()
    slot = SlotFactory(clinic=ours, capacity=40)
    on = timezone.localtime(slot.starts_at).date()
    name = f"doses-{on}-{slot.vaccine_id}"
    set_margins(clinic=ours, day=on)
    margins = [Slot.objects.get(pk=slot.pk).margin]

    for doses in ("100", "38", "30", "36"):
        answer = desk.post(doses_page(ours), {name: doses})
        assert answer.status_code == 302
        margins.append(Slot.objects.get(pk=slot.pk).margin)

    # 38 doses and a tenth are 41 people: one more than the places; 36 allow 39, less than them.
    assert margins == [4, 4, 1, 0, 0]
    [(row, _field)] = desk.get(doses_page(ours)).context["days"]
    assert (row.doses, row.too_few) == (36, 4)
    history = desk.get(reverse("admin:booking_stock_history", args=[Stock.objects.get().pk]))
    assert [change.by for change in history.context["changes"]] == ["desk"] * 4


def test_a_form_without_its_numbers_deletes_none(desk, ours):
    slot = SlotFactory(clinic=ours)
    on = timezone.localtime(slot.starts_at).date()
    desk.post(doses_page(ours), {f"doses-{on}-{slot.vaccine_id}": "42"})

    page = desk.post(doses_page(ours), {})

    assert page.context["form"].non_field_errors() == [
        "The form came without its numbers. Nothing was changed."
    ]
    assert [row.doses for row in Stock.objects.all()] == [42]


def test_numbers_that_a_form_leaves_out_stay(desk, ours):
    first, second = SlotFactory(clinic=ours), SlotFactory(clinic=ours)
    on = timezone.localtime(first.starts_at).date()
    names = [f"doses-{on}-{slot.vaccine_id}" for slot in (first, second)]
    desk.post(doses_page(ours), dict.fromkeys(names, "42"))

    desk.post(doses_page(ours), {names[0]: "7"})

    assert sorted(row.doses for row in Stock.objects.all()) == [7, 42]


def test_what_is_no_number_of_doses_is_refused(desk, ours):
    slot = SlotFactory(clinic=ours)
    on = timezone.localtime(slot.starts_at).date()

    page = desk.post(doses_page(ours), {f"doses-{on}-{slot.vaccine_id}": "-3"})

    assert list(page.context["form"].errors) == [f"doses-{on}-{slot.vaccine_id}"]
    assert not Stock.objects.exists()


def test_doses_are_seen_and_changed_within_the_role(desk, ours, theirs):
    slot = SlotFactory(clinic=theirs)
    field = f"doses-{timezone.localtime(slot.starts_at).date()}-{slot.vaccine_id}"
    assert desk.get(doses_page(theirs)).status_code == 404
    assert desk.post(doses_page(theirs), {field: "5"}).status_code == 404
    desk.force_login(StaffFactory(role=Role.AUTHORITY))
    assert desk.get(doses_page(theirs)).status_code == 200
    assert desk.post(doses_page(theirs), {field: "5"}).status_code == 403
    for role in (Role.LOCAL, Role.OPERATOR):
        desk.force_login(StaffFactory(role=role, region="부산광역시" if role == Role.LOCAL else ""))
        assert desk.get(doses_page(theirs)).status_code == 403

    assert not Stock.objects.exists()


def test_switching_the_margin_off_takes_it_back_at_once(client, ours):
    ours.margin_percent = 10
    ours.save()
    measured(ours, missing=12, came=48)
    slot = SlotFactory(clinic=ours, capacity=40)
    client.force_login(StaffFactory())
    address = reverse("admin:booking_clinic_change", args=[ours.pk])
    form = client.get(address).context["adminform"].form
    data = {
        name: "" if form.initial.get(name) is None else form.initial[name] for name in form.fields
    }

    margins = []
    for percent in (15, 0):
        client.post(address, {**data, "margin_percent": percent, "active": "on"})
        margins.append(Slot.objects.get(pk=slot.pk).margin)

    assert margins == [6, 0]


# Filters


def test_reservations_can_be_listed_by_clinic(client, ours, theirs):
    mine = ReservationFactory(slot=SlotFactory(clinic=ours))
    other = ReservationFactory(slot=SlotFactory(clinic=theirs))
    client.force_login(StaffFactory())
    address = "/admin/booking/reservation/"

    assert rows(client, f"{address}?clinic={ours.code}") == [mine.pk]
    assert rows(client, f"{address}?region=부산광역시&district=해운대구") == [other.pk]
    client.force_login(StaffFactory(role=Role.LOCAL, region="서울특별시"))
    assert rows(client, f"{address}?clinic={theirs.code}") == []
    assert rows(client, address) == [mine.pk]
    assert theirs.name not in client.get(address).content.decode()


@pytest.mark.parametrize("address", [ENTRIES, OUTSIDE_DOSES])
def test_a_list_asks_no_more_for_three_rows_than_for_one(desk, ours, address):
    from tests.booking.test_admin import queries_of

    def make():
        one = waits(ours)
        given = timezone.localdate() - timedelta(days=3)
        record_outside_dose(
            person_id=PersonFactory().pk,
            vaccine=VaccineFactory(),
            dose=1,
            given_on=given,
            by=f"staff:{desk.user.pk}",
        )
        return one

    make()
    desk.get(address)
    one = queries_of(desk, address)
    make()
    make()

    assert queries_of(desk, address) == one

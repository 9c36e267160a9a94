import random
from datetime import date, time, timedelta

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from booking.models import ListEntry, OutsideDose
from eligibility.models import Review
from staff.enums import Act, Role
from staff.models import Access, PeopleSet
from staff.models.accesses import FEW, INDEXED
from staff.services import GUESSES, record_access
from tests.factories import (
    ClinicFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)
from tests.roles import as_owner
from tests.staff.signing_in import authenticator_of, code_of

pytestmark = pytest.mark.django_db
LIST = "/admin/booking/reservation/"


def list_entry_of(person) -> ListEntry:
    today = timezone.localdate()
    return ListEntry.objects.create(
        person=person,
        dose=1,
        places=["d:서울특별시/강남구"],
        date_from=today,
        date_to=today + timedelta(days=7),
        time_from=time(0),
        time_to=time(23, 59),
        by="staff:1",
    )


def reads() -> list[tuple]:
    return list(Access.objects.order_by("pk").values_list("act", "people"))


def test_lists_searches_and_pages_are_recorded_with_whose_data_they_showed(client):
    user = StaffFactory()
    client.force_login(user)
    one, other = ReservationFactory(), ReservationFactory()
    both = sorted([one.person_id, other.person_id])

    client.get(LIST)
    client.post(LIST, {"search": one.number}, follow=True)
    client.get(f"{LIST}{other.pk}/change/")

    assert reads() == [
        (Act.LIST, both),
        (Act.SEARCH, [one.person_id]),
        (Act.DETAIL, [other.person_id]),
    ]
    access = Access.objects.last()
    assert access.user == user
    assert access.address == "127.0.0.1"


def test_superusers_are_recorded_too(client):
    client.force_login(StaffFactory(superuser=True))
    person = PersonFactory()

    client.get(f"/admin/eligibility/person/{person.pk}/change/")

    assert reads() == [(Act.DETAIL, [person.pk])]


def test_a_search_that_finds_nobody_is_recorded(client):
    client.force_login(StaffFactory())

    client.post(LIST, {"search": "남의 1962-03-01"}, follow=True)

    access = Access.objects.get()
    assert (access.act, access.people, access.data) == (Act.SEARCH, [], {"found": 0})
    assert "남의" not in str(Access.objects.values())


@pytest.mark.parametrize("kind", ["outsidedose", "listentry", "review", "person", "reservation"])
def test_a_history_page_is_recorded(client, kind):
    reservation = ReservationFactory()
    person = reservation.person
    row = {
        "outsidedose": lambda: OutsideDose.objects.create(
            person=person, vaccine=VaccineFactory(), dose=1, given_on=date(2026, 1, 5), by="staff:1"
        ),
        "listentry": lambda: list_entry_of(person),
        "review": lambda: Review.objects.create(
            person=person, cohort=CohortFactory(), reason="birth", opened_at=timezone.now()
        ),
        "person": lambda: person,
        "reservation": lambda: reservation,
    }[kind]()
    client.force_login(StaffFactory())

    page = client.get(f"/admin/{row._meta.app_label}/{kind}/{row.pk}/history/")

    assert page.status_code == 200
    assert reads() == [(Act.DETAIL, [person.pk])]


def test_guesses_at_the_desk_are_counted_limited_and_recorded(client):
    person = PersonFactory()
    clinic = ClinicFactory()
    user = StaffFactory(role=Role.CLINIC, clinic=clinic)
    client.force_login(user)
    guess = {"name": person.name, "birth_date": "19620101", "phone": "0" + person.phone[3:]}

    for _ in range(GUESSES):
        client.post(f"{LIST}desk/", guess)
    right = {**guess, "birth_date": f"{person.birth_date:%Y%m%d}"}
    refused = client.post(f"{LIST}desk/", right)

    assert refused.status_code == 200
    assert "10분" in str(refused.context["form"].errors)
    assert Access.objects.filter(act=Act.SEARCH, user=user, data__found=0).count() == GUESSES
    other = StaffFactory(role=Role.CLINIC, clinic=clinic)
    client.force_login(other)
    assert client.post(f"{LIST}desk/", right).status_code == 302


@pytest.mark.parametrize("address", [LIST, "/admin/eligibility/person/"])
def test_a_search_that_is_refused_is_recorded_without_its_term(client, address):
    person = PersonFactory(name="남궁민수")
    user = StaffFactory(role=Role.LOCAL, region=person.region)
    client.force_login(user)
    for _ in range(GUESSES):
        record_access(None, act=Act.SEARCH, what="find", data={"found": 0}, user=user)
    before = Access.objects.order_by("pk").last().pk

    for typed in ("남의 1962-03-01", "0" + person.phone[3:]):
        client.post(address, {"search": typed}, follow=True)
    client.post(f"{LIST}desk/", {"number": "7K2M-QX4D-9T"})

    refused = list(Access.objects.filter(pk__gt=before).order_by("pk"))
    assert [(one.act, one.people, one.data) for one in refused] == [
        (Act.SEARCH, [], {"refused": True})
    ] * 3
    text = str(Access.objects.values())
    assert "남의" not in text
    assert person.phone[3:] not in text
    client.force_login(StaffFactory())
    page = client.get("/admin/staff/access/").content.decode()
    assert page.count("(거부됨)") == 3


def test_a_sheet_that_is_looked_at_all_day_keeps_its_people_once(client):
    slot = SlotFactory(capacity=30)
    people = [ReservationFactory(slot=slot).person_id for _ in range(FEW + 1)]
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=slot.clinic))

    for _ in range(3):
        client.get(f"{LIST}day/list/?day={timezone.localtime(slot.starts_at):%Y-%m-%d}")

    records = list(Access.objects.filter(act=Act.PRINT))
    assert [record.numbers for record in records] == [sorted(people)] * 3
    assert [record.people for record in records] == [[]] * 3
    assert PeopleSet.objects.count() == 1
    client.force_login(StaffFactory())
    page = client.get(f"/admin/staff/access/?q=%23{people[3]}")
    assert set(page.context["cl"].result_list) == set(records)


def test_a_sheet_that_changes_all_day_keeps_what_changed():
    user, dice = StaffFactory(), random.Random(11)  # noqa: S311 - no secret
    people, views = set(range(1000, 1400)), []

    for number in range(60):
        people ^= {dice.randrange(1000, 1500)}
        views.append(sorted(people))
        look(user, views[-1], day="2026-11-29")
        if number % 20 == 19:  # another list of people altogether
            people = set(range(1000 * number, 1000 * number + 400))

    records = list(Access.objects.order_by("pk"))
    assert [record.numbers for record in records] == views
    for person in (1000, 1399, 1450, 19_000, 19_399, 39_200, 2500):
        seen = Access.objects.of_person(person)
        assert {one.pk for one in seen} == {
            record.pk for record, people in zip(records, views, strict=True) if person in people
        }
    assert PeopleSet.objects.filter(base=None).count() == 3
    assert bytes_of(PeopleSet.objects.exclude(base=None)) < 60 * 600


@pytest.mark.parametrize("size", [INDEXED, INDEXED + 1])
def test_a_person_of_a_large_set_is_found_in_what_differs_from_it(size):
    user, people = StaffFactory(), set(range(size))
    look(user, people)
    look(user, people - {7} | {size})

    found = {person: Access.objects.of_person(person).count() for person in (0, 7, size, size + 1)}

    assert found == {0: 2, 7: 1, size: 1, size + 1: 0}
    assert PeopleSet.objects.filter(base=None).count() == 1


def test_sheets_of_two_clinics_and_lists_of_two_users_are_not_mixed():
    user, other = StaffFactory(), StaffFactory()
    people = set(range(100))

    look(user, people, clinic="S0001")
    look(user, people | {200}, clinic="S0002")
    record_access(None, act=Act.LIST, what="x.y", people=people | {201}, user=user)
    record_access(None, act=Act.LIST, what="x.y", people=people | {202}, user=other)
    record_access(None, act=Act.LIST, what="x.y", people=people | {203}, user=other)
    record_access(None, act=Act.DOWNLOAD, what="export", people=people | {204}, user=other)

    assert PeopleSet.objects.filter(base=None).count() == 5


def look(user, people, **data) -> None:
    data = {"clinic": "S0001", "day": "2026-11-29"} | data
    record_access(None, act=Act.PRINT, what="day_sheet", data=data, people=people, user=user)


def bytes_of(rows) -> int:
    with connection.cursor() as cursor:
        keys = list(rows.values_list("pk", flat=True))
        cursor.execute(
            "SELECT sum(pg_column_size(s.*)) FROM staff_peopleset s WHERE digest = ANY(%s)", [keys]
        )
        return cursor.fetchone()[0]


def test_records_are_said_in_the_readers_language(client):
    user = StaffFactory()
    client.force_login(user)
    data = {"clinic": "S0001", "day": "2026-11-29"}
    Access.objects.create(user=user, act=Act.PRINT, what="day_sheet", data=data, people=[1])
    Access.objects.create(user=user, act=Act.LIST, what="booking.reservation", people=[1])

    korean = client.get("/admin/staff/access/").content.decode()
    client.cookies["jari_language"] = "en"
    english = client.get("/admin/staff/access/").content.decode()

    assert "접종표 S0001 2026-11-29" in korean
    assert "Day sheet S0001 2026-11-29" in english
    assert "Reservation" in english


def test_an_export_by_command_needs_a_reason_and_keeps_the_numbers(tmp_path):
    people = sorted(ReservationFactory().person_id for _ in range(2))
    file = str(tmp_path / "out.csv")

    with pytest.raises(CommandError):
        call_command("export", "reservations", file, "--people")
    assert not Access.objects.exists()
    call_command("export", "reservations", file, "--people", "--reason=접종 전날 확인")

    access = Access.objects.get()
    assert (access.act, access.what, access.numbers) == (Act.DOWNLOAD, "file_of_people", people)
    assert (access.user, access.reason, access.data["count"]) == (None, "접종 전날 확인", 2)
    assert access.by.startswith("command:export")


def test_a_download_with_names_keeps_the_numbers(client):
    reservation = ReservationFactory()
    client.force_login(StaffFactory())
    day = timezone.localtime(reservation.slot.starts_at).date()
    form = {
        "first": day, "last": day, "encoding": "utf-8", "headers": "names", "zone": "seoul",
        "packing": "csv", "reason": "접종 전날 확인",
    }  # fmt: skip

    for choice in ({**form, "people": "on"}, form):
        b"".join(client.post("/admin/exports/reservations/", choice).streaming_content)

    assert reads() == [(Act.DOWNLOAD, [reservation.person_id]), (Act.DOWNLOAD, [])]


@pytest.mark.parametrize("field", ["reservation", "person"])
def test_no_look_up_offers_people(client, field):
    ReservationFactory()
    client.force_login(StaffFactory(superuser=True))
    sources = {"reservation": ("booking", "offer"), "person": ("booking", "reservation")}
    app, model = sources[field]

    answer = client.get(
        "/admin/autocomplete/",
        {"app_label": app, "model_name": model, "field_name": field, "term": ""},
    )

    assert answer.status_code in (403, 404)


def test_a_refused_look_up_of_people_is_recorded_without_its_term(client):
    user = StaffFactory()
    client.force_login(user)
    asked = {"app_label": "booking", "model_name": "offer", "field_name": "reservation"}

    answer = client.get("/admin/autocomplete/", {**asked, "term": "남궁민수"})

    access = Access.objects.get()
    assert answer.status_code == 403
    assert (access.user, access.act, access.what) == (user, Act.SEARCH, "booking.reservation")
    assert (access.people, access.data) == ([], {"refused": True})


def test_nobody_leafs_through_the_roster(client):
    person = PersonFactory(name="남궁민수")
    client.force_login(StaffFactory(role=Role.LOCAL, region=person.region))
    address = "/admin/eligibility/person/"

    empty = client.get(address)
    found = client.post(address, {"search": "0" + person.phone[3:]}, follow=True)
    opened = client.get(f"{address}{person.pk}/change/")

    digits = person.phone[-8:]
    phone = f"010-{digits[:4]}-{digits[4:]}"
    assert list(empty.context["cl"].result_list) == []
    assert list(client.get(f"{address}?all=").context["cl"].result_list) == []
    assert "검색하기 전에는" in empty.content.decode()
    assert [one.pk for one in found.context["cl"].result_list] == [person.pk]
    shown = found.content.decode().replace(f'value="0{person.phone[3:]}"', "")
    assert phone not in shown
    assert f"010-****-{digits[4:]}" in shown
    assert phone in opened.content.decode()
    assert reads() == [(Act.SEARCH, [person.pk]), (Act.DETAIL, [person.pk])]


def test_a_list_that_shows_nobody_is_not_recorded(client):
    client.force_login(StaffFactory())

    client.get(LIST)

    assert reads() == []


def test_the_printed_day_sheet_is_recorded(client):
    slot = SlotFactory()
    reservation = ReservationFactory(slot=slot)
    client.force_login(StaffFactory(role=Role.CLINIC, clinic=slot.clinic))

    client.get(f"{LIST}day/list/?day={timezone.localtime(slot.starts_at):%Y-%m-%d}")

    assert reads() == [(Act.PRINT, [reservation.person_id])]


def test_records_cannot_be_changed_or_removed(client):
    user = StaffFactory(superuser=True)
    record = Access.objects.create(user=user, act=Act.LIST, what="x", people=[1])

    with as_owner(), pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
        Access.objects.filter(pk=record.pk).update(people=[])
    with as_owner(), pytest.raises(ProgrammingError, match="Cannot"), transaction.atomic():
        Access.objects.filter(pk=record.pk).delete()
    client.force_login(user)
    assert client.post(f"/admin/staff/access/{record.pk}/delete/").status_code == 403

    assert Access.objects.get(pk=record.pk).people == [1]


def test_who_saw_a_person_can_be_found(client):
    client.force_login(StaffFactory(role=Role.OPERATOR))
    user = StaffFactory()
    Access.objects.create(user=user, act=Act.LIST, what="x", people=[1, 12])
    Access.objects.create(user=user, act=Act.LIST, what="x", people=[2, 120])

    page = client.get("/admin/staff/access/?q=%2312")

    assert [access.people for access in page.context["cl"].result_list] == [[1, 12]]


def test_log_ins_are_recorded_and_refused_ones_too(client):
    user = StaffFactory(username="desk")
    device = authenticator_of(user)
    client.post("/admin/login/", {"username": "desk", "password": "wrong"})
    client.post("/admin/login/", {"username": "nobody", "password": "wrong"})
    client.post("/admin/login/?next=/admin/", {"username": "desk", "password": "password"})
    client.post("/admin/second-factor/", {"code": "000000"})
    client.post("/admin/second-factor/", {"code": code_of(device)})

    assert list(Access.objects.order_by("pk").values_list("act", "user")) == [
        (Act.LOG_IN_REFUSED, user.pk),
        (Act.LOG_IN_REFUSED, user.pk),
        (Act.LOG_IN, user.pk),
    ]


def test_the_queue_pages_are_for_operators(client):
    for role, status in [(Role.OPERATOR, 200), (Role.AUTHORITY, 403), (Role.CLINIC, 403)]:
        place = {"clinic": ClinicFactory()} if role == Role.CLINIC else {}
        client.force_login(StaffFactory(role=role, **place))
        for address in ["/admin/rq/", "/admin/django_rq/dashboard/"]:
            assert client.get(address, follow=True).status_code == status, (role, address)


def test_the_admin_keeps_to_the_strict_policy(client):
    client.force_login(StaffFactory(superuser=True))
    ReservationFactory()

    for address in ["/admin/", LIST, f"{LIST}day/", "/admin/exports/reservations/"]:
        page = client.get(address)
        policy = page.headers["Content-Security-Policy"]
        assert "unsafe" not in policy
        text = page.content.decode()
        assert " style=" not in text
        assert "<style" not in text
        assert " onclick=" not in text
    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["default-src"] == ["'none'"]

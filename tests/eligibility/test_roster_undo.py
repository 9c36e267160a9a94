"""Taking an uploaded roster back."""

from datetime import date
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.urls import reverse

from booking.enums import ReservationStatus
from booking.exceptions import PersonGone
from booking.models import OutsideDose
from booking.services.outside_doses import record_outside_dose
from eligibility.admin import uploads as admin_of_uploads
from eligibility.enums import KeptBecause, UploadStatus
from eligibility.models import Person, RosterChange, RosterUpload
from eligibility.services import identity, roster_undo, uploads
from eligibility.services.purging import forget, purge
from events.callers import add_note
from events.models import RecordedEvent
from messaging.enums import Channel
from messaging.services import write_message
from staff.models import Access
from tests.concurrency import at_once
from tests.factories import (
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    StaffFactory,
    TicketFactory,
    VaccineFactory,
)

pytestmark = pytest.mark.django_db

HEADER = "person_id,name,birth_date,phone,region,district,groups,last_dose_on\n"
HONG = "R1,홍길동,1964-05-12,010-0000-1111,서울특별시,강남구,,"
KIM = "R2,김철수,1970-01-02,010-0000-2222,부산광역시,,nurse,2026-05-01"
LEE = "R3,이영희,1938-03-03,010-0000-3333,서울특별시,종로구,,"
STAFF = "staff:1"


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path


def imported(*rows: str) -> RosterUpload:
    file = SimpleUploadedFile("명단.csv", "\n".join([HEADER.strip(), *rows, ""]).encode())
    upload = uploads.start_upload(file=file, skip_refused=False, by=STAFF)
    uploads.run_upload(upload.pk)
    upload.refresh_from_db()
    assert uploads.agree(upload=upload, shown=upload.fingerprint, by=STAFF), upload.report
    uploads.run_upload(upload.pk)
    upload.refresh_from_db()
    assert upload.status == UploadStatus.DONE, upload.report
    return upload


def taken_back(upload: RosterUpload) -> RosterUpload:
    assert uploads.undo(upload=upload, by="staff:2")
    uploads.run_undo(upload.pk)
    upload.refresh_from_db()
    assert upload.status == UploadStatus.UNDONE
    return upload


def stored() -> list[tuple]:
    """All columns of all people, as they are stored."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM eligibility_person ORDER BY id")
        return cursor.fetchall()


def reasons(upload: RosterUpload) -> dict[str, str]:
    people = dict(Person.objects.values_list("pk", "roster_key"))
    return {
        people[change.person_id]: change.stays_because
        for change in upload.changes.exclude(stays_because="")
    }


@pytest.mark.parametrize("batch", [1, 500])
def test_people_are_as_they_were_after_any_kind_of_change(monkeypatch, batch):
    monkeypatch.setattr(roster_undo, "BATCH", batch)
    imported(HONG, KIM, LEE)
    PersonFactory(declared=True, name="박민수", birth_date=date(1950, 1, 1), phone="+821000004444")
    before = stored()

    # Two swap their phones, a declared person gets the key of a third, two are new, and one of
    # them has the details that the third had before.
    upload = imported(
        HONG.replace("1111", "2222")
        .replace("홍길동", "김철수")
        .replace("1964-05-12", "1970-01-02"),
        KIM.replace("2222", "1111").replace("김철수", "홍길동").replace("1970-01-02", "1964-05-12"),
        "R3,박민수,1950-01-01,010-0000-4444,서울특별시,,,",
        "R4,이영희,1938-03-03,010-0000-3333,서울특별시,강남구,,",
        "R5,최새롬,1990-03-03,010-0000-5555,서울특별시,,,",
    )
    changed = stored()
    taken_back(upload)

    assert len(changed) == len(before) + 1
    assert changed != before
    assert stored() == before
    assert (upload.undone_by, upload.changes.count()) == ("staff:2", 0)


def sign_in(person):
    RecordedEvent.objects.create(kind="verified", person_id=person.pk, actor="citizen")


def write(person):
    write_message(
        key="k", kind="confirmed", channel=Channel.SMS, to=person.phone, text="t",
        person_id=person.pk,
    )  # fmt: skip


def record_dose(person):
    record_outside_dose(
        person_id=person.pk, vaccine=VaccineFactory(), dose=1, given_on=date(2026, 1, 2), by=STAFF
    )


@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (sign_in, KeptBecause.STAFF_ACTED),
        (lambda person: TicketFactory(person=person), None),
        (lambda person: ReservationFactory(person=person), None),
        (record_dose, KeptBecause.BOOKING),
        (write, KeptBecause.MESSAGE),
        (lambda person: add_note(person_id=person.pk, text="t", by=STAFF), KeptBecause.CALLER),
        (lambda person: imported(HONG.replace("강남구", "중구")), KeptBecause.CHANGED),
    ],
    ids=["signed in", "ticket", "appointment", "dose", "message", "note", "next roster"],
)
def test_people_to_whom_something_happened_stay_with_the_reason(act, reason):
    upload = imported(HONG, KIM)
    act(Person.objects.get(roster_key="R1"))

    taken_back(upload)

    assert list(reasons(upload)) == ["R1"]
    assert reasons(upload)["R1"] in ([reason] if reason else KeptBecause.values)
    assert (upload.removed, upload.changed_back) == (1, 0)
    assert Person.objects.get(roster_key="R1").name == "홍길동"


def test_what_happened_before_the_roster_does_not_hold_its_changes_back():
    imported(HONG)
    person = Person.objects.get()
    reservation = ReservationFactory(person=person)
    upload = imported(HONG.replace("1111", "9999"))

    taken_back(upload)

    person.refresh_from_db()
    reservation.refresh_from_db()
    assert (person.phone, upload.changed_back) == ("+821000001111", 1)
    assert reservation.status == ReservationStatus.CONFIRMED


def test_details_that_another_person_has_now_are_not_given_back():
    imported(HONG, KIM)
    upload = imported(HONG.replace("1111", "7777"), KIM.replace("2222", "8888"))
    identity.find_or_declare(name="홍길동", birth_date=date(1964, 5, 12), phone="+821000001111")

    taken_back(upload)

    assert reasons(upload) == {"R1": KeptBecause.TAKEN}
    assert Person.objects.get(roster_key="R2").phone == "+821000002222"
    # What it would have got back is destroyed with the decision.
    assert upload.changes.get().phone is None


def test_taking_back_goes_on_where_it_was_broken_off(monkeypatch):
    monkeypatch.setattr(roster_undo, "BATCH", 1)
    upload = imported(HONG, KIM, LEE)
    assert uploads.undo(upload=upload, by=STAFF)
    upload.refresh_from_db()

    def break_off(done: int, total: int) -> None:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        roster_undo.take_back(upload, progress=break_off)
    left = Person.objects.count()
    assert uploads.run_again(upload=upload)
    uploads.run_undo(upload.pk)

    upload.refresh_from_db()
    assert left == 2
    assert (upload.status, upload.removed) == (UploadStatus.UNDONE, 3)
    assert not Person.objects.exists()


def test_the_page_takes_a_roster_back_and_lists_who_stays(client, monkeypatch):
    monkeypatch.setattr(admin_of_uploads, "SHOWN", 1)
    upload = imported(HONG, KIM, LEE)
    stays, stays_too = Person.objects.filter(roster_key__in=["R1", "R2"]).order_by("pk")
    sign_in(stays)
    sign_in(stays_too)
    client.force_login(StaffFactory())
    address = reverse("admin:eligibility_rosterupload_change", args=[upload.pk])
    undo = reverse("admin:roster_undo", args=[upload.pk])

    offered = undo in client.get(address).content.decode()
    client.post(undo)
    uploads.run_undo(upload.pk)
    page = client.get(address).content.decode()
    second = client.get(f"{address}?page=2").content.decode()
    again = client.post(undo, follow=True)

    assert offered
    assert undo not in page
    assert reverse("admin:eligibility_person_change", args=[stays.pk]) in page
    assert 'href="?page=2"' in page
    assert reverse("admin:eligibility_person_change", args=[stays_too.pk]) in second
    assert str(KeptBecause.STAFF_ACTED.label) in page
    assert "홍길동" not in page
    assert [message.level_tag for message in again.context["messages"]] == ["error"]
    assert Access.objects.filter(act="change", what="roster_undo").count() == 1


def test_what_was_before_is_destroyed_after_its_time(clock):
    upload = imported(HONG)
    clock.forward(days=29)
    purge()
    kept = RosterChange.objects.count()

    clock.forward(days=2)
    counts = purge()

    assert (kept, counts["changes by rosters"]) == (1, 1)
    assert not uploads.undo(upload=upload, by=STAFF)


def test_a_forgotten_person_is_forgotten_here_too(clock):
    imported(HONG)
    imported(HONG.replace("강남구", "중구"))

    forget([Person.objects.get().pk], now=clock.now())

    assert not RosterChange.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_dose_recorded_while_its_person_is_taken_back_is_never_lost():
    upload = imported(*(f"R{n},홍길{name},1964-05-12,010-0000-100{n},서울특별시,,,"
                        for n, name in enumerate("가나다라마바")))  # fmt: skip
    vaccine = VaccineFactory()
    people = list(Person.objects.order_by("pk").values_list("pk", flat=True))
    assert uploads.undo(upload=upload, by=STAFF)
    record = partial(
        record_outside_dose, vaccine=vaccine, dose=1, given_on=date(2026, 1, 2), by=STAFF
    )

    outcomes = at_once(
        [partial(uploads.run_undo, upload.pk), *(partial(record, person_id=pk) for pk in people)]
    )

    upload.refresh_from_db()
    gone = {pk for pk, outcome in zip(people, outcomes[1:], strict=True)
            if isinstance(outcome, PersonGone)}  # fmt: skip
    recorded = set(OutsideDose.objects.values_list("person_id", flat=True))
    assert upload.status == UploadStatus.UNDONE
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert {type(error) for error in errors} <= {PersonGone}
    assert recorded == set(people) - gone
    assert set(Person.objects.values_list("pk", flat=True)) == recorded
    assert upload.removed == len(gone)


@pytest.mark.django_db(transaction=True)
def test_a_sign_in_whose_person_is_taken_back_ends_with_a_declared_one(monkeypatch):
    """The person is removed between the look-up and the commit of the sign-in."""
    CohortFactory()
    upload = imported(HONG)
    assert uploads.undo(upload=upload, by=STAFF)
    challenge = identity.start_verification(
        name="홍길동", birth_date=date(1964, 5, 12), phone="+821000001111"
    )
    code = "".join(filter(str.isdigit, identity.sent_message(challenge)))[:6]
    decide = identity.store_decisions
    turns = []

    def meanwhile(**values):
        if not turns:
            turns.append(values["person"].pk)
            at_once([partial(uploads.run_undo, upload.pk)])
        return decide(**values)

    monkeypatch.setattr(identity, "store_decisions", meanwhile)
    person = identity.check_code(challenge=challenge, code=code)

    upload.refresh_from_db()
    assert (upload.status, upload.removed) == (UploadStatus.UNDONE, 1)
    assert person.pk not in turns
    assert Person.objects.get() == person
    assert person.roster_key is None

"""What holds for each kind of file, from the preview to taking it back."""

import json
import random
from functools import partial

import pytest
from django.db import DatabaseError
from django.utils import translation

from booking.models import Clinic, OutsideDose, Slot
from bulk import services, working
from bulk.enums import Action, UploadStatus
from bulk.exceptions import BulkRefused
from bulk.kinds import KINDS, Change
from bulk.models import Upload, UploadRow
from bulk.working import changes_of
from eligibility.models import Cohort
from staff.enums import Role
from tests.bulk import files
from tests.bulk.files import SCENES, agree, applied, exported, send, taken_back
from tests.concurrency import at_once
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    ReservationFactory,
    SlotFactory,
    StaffFactory,
    VaccineFactory,
)

pytestmark = pytest.mark.django_db
every_kind = pytest.mark.parametrize("scene_of", SCENES, ids=lambda scene: scene.__name__)


@pytest.fixture(autouse=True)
def _own_home(settings, tmp_path):
    settings.HOME = tmp_path
    with translation.override("en"):
        yield


def counts(upload: Upload) -> tuple[int, int, int, int]:
    names = ["new", "changed", "unchanged", "error"]
    return tuple(upload.counts.get(name, 0) for name in names)


@every_kind
def test_a_preview_tells_new_changed_and_unchanged_records_apart_and_changes_nothing(scene_of):
    scene = scene_of()
    before = exported(scene.kind)

    upload = send(scene.kind, scene.file())

    assert (upload.status, counts(upload)) == (UploadStatus.READY, (1, 1, 1, 0))
    [changed] = upload.rows.filter(action=Action.CHANGED)
    content = json.loads(changed.content)
    assert changed.line == 2
    assert content["before"].keys() == content["after"].keys()
    assert all(content["before"][name] != value for name, value in content["after"].items())
    assert exported(scene.kind) == before


@every_kind
def test_applying_does_what_the_preview_showed_and_taking_back_undoes_it(scene_of):
    scene = scene_of()
    before = exported(scene.kind)
    upload = send(scene.kind, scene.file())
    shown = list(changes_of(upload, KINDS[scene.kind]))

    upload = applied(upload)

    kind = KINDS[scene.kind](by="command:test")
    stored = kind.current({change.key for change in shown})
    assert (upload.status, upload.applied_by) == (UploadStatus.DONE, f"staff:{upload.user_id}")
    assert all(_is_stored(change, stored[change.key]) for change in shown)
    after = exported(scene.kind)
    assert len(after.splitlines()) == len(before.splitlines()) + 1

    upload = taken_back(upload)

    assert (upload.status, upload.undone_by) == (UploadStatus.UNDONE, f"staff:{upload.user_id}")
    assert exported(scene.kind) == before


def _is_stored(change: Change, values: dict) -> bool:
    return all(values[name] == value for name, value in change.after.items())


@every_kind
def test_a_downloaded_file_sent_back_changes_nothing(scene_of):
    scene = scene_of()
    applied(send(scene.kind, scene.file()))

    again = send(scene.kind, "\ufeff" + exported(scene.kind))

    assert counts(again) == (0, 0, 3, 0)
    with pytest.raises(BulkRefused, match="Nothing would change"):
        agree(again)


@every_kind
def test_a_refused_row_says_why_and_stops_the_file_unless_it_is_left_out(scene_of):
    scene = scene_of()
    before = exported(scene.kind)
    upload = send(scene.kind, scene.file(scene.changed, scene.wrong))

    assert counts(upload) == (0, 1, 0, 1)
    [row] = upload.rows.filter(action=Action.ERROR)
    assert row.line == 3
    assert scene.problem in json.loads(row.content)["problem"]
    with pytest.raises(BulkRefused, match="Some rows are refused"):
        agree(upload)
    assert exported(scene.kind) == before
    assert applied(upload, skip_refused=True).status == UploadStatus.DONE


@every_kind
def test_a_change_by_others_makes_a_preview_stale_and_a_file_stay(scene_of):
    scene = scene_of()
    stale = send(scene.kind, scene.file())
    done = applied(send(scene.kind, scene.file(scene.changed)))

    # The other file changed the same record: the preview of before is not what would happen.
    stale = applied(stale)
    assert stale.status == UploadStatus.READY
    assert "The data changed after the preview" in stale.report
    assert counts(stale) == (1, 0, 2, 0)

    scene.touch()
    before = exported(scene.kind)
    done = taken_back(done)
    assert done.status == UploadStatus.DONE
    assert "it was changed since" in done.report
    assert exported(scene.kind) == before


@every_kind
def test_a_worker_that_dies_has_changed_nothing_and_its_work_is_done_by_the_next(
    scene_of, monkeypatch
):
    scene = scene_of()
    before = exported(scene.kind)
    upload = send(scene.kind, scene.file())
    agree(upload)
    kind = KINDS[scene.kind]
    write = kind.write

    def die(self, changes):
        write(self, changes)
        raise DatabaseError("the server closed the connection")

    monkeypatch.setattr(kind, "write", die)
    with pytest.raises(DatabaseError):
        working.apply(upload.pk)
    assert exported(scene.kind) == before
    monkeypatch.setattr(kind, "write", write)
    upload.refresh_from_db()
    services.run_again(upload=upload, user=upload.user)
    working.apply(upload.pk)
    working.apply(upload.pk)  # a job that comes twice

    upload.refresh_from_db()
    assert upload.status == UploadStatus.DONE
    assert exported(scene.kind) != before


@pytest.mark.parametrize("seed", range(5))
def test_any_file_of_clinics_ends_as_its_preview_showed(seed):
    chance = random.Random(seed)  # noqa: S311 - a choice of rows, repeatable
    clinics = ClinicFactory.create_batch(6)
    names = ["가의원", "=1+1", "'=2", "@나", "-다", "라, 마", '"바"', "사"]
    rows = ["code,name,region,district,address,phone"]
    for code in [*(clinic.code for clinic in clinics), "N1", "N2", "N3"]:
        name = chance.choice(names).replace('"', '""')
        if chance.random() < 0.8:
            rows.append(f'{code},"{name}",서울,강남구,{chance.choice("가나")},02-1')
    upload = send("clinics", "\n".join(rows))
    shown = list(changes_of(upload, KINDS["clinics"]))
    untouched = {clinic.code: clinic.name for clinic in clinics}
    untouched = {
        code: name for code, name in untouched.items() if (code,) not in {c.key for c in shown}
    }

    applied(upload)

    stored = KINDS["clinics"](by="command:test").current({change.key for change in shown})
    assert all(_is_stored(change, stored[change.key]) for change in shown)
    assert dict(Clinic.objects.filter(code__in=untouched).values_list("code", "name")) == untouched
    assert counts(send("clinics", exported("clinics")))[:2] == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_of_two_files_at_once_one_is_applied_and_the_other_is_shown_again():
    scene = files.slots()
    uploads = [send("slots", scene.file()) for _ in range(2)]
    for upload in uploads:
        agree(upload)

    outcomes = at_once([partial(working.apply, upload.pk) for upload in uploads])

    assert outcomes == [None, None]
    statuses = sorted(Upload.objects.values_list("status", flat=True))
    assert statuses == [UploadStatus.DONE, UploadStatus.READY]
    assert Slot.objects.count() == 3


def test_a_seat_that_is_taken_keeps_the_file_from_being_taken_back(clock):
    clock.at("09:00")
    scene = files.slots()
    upload = applied(send("slots", scene.file()))
    added = Slot.objects.order_by("-pk")[0]
    ReservationFactory(slot=added)

    upload = taken_back(upload)

    assert upload.status == UploadStatus.DONE
    assert "it is in use: reservations" in upload.report
    assert Slot.objects.filter(pk=added.pk).exists()


def test_a_manager_changes_slots_of_the_own_clinic_only_and_no_clinics():
    slot, other = SlotFactory(), SlotFactory()
    manager = StaffFactory(role=Role.MANAGER, clinic=slot.clinic)
    row = "{},{},2199-01-04T09:00,5".format

    upload = send(
        "slots",
        "clinic,vaccine,starts_at,capacity\n"
        + row(slot.clinic.code, slot.vaccine.code)
        + "\n"
        + row(other.clinic.code, slot.vaccine.code),
        manager,
    )

    assert counts(upload) == (1, 0, 0, 1)
    assert {kind.code for kind in KINDS.values() if kind.allows(manager)} == {"slots", "hours"}
    assert other.clinic.code not in exported("slots", manager)


def test_a_right_that_was_withdrawn_meanwhile_stops_the_worker():
    scene = files.clinics()
    upload = send("clinics", scene.file())
    agree(upload)
    type(upload.user).objects.filter(pk=upload.user_id).update(role=Role.OPERATOR)

    working.apply(upload.pk)

    upload.refresh_from_db()
    assert upload.status == UploadStatus.READY
    assert "Your role does not change these." in upload.report
    assert not Clinic.objects.filter(code="NEW1").exists()


def test_a_local_desk_records_doses_of_its_own_region_only():
    scene = files.doses()
    desk = StaffFactory(role=Role.LOCAL, region="부산광역시")

    upload = send("doses", scene.file(), desk)

    assert counts(upload) == (0, 0, 0, 3)
    assert exported("doses", desk).count("\n") == 1


def test_values_of_people_stand_encrypted_and_in_no_message():
    scene = files.doses()
    upload = send(
        "doses", scene.file(scene.changed, scene.wrong.replace("2021-07-03", "2199-01-01"))
    )

    contents = UploadRow.objects.filter(upload=upload)
    [error] = contents.filter(action=Action.ERROR)
    assert "2199" not in error.content
    raw = UploadRow.objects.raw("SELECT id, content AS stored FROM bulk_uploadrow ORDER BY id")
    assert all(b"2021-07" not in bytes(row.stored) for row in raw)


def test_a_dose_by_file_cancels_what_it_makes_needless_and_gives_it_back(clock):
    clock.at("09:00")
    reservation = ReservationFactory()
    person, vaccine = reservation.person, VaccineFactory()
    content = f"person_id,dose,vaccine,given_on\n{person.roster_key},1,{vaccine.code},2021-07-01\n"

    upload = applied(send("doses", content))
    reservation.refresh_from_db()
    assert (reservation.status, OutsideDose.objects.count()) == ("cancelled", 1)

    taken_back(upload)
    reservation.refresh_from_db()
    assert (reservation.status, OutsideDose.objects.count()) == ("confirmed", 0)


def test_a_promise_to_people_keeps_a_cohort_from_being_taken_back():
    scene = files.cohorts()
    upload = applied(send("cohorts", scene.file()))
    cohort = Cohort.objects.get(code="new-one")
    cohort.decisions.create(
        person=PersonFactory(),
        eligible=True,
        rule="born",
        window_from=cohort.opens_at,
        window_to=cohort.closes_at,
    )

    upload = taken_back(upload)

    assert upload.status == UploadStatus.DONE
    assert "it is in use" in upload.report


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "The file is empty."),
        (b"PK\x03\x04\x00", "This is a spreadsheet, not a CSV."),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "CSV UTF-8 (comma delimited)"),
        (b"code,name\nC1,x\n", "lacks these columns"),
        (b"code,name,region,district,address\nC1,a\x00,b,c,d\n", "NUL byte"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(content, problem):
    upload = send("clinics", content)

    assert upload.status == UploadStatus.REFUSED
    assert problem in upload.report


def test_a_file_in_cp949_is_read():
    scene = files.clinics()

    upload = send("clinics", scene.file().encode("cp949"))

    assert counts(upload) == (1, 1, 1, 0)


def test_a_file_with_too_many_rows_is_refused(monkeypatch):
    monkeypatch.setattr(KINDS["clinics"], "most_rows", 2)

    upload = send("clinics", files.clinics().file())

    assert upload.status == UploadStatus.REFUSED
    assert "At most 2 rows" in upload.report


def test_rows_are_destroyed_after_their_time_and_who_did_it_stays(clock):
    upload = applied(send("clinics", files.clinics().file()))
    clock.forward(days=31)

    services.purge(clock.now())

    upload.refresh_from_db()
    assert (upload.status, upload.rows.count()) == (UploadStatus.DONE, 0)
    with pytest.raises(BulkRefused, match="too long ago"):
        services.undo(upload=upload, user=upload.user)

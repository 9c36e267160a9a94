"""Recalls: all who got a lot and nobody else, written to once, whatever dies in between."""

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from booking.models import Reservation
from booking.services.visits import mark_arrived
from messaging.models import Message
from staff.enums import Role
from staff.models import Access
from tests.concurrency import at_once
from tests.factories import ClinicFactory, ReservationFactory, SlotFactory, StaffFactory
from tests.roles import as_owner
from tests.vaccination.factories import LotFactory
from vaccination.enums import Manifestation
from vaccination.exceptions import LotRecalled, NobodyToRecall
from vaccination.models import DoseGiven, Lot, Reaction, Recall
from vaccination.services import recalls as services
from vaccination.services.doses import DoseDetails, record_dose
from vaccination.services.lots import receive_lot, usable_lots
from vaccination.services.recalls import lots_of, start_recall

pytestmark = pytest.mark.django_db
ADD = "/admin/vaccination/recall/add/"


def give(lot: Lot, people: int, clock) -> list[Reservation]:
    slot = SlotFactory(clinic=lot.clinic, vaccine=lot.vaccine, capacity=people)
    rows = [ReservationFactory(slot=slot) for _ in range(people)]
    clock.move_to(slot.starts_at)
    for row in rows:
        mark_arrived(reservation=row, by="staff:1")
        record_dose(reservation=row, details=DoseDetails(lot.pk, "LA"), by="staff:1")
    return rows


@pytest.fixture
def scene(clock):
    """Three people got lot BAD at two clinics, one got another lot."""
    bad = LotFactory(number="BAD")
    elsewhere = LotFactory(number="BAD", vaccine=bad.vaccine)
    good = LotFactory(number="GOOD", vaccine=bad.vaccine, clinic=bad.clinic)

    class Scene:
        lot, other_lot, good_lot = bad, elsewhere, good
        people = give(bad, 2, clock)
        others = give(elsewhere, 1, clock)
        spared = give(good, 1, clock)

    return Scene


def recall(lot: Lot, **values) -> Recall:
    values = {
        "vaccine": lot.vaccine,
        "number": lot.number,
        "clinic": None,
        "practice": False,
        "text_ko": "접종기관에 연락해 주십시오.",
        "text_en": "Please call the clinic.",
        "by": "staff:1",
        **values,
    }
    return start_recall(**values)


def told() -> dict[int, str]:
    return {row.person_id: row.text for row in Message.objects.filter(kind="recall")}


def people_of(*groups: list[Reservation]) -> set[int]:
    return {row.person_id for group in groups for row in group}


def test_everybody_with_the_lot_is_told_once_and_nobody_else(scene, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 2)
    Reservation.objects.filter(pk=scene.others[0].pk).update(language="en")
    row = recall(scene.lot)

    for _ in range(2):
        services.run_recall(row.pk)

    row.refresh_from_db()
    assert (row.status, row.people, row.done, row.written) == ("done", 3, 3, 3)
    texts = told()
    assert texts.keys() == people_of(scene.people, scene.others)
    assert "Please call the clinic." in texts[scene.others[0].person_id]
    assert "접종기관에 연락해 주십시오." in texts[scene.people[0].person_id]
    assert Message.objects.filter(kind="recall").count() == 3


def test_from_the_recall_on_no_dose_is_given_or_received(scene, clock):
    recall(scene.lot)
    slot = SlotFactory(clinic=scene.lot.clinic, vaccine=scene.lot.vaccine)
    late = ReservationFactory(slot=slot)
    clock.move_to(slot.starts_at)
    mark_arrived(reservation=late, by="staff:1")

    with pytest.raises(LotRecalled):
        record_dose(reservation=late, details=DoseDetails(scene.lot.pk), by="staff:1")
    with pytest.raises(LotRecalled):
        receive_lot(
            clinic=ClinicFactory(),
            vaccine=scene.lot.vaccine,
            number="bad",
            expires_on=scene.lot.expires_on,
            doses=5,
            by="staff:1",
        )
    usable = usable_lots(
        clinic_id=scene.lot.clinic_id, vaccine_id=scene.lot.vaccine_id, on=scene.lot.expires_on
    )
    assert list(usable) == [scene.good_lot]


def test_a_clinic_recalls_its_own_lot_only(scene):
    row = recall(scene.lot, clinic=scene.lot.clinic)
    services.run_recall(row.pk)

    scene.other_lot.refresh_from_db()
    assert told().keys() == people_of(scene.people)
    assert scene.other_lot.recalled_at is None


def test_a_practice_counts_and_changes_nothing(scene):
    row = recall(scene.lot, practice=True)
    services.run_recall(row.pk)

    row.refresh_from_db()
    scene.lot.refresh_from_db()
    assert (row.status, row.done, row.written, told()) == ("done", 3, 0, {})
    assert scene.lot.recalled_at is None


def test_a_lot_that_nobody_got_is_stopped_and_an_unknown_one_said(scene):
    unused = LotFactory(number="UNUSED", vaccine=scene.lot.vaccine)

    row = recall(unused)
    services.run_recall(row.pk)

    row.refresh_from_db()
    unused.refresh_from_db()
    assert (row.status, row.people) == ("done", 0)
    assert unused.recalled_at is not None
    with pytest.raises(NobodyToRecall):
        recall(scene.lot, number="NEVER")


def test_a_form_sent_twice_recalls_once(scene):
    key = "7f2c1d0e-0000-4000-8000-000000000001"

    assert recall(scene.lot, key=key).pk == recall(scene.lot, key=key).pk
    assert Recall.objects.count() == 1


def test_after_a_crash_it_goes_on_where_it_was(scene, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 1)
    row = recall(scene.lot)
    services.write_batch(row.pk)
    halfway = told().keys()

    services.continue_recalls()

    assert len(halfway) == 1
    assert told().keys() == people_of(scene.people, scene.others)


def test_people_are_listed_with_their_state_by_one_statement(scene):
    rash = Reaction.objects.create(
        reservation=scene.people[0], manifestation=Manifestation.RASH, by="staff:1"
    )
    row = recall(scene.lot)
    services.run_recall(row.pk)

    with CaptureQueriesContext(connection) as queries:
        found = list(services.recipients_of(row))
        names = {dose.person.name for dose in found}

    assert len(queries) == 1
    assert names == {dose.person.name for dose in DoseGiven.objects.filter(lot__number="BAD")}
    assert [dose.message_status for dose in found] == ["waiting"] * 3
    reactions = {dose.reservation_id: dose.reactions for dose in found if dose.reactions}
    assert reactions == {rash.reservation_id: ["rash"]}


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_to_each_person_once(scene, monkeypatch):
    monkeypatch.setattr(services, "BATCH", 1)
    row = recall(scene.lot)

    at_once([lambda: services.run_recall(row.pk)] * 2)

    row.refresh_from_db()
    assert (row.status, row.done, row.written) == ("done", 3, 3)
    assert Message.objects.filter(kind="recall").count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_dose_beside_the_recall_is_recalled_or_refused(scene, clock):
    slot = SlotFactory(clinic=scene.lot.clinic, vaccine=scene.lot.vaccine)
    late = ReservationFactory(slot=slot)
    clock.move_to(slot.starts_at)
    mark_arrived(reservation=late, by="staff:1")

    given, row = at_once(
        [
            lambda: record_dose(reservation=late, details=DoseDetails(scene.lot.pk), by="staff:1"),
            lambda: recall(scene.lot),
        ]
    )
    services.run_recall(row.pk)

    assert isinstance(given, DoseGiven | LotRecalled)
    assert (late.person_id in told()) == isinstance(given, DoseGiven)


def test_no_plan_of_a_recall_scans_a_table(scene):
    """Rows enough for the planner to prefer the index; bench/recall.py has ten million."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "INSERT INTO vaccination_dosegiven (reservation_id, clinic_id, vaccine_id, lot_id,"
            " dose_number, site, identity, vaccinator, given_at, recorded_at, late_reason, by)"
            " SELECT 1000000 + n, 1, 1, 1000000 + n / 50, 1, '', '', '', now(), now(), '', ''"
            " FROM generate_series(1, 20000) AS n"
        )
        cursor.execute(
            "INSERT INTO vaccination_lot (id, clinic_id, vaccine_id, number, expires_on,"
            " doses_received, doses_given, doses_wasted, by)"
            " SELECT 1000000 + n, 1, 1, 'X' || n, now(), 0, 0, 0, ''"
            " FROM generate_series(1, 400) AS n"
        )
        cursor.execute("SET session_replication_role = origin")
        cursor.execute("ANALYZE vaccination_dosegiven, vaccination_lot")
    # Without the people and visits shown beside: of these tables there is a row or two here, and
    # the planner may begin with them.
    lots = lots_of(vaccine_id=scene.lot.vaccine_id, number=scene.lot.number, clinic_id=None)
    rows = DoseGiven.objects.filter(lot__in=lots).order_by("lot_id", "pk")

    with transaction.atomic(), connection.cursor() as cursor:
        # How full the table's pages are differs with the tests before; an index that can't be used
        # shows all the same.
        cursor.execute("SET LOCAL enable_seqscan = off")
        plan = rows.explain()

    assert "doses_by_lot" in plan, plan
    assert "Seq Scan on vaccination_dosegiven" not in plan


@pytest.fixture
def manager(client, scene):
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=scene.lot.clinic))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    return client


def sent(lot: Lot, **values) -> dict:
    return {
        "vaccine": lot.vaccine_id,
        "number": lot.number,
        "text_ko": "접종기관에 연락해 주십시오.",
        "text_en": "",
        **values,
    }


def test_a_manager_sees_who_got_it_and_recalls(manager, scene):
    find = {"vaccine": scene.lot.vaccine_id, "number": "bad"}
    preview = manager.get(ADD, find).content.decode()
    page = manager.post(ADD, sent(scene.lot), follow=True)
    row = Recall.objects.get()
    services.run_recall(row.pk)
    people = manager.get(f"/admin/vaccination/recall/{row.pk}/people/").content.decode()

    assert "People who got this lot: 2." in preview
    assert page["Refresh"] == "3"
    assert row.clinic == scene.lot.clinic
    for reservation in scene.people:
        assert reservation.person.name in people
    for reservation in [*scene.others, *scene.spared]:
        assert reservation.person.name not in people
    access = Access.objects.get(what="recall_people")
    assert set(access.people) == people_of(scene.people)


def test_the_authority_recalls_at_all_clinics(client, scene):
    client.force_login(StaffFactory(role=Role.AUTHORITY))

    client.post(ADD, sent(scene.lot))

    assert (Recall.objects.get().clinic, Recall.objects.get().people) == (None, 3)


@pytest.mark.parametrize(
    "values",
    [
        {"number": "NEVER"},
        {"number": "가"},
        {"vaccine": "0"},
        {"vaccine": "9" * 30},
        {"text_ko": ""},
        {"text_ko": "x" * 301},
        {"number": ""},
    ],
)
def test_bad_input_recalls_nothing(manager, scene, values):
    answer = manager.post(ADD, sent(scene.lot, **values))

    assert answer.status_code == 422
    assert not Recall.objects.exists()
    assert manager.get(ADD, values).status_code in (200, 422)


@pytest.mark.parametrize("role", [Role.CLINIC, Role.LOCAL, Role.OPERATOR, Role.AUDITOR])
def test_others_recall_nothing(client, scene, role):
    at = {"clinic": scene.lot.clinic} if role == Role.CLINIC else {"region": "서울특별시"}
    client.force_login(StaffFactory(role=role, **at))

    assert client.post(ADD, sent(scene.lot)).status_code == 403
    assert not Recall.objects.exists()


def test_another_clinic_does_not_see_the_people(client, scene):
    row = recall(scene.lot, clinic=scene.lot.clinic)
    client.force_login(StaffFactory(role=Role.MANAGER, clinic=ClinicFactory()))

    assert client.get(f"/admin/vaccination/recall/{row.pk}/people/").status_code == 404

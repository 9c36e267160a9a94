"""No hot statement reads more of a large table than its answer needs, whatever the plan is called.

Each statement of an act runs as the product runs it, those inside of functions too, and reports its
plan with the rows that each node touched (auto_explain).
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.finder import availability
from booking.finder.search import Search, find
from booking.models import Clinic, Reservation
from booking.services import reading, wishes
from booking.services.at_once import hold_in_session
from booking.services.confirmations import confirm_in_session
from booking.services.holds import hold_best_slots, take_back_holds
from booking.services.standings import IN_SESSION
from config import own_pages
from database.clock import database_now
from eligibility.facts import cohorts_in_force
from eligibility.models import Decision
from eligibility.services import decisions
from eligibility.sessions import EVERYTHING_FROM, Claim
from standing.hooks import facts_of
from tests.crowd import admit, open_slots
from tests.factories import PersonFactory, RoomFactory, VaccineFactory
from tests.roles import as_owner, past_triggers
from waiting_room.models import Admission, Line, Room
from waiting_room.services.entering import (
    ENTER,
    admission_in_session,
    called_in_session,
    entry,
)
from waiting_room.services.joining import TICKET_IDS_SQL, parameters
from waiting_room.services.people_before import waiting_before
from waiting_room.services.ticking import tick_room

pytestmark = pytest.mark.django_db

PEOPLE, CLINICS, SLOTS_EACH = 1_000, 100, 20
# Rows that one node may touch: more than any answer has, less than any of these tables.
MOST = 200
LARGE = {
    "eligibility_person", "eligibility_decision", "waiting_room_ticket", "waiting_room_admission",
    "booking_slot", "booking_reservation", "messaging_message",
}  # fmt: skip
# Confirmed reservations of people and admissions that are only numbers, and their messages.
RESERVATIONS = """
INSERT INTO booking_reservation (number, person_id, slot_id, dose, status, extensions, key,
    origin, admission_id, by, created_at, confirmed_at, changed_at, language, channel)
SELECT 'B' || slot.id, 1000000000 + slot.id, slot.id, 1, 'confirmed', 0,
    gen_random_uuid(), 'line', slot.id, 'citizen', now(), now(), now(), 'ko', 'sms'
FROM booking_slot AS slot
"""
MESSAGES = """
INSERT INTO messaging_message (key, kind, channel, person_id, status, tries, problem, created_at)
SELECT 'confirmed:' || number, 'confirmed', 'sms', person_id, 'unwritten', 0, '', now()
FROM booking_reservation
"""


@pytest.fixture
def filled() -> list[Admission]:
    """Tables of some thousand rows, with statistics; the admissions that live."""
    open_slots(CLINICS * SLOTS_EACH, capacity=9, per_clinic=SLOTS_EACH)
    # Ten clinics in each district.
    Clinic.objects.update(district=F("pk") / 10)
    with past_triggers() as cursor:
        cursor.execute(RESERVATIONS)
        cursor.execute(MESSAGES)
    for room in (RoomFactory(), RoomFactory()):
        admissions = admit(room, PEOPLE)
    live = [admission.pk for admission in admissions[:20]]
    # Those of before, of which a tick counts none.
    then = timezone.now() - timedelta(hours=3)
    Admission.objects.exclude(pk__in=live).update(
        called_at=then, entered_at=then, ended_at=then + timedelta(minutes=5), ending="booked"
    )
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return admissions[:20]


@pytest.fixture
def touched() -> Iterator[Callable[..., Counter[str]]]:
    """Calls an act; answers how many rows of each large table one node touched at most."""
    raw: Any = connection.connection
    plans: list[str] = []

    def note(diagnostic: Any) -> None:
        plans.append(diagnostic.message_primary)

    def of(act: Callable[[], Any]) -> Counter[str]:
        plans.clear()
        act()
        most: Counter[str] = Counter()
        for plan in plans:
            for node in nodes_of(json.loads(plan[plan.index("{") :])["Plan"]):
                table = node.get("Relation Name")
                if table in LARGE:
                    most[table] = max(most[table], rows_of(node))
        return most

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("LOAD 'auto_explain'")
        for name, value in {
            "log_min_duration": "0", "log_analyze": "on", "log_nested_statements": "on",
            "log_format": "json", "log_level": "notice", "log_timing": "off",
        }.items():  # fmt: skip
            cursor.execute(f"SET LOCAL auto_explain.{name} = '{value}'")
        cursor.execute("SET LOCAL client_min_messages = notice")
    raw.add_notice_handler(note)
    yield of
    raw.remove_notice_handler(note)


def nodes_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from nodes_of(child)


def rows_of(node: dict[str, Any]) -> int:
    """Rows that a node read, those that a filter removed included, over all its loops."""
    removed = sum(count for name, count in node.items() if name.startswith("Rows Removed"))
    return round((node["Actual Rows"] + removed) * node["Actual Loops"])


def test_no_hot_statement_reads_much_of_a_large_table(filled, touched):
    admission, other, third = filled[:3]
    person, room = admission.ticket.person_id, Room.objects.get(pk=admission.room_id)
    now = database_now()
    claim = Claim(person, now)
    clinic = Clinic.objects.order_by("pk").last()
    slots = list(clinic.slots.order_by("pk").values_list("pk", flat=True))
    double = open_slots(50, capacity=9, vaccine=VaccineFactory(double=True), per_clinic=50)[0]
    newcomers = [PersonFactory().pk for _person in range(3)]
    undecided = PersonFactory()
    found = decisions.decide_at_once(undecided, cohorts_in_force(now), now)
    assert found
    decided = decisions.inserting(undecided, found[1], now)
    for _tick in range(3):  # until all who came before are in the log
        tick_room(room.pk)
    availability.directory()
    was_inside = Admission.objects.filter(room=room, ended_at__isnull=False).order_by("pk")[:3]
    places = {each.ticket_id: each.place for each in was_inside}
    Line.objects.filter(pk=room.pk).update(serving=max(places.values()))

    def hold(slot_id: int, of: Admission) -> None:
        hold_best_slots(person_id=of.ticket.person_id, slot_id=slot_id, admission_id=of.pk)

    def confirm() -> None:
        held = Reservation.objects.get(person=person, status=ReservationStatus.HELD)
        _session, [confirmed] = confirm_in_session(claim=claim, key=held.key)
        assert confirmed.pk

    def run(sql: str, values: dict[str, Any]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql, values)

    def join() -> None:
        with connection.cursor() as cursor:
            cursor.execute(TICKET_IDS_SQL, parameters(room.pk, newcomers))

    acts: dict[str, Callable[[], Any]] = {
        "admission": lambda: admission_in_session(claim),
        "course": lambda: wishes.with_course(person, EVERYTHING_FROM),
        # As the event loop asks.
        "list": lambda: run(*wishes.reading_inside(claim)),
        "find": lambda: find(Search(region="서울특별시", district=clinic.district)),
        "hold": lambda: hold(slots[0], admission),
        "hold of two": lambda: hold(double.pk, other),
        "hold of two at once": lambda: run(
            *hold_in_session(Claim(third.ticket.person_id, database_now()), double.pk, doses=2)
        ),
        "held again": lambda: hold(slots[1], admission),
        "held": lambda: reading.in_session(claim, held=True),
        "confirm": confirm,
        "receipt": lambda: reading.in_session(claim),
        "join": join,
        "called": lambda: run(*called_in_session(claim, admission.ticket_id)),
        "enter": lambda: run(ENTER, entry(room.pk, places)),
        "standing": lambda: facts_of(person, EVERYTHING_FROM),
        "home": lambda: run(IN_SESSION, claim.values),
        "eligibility": lambda: run(own_pages.ELIGIBILITY, claim.values),
        "decisions": lambda: run(decisions.INSERT, decided),
        "place": lambda: run(own_pages.TICKET, claim.values | {"ticket": admission.ticket_id}),
        "before": lambda: waiting_before(person_id=person, cohorts=[room.cohort_id]),
        "lapsed": take_back_holds,
        "tick": lambda: tick_room(room.pk),
    }
    read = {name: touched(act) for name, act in acts.items()}

    assert all(read[name] for name in ("admission", "find", "hold", "list", "confirm", "join"))
    assert Decision.objects.filter(person=undecided).count() == len(found[1])
    assert Admission.objects.filter(ticket__in=places, ended_at=None).count() == len(places)
    assert {
        f"{name}: {table}": rows
        for name, tables in read.items()
        for table, rows in tables.items()
        if rows > MOST
    } == {}


def test_a_statement_that_reads_all_is_seen(filled, touched):
    assert touched(lambda: Reservation.objects.filter(by="nobody").first()) == {
        "booking_reservation": CLINICS * SLOTS_EACH
    }

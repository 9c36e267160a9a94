"""What a person's event line tells, from what the services recorded."""

import ast
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import translation
from django.utils.timezone import localtime

from booking.enums import EntryStatus, OfferStatus, ReservationStatus
from booking.history import TEXTS
from booking.models import Clinic
from booking.services.changes import cancel_reservation, change_reservation, undo_cancel
from booking.services.outside_doses import record_outside_dose, withdraw_outside_dose
from booking.services.visits import mark_arrived, mark_vaccinated, undo_mark
from eligibility.enums import ReviewStatus
from events.kinds import KINDS
from events.models import RecordedEvent
from events.services import record, statement, story_of, update_and_record
from events.sources import SOURCES, Source, register
from messaging.enums import MessageStatus
from messaging.hooks import names
from messaging.models import Message
from messaging.services import send_waiting
from staff.actors import CITIZEN, actor_of
from tests.events import evening
from tests.factories import PersonFactory, SlotFactory, StaffFactory, TicketFactory
from tests.roles import as_owner
from waiting_room.enums import Act, Ending
from waiting_room.models import Ticket
from waiting_room.services import joining

pytestmark = pytest.mark.django_db


def told(person) -> list[str]:
    return [f"{localtime(event.at):%H:%M:%S} {event.sentence}" for event in story_of(person.pk)]


def kinds(person) -> list[str]:
    return [event.kind for event in story_of(person.pk)]


EVENING = {
    "en": [
        "19:57:30 a sign-in code was asked for with this phone: Sent",
        "19:58:00 verified by a code to the phone",
        "19:58:00 eligible for The fifties, from Wed 14 Apr, 20:00 to Wed 21 Apr, 19:30",
        "20:00:03 joined the line as number 6,123 (The fifties)",
        "20:48:00 called: number 6,123",
        "20:48:02 message handed over: it is your turn (Text message)",
        "20:49:00 away: had not entered a minute after the call; the turn stays theirs",
        "20:51:00 entered the booking pages",
        "20:51:20 chose dose 1, Fri 16 Apr, 10:00, CLINIC; kept until 21:01:20",
        "21:01:20 the hold ran out unconfirmed: dose 1, Fri 16 Apr, 10:00, CLINIC",
    ],
    "ko": [
        "19:57:30 이 전화로 인증번호를 요청하셨습니다: 보냄",
        "19:58:00 본인확인을 하셨습니다 (휴대전화 인증번호)",
        "19:58:00 50대 예약 대상으로 확인되었습니다. "
        "4월 14일(수) 오후 8:00부터 4월 21일(수) 오후 7:30까지",
        "20:00:03 6,123번으로 줄에 서셨습니다 (50대)",
        "20:48:00 6,123번을 불렀습니다",
        "20:48:02 메시지를 보냈고 통신사에 전달되었습니다: 차례가 됨 (문자)",
        "20:49:00 자리에 안 계셨습니다: 부른 뒤 1분 동안 들어오지 않으셨고, 차례는 그대로입니다",
        "20:51:00 예약 화면에 들어오셨습니다",
        "20:51:20 1차 4월 16일(금) 오전 10:00, CLINIC 시간을 고르셨습니다. "
        "21:01:20까지 잡아 두었습니다",
        "21:01:20 확정하지 않으셔서 잡아 둔 자리가 풀렸습니다: 1차 4월 16일(금) 오전 10:00, CLINIC",
    ],
}


@pytest.mark.parametrize("language", ["ko", "en"])
def test_the_evening_reads_as_it_was(language):
    person = evening.play()
    clinic = Clinic.objects.get().name

    with translation.override(language):
        story = told(person)

    assert [line.replace(clinic, "CLINIC") for line in story] == EVENING[language]


def test_what_has_ended_is_never_rewritten():
    record(kind="left_line", person_id=1, actor=CITIZEN)

    for change in [
        "UPDATE events_recordedevent SET kind = 'joined'",
        "DELETE FROM events_recordedevent",
    ]:
        refused = pytest.raises(DatabaseError, match="Cannot update or delete")
        with as_owner(), refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(change)

    assert [event.kind for event in story_of(1)] == ["left_line"]


def test_an_event_is_recorded_with_its_change_or_not_at_all(django_assert_num_queries):
    ticket = TicketFactory()

    with django_assert_num_queries(2):  # the second reads the time
        joining.leave_line(ticket=ticket)
    joining.leave_line(ticket=ticket)
    with django_assert_num_queries(2):
        joining.issue_ticket(room=ticket.room, person_id=ticket.person_id)

    assert kinds(ticket.person) == ["eligible", "joined", "left_line", "returned_to_line"]
    event = RecordedEvent(kind="left_line", person_id=1, actor=CITIZEN)
    assert update_and_record(Ticket.objects.filter(pk=uuid4()), {"left_at": None}, event) == 0
    assert story_of(1) == []


def test_a_story_is_three_statements(django_assert_num_queries):
    person = evening.play()
    evening.book(person)

    with django_assert_num_queries(3):
        story = story_of(person.pk)

    assert len(story) > 10


def test_all_that_happens_to_an_appointment_is_told(clock):
    person = evening.play()
    reservation = evening.book(person)
    by = actor_of(StaffFactory())
    slot = reservation.slot
    later = SlotFactory(
        clinic=slot.clinic, vaccine=slot.vaccine, starts_at=slot.starts_at + timedelta(hours=1)
    )
    for act in [
        lambda: change_reservation(reservation=reservation, slot_id=later.pk, by=CITIZEN),
        lambda: cancel_reservation(reservation=reservation, by=by),
        lambda: undo_cancel(reservation=reservation, by=by),
        send_waiting,
    ]:
        clock.forward(minutes=1)
        act()
    clock.move_to(later.starts_at)
    for act in [mark_arrived, mark_vaccinated, undo_mark]:
        clock.forward(minutes=1)
        act(reservation=reservation, by=by)

    story = [
        event
        for event in story_of(person.pk)
        if event.reservation_id == reservation.pk and event.kind in TEXTS
    ]

    assert [(event.kind, event.actor) for event in story] == [
        ("held", CITIZEN),
        ("confirmed", CITIZEN),
        ("moved", CITIZEN),
        ("cancelled", by),
        ("cancellation_undone", by),
        ("arrived", by),
        ("vaccinated", by),
        ("vaccination_undone", by),
    ]
    moved = story[2].parameters
    assert (moved["old_clinic"], moved["clinic"]) == (slot.clinic.name, slot.clinic.name)
    assert {"message_sent"} <= set(kinds(person))


def test_a_dose_given_elsewhere_is_told_until_it_is_withdrawn(clock):
    person = PersonFactory()
    by = actor_of(StaffFactory())
    slot = SlotFactory()
    outside_dose, _cancelled = record_outside_dose(
        person_id=person.pk, vaccine=slot.vaccine, dose=1, given_on=clock.now().date(), by=by
    )
    withdraw_outside_dose(outside_dose=outside_dose, by=by)

    assert kinds(person) == ["outside_dose_insert", "outside_dose_delete"]


def test_every_status_ending_and_act_has_a_sentence():
    expected = {
        *(f"message_{status}" for status in MessageStatus),
        *(f"admission_{ending}" for ending in Ending),
        *(f"review_{status}" for status in ReviewStatus),
        *(f"correction_{status}" for status in ReviewStatus),
        *(f"list_{status}" for status in (EntryStatus.FULFILLED, EntryStatus.ENDED)),
        *(f"offer_{status}" for status in OfferStatus if status != OfferStatus.OPEN),
        *(status for status in ReservationStatus),
        *TEXTS,
        *(f"line_{act}d" for act in (Act.PAUSE, Act.RESUME, Act.CLOSE)),
    }

    assert expected - KINDS.keys() == set()


def kinds_of_messages() -> set[str]:
    """The `kind` of every message that the product writes."""
    found = set()
    for app in ["booking", "eligibility", "queue", "staff", "messaging", "vaccination"]:
        for path in Path(settings.BASE_DIR / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call):
                    continue
                function = getattr(node.func, "id", getattr(node.func, "attr", ""))
                if function in ("write_message", "new_message", "notify"):
                    found |= {
                        keyword.value.value
                        for keyword in node.keywords
                        if keyword.arg == "kind" and isinstance(keyword.value, ast.Constant)
                    }
    return found


def test_every_kind_of_message_has_a_name():
    written = kinds_of_messages()
    # Written by SQL, or by a name that is worked out.
    written |= {"reminder", "confirmed", "called", "soon"}

    assert {"code", "changed", "review"} <= written
    assert written - names.keys() == set()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_each_sentence_is_said_in_both_languages(language):
    with translation.override(language):
        sentences = {code: str(kind.sentence) for code, kind in KINDS.items()}

    assert all(sentences.values())
    if language == "ko":
        untranslated = [code for code, text in sentences.items() if text.isascii()]
        assert untranslated == []


def test_a_kind_belongs_to_one_source():
    taken = SOURCES["booking"].kinds[0]

    with pytest.raises(ValueError, match=taken.code):
        register(Source("another", [taken]))

    assert "another" not in SOURCES


def test_a_kind_that_no_app_knows_any_more_is_told_by_its_code():
    record(kind="of_an_older_release", person_id=7, actor=CITIZEN)

    assert [event.sentence for event in story_of(7)] == ["of_an_older_release"]


def test_messages_not_due_yet_are_not_told(clock):
    person = PersonFactory()
    Message.objects.create(
        key="a", kind="reminder", channel="sms", person_id=person.pk, status="unwritten",
        not_before=clock.now() + timedelta(days=1),
    )  # fmt: skip

    assert kinds(person) == []


def test_no_source_scans_a_table():
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement()}", {"person": 1})
        plan = "\n".join(row[0] for row in cursor.fetchall())

    scanned = [line.strip() for line in plan.splitlines() if "Seq Scan" in line]
    assert scanned == []

"""Rooms and the operator's acts. Each act is recorded as a Step, with its actor."""

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.translation import gettext as _

from database.clock import database_now
from eligibility.enums import Order
from eligibility.models import Cohort
from staff.actors import SYSTEM
from waiting_room import beacon
from waiting_room.draw import commitment
from waiting_room.enums import Act, DrawSource, RoomStatus
from waiting_room.exceptions import CantChange
from waiting_room.locks import tick_lock
from waiting_room.models import Board, DrawOfficer, Line, OperatorAct, Room, Step
from waiting_room.public_log import microseconds
from waiting_room.services.log_keys import origin_of, signers_of
from waiting_room.tlog.witnessing import parse_witnesses

# Joining begins this long before the opening, unless the room sets another time.
GATHERING = timedelta(hours=24)
# The first format of the log whose plans say from when people can join.
WITH_JOINING = 3


def open_rooms() -> list[Room]:
    """Create a room for each cohort without one."""
    return [open_room(cohort=cohort) for cohort in Cohort.objects.filter(room=None)]


@transaction.atomic
def open_room(*, cohort: Cohort, joins_from: datetime | None = None, **values: Any) -> Room:
    """The room of a cohort, created if there is none; `values` are fields of a new room."""
    # Serializes two creators: the second waits here and finds the room.
    Cohort.objects.select_for_update().get(pk=cohort.pk)
    room = Room.objects.filter(cohort=cohort).first()
    if room:
        return room
    secret = secrets.token_bytes(32)
    room = Room.objects.create(
        cohort=cohort,
        joins_from=joins_from or cohort.opens_at - GATHERING,
        draw_secret=secret.hex(),
        draw_commitment=commitment(secret),
        **{
            "draw_source": settings.DRAW_SOURCE,
            "draw_after": settings.DRAW_AFTER,
            **_witnesses_of_the_settings(),
            **values,
        },
    )
    Line.objects.create(room=room, max_active=room.max_active)
    Board.objects.create(room=room)
    with connection.cursor() as cursor:
        cursor.execute("SELECT waiting_room_make_entries(%s)", [room.pk])
    begun = {"commitment": room.draw_commitment, "by": "portal", "format": room.log_format}
    record(room, Act.COMMIT, details=begun)
    note_keys(room)
    note_plan(room)
    record(room, Act.PACE, details=_pace(room))
    return room


def _witnesses_of_the_settings() -> dict[str, Any]:
    return {
        "witnesses": "\n".join(str(witness) for witness in settings.WITNESSES),
        "quorum": settings.WITNESS_QUORUM,
        "witness_minutes": settings.WITNESS_MINUTES,
    }


def note_keys(room: Room) -> None:
    """Log which keys sign the log, whenever they change."""
    keys = "\n".join(str(signer.verifier) for signer in signers_of(room.cohort.code))
    if keys != room.log_keys and room.status != RoomStatus.CLOSED:
        room.log_keys = keys
        room.save(update_fields=["log_keys"])
        record(room, Act.KEYS, details={"keys": keys})


def note_plan(room: Room) -> None:
    """Record opening, rule of the order and witnesses as a PLAN step, if they have changed.

    The witnesses follow the settings until joining begins.
    """
    configured = _witnesses_of_the_settings()
    if room.witnesses != configured["witnesses"] and _is_plan_open(room):
        for name, value in configured.items():
            setattr(room, name, value)
        room.save(update_fields=list(configured))
    if not is_as_planned(room):
        record(room, Act.PLAN, details=_plan(room))


def is_as_planned(room: Room) -> bool:
    """Whether opening and rule are those of the last PLAN step."""
    last_plan = room.steps.filter(act=Act.PLAN).order_by("pk").last()
    return last_plan is not None and last_plan.details == _plan(room)


def _plan(room: Room) -> dict[str, str | int]:
    """Details of a PLAN step, as docs/line-log.md specifies them."""
    plan: dict[str, str | int] = {
        "opens_at": microseconds(room.cohort.opens_at),
        "order": str(room.cohort.order),
    }
    if room.log_format >= WITH_JOINING:
        plan["joins_from"] = microseconds(room.joinable_from)
    if room.cohort.order == Order.DRAW:
        plan |= {"source": str(room.draw_source), "after": room.draw_after}
        if room.draw_source == DrawSource.DRAND:
            plan["chain"] = beacon.QUICKNET
        if room.draw_source == DrawSource.OFFICERS:
            plan["officers"] = room.officers.count()
        if room.draw_statement:
            plan["statement"] = room.draw_statement
    if room.witnesses:
        plan |= {
            "log": origin_of(room.cohort.code),
            "witnesses": "\n".join(
                f"{witness.name} {witness.verifier}" for witness in parse_witnesses(room.witnesses)
            ),
            "quorum": room.quorum,
            "wait": 60 * room.witness_minutes,
        }
    return plan


def record(
    room: Room,
    act: Act,
    *,
    first: int | None = None,
    last: int | None = None,
    details: dict[str, Any] | None = None,
    by: str = SYSTEM,
    at: datetime | None = None,
) -> Step:
    """Write a step; the caller holds the room's TICK lock, which keeps steps in order."""
    return Step.objects.create(
        room=room,
        at=at or database_now(),
        act=act,
        first=first,
        last=last,
        details=details or {},
        by=by,
    )


@dataclass(frozen=True)
class Note:
    """What is kept of an operator's act beside the public step."""

    reason: str = ""
    batch: UUID | None = None  # of acts on several rooms
    undoes: int | None = None  # the step of the act that this one takes back


NO_NOTE = Note()


def settings_of(room: Room) -> dict[str, Any]:
    """What operators' acts change, as OperatorAct keeps it."""
    return {
        "status": str(room.status),
        "message_ko": room.pause_message_ko,
        "message_en": room.pause_message_en,
        **_pace(room),
    }


def _note_act(room: Room, step: Step, before: dict[str, Any], note: Note) -> None:
    OperatorAct.objects.create(
        step=step,
        room=room,
        before=before,
        after=settings_of(room),
        reason=note.reason,
        batch=note.batch,
        undoes_id=note.undoes,
    )


def _locked(room: Room) -> Room:
    tick_lock(room.pk)
    return Room.objects.select_related("cohort").get(pk=room.pk)


@transaction.atomic
def pause_room(
    *, room: Room, message_ko: str = "", message_en: str = "", by: str, note: Note = NO_NOTE
) -> Room:
    """Stop calling until resumed; people may join, and enter if called. CantChange if closed."""
    room = _locked(room)
    if room.status == RoomStatus.CLOSED:
        raise CantChange(_("This room is closed."))
    same = (room.pause_message_ko, room.pause_message_en) == (message_ko, message_en)
    if room.status == RoomStatus.PAUSED and same:
        return room
    before = settings_of(room)
    room.status = RoomStatus.PAUSED
    room.pause_message_ko, room.pause_message_en = message_ko, message_en
    room.save(update_fields=["status", "pause_message_ko", "pause_message_en"])
    step = record(room, Act.PAUSE, details={"ko": message_ko, "en": message_en}, by=by)
    _note_act(room, step, before, note)
    return room


@transaction.atomic
def resume_room(*, room: Room, by: str, note: Note = NO_NOTE) -> Room:
    """Continue calling; a running room is left as it is. CantChange if closed."""
    room = _locked(room)
    if room.status == RoomStatus.CLOSED:
        raise CantChange(_("A closed room can't be opened again: its people were told so."))
    if room.status == RoomStatus.RUNNING:
        return room
    before = settings_of(room)
    room.status = RoomStatus.RUNNING
    room.pause_message_ko = room.pause_message_en = ""
    room.save(update_fields=["status", "pause_message_ko", "pause_message_en"])
    _note_act(room, record(room, Act.RESUME, by=by), before, note)
    return room


@transaction.atomic
def close_room(*, room: Room, by: str, note: Note = NO_NOTE) -> Room:
    """End the line finally: nobody can join or enter; live admissions may finish."""
    room = _locked(room)
    if room.status == RoomStatus.CLOSED:
        return room
    before = settings_of(room)
    room.status = RoomStatus.CLOSED
    room.save(update_fields=["status"])
    _note_act(room, record(room, Act.CLOSE, by=by), before, note)
    return room


@transaction.atomic
def set_pace(
    *, room: Room, max_active: int, max_per_minute: int, by: str, note: Note = NO_NOTE
) -> Room:
    """Set the limits of admissions at a time and of calls per minute.

    A lower `max_active` ends no admission: the line's bound decreases as people finish. Raises
    CantChange for numbers below 1 and for a closed room.
    """
    if max_active < 1 or max_per_minute < 1:
        raise CantChange(_("Both numbers must be at least 1. To call nobody, pause the room."))
    room = _locked(room)
    if room.status == RoomStatus.CLOSED:
        raise CantChange(_("This room is closed."))
    if (room.max_active, room.max_per_minute) == (max_active, max_per_minute):
        return room
    before = settings_of(room)
    room.max_active, room.max_per_minute = max_active, max_per_minute
    room.save(update_fields=["max_active", "max_per_minute"])
    Line.objects.filter(room=room).update(max_active=Greatest(max_active, F("active")))
    _note_act(room, record(room, Act.PACE, details=_pace(room), by=by), before, note)
    return room


def _pace(room: Room) -> dict[str, int]:
    return {"max_active": room.max_active, "max_per_minute": room.max_per_minute}


@transaction.atomic
def set_draw_plan(
    *, room: Room, source: str, statement: str = "", after: int | None = None, by: str
) -> Room:
    """Set source and rule of the draw's number.

    Raises CantChange once people may join, and for an unusable source.
    """
    room = _locked(room)
    _need_open_plan(room)
    if source == DrawSource.SAMPLE and not settings.SAMPLE_DRAWS:
        raise CantChange(_("A made-up number is for the sample campaign only."))
    statement = " ".join(statement.split())
    if source == DrawSource.STATED and not statement:
        raise CantChange(_("Write which public value counts, and when it is drawn."))
    room.draw_source, room.draw_statement = DrawSource(source), statement
    room.draw_after = room.draw_after if after is None else after
    room.save(update_fields=["draw_source", "draw_statement", "draw_after"])
    note_plan(room)
    return room


@transaction.atomic
def add_officer(*, room: Room, name: str, commitment: str, by: str) -> DrawOfficer:
    """Register an officer with a commitment (64 hexadecimal digits).

    Raises CantChange once people may join, and for an invalid or repeated name or commitment.
    """
    room = _locked(room)
    _need_open_plan(room)
    name, commitment = " ".join(name.split()), commitment.strip().lower()
    if not re.fullmatch(r"[^=\n]{1,40}", name):
        raise CantChange(_("Write a name of at most 40 letters, without “=”."))
    if not re.fullmatch(r"[0-9a-f]{64}", commitment):
        raise CantChange(_("A commitment is 64 digits 0 to 9 and a to f."))
    if DrawOfficer.objects.filter(room=room, name=name).exists():
        raise CantChange(_("This officer has committed already."))
    officer = DrawOfficer.objects.create(room=room, name=name, commitment=commitment)
    record(room, Act.COMMIT, details={"commitment": commitment, "by": name}, by=by)
    note_plan(room)
    return officer


@transaction.atomic
def set_witness_plan(*, room: Room, quorum: int, minutes: int, by: str) -> Room:
    """How many witnesses must have cosigned the closed list before anybody is called, and how long
    that is waited for; only before anybody may join. The witnesses are those of the settings."""
    room = _locked(room)
    _need_open_plan(room)
    count = len(settings.WITNESSES)
    if not 0 <= quorum <= count:
        raise CantChange(
            _("Write a number from 0 to %(count)s: so many witnesses are set up.")
            % {"count": count}
        )
    if not 1 <= minutes <= 60:
        raise CantChange(_("Wait from 1 to 60 minutes."))
    room.witnesses = _witnesses_of_the_settings()["witnesses"]
    room.quorum, room.witness_minutes = quorum, minutes
    room.save(update_fields=["witnesses", "quorum", "witness_minutes"])
    note_plan(room)
    return room


def _is_plan_open(room: Room) -> bool:
    return room.joinable_from > database_now() and not room.tickets.exists()


def _need_open_plan(room: Room) -> None:
    if room.status == RoomStatus.CLOSED:
        raise CantChange(_("This room is closed."))
    # `tickets` too: joins_from can be moved back after people have joined.
    if not _is_plan_open(room):
        raise CantChange(_("People may join already, so the plan of this line stands."))


@transaction.atomic
def set_joins_from(*, room: Room, at: datetime, by: str) -> Room:
    """Set when joining begins; CantChange for a time after the opening, or once the list is closed.

    Stands in the plan of the log before people join by it.
    """
    room = _locked(room)
    if room.frozen_at is not None:
        raise CantChange(_("The list is closed already."))
    if at > room.cohort.opens_at:
        raise CantChange(_("Joining must be possible before the doors open."))
    room.joins_from = at
    room.save(update_fields=["joins_from"])
    note_plan(room)
    return room


def report_booking(*, room: Room, left: int | None, booked: int | None) -> None:
    """Store booking's report for the room's pages: how many can still book, and how many have."""
    # exclude: an unchanged report must not rewrite the row, which holds the large document.
    board = Board.objects.filter(room=room)
    board.exclude(left=left, booked=booked).update(left=left, booked=booked)

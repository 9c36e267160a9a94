"""The tick: once a second, everything about the lines that nobody asks for by a request."""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q

from database.clock import Now, database_now
from eligibility.enums import Order
from waiting_room import health, pace
from waiting_room.enums import Act, RoomStatus
from waiting_room.locks import StillJoining, list_closed, try_tick_lock
from waiting_room.models import Admission, Board, DoorWait, Line, Room, Step
from waiting_room.now_document import Facts, document, write_file
from waiting_room.services.drawing import awaits_draw, hold_draw
from waiting_room.services.entering import PATIENCE_AT_THE_DOOR, count_inside, locked_line
from waiting_room.services.estimating import score_called, up_to_date
from waiting_room.services.log_files import write_log_files
from waiting_room.services.log_pages import PAGES_PER_TICK, Pages
from waiting_room.services.rooms import note_plan, open_rooms, record

log = logging.getLogger(__name__)

JOINS_PATIENCE_MS = 200
# How far back calls are looked at, for who is still expected and for how many come.
RECENT = timedelta(minutes=10)
TIME_TO_ANSWER = timedelta(minutes=2)


def tick_rooms() -> int:
    """Tick every room that is not over. Safe with any number of workers at once."""
    open_rooms()
    due = Room.objects.filter(
        Q(board__final=False) | (~Q(status=RoomStatus.CLOSED) & Q(cohort__closes_at__gt=Now()))
    )
    ticked = 0
    for room_id in list(due.order_by("pk").values_list("pk", flat=True)):
        try:
            ticked += tick_room(room_id)
        except Exception:
            # One room's trouble must not stop the others' lines.
            log.exception("room %s could not be ticked", room_id)
    return ticked


def tick_room(room_id: int) -> bool:
    """One tick of one room; False if another worker is at it. Ticking twice does no harm."""
    with transaction.atomic():
        if not try_tick_lock(room_id):
            return False
        room = Room.objects.select_related("cohort", "board").get(pk=room_id)
        facts = _settle(room)
        facts.calls = _recent_calls(room, facts.now)
        _move(facts)
        facts.estimates = up_to_date(facts)
        published = _publish(facts)
    try:
        write_file(room.cohort.code, published)
        write_log_files(room)
    except OSError:
        log.exception("the files of room %s can't be written for nginx", room_id)
    return True


def _settle(room: Room) -> Facts:
    """Bring the log up to date and, once, freeze the list."""
    if room.frozen_at is None:
        note_plan(room)
    pages = Pages(room)
    try:
        with list_closed(room.pk, patience_ms=JOINS_PATIENCE_MS):
            settled, now = _last_entry(room), database_now()
    except StillJoining:
        log.warning("room %s: joins took too long; its list is read by the next tick", room.pk)
        facts = Facts(room=room, now=database_now(), issued=_last_entry(room))
    else:
        freezing = room.frozen_at is None and now >= room.cohort.opens_at
        if awaits_draw(room):
            hold_draw(room, now)
        pages.append(settled=settled, now=now, most=None if freezing else PAGES_PER_TICK)
        if freezing:
            _freeze(room, settled, pages.root, now)
            # On a page of its own, which goes on from the root that is the digest. The number that
            # fixes the order comes only after this page is published.
            pages.append(settled=settled, now=now)
        facts = Facts(room=room, now=now, issued=settled)
    facts.log_size, facts.log_root, facts.logged = pages.size, pages.root, pages.last.upto
    return facts


def _last_entry(room: Room) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sequence_last_value(%s::regclass)", [room.entry_sequence])
        last: int | None = cursor.fetchone()[0]
        return last or 0


def _freeze(room: Room, settled: int, digest: str, now: datetime) -> None:
    """Close the list of the people who gathered; the draw follows in a later tick.

    Every number up to `settled` was given and committed while the list was closed, and the
    digest covers them all; a join since then has a higher number, so it changes neither.
    """
    room.frozen_at, room.frozen_count = now, 0
    if room.cohort.order == Order.DRAW:
        room.frozen_count, room.list_digest = settled, digest
        record(room, Act.FREEZE, details={"count": settled, "digest": digest}, at=now)
    else:
        room.drawn_at = now  # places are entry numbers: nothing is left to draw
    room.save(update_fields=["frozen_at", "frozen_count", "list_digest", "drawn_at"])


def _recent_calls(room: Room, now: datetime) -> list[Step]:
    return list(room.steps.filter(act=Act.CALL, at__gt=now - RECENT).order_by("pk"))


def _move(facts: Facts) -> None:
    """Count who is inside and call as many more as the room takes."""
    room, now = facts.room, facts.now
    show_up, delay = _show_up(facts), _typical_delay(facts)
    ages = [((now - step.at).total_seconds(), step.people) for step in facts.calls]
    at_door = DoorWait.objects.filter(room=room, at__gt=now - PATIENCE_AT_THE_DOOR).count()
    latency, error_rate = health.lately()

    # The last lock, held for as short as can be: people enter by it.
    line, clock = locked_line(room.pk)
    count_inside(line, clock)
    facts.serving, facts.active, facts.at_door = line.serving, line.active, at_door
    if room.drawn_at is None or room.has_ended(now):
        facts.reasons = []
        Line.objects.filter(pk=line.pk).update(ticked_at=now)
        return
    decision = pace.decide(
        pace.Situation(
            # Nobody is called who does not stand in the log yet.
            waiting=max(0, facts.logged - line.serving),
            max_active=room.max_active,
            active=line.active,
            max_per_minute=room.max_per_minute,
            at_door=at_door,
            expected=pace.still_expected(ages, show_up=show_up, typical_delay=delay),
            show_up=show_up,
            pace=line.pace,
            credit=line.credit,
            elapsed=(now - line.ticked_at).total_seconds() if line.ticked_at else 1.0,
            latency=latency,
            error_rate=error_rate,
            paused=room.status == RoomStatus.PAUSED,
        )
    )
    first, line.serving = line.serving + 1, line.serving + decision.advance
    facts.serving = line.serving
    line.pace, line.credit, line.ticked_at = decision.pace, decision.credit, now
    line.save(update_fields=["serving", "pace", "credit", "ticked_at"])
    facts.reasons = [asdict(reason) for reason in decision.reasons]
    if decision.advance:
        facts.calls.append(record(room, Act.CALL, first=first, last=line.serving, at=now))
        score_called(room, serving=line.serving, now=now)


def _show_up(facts: Facts) -> float:
    answered = [step for step in facts.calls if step.at <= facts.now - TIME_TO_ANSWER]
    if not answered:
        return pace.show_up_rate(called=0, came=0)
    # A call has both places.
    first, last = answered[0].first or 0, answered[-1].last or 0
    came = (
        Admission.objects.filter(room=facts.room, place__range=(first, last))
        .values("place")
        .distinct()
        .count()
    )
    return pace.show_up_rate(called=last - first + 1, came=came)


def _typical_delay(facts: Facts) -> float:
    """Seconds from the call to entering, of those who came lately and had not been away.

    Whoever comes back after hours says nothing of how soon those called now will come.
    """
    lately = (
        Admission.objects.filter(
            room=facts.room,
            entered_at__gt=facts.now - RECENT,
            entered_at__lte=F("called_at") + TIME_TO_ANSWER,
        )
        .order_by("-entered_at")
        .values_list("called_at", "entered_at")[:200]
    )
    delays = [(entered - called).total_seconds() for called, entered in lately if called]
    return max(sum(delays) / len(delays), 2.0) if delays else 15.0


def _publish(facts: Facts) -> dict[str, Any]:
    published = document(facts)
    final = facts.room.has_ended(facts.now) and not facts.active
    Board.objects.filter(room=facts.room).update(
        document=published, reasons=facts.reasons, estimates=facts.estimates, final=final
    )
    return published

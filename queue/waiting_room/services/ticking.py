"""The tick: each second, for each room, the log, the draw, the next call and the publication."""

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
from waiting_room.now_document import TickFacts, document, write_file
from waiting_room.services.drawing import awaits_draw, hold_draw
from waiting_room.services.entering import PATIENCE_AT_THE_DOOR, count_inside, locked_line
from waiting_room.services.estimating import current_estimates, score_called
from waiting_room.services.evening import WITH_TOTALS, has_totals, record_counts
from waiting_room.services.log_files import write_log_files
from waiting_room.services.log_pages import PAGES_PER_TICK, RoomLog
from waiting_room.services.minutes import record_minute
from waiting_room.services.rooms import note_keys, note_plan, open_rooms, record
from waiting_room.services.witnessed import count_of_closed_list, settle_witnesses

log = logging.getLogger(__name__)

JOINS_PATIENCE_MS = 200
# Calls of this period decide how many people are still expected and what share comes.
RECENT = timedelta(minutes=10)
# Calls younger than this do not count for the share: people may still be on their way.
TIME_TO_ANSWER = timedelta(minutes=2)


def tick_rooms() -> int:
    """Tick all rooms that are not final; returns how many. Safe with any number of workers."""
    open_rooms()
    due = Room.objects.filter(
        Q(board__final=False) | (~Q(status=RoomStatus.CLOSED) & Q(cohort__closes_at__gt=Now()))
    )
    ticked = 0
    for room_id in list(due.order_by("pk").values_list("pk", flat=True)):
        try:
            ticked += tick_room(room_id)
        except Exception:
            # A failure in one room must not stop the other lines.
            log.exception("room %s could not be ticked", room_id)
    return ticked


def tick_room(room_id: int) -> bool:
    """One tick of one room; False if another worker is ticking it. Ticking twice is harmless."""
    with transaction.atomic():
        if not try_tick_lock(room_id):
            return False
        room = Room.objects.select_related("cohort", "board").get(pk=room_id)
        facts = _settle(room)
        facts.calls = _recent_calls(room, facts.now)
        _move(facts)
        facts.estimates = current_estimates(facts)
        facts.counted = record_counts(facts)
        is_final = _is_final(facts)
        facts.minute = record_minute(facts, is_last=is_final)
        published = _publish(facts, is_final=is_final)
    try:
        write_file(room.cohort.code, published)
        write_log_files(room, facts.now)
    except OSError:
        log.exception("the files of room %s can't be written for nginx", room_id)
    return True


def _settle(room: Room) -> TickFacts:
    """Append to the log; at the opening freeze the list, and later hold the draw."""
    closed = room.status == RoomStatus.CLOSED
    note_keys(room)
    if room.frozen_at is None and not closed:
        note_plan(room)
    room_log = RoomLog(room)
    try:
        # With the list closed, all entry numbers up to the last are committed: none can turn up
        # later below a number that is in the log.
        with list_closed(room.pk, patience_ms=JOINS_PATIENCE_MS):
            settled, now = _last_entry(room), database_now()
    except StillJoining:
        log.warning("room %s: joins took too long; its list is read by the next tick", room.pk)
        facts = TickFacts(room=room, now=database_now(), issued=_last_entry(room))
    else:
        # Nothing follows the operator's closing but the log of it.
        freezing = room.frozen_at is None and not closed and now >= room.cohort.opens_at
        settle_witnesses(room, now)
        if awaits_draw(room) and not room.awaits_witnesses:
            hold_draw(room, now)
        room_log.append(settled=settled, now=now, most=None if freezing else PAGES_PER_TICK)
        if freezing:
            _freeze(room, settled, room_log, now)
            # The FREEZE step is a page of its own, after the root that is the digest. The draw's
            # number comes only after this page is published.
            room_log.append(settled=settled, now=now)
        facts = TickFacts(room=room, now=now, issued=settled)
    facts.witnessed = count_of_closed_list(room) if room.awaits_witnesses else None
    facts.log_size, facts.log_root, facts.logged = (
        room_log.size,
        room_log.root,
        room_log.last.upto,
    )
    return facts


def _last_entry(room: Room) -> int:
    """The last entry number given out; 0 before the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sequence_last_value(%s::regclass)", [room.entry_sequence])
        last: int | None = cursor.fetchone()[0]
        return last or 0


def _freeze(room: Room, settled: int, room_log: RoomLog, now: datetime) -> None:
    """Freeze the list of those who joined before the opening; the draw follows in a later tick.

    All numbers up to `settled` were committed while the list was closed, and the digest covers
    them. Joins since then have higher numbers and change neither.
    """
    room.frozen_at, room.frozen_count, room.closed_size = now, 0, room_log.size
    if room.cohort.order == Order.DRAW:
        room.frozen_count, room.list_digest = settled, room_log.root
        room.closed_size += 1  # the page that holds the freeze itself
        record(room, Act.FREEZE, details={"count": settled, "digest": room_log.root}, at=now)
    else:
        room.drawn_at = now  # places are entry numbers: nothing is left to draw
    room.save(update_fields=["frozen_at", "frozen_count", "closed_size", "list_digest", "drawn_at"])


def _recent_calls(room: Room, now: datetime) -> list[Step]:
    return list(room.steps.filter(act=Act.CALL, at__gt=now - RECENT).order_by("pk"))


def _move(facts: TickFacts) -> None:
    """Count the live admissions and call as many places as pace.decide allows."""
    room, now = facts.room, facts.now
    show_up, delay = _show_up(facts), _typical_delay(facts)
    ages = [((now - step.at).total_seconds(), step.people) for step in facts.calls]
    at_door = DoorWait.objects.filter(room=room, at__gt=now - PATIENCE_AT_THE_DOOR).count()
    facts.latency, facts.error_rate = health.lately()

    # Taken last and held briefly, as each entry locks this row.
    line, clock = locked_line(room.pk)
    count_inside(line, clock)
    facts.serving, facts.active, facts.at_door = line.serving, line.active, at_door
    facts.entered, facts.ran_out = line.entered, line.ran_out
    elapsed = (now - line.ticked_at).total_seconds() if line.ticked_at else 1.0
    facts.pace, facts.missed = line.pace, max(0.0, elapsed - pace.CATCH_UP_SECONDS)
    if room.drawn_at is None or room.awaits_witnesses or room.has_ended(now):
        facts.reasons = _why_nobody_is_called(facts)
        Line.objects.filter(pk=line.pk).update(ticked_at=now)
        return
    decision = pace.decide(
        pace.LineState(
            # Only tickets that are in the public log are called.
            waiting=max(0, facts.logged - line.serving),
            max_active=room.max_active,
            active=line.active,
            max_per_minute=room.max_per_minute,
            at_door=at_door,
            expected=pace.still_expected(ages, show_up=show_up, typical_delay=delay),
            show_up=show_up,
            pace=line.pace,
            credit=line.credit,
            elapsed=elapsed,
            latency=facts.latency,
            error_rate=facts.error_rate,
            paused=room.status == RoomStatus.PAUSED,
        )
    )
    first, line.serving = line.serving + 1, line.serving + decision.advance
    facts.serving, facts.pace = line.serving, decision.pace
    line.pace, line.credit, line.ticked_at = decision.pace, decision.credit, now
    line.save(update_fields=["serving", "pace", "credit", "ticked_at"])
    facts.reasons = [asdict(reason) for reason in decision.reasons]
    if decision.advance:
        facts.calls.append(record(room, Act.CALL, first=first, last=line.serving, at=now))
        score_called(room, serving=line.serving, now=now)


def _why_nobody_is_called(facts: TickFacts) -> list[dict[str, Any]]:
    """The wait for the witnesses, if it is that; nothing before the opening and after the end."""
    until = facts.room.witnesses_until
    if until is None or facts.witnessed is None or facts.room.has_ended(facts.now):
        return []
    minutes = max(0, -((facts.now - until) // timedelta(minutes=1)))
    numbers = {"signed": facts.witnessed, "needed": facts.room.quorum, "minutes": minutes}
    return [{"code": "witnesses", "numbers": numbers}]


def _show_up(facts: TickFacts) -> float:
    """The share of people in recent calls who have come, among calls older than TIME_TO_ANSWER."""
    answered = [step for step in facts.calls if step.at <= facts.now - TIME_TO_ANSWER]
    if not answered:
        return pace.show_up_rate(called=0, came=0)
    # `or 0` is for the types: a call has both places.
    first, last = answered[0].first or 0, answered[-1].last or 0
    came = (
        Admission.objects.filter(room=facts.room, place__range=(first, last))
        .values("place")
        .distinct()
        .count()
    )
    return pace.show_up_rate(called=last - first + 1, came=came)


def _typical_delay(facts: TickFacts) -> float:
    """Mean seconds from call to entry of people who entered recently and came at once.

    People who come hours later tell nothing about how soon those called now will come.
    """
    recent = (
        Admission.objects.filter(
            room=facts.room,
            entered_at__gt=facts.now - RECENT,
            entered_at__lte=F("called_at") + TIME_TO_ANSWER,
        )
        .order_by("-entered_at")
        .values_list("called_at", "entered_at")[:200]
    )
    delays = [(entered - called).total_seconds() for called, entered in recent if called]
    return max(sum(delays) / len(delays), 2.0) if delays else 15.0


def _is_final(facts: TickFacts) -> bool:
    """Not before the last admission ends, as the operator's page shows people inside until then,
    and not before the totals are in the log (services.evening)."""
    room = facts.room
    if facts.active or not room.has_ended(facts.now):
        return False
    return room.log_format < WITH_TOTALS or has_totals(room)


def _publish(facts: TickFacts, *, is_final: bool) -> dict[str, Any]:
    published = document(facts)
    Board.objects.filter(room=facts.room).update(
        document=published,
        reasons=facts.reasons,
        estimates=facts.estimates,
        counted=facts.counted,
        minute=facts.minute,
        final=is_final,
    )
    return published

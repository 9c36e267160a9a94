"""What is known of a person, for the one decision where they stand (standing.rules)."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models import Model

from booking.enums import Origin, ReservationStatus
from booking.place_names import full_name
from eligibility.models import Cohort
from eligibility.sessions import SESSION, Claim, Session
from standing.facts import Appointment, LineFacts, PersonFacts
from waiting_room.line_facts import facts_of_room, facts_without_room
from waiting_room.models import Room
from waiting_room.services.entering import MOST_EXTENSIONS

ModelT = TypeVar("ModelT", bound=Model)
KEPT = [ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED, ReservationStatus.VACCINATED]
EXPECTED = [ReservationStatus.CONFIRMED, ReservationStatus.ARRIVED]

IN_SESSION = f"""
SELECT session.sees_from,
    CASE WHEN session.sees_from IS NOT NULL
    THEN booking_standing(session.person_id, session.sees_from)::text END
FROM {SESSION}
"""  # noqa: S608  (a constant)


def facts_of(person_id: int, sees_from: datetime) -> PersonFacts:
    """The facts of a person, in one statement; bookings made before `sees_from` are left out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT booking_standing(%s, %s)::text", [person_id, sees_from])
        return read_facts(cursor.fetchone()[0])


def in_session(claim: Claim) -> tuple[Session | None, PersonFacts | None]:
    """The session of a claim with the facts of its person, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute(IN_SESSION, claim.values)
        return read_in_session(claim, cursor.fetchone())


def read_in_session(claim: Claim, row: Sequence[Any]) -> tuple[Session | None, PersonFacts | None]:
    """What `in_session` returns, of the row of its statement."""
    sees_from, found = row
    session = claim.session(sees_from)
    return session, read_facts(found) if session else None


def read_facts(text: str) -> PersonFacts:
    """The facts in the JSON of booking_standing."""
    found = json.loads(text)
    now = datetime.fromisoformat(found["now"])
    rows = found["reservations"]
    live_rows = _of_status(rows, KEPT)
    doses = {row["dose"]: row["doses"] for row in found["outside"] + live_rows}
    holds = [row for row in rows if row["status"] == ReservationStatus.HELD]
    offer = next((row for row in holds if row["token"]), None)
    held = [row["held_until"] for row in holds if row["origin"] != Origin.OFFER]
    expected = sorted(_of_status(rows, EXPECTED), key=lambda row: row["starts_at"])
    given = [row["dose"] for row in found["outside"]]
    given += [row["dose"] for row in _of_status(rows, [ReservationStatus.VACCINATED])]
    at_home = any(row["at_home"] for row in live_rows if row["dose"] == 1)
    return PersonFacts(
        now=now,
        lines=[_line(row, now) for row in found["lines"]],
        held_until=_at(held[0]) if held else None,
        offer=offer["token"] if offer else "",
        offer_until=_at(offer["until"]) if offer else None,
        on_list=found["on_list"],
        booked=_appointment(expected[0]) if expected else None,
        cancelled=_cancelled(rows) if not doses else None,
        misses_second=1 in doses and 2 not in doses and doses[1] > 1 and not at_home,
        is_done=bool(given) and len(set(given)) >= max(doses.values()),
        done_number=live_rows[-1]["number"] if live_rows else "",
    )


def _of_status(rows: list[dict[str, Any]], statuses: Iterable[str]) -> list[dict[str, Any]]:
    return [row for row in rows if row["status"] in statuses]


def _cancelled(rows: list[dict[str, Any]]) -> Appointment | None:
    """The cancelled appointment, where no other reservation came after it; the first of two."""
    if not rows or rows[-1]["status"] != ReservationStatus.CANCELLED:
        return None
    cancelled = _of_status(rows, [ReservationStatus.CANCELLED])
    firsts = [row for row in cancelled if row["dose"] == 1]
    return _appointment((firsts or cancelled)[-1])


@dataclass(frozen=True)
class _Place:
    name: str
    name_en: str


def _appointment(row: dict[str, Any]) -> Appointment:
    starts_at = datetime.fromisoformat(row["starts_at"])
    return Appointment(
        number=row["number"],
        starts_at=starts_at,
        clinic=full_name(_Place(row["clinic"], row["clinic_en"])),
        changes_until=starts_at - timedelta(hours=row["cutoff_hours"]),
    )


def _line(row: dict[str, Any], now: datetime) -> LineFacts:
    cohort = _of_fields(
        Cohort,
        code=row["code"],
        name_ko=row["name_ko"],
        name_en=row["name_en"],
        opens_at=_at(row["opens_at"]),
        closes_at=_at(row["closes_at"]),
    )
    own = {
        "window_from": _at(row["window_from"]),
        "window_to": _at(row["window_to"]),
        "eligible": bool(row["eligible"]),
        "is_provisional": bool(row["provisional_ticket"] or row["provisional"]),
    }
    if row["status"] is None:
        return facts_without_room(cohort, now, **own)
    room = _of_fields(
        Room,
        status=row["status"],
        joins_from=_at(row["joins_from"]),
        frozen_at=_at(row["frozen_at"]),
        frozen_count=row["frozen_count"],
        seed=row["seed"],
        drawn_at=_at(row["drawn_at"]),
        quorum=row["quorum"],
        witnessed_at=_at(row["witnessed_at"]),
    )
    room.cohort = cohort
    place = room.place_of(row["entry"]) if row["ticket"] else None
    return facts_of_room(
        room,
        now,
        ticked_at=_at(row["ticked_at"]),
        ticket=row["ticket"] or "",
        ahead=None if place is None else max(0, place - row["serving"] - 1),
        has_left=row["left_at"] is not None,
        is_called=place is not None and place <= row["serving"],
        at_door=row["door_at"] is not None,
        inside_until=_at(row["expires_at"]),
        may_extend=row["extensions"] is not None and row["extensions"] < MOST_EXTENSIONS,
        alert_channel=row["channel"] or "",
        **own,
    )


def _of_fields(model: type[ModelT], **values: Any) -> ModelT:
    """An instance with these fields alone, named in the model's order: a whole one takes three
    times as long."""
    return model.from_db(DEFAULT_DB_ALIAS, ["id", *values], [None, *values.values()])


def _at(text: str | None) -> Any:
    """A time of the JSON; None stays None."""
    return datetime.fromisoformat(text) if text else None

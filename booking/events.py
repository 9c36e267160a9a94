"""Reservations, doses given elsewhere and the cancellation list in a person's event line."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from types import SimpleNamespace

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from booking.enums import ClosureReason, LostReason
from booking.history import Change, changes_of
from events.kinds import Event, Kind, time_of_day
from events.sources import Source

_UNTIL = {"until": time_of_day}
_LOST = {"reason": lambda value: LostReason(value).label}
_CLOSED = {"reason": lambda value: ClosureReason(value).label}

KINDS = [
    # One for each code of booking.history.TEXTS.
    Kind("booked_by_staff", _("booked by staff: dose %(dose)s, %(when)s, %(clinic)s, %(number)s")),
    Kind(
        "offered",
        _("offered from the cancellation list: %(when)s, %(clinic)s, kept until %(until)s"),
        _UNTIL,
    ),
    Kind("held", _("chose dose %(dose)s, %(when)s, %(clinic)s; kept until %(until)s"), _UNTIL),
    Kind(
        "clinic_closed",
        _("%(clinic)s closed the hours from %(start)s until %(end)s: %(reason)s"),
        _CLOSED,
    ),
    # One for each answer of booking.enums.ClosureAnswer.
    Kind("closure_kept", _("kept the time to which the clinic had moved the appointment")),
    Kind("closure_chose", _("chose another of the times that the clinic kept")),
    Kind("closure_declined", _("wanted none of the times that the clinic kept")),
    Kind("closure_taken_back", _("%(clinic)s took the closing of the hours back")),
    Kind("moved", _("moved to %(when)s, %(clinic)s (before: %(old_when)s, %(old_clinic)s)")),
    Kind("extended", _("asked for more time; kept until %(until)s"), _UNTIL),
    Kind("confirmed", _("confirmed: dose %(dose)s, %(when)s, %(clinic)s, number %(number)s")),
    Kind("cancelled", _("cancelled: dose %(dose)s, %(when)s, %(clinic)s, number %(number)s")),
    Kind("arrived", _("arrived at %(clinic)s for dose %(dose)s")),
    Kind("vaccinated", _("vaccinated: dose %(dose)s, %(vaccine)s, at %(clinic)s")),
    Kind("not_done", _("came to %(clinic)s and was not vaccinated (dose %(dose)s)")),
    Kind("no_show", _("marked as not come: dose %(dose)s, %(when)s, %(clinic)s")),
    Kind("lapsed", _("the hold ran out unconfirmed: dose %(dose)s, %(when)s, %(clinic)s")),
    Kind("released", _("gave the chosen time up: dose %(dose)s, %(when)s, %(clinic)s")),
    Kind("cancellation_undone", _("the cancellation was taken back: %(when)s, %(clinic)s")),
    Kind("arrival_undone", _("the mark of arrival was taken back")),
    Kind("vaccination_undone", _("the mark of vaccination was taken back")),
    Kind("not_done_undone", _("the mark of not being vaccinated was taken back")),
    Kind("no_show_undone", _("the mark of not having come was taken back")),
    Kind(
        "outside_dose_insert", _("dose %(dose)s recorded as given elsewhere: %(vaccine)s, %(day)s")
    ),
    Kind("outside_dose_update", _("record of dose %(dose)s given elsewhere corrected: %(day)s")),
    Kind("outside_dose_delete", _("record of dose %(dose)s given elsewhere withdrawn")),
    Kind("appointment_lost", _("the appointment could not be given back: %(reason)s"), _LOST),
    Kind("list_joined", _("put on the cancellation list for dose %(dose)s")),
    # One for each status in which an entry ends, and in which an offer ends.
    Kind("list_fulfilled", _("left the cancellation list with an appointment (dose %(dose)s)")),
    Kind("list_ended", _("taken off the cancellation list (dose %(dose)s)")),
    Kind("offer_taken", _("took the offer")),
    Kind("offer_declined", _("declined the offer")),
    Kind("offer_lapsed", _("the offer ran out unanswered")),
]

# The states of reservations, as booking.history.changes_of takes them; then what has a time of its
# own. `pgh_created_at` is the server's clock, which tests do not move.
SQL = """
SELECT state.changed_at AS at, 'state', reservation.id, state.by, jsonb_build_object(
    'event', state.event, 'recorded_at', state.recorded_at, 'status', state.status,
    'held_until', state.held_until, 'slot_id', slot.id, 'when', slot.starts_at,
    'clinic', coalesce(home.name, clinic.name),
    'vaccine', jsonb_build_object('ko', vaccine.name_ko, 'en', vaccine.name_en),
    'dose', reservation.dose, 'number', reservation.number, 'origin', reservation.origin,
    'created_at', reservation.created_at
)
FROM booking_reservation AS reservation
CROSS JOIN LATERAL (
    SELECT pgh_id AS event, pgh_created_at AS recorded_at, slot_id, status, by, changed_at,
        held_until
    FROM booking_reservationevent WHERE pgh_obj_id = reservation.id
    UNION ALL
    SELECT NULL, NULL, reservation.slot_id, reservation.status, reservation.by,
        reservation.changed_at, reservation.held_until
) AS state
JOIN booking_slot AS slot ON slot.id = state.slot_id
JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
LEFT JOIN booking_carehome AS home ON home.id = slot.home_id
JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
WHERE reservation.person_id = %(person)s
UNION ALL
SELECT CASE dose.pgh_label
        WHEN 'insert' THEN dose.recorded_at
        ELSE greatest(dose.recorded_at, dose.pgh_created_at)
    END,
    'outside_dose_' || dose.pgh_label, NULL,
    coalesce('staff:' || (context.metadata ->> 'user'), dose.by), jsonb_build_object(
        'dose', dose.dose, 'day', dose.given_on,
        'vaccine', jsonb_build_object('ko', vaccine.name_ko, 'en', vaccine.name_en)
    )
FROM booking_outsidedoseevent AS dose
JOIN booking_vaccine AS vaccine ON vaccine.id = dose.vaccine_id
LEFT JOIN pghistory_context AS context ON context.id = dose.pgh_context_id
WHERE dose.person_id = %(person)s
UNION ALL
SELECT lost.lost_at, 'appointment_lost', lost.reservation_id, lost.by,
    jsonb_build_object('reason', lost.lost_because)
FROM booking_reservation AS reservation
JOIN booking_lostappointment AS lost ON lost.reservation_id = reservation.id
WHERE reservation.person_id = %(person)s AND lost.lost_at IS NOT NULL
UNION ALL
SELECT change.at, change.kind, affected.reservation_id, change.by, jsonb_build_object(
    'clinic', clinic.name, 'start', closure.starts_at, 'end', closure.ends_at,
    'reason', closure.reason
)
FROM booking_reservation AS reservation
JOIN booking_affectedappointment AS affected ON affected.reservation_id = reservation.id
JOIN booking_closure AS closure ON closure.id = affected.closure_id
JOIN booking_clinic AS clinic ON clinic.id = closure.clinic_id
LEFT JOIN booking_closureoffer AS offer ON offer.affected_id = affected.id
CROSS JOIN LATERAL (VALUES
    (closure.closed_at, 'clinic_closed', closure.by),
    (offer.answered_at, 'closure_' || offer.answer, 'citizen'),
    (CASE WHEN affected.restored THEN closure.ended_at END, 'closure_taken_back', closure.ended_by)
) AS change (at, kind, by)
WHERE reservation.person_id = %(person)s AND change.at IS NOT NULL
UNION ALL
SELECT change.at, change.kind, NULL, change.by, jsonb_build_object('dose', entry.dose)
FROM booking_listentry AS entry
CROSS JOIN LATERAL (VALUES
    (entry.joined_at, 'list_joined', entry.by),
    (entry.ended_at, 'list_' || entry.status, coalesce(nullif(entry.ended_by, ''), 'citizen'))
) AS change (at, kind, by)
WHERE entry.person_id = %(person)s AND change.at IS NOT NULL
UNION ALL
SELECT offer.answered_at, 'offer_' || offer.status, offer.reservation_id,
    CASE offer.status WHEN 'lapsed' THEN 'system' ELSE 'citizen' END, '{}'::jsonb
FROM booking_reservation AS reservation
JOIN booking_offer AS offer ON offer.reservation_id = reservation.id
WHERE reservation.person_id = %(person)s AND offer.answered_at IS NOT NULL
"""


def _complete(events: list[Event]) -> list[Event]:
    states = [event for event in events if event.kind == "state"]
    # The row itself has no number of a history event: it is the last state.
    states.sort(key=lambda event: (event.reservation_id, event.parameters["event"] or 2**63))
    return [
        *(event for event in events if event.kind != "state"),
        *(
            change
            for _reservation, group in groupby(states, key=lambda event: event.reservation_id)
            for change in _changes_in(list(group))
        ),
    ]


def _changes_in(states: list[Event]) -> Iterator[Event]:
    """The events of one reservation."""
    last = states[-1].parameters
    created_at = parse_datetime(last["created_at"])
    assert created_at
    changes = changes_of(map(_state, states), origin=last["origin"], created_at=created_at)
    for change in changes:
        until = change.after.held_until
        # A hold runs out by its own time; the seat is given back some seconds later.
        at = min(change.at, until) if change.code == "lapsed" and until else change.at
        parameters = _parameters(change, last)
        yield Event(at, change.code, states[-1].reservation_id, change.by, parameters)


def _state(event: Event) -> SimpleNamespace:
    parameters = event.parameters
    return SimpleNamespace(
        status=parameters["status"],
        slot_id=parameters["slot_id"],
        slot=parameters,  # what `_parameters` shows of it
        held_until=_time(parameters["held_until"]),
        by=event.actor,
        changed_at=event.at,
        pgh_created_at=_time(parameters["recorded_at"]),
    )


def _time(text: str | None) -> datetime | None:
    return parse_datetime(text) if text else None


def _parameters(change: Change, last: dict[str, object]) -> dict[str, object]:
    slot = {name: change.after.slot[name] for name in ("when", "clinic", "vaccine")}
    parameters = {
        "dose": last["dose"],
        "number": last["number"],
        "until": change.after.held_until and change.after.held_until.isoformat(),
    }
    if change.before is not None:
        before = change.before.slot
        parameters |= {"old_when": before["when"], "old_clinic": before["clinic"]}
    return slot | parameters


SOURCE = Source("booking", KINDS, SQL, _complete)

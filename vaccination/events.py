"""What was given, refused or observed, in a person's event line.

The marks of the visit are booking's events; these say from which lot, why not, and what followed.
"""

from django.utils.translation import gettext_lazy as _

from events.kinds import Kind
from events.sources import Source
from vaccination.enums import LateReason, Manifestation, NotDoneReason, Site

_NOT_DONE = {"reason": lambda code: NotDoneReason(code).label}
_DOSE = {
    "site": lambda code: Site(code).label if code else "–",
    "late": lambda code: LateReason(code).label if code else "–",
}

KINDS = [
    Kind("dose_recorded", _("dose %(dose)s recorded: %(vaccine)s, lot %(lot)s, %(site)s"), _DOSE),
    Kind(
        "dose_recorded_late",
        _("dose %(dose)s of %(given_at)s recorded late (%(late)s): %(vaccine)s, lot %(lot)s"),
        _DOSE,
    ),
    # Recorded by services.questionnaires; without the answers, and without their flags.
    Kind("questionnaire_answered", _("the questions before the vaccination were answered")),
    Kind("questionnaire_withdrawn", _("the answers before the vaccination were deleted")),
    Kind("dose_corrected", _("record of dose %(dose)s corrected")),
    # One for each Outcome.
    Kind("vaccination_refused", _("the vaccination was refused: %(reason)s"), _NOT_DONE),
    Kind("vaccination_postponed", _("the vaccination was postponed: %(reason)s"), _NOT_DONE),
    Kind(
        "reaction",
        _("observed after the vaccination: %(manifestation)s"),
        {"manifestation": lambda code: Manifestation(code).label},
    ),
]

# Each record of a dose once: those that stand, and by their delete event those taken back. Who
# recorded it stands in the first event with values before a correction.
SQL = """
SELECT dose.recorded_at,
    CASE dose.late_reason WHEN '' THEN 'dose_recorded' ELSE 'dose_recorded_late' END,
    reservation.id, coalesce(first.by, dose.by), jsonb_build_object(
        'dose', dose.dose_number, 'site', dose.site, 'late', dose.late_reason,
        'given_at', dose.given_at, 'lot', lot.number,
        'vaccine', jsonb_build_object('ko', vaccine.name_ko, 'en', vaccine.name_en)
    )
FROM booking_reservation AS reservation
JOIN booking_slot AS slot ON slot.id = reservation.slot_id
JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
CROSS JOIN LATERAL (
    SELECT id, lot_id, dose_number, site, late_reason, given_at, recorded_at, by
    FROM vaccination_dosegiven WHERE reservation_id = reservation.id
    UNION ALL
    SELECT pgh_obj_id, lot_id, dose_number, site, late_reason, given_at, recorded_at, by
    FROM vaccination_dosegivenevent
    WHERE reservation_id = reservation.id AND pgh_label = 'delete'
) AS dose
LEFT JOIN vaccination_lot AS lot ON lot.id = dose.lot_id
LEFT JOIN LATERAL (
    SELECT by FROM vaccination_dosegivenevent
    WHERE reservation_id = reservation.id AND pgh_obj_id = dose.id AND pgh_label = 'before'
    ORDER BY pgh_id LIMIT 1
) AS first ON true
WHERE reservation.person_id = %(person)s
UNION ALL
SELECT greatest(event.recorded_at, event.pgh_created_at), 'dose_corrected', reservation.id,
    coalesce('staff:' || (context.metadata ->> 'user'), context.metadata ->> 'by', ''),
    jsonb_build_object('dose', event.dose_number)
FROM booking_reservation AS reservation
JOIN vaccination_dosegivenevent AS event ON event.reservation_id = reservation.id
LEFT JOIN pghistory_context AS context ON context.id = event.pgh_context_id
WHERE reservation.person_id = %(person)s AND event.pgh_label = 'before'
UNION ALL
SELECT not_done.at, 'vaccination_' || not_done.outcome, reservation.id, not_done.by,
    jsonb_build_object('reason', not_done.reason)
FROM booking_reservation AS reservation
JOIN vaccination_notdone AS not_done ON not_done.reservation_id = reservation.id
WHERE reservation.person_id = %(person)s
UNION ALL
SELECT reaction.observed_at, 'reaction', reservation.id, reaction.by,
    jsonb_build_object('manifestation', reaction.manifestation)
FROM booking_reservation AS reservation
JOIN vaccination_reaction AS reaction ON reaction.reservation_id = reservation.id
WHERE reservation.person_id = %(person)s
"""
SOURCE = Source("vaccination", KINDS, SQL)

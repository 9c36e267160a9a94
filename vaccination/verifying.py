"""Invariants of lots, doses and answers, re-counted from their rows (booking.verifying.verify).

Triggers and constraints hold them; this looks whether they did, also after a restored backup.
"""

from booking.verifying import Invariant

INVARIANTS = [
    Invariant(
        "lots",
        "A lot has given as many doses as it has records, and received and wasted what its "
        "movements say.",
        """
        SELECT 'lot ' || lot.id || ' ' || number || ': counted ' || doses_received || '/'
            || doses_given || '/' || doses_wasted || ', rows ' || received || '/' || given || '/'
            || wasted
        FROM vaccination_lot AS lot
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(doses) FILTER (WHERE kind <> 'wasted'), 0) AS received,
                coalesce(sum(doses) FILTER (WHERE kind = 'wasted'), 0) AS wasted
            FROM vaccination_lotmovement WHERE lot_id = lot.id
        ) AS movement
        CROSS JOIN LATERAL (
            SELECT count(*) AS given FROM vaccination_dosegiven WHERE lot_id = lot.id
        ) AS dose
        WHERE (doses_received, doses_given, doses_wasted) <> (received, given, wasted)
        """,
    ),
    Invariant(
        "stock",
        "No lot gave or wasted more than it received.",
        """
        SELECT 'lot ' || id || ' ' || number FROM vaccination_lot
        WHERE doses_given + doses_wasted > doses_received OR least(doses_given, doses_wasted) < 0
        """,
    ),
    Invariant(
        "doses",
        "A dose agrees with its reservation: vaccinated, dose, clinic and vaccine.",
        """
        SELECT 'dose ' || dose.id || ' of reservation ' || reservation.number
        FROM vaccination_dosegiven AS dose
        JOIN booking_reservation AS reservation ON reservation.id = dose.reservation_id
        JOIN booking_slot AS slot ON slot.id = reservation.slot_id
        WHERE reservation.status <> 'vaccinated' OR reservation.dose <> dose.dose_number
            OR slot.clinic_id <> dose.clinic_id OR slot.vaccine_id <> dose.vaccine_id
        """,
    ),
    Invariant(
        "lot of a dose",
        "A dose is of a lot of its clinic and vaccine.",
        """
        SELECT 'dose ' || dose.id || ', lot ' || lot.number
        FROM vaccination_dosegiven AS dose JOIN vaccination_lot AS lot ON lot.id = dose.lot_id
        WHERE lot.clinic_id <> dose.clinic_id OR lot.vaccine_id <> dose.vaccine_id
        """,
    ),
    Invariant(
        "answers",
        "Answers refer to questions that were published.",
        """
        SELECT 'reservation ' || reservation_id || ', version ' || response.version
        FROM vaccination_questionnaireresponse AS response
        LEFT JOIN vaccination_questionnaire AS asked
            ON asked.version = response.version AND asked.published_at IS NOT NULL
        -- The first two are files of the portal.
        WHERE response.version > 2 AND asked.id IS NULL
        """,
    ),
]

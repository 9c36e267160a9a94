"""Invariants of slots, holds and reservations, checked on the live tables.

Each invariant is one statement without locks; all run in one snapshot, so that a booking
committed in between is not reported. The rules are written anew on purpose: an oracle must not
share code with what it checks.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from booking.enums import LIVE, TAKING
from booking.services.holds import MOST_HELD
from booking.services.offers import OFFER_LIFETIME
from database.clock import database_now

# The job takes lapsed holds back every ten seconds; a hold older than this means that it stopped.
LATE = timedelta(minutes=5)
# The longest a hold may last, an offer's or one with both extensions, with a minute to spare.
PROMISED = max(OFFER_LIFETIME, MOST_HELD) + timedelta(minutes=1)
EXAMPLES = 5


@dataclass(frozen=True)
class Invariant:
    """An invariant, and the SQL that returns one line of text for each violation."""

    name: str
    statement: str
    sql: str


@dataclass(frozen=True)
class InvariantResult:
    invariant: Invariant
    broken: int  # violations
    examples: list[str]  # at most EXAMPLES
    seconds: float = 0.0


INVARIANTS = [
    Invariant(
        "counters",
        "Slot.booked is the number of holds, reservations and kept choices that take a place.",
        """
        SELECT 'slot ' || slot.id || ': counted ' || slot.booked || ', rows ' || coalesce(n, 0)
        FROM booking_slot AS slot
        LEFT JOIN (
            SELECT slot_id, count(*) AS n FROM (
                SELECT slot_id FROM booking_reservation WHERE status = ANY(%(taking)s)
                UNION ALL SELECT slot_id FROM booking_closurechoice WHERE status = 'open'
            ) AS taking GROUP BY slot_id
        ) AS rows ON rows.slot_id = slot.id
        WHERE slot.booked <> coalesce(n, 0)
        """,
    ),
    Invariant(
        "capacity",
        "No slot has more places taken than its capacity and margin.",
        """
        SELECT 'slot ' || id || ': ' || booked || ' of ' || capacity + margin
        FROM booking_slot WHERE booked > capacity + margin OR booked < 0
        """,
    ),
    Invariant(
        "one live reservation per person and dose",
        "Nobody has two live reservations for one dose.",
        """
        SELECT 'person ' || person_id || ', dose ' || dose || ': ' || string_agg(number, ', ')
        FROM booking_reservation WHERE status = ANY(%(live)s)
        GROUP BY person_id, dose HAVING count(*) > 1
        """,
    ),
    Invariant(
        "holds in date",
        "Holds that ran out are taken back within minutes, and none is kept longer than promised.",
        """
        SELECT 'reservation ' || number || ': held until ' || held_until
        FROM booking_reservation WHERE status = 'held'
            AND (held_until <= %(late)s OR held_until > %(promised)s)
        """,
    ),
    Invariant(
        "intervals",
        "Two doses are of one vaccine and within its interval, also after a first given elsewhere.",
        """
        SELECT 'reservation ' || second.number || ': ' || days || ' days after the first'
        FROM booking_reservation AS second
        JOIN booking_reservation AS first ON first.person_id = second.person_id
            AND first.dose = 1 AND first.status = ANY(%(live)s)
        JOIN booking_slot AS slot_two ON slot_two.id = second.slot_id
        JOIN booking_slot AS slot_one ON slot_one.id = first.slot_id
        JOIN booking_vaccine AS vaccine ON vaccine.id = slot_one.vaccine_id
        CROSS JOIN LATERAL (
            SELECT (slot_two.starts_at AT TIME ZONE %(zone)s)::date
                - (slot_one.starts_at AT TIME ZONE %(zone)s)::date AS days
        ) AS between_them
        WHERE second.dose = 2 AND second.status = ANY(%(live)s)
            AND NOT EXISTS (SELECT FROM booking_outsidedose WHERE person_id = second.person_id)
            AND (
                slot_two.vaccine_id <> slot_one.vaccine_id
                OR days NOT BETWEEN coalesce(min_days, 0) AND coalesce(max_days, 0)
            )
        UNION ALL
        SELECT 'reservation ' || number || ': ' || days || ' days after the first'
        FROM booking_outsidedose AS outside_dose
        JOIN booking_reservation AS second ON second.person_id = outside_dose.person_id
            AND second.dose = 2 AND second.status IN ('held', 'confirmed')
        JOIN booking_slot AS slot ON slot.id = second.slot_id
        JOIN booking_vaccine AS vaccine ON vaccine.id = outside_dose.vaccine_id
        CROSS JOIN LATERAL (
            SELECT (slot.starts_at AT TIME ZONE %(zone)s)::date - outside_dose.given_on AS days
        ) AS between_them
        WHERE outside_dose.dose = 1 AND (
            slot.vaccine_id <> outside_dose.vaccine_id
            OR days NOT BETWEEN coalesce(min_days, 0) AND coalesce(max_days, 0)
        )
        """,
    ),
    Invariant(
        "second doses",
        "Nobody has a second dose to come without a first, booked or given.",
        """
        SELECT 'reservation ' || number
        FROM booking_reservation AS second
        WHERE dose = 2 AND status IN ('held', 'confirmed')
            AND NOT EXISTS (
                -- A missed first dose counts: it may be booked anew after the second.
                SELECT FROM booking_reservation AS first
                WHERE first.person_id = second.person_id AND first.dose = 1
                    AND first.status = ANY(%(taking)s)
            )
            AND NOT EXISTS (SELECT FROM booking_outsidedose WHERE person_id = second.person_id)
        """,
    ),
    Invariant(
        "admissions",
        "Whoever booked was called: the admission is the person's own.",
        """
        SELECT 'reservation ' || number
        FROM booking_reservation AS reservation
        LEFT JOIN waiting_room_admission AS admission ON admission.id = reservation.admission_id
        LEFT JOIN waiting_room_ticket AS ticket ON ticket.id = admission.ticket_id
        WHERE origin <> 'staff' AND ticket.person_id IS DISTINCT FROM reservation.person_id
            -- Staff may put a person without an admission on the cancellation list.
            AND NOT (reservation.admission_id IS NULL AND EXISTS (
                SELECT FROM booking_offer AS offer
                JOIN booking_listentry AS entry ON entry.id = entry_id
                WHERE offer.reservation_id = reservation.id AND entry.admission_id IS NULL
                    AND entry.by LIKE 'staff:%%'
            ))
        """,
    ),
    Invariant(
        "vaccines",
        "Nobody books a first dose of a vaccine that their cohort did not name at the time.",
        """
        SELECT 'reservation ' || number || ': ' || vaccine.code
        FROM booking_reservation AS reservation
        JOIN waiting_room_admission AS admission ON admission.id = reservation.admission_id
        JOIN waiting_room_room AS room ON room.id = admission.room_id
        JOIN eligibility_cohort AS cohort
            ON cohort.id = room.cohort_id AND cardinality(cohort.vaccines) > 0
        JOIN booking_slot AS slot ON slot.id = reservation.slot_id
        JOIN booking_vaccine AS vaccine
            ON vaccine.id = slot.vaccine_id AND vaccine.code <> ALL(cohort.vaccines)
        WHERE reservation.dose = 1 AND reservation.status = ANY(%(taking)s)
            -- The cohort's vaccines may have changed: an event that names the vaccine, and was
            -- in force when the reservation was made, excuses it.
            AND NOT EXISTS (
                SELECT FROM eligibility_cohortevent AS past
                WHERE past.pgh_obj_id = cohort.id
                    AND (cardinality(past.vaccines) = 0 OR vaccine.code = ANY(past.vaccines))
                    AND NOT EXISTS (
                        SELECT FROM eligibility_cohortevent AS later
                        WHERE later.pgh_obj_id = cohort.id AND later.pgh_id > past.pgh_id
                            AND later.pgh_created_at <= reservation.created_at
                    )
            )
        """,
    ),
    Invariant(
        "orphans",
        "Every reservation has its slot and person, and confirmed ones their time.",
        """
        SELECT 'reservation ' || number
        FROM booking_reservation AS reservation
        WHERE NOT EXISTS (SELECT FROM booking_slot WHERE id = reservation.slot_id)
            OR NOT EXISTS (SELECT FROM eligibility_person WHERE id = reservation.person_id)
            OR (status IN ('confirmed', 'arrived', 'vaccinated') AND confirmed_at IS NULL)
        """,
    ),
    Invariant(
        "doses given",
        "No future dose is booked that was given elsewhere.",
        """
        SELECT 'reservation ' || number
        FROM booking_reservation AS reservation
        JOIN booking_outsidedose AS outside_dose USING (person_id)
        WHERE status IN ('held', 'confirmed') AND outside_dose.dose >= reservation.dose
        """,
    ),
    Invariant(
        "offers",
        "An open offer has its hold, an ended one has none, and a entry with an offer has one.",
        """
        SELECT 'offer ' || offer.id
        FROM booking_offer AS offer JOIN booking_reservation AS held ON held.id = reservation_id
        WHERE (offer.status = 'open') <> (held.status = 'held')
        UNION ALL
        SELECT 'entry ' || entry.id FROM booking_listentry AS entry
        WHERE (entry.status = 'offered') <> EXISTS (
            SELECT FROM booking_offer WHERE entry_id = entry.id AND status = 'open'
        )
        """,
    ),
    Invariant(
        "closed hours",
        "Closed hours have no free place, a closure that ended keeps none of them closed, and no "
        "choice is kept for long after its time or an answer.",
        """
        SELECT 'slot ' || slot.id || ': ' || booked || ' of ' || slot.capacity + slot.margin
        FROM booking_closedslot AS closed JOIN booking_slot AS slot ON slot.id = closed.slot_id
        WHERE NOT reopened AND slot.booked < slot.capacity + slot.margin
        UNION ALL
        SELECT 'closure ' || closure.id || ': ' || closure.status
        FROM booking_closedslot AS closed JOIN booking_closure AS closure ON closure.id = closure_id
        WHERE reopened <> (closure.status IN ('taken_back', 'reopened'))
        UNION ALL
        SELECT 'choice ' || choice.id
        FROM booking_closurechoice AS choice
        JOIN booking_closureoffer AS offer ON offer.id = choice.offer_id
        JOIN booking_affectedappointment AS affected ON affected.id = offer.affected_id
        JOIN booking_closure AS closure ON closure.id = affected.closure_id
        WHERE choice.status = 'open'
            AND (offer.answer <> '' OR restored OR closure.answer_until < %(late)s)
        """,
    ),
    Invariant(
        "visits",
        "A visit to a care home has its seats at a slot of that home alone, a visit that was "
        "called off or moved away has none, and every seat is for the dose of the visit.",
        """
        SELECT 'visit ' || visit.id
        FROM booking_homevisit AS visit JOIN booking_slot AS slot ON slot.id = visit.slot_id
        WHERE slot.home_id IS NULL OR (visit.status = 'called_off' AND slot.visit_places > 0)
        UNION ALL
        SELECT 'slot ' || slot.id
        FROM booking_slot AS slot LEFT JOIN booking_homevisit AS visit ON visit.slot_id = slot.id
        WHERE slot.home_id IS NOT NULL
            AND (slot.capacity <> slot.booked OR (visit.id IS NULL AND slot.visit_places > 0))
        UNION ALL
        SELECT 'reservation ' || reservation.number
        FROM booking_homevisit AS visit
        JOIN booking_reservation AS reservation ON reservation.slot_id = visit.slot_id
        WHERE reservation.status = ANY(%(live)s)
            AND (reservation.dose <> visit.dose OR reservation.origin <> 'staff')
        """,
    ),
]


def verify(
    *, now: datetime | None = None, invariants: Sequence[Invariant] = INVARIANTS
) -> list[InvariantResult]:
    """Check all invariants in one snapshot: booking's, or those of an app above it."""
    now = now or database_now()
    values: dict[str, Any] = {
        "taking": TAKING,
        "live": LIVE,
        "late": now - LATE,
        "promised": now + PROMISED,
        "zone": timezone.get_default_timezone_name(),
    }
    results = []
    with transaction.atomic(), connection.cursor() as cursor:
        # Inside a test's transaction it is too late to set the level.
        if not connection.savepoint_ids:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for invariant in invariants:
            started = monotonic()
            cursor.execute(
                f"SELECT *, count(*) OVER () FROM ({invariant.sql}) AS broken LIMIT {EXAMPLES}",  # noqa: S608
                values,
            )
            rows = cursor.fetchall()
            seconds = monotonic() - started
            results.append(
                InvariantResult(
                    invariant, rows[0][1] if rows else 0, [row[0] for row in rows], seconds
                )
            )
    return results


def report_lines(results: Iterable[InvariantResult]) -> Iterator[str]:
    """What a command prints: each invariant, and examples of those that are broken."""
    for result in results:
        state = f"{result.broken} broken" if result.broken else "holds"
        yield f"{result.invariant.name}: {state} ({result.seconds:.1f} s)"
        if result.broken:
            yield f"  {result.invariant.statement}"
        yield from (f"  {example}" for example in result.examples)

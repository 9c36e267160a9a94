"""Reading reservations for the pages of their person."""

from collections.abc import Iterable, Iterator, Sequence
from hmac import compare_digest
from typing import Any, cast

from django.db import connection
from django.db.models import Model

from booking.models import CareHome, Clinic, Reservation, Slot, Vaccine
from booking.rules import vaccines_named
from eligibility.indexes import phone_indexes
from eligibility.models import Decision
from eligibility.sessions import SESSION, Claim, Session
from waiting_room.models import Admission

# The columns of booking/sql/booking_of_person, in the field order of each model (tests compare
# both). Fields left out are deferred: read on access.
OF_PERSON: list[tuple[type[Model], list[str]]] = [
    (
        Reservation,
        [
            "id", "number", "person_id", "slot_id", "dose", "status", "held_until", "extensions",
            "key", "origin", "admission_id", "by", "created_at", "confirmed_at", "changed_at",
            "language", "channel", "email",
        ],
    ),
    (Slot, ["id", "clinic_id", "vaccine_id", "starts_at", "capacity", "margin", "booked"]),
    (Clinic, ["id", "code", "name", "region", "district", "address", "phone", "cutoff_hours"]),
    (
        Vaccine,
        ["id", "code", "name_ko", "name_en", "doses", "min_days", "best_days", "max_days"],
    ),
    # All NULL for an appointment at the clinic.
    (CareHome, ["id", "name", "region", "district", "address", "phone"]),
]  # fmt: skip
_email = Reservation._meta.get_field("email")


def reservations_of(person_id: int) -> list[Reservation]:
    """All reservations of this person with slot, clinic and vaccine, by dose, newest first."""
    return _of_person(person_id, held=False)


def held_by(person_id: int) -> list[Reservation]:
    """The person's holds, also those that ran out, by dose; without offers (own page)."""
    return _of_person(person_id, held=True)


def _of_person(person_id: int, *, held: bool) -> list[Reservation]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM booking_of_person(%s, %s)", [person_id, held])
        rows = cursor.fetchall()
    return [_with_slot(row) for row in rows]


IN_SESSION = f"""
SELECT session.sees_from, made.*
FROM {SESSION} LEFT JOIN LATERAL booking_of_person(session.person_id, %(held)s) AS made ON true
"""  # noqa: S608  (a constant)


def in_session(claim: Claim, *, held: bool = False) -> tuple[Session | None, list[Reservation]]:
    """The session of a claim with the reservations it may see, in one statement.

    They are those of `reservations_of`, or with `held` of `held_by`; none when it has ended.
    """
    with connection.cursor() as cursor:
        cursor.execute(*reading_in_session(claim, held=held))
        return reservations_in(claim, cursor.fetchall())


def reading_in_session(claim: Claim, *, held: bool = False) -> tuple[str, dict[str, Any]]:
    """The statement of `in_session`, for booking.fast_path."""
    return IN_SESSION, claim.values | {"held": held}


def reservations_in(
    claim: Claim, rows: Sequence[Sequence[Any]]
) -> tuple[Session | None, list[Reservation]]:
    """What `in_session` returns, of the rows of its statement."""
    session = claim.session(rows[0][0])
    if session is None:
        return None, []
    reservations = [_with_slot(row) for _sees_from, *row in rows if row[0] is not None]
    return session, visible_in(session, reservations)


def visible_in(session: Session, reservations: Iterable[Reservation]) -> list[Reservation]:
    """The reservations this session may see: a proxy none from before the person's consent."""
    return [row for row in reservations if session.may_see(row.created_at)]


def _with_slot(row: Sequence[Any]) -> Reservation:
    reservation, slot, clinic, vaccine, home = _models(row)
    reservation.party, clinic.name_en = row[-2:]
    reservation.email = _email.from_db_value(reservation.email, None, connection)
    slot.clinic, slot.vaccine, reservation.slot = clinic, vaccine, slot
    slot.home = home if home.pk else None
    return cast("Reservation", reservation)


def _models(row: Sequence[Any]) -> Iterator[Any]:
    start = 0
    for model, fields in OF_PERSON:
        end = start + len(fields)
        yield model.from_db(connection.alias, fields, row[start:end])
        start = end


def vaccines_of(admission_id: int | None) -> frozenset[int] | None:
    """Ids of the vaccines that the cohort of this admission names; None for any."""
    if admission_id is None:
        return None
    admission = Admission.objects.filter(pk=admission_id)
    codes = admission.values_list("room__cohort__vaccines", flat=True).first()
    return vaccines_named(codes, vaccines_by_code()) if codes else None


def vaccines_for(reservation: Reservation) -> frozenset[int] | None:
    """Ids of the vaccines that this reservation may be changed to; None for any.

    Without an admission (staff booked it) the vaccines of all cohorts the person belongs to.
    """
    if reservation.admission_id is not None:
        return vaccines_of(reservation.admission_id)
    decisions = Decision.objects.filter(person=reservation.person_id, eligible=True)
    cohort_codes = list(decisions.values_list("cohort__vaccines", flat=True))
    if not all(cohort_codes):
        return None
    codes = {code for codes in cohort_codes for code in codes}
    return vaccines_named(codes, vaccines_by_code())


def vaccines_by_code() -> dict[str, int]:
    return dict(Vaccine.objects.values_list("code", "pk"))


def find_by_number(*, number: str, phone: str) -> Reservation | None:
    """The reservation with this number, if it was booked with this phone (E.164)."""
    reservation = Reservation.objects.select_related("person").filter(number=number).first()
    if reservation is None:
        return None
    # In constant time: the answer must not show how much of a guessed phone is right.
    stored = bytes(reservation.person.phone_index)
    same = [compare_digest(stored, index) for index in phone_indexes(phone)]
    return reservation if any(same) else None

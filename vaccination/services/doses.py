"""Vaccinations: the mark of the visit, the dose and the lot's count in one transaction.

Locks: the reservation, then the lot (docs/developing.md). The quick mark of the day sheet and the
form come together in `record_mark`, which booking.hooks.after_mark calls.
"""

from dataclasses import dataclass
from datetime import date, datetime

import pghistory
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from booking.enums import ReservationStatus
from booking.models import Reservation
from booking.rules import day_of
from booking.services.visits import mark_arrived, mark_not_done, mark_vaccinated
from database.clock import database_now
from staff.names import actor_name
from staff.row_addresses import row_address
from vaccination.enums import Manifestation, NotDoneReason, Outcome
from vaccination.exceptions import (
    DoctorNeeded,
    LateReasonNeeded,
    LotNeeded,
    LotUnusable,
    NotVaccinatedHere,
    OutcomeNeeded,
    RecordedOtherwise,
    WaitingTimeOver,
)
from vaccination.models import DefaultLot, DoseGiven, Lot, NotDone, Reaction
from vaccination.rules import given_at_for, why_not_give
from vaccination.services.lots import keeps_lots
from vaccination.services.questionnaires import record_screening


@dataclass(frozen=True)
class DoseDetails:
    """What the form says about a dose; without a lot the lot of the day is taken."""

    lot_id: int | None = None
    site: str = ""  # a Site
    identity: str = ""  # an IdentityCheck
    vaccinator: str = ""  # an actor (staff.actors); empty: who records it
    late_reason: str = ""  # a LateReason
    # The doctor has spoken to the person, where an answer before the vaccination asks for it.
    doctor_spoke: bool = False
    # The questions before the vaccination were answered on paper.
    on_paper: bool = False


@dataclass(frozen=True)
class NotDoneDetails:
    outcome: Outcome
    reason: NotDoneReason


def form_address(reservation: Reservation) -> str:
    """The staff's page on which the vaccination of this reservation is recorded."""
    return row_address("vaccination_dosegiven_record", reservation.pk)


def outcome_address(reservation: Reservation) -> str:
    return reverse("admin:vaccination_dosegiven_not_done", args=[reservation.pk])


@transaction.atomic
def record_dose(
    *, reservation: Reservation, details: DoseDetails, by: str, status_shown: str = ""
) -> DoseGiven:
    """Record the vaccination of a reservation; repeating it as it was changes nothing.

    With a late reason also without an arrival, which is marked then, and for an appointment of an
    earlier day. Raises the refusals of `mark_vaccinated`, of the lot (rules.why_not_give),
    LotNeeded, LateReasonNeeded, DoctorNeeded, and RecordedOtherwise if lot or site were recorded
    otherwise.
    """
    row = Reservation.objects.select_related("slot").locked().get(pk=reservation.pk)
    dose = DoseGiven.objects.with_visit().filter(reservation=row).first()
    if dose:
        return _as_recorded(dose, details)
    if row.status == ReservationStatus.VACCINATED:
        # A mark of a release before doses were recorded: only the record is missing.
        _give(row, details, by=by, at=database_now())
    else:
        # The reason stands for the arrival that nobody marked.
        if row.status == ReservationStatus.CONFIRMED and details.late_reason:
            mark_arrived(reservation=row, by=by)
            status_shown = ""
        mark_vaccinated(reservation=row, by=by, status_shown=status_shown, details=details)
    return DoseGiven.objects.with_visit().get(reservation=row)


def _as_recorded(dose: DoseGiven, details: DoseDetails) -> DoseGiven:
    same_lot = details.lot_id in (None, dose.lot_id)
    if same_lot and details.site in ("", dose.site):
        return dose
    raise RecordedOtherwise(
        time=f"{timezone.localtime(dose.recorded_at):%H:%M}",
        who=actor_name(dose.by),
        lot=dose.lot.number if dose.lot else "–",
    )


def record_mark(
    row: Reservation, before: ReservationStatus, by: str, details: object
) -> None:  # of booking.hooks.after_mark
    """Record what a mark means, in its transaction: the dose, or the outcome without one."""
    if row.status == ReservationStatus.VACCINATED:
        given = details if isinstance(details, DoseDetails) else DoseDetails()
        _give(row, given, by=by, at=row.changed_at)
    elif before == ReservationStatus.VACCINATED:
        # Taken back: the trigger dose_is_counted returns the dose to its lot.
        with pghistory.context(by=by):
            DoseGiven.objects.filter(reservation=row).delete()
    elif row.status == ReservationStatus.NOT_DONE:
        if not isinstance(details, NotDoneDetails):
            raise OutcomeNeeded(address=outcome_address(row))
        NotDone.objects.create(
            reservation=row, outcome=details.outcome, reason=details.reason, by=by
        )


def _give(row: Reservation, details: DoseDetails, *, by: str, at: datetime) -> None:
    """Insert the dose of a locked reservation; `at` is the database's clock."""
    given_at = given_at_for(starts_at=row.slot.starts_at, now=at)
    if given_at != at and not details.late_reason:
        raise LateReasonNeeded(address=form_address(row))
    lot = _lot_for(row, details.lot_id, on=day_of(given_at))
    screened = record_screening(
        row, doctor_spoke=details.doctor_spoke, on_paper=details.on_paper, by=by, at=at
    )
    if not screened:
        raise DoctorNeeded(address=form_address(row))
    DoseGiven.objects.create(
        reservation=row,
        clinic_id=row.slot.clinic_id,
        vaccine_id=row.slot.vaccine_id,
        lot=lot,
        dose_number=row.dose,
        site=details.site,
        identity=details.identity,
        vaccinator=details.vaccinator or by,
        given_at=given_at,
        recorded_at=at,
        late_reason=details.late_reason,
        by=by,
    )


def _lot_for(row: Reservation, lot_id: int | None, *, on: date) -> Lot | None:
    """The locked lot of a dose: the chosen one or that of the day.

    None at a clinic without lots.
    """
    clinic_id, vaccine_id = row.slot.clinic_id, row.slot.vaccine_id
    chosen = lot_id
    if chosen is None:
        of_day = DefaultLot.objects.filter(clinic_id=clinic_id, vaccine_id=vaccine_id, on=on)
        chosen = of_day.values_list("lot_id", flat=True).first()
    if chosen is None:
        if keeps_lots(clinic_id):
            raise LotNeeded(address=form_address(row))
        return None
    lot = Lot.objects.locked().filter(pk=chosen).first()
    if lot is None:
        raise LotNeeded(address=form_address(row))
    refusal = why_not_give(lot, clinic_id=clinic_id, vaccine_id=vaccine_id, on=on)
    if refusal:
        raise refusal if lot_id else LotUnusable(refusal, address=form_address(row))
    return lot


@transaction.atomic
def correct_dose(*, dose: DoseGiven, details: DoseDetails, by: str) -> DoseGiven:
    """Complete or correct a recorded dose; another lot gets the dose, the former has it back.

    Raises the refusals of the lot, and NotVaccinatedHere if it was taken back meanwhile.
    """
    row = Reservation.objects.select_related("slot").locked().get(pk=dose.reservation_id)
    current = DoseGiven.objects.filter(reservation=row).first()
    if current is None:
        raise NotVaccinatedHere
    lot_id = details.lot_id or current.lot_id
    if lot_id != current.lot_id:
        # Both lots, by id: another correction may swap the same two the other way round.
        list(Lot.objects.locked().filter(pk__in=[lot_id, current.lot_id]).order_by("pk"))
        current.lot = _lot_for(row, lot_id, on=day_of(current.given_at))
    current.site, current.identity = details.site, details.identity
    current.vaccinator = details.vaccinator or current.vaccinator
    current.by = by
    current.save(update_fields=["lot", "site", "identity", "vaccinator", "by"])
    return current


def record_not_done(
    *, reservation: Reservation, details: NotDoneDetails, by: str, status_shown: str = ""
) -> Reservation:
    """Record that a person came and was not vaccinated; raises as `mark_not_done`."""
    return mark_not_done(reservation=reservation, by=by, status_shown=status_shown, details=details)


@transaction.atomic
def record_reaction(*, reservation: Reservation, manifestation: Manifestation, by: str) -> Reaction:
    """Record what was observed within the waiting time; each kind once.

    Raises NotVaccinatedHere, or WaitingTimeOver on a later day.
    """
    dose = DoseGiven.objects.filter(reservation=reservation).first()
    if dose is None:
        raise NotVaccinatedHere
    # The waiting time is some minutes; a day is what the clinic's page is for.
    if day_of(dose.given_at) != day_of(database_now()):
        raise WaitingTimeOver
    reaction, _created = Reaction.objects.get_or_create(
        reservation=reservation, manifestation=manifestation, defaults={"by": by}
    )
    return reaction

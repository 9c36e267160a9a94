"""Decisions about lots and records. Pure functions, no queries."""

import re
import unicodedata
from datetime import date, datetime

from booking.enums import ReservationStatus
from booking.models import Reservation
from booking.rules import day_of
from vaccination.exceptions import (
    AnswersAtCounter,
    AppointmentOff,
    AppointmentOver,
    BadLotNumber,
    LotEmpty,
    LotExpired,
    LotRecalled,
    NotBookedYet,
    OtherClinicsLot,
    OtherVaccine,
    VaccinatedAlready,
    VaccinationRefused,
)
from vaccination.models import Lot

_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"[0-9A-Z][0-9A-Z./-]{0,19}")


def lot_number(text: str) -> str:
    """A lot number as stored: upper case, half width, no spaces. Raises BadLotNumber."""
    number = _SPACES.sub("", unicodedata.normalize("NFKC", text)).upper()
    if not _NUMBER.fullmatch(number):
        raise BadLotNumber
    return number


def why_not_give(
    lot: Lot, *, clinic_id: int, vaccine_id: int, on: date
) -> VaccinationRefused | None:
    """The refusal of giving a dose of this lot on this day; None if it may be given.

    The trigger dose_fits_its_reservation and the lot's check hold the same rules.
    """
    if lot.clinic_id != clinic_id:
        return OtherClinicsLot()
    if lot.vaccine_id != vaccine_id:
        return OtherVaccine(lot=lot.number)
    if lot.recalled_at is not None:
        return LotRecalled(lot=lot.number)
    if lot.expires_on < on:
        return LotExpired(lot=lot.number, day=lot.expires_on)
    return LotEmpty(lot=lot.number) if lot.doses_left < 1 else None


def given_at_for(*, starts_at: datetime, now: datetime) -> datetime:
    """When a dose was given that is recorded now: now, or the time of an earlier day's
    appointment."""
    return starts_at if day_of(starts_at) < day_of(now) else now


def why_not_answer(
    reservation: Reservation, *, at_counter: bool, now: datetime
) -> VaccinationRefused | None:
    """The refusal of answering the questions before this vaccination; None if they can be.

    The person answers until the arrival, the counter until the vaccination.
    """
    status = reservation.status
    if status == ReservationStatus.CONFIRMED:
        is_over = day_of(reservation.slot.starts_at) < day_of(now)
        return AppointmentOver() if is_over and not at_counter else None
    if status == ReservationStatus.ARRIVED:
        return None if at_counter else AnswersAtCounter()
    if status == ReservationStatus.VACCINATED:
        return VaccinatedAlready()
    return NotBookedYet() if status == ReservationStatus.HELD else AppointmentOff()

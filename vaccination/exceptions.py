"""Refusals of vaccination; each message is written for the staff at the clinic."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from booking.exceptions import DetailsNeeded, Refused


class VaccinationRefused(Refused):
    """A refusal whose sentence names values, such as the lot."""

    def __init__(self, **values: Any):
        self.values = values
        super().__init__()

    def __str__(self) -> str:
        return str(self.message) % self.values


class LotNeeded(DetailsNeeded):
    message = _("No lot is set for today. Choose the lot, then press once more.")


class LateReasonNeeded(DetailsNeeded):
    message = _(
        "The appointment was on an earlier day, or the arrival was not marked. Say why it is "
        "recorded only now."
    )


class OutcomeNeeded(DetailsNeeded):
    message = _("Say whether it was refused or postponed, and why.")


class LotUnusable(DetailsNeeded):
    """The lot of the day can't be given; the form asks for another one."""

    def __init__(self, refusal: Refused, *, address: str):
        self.refusal = refusal
        super().__init__(address=address)

    def __str__(self) -> str:
        return str(self.refusal)


class BadLotNumber(VaccinationRefused):
    message = _(
        "A lot number has letters, digits, dots, dashes and slashes only, at most 20 of them."
    )


class OtherClinicsLot(VaccinationRefused):
    message = _("This lot belongs to another clinic. Choose a lot of your clinic.")


class OtherVaccine(VaccinationRefused):
    message = _("Lot %(lot)s is of another vaccine than the appointment. Nothing was recorded.")


class LotExpired(VaccinationRefused):
    message = _("Lot %(lot)s expired on %(day)s. Choose another lot.")


class LotRecalled(VaccinationRefused):
    message = _("Lot %(lot)s was recalled. Put it aside; no dose of it may be given.")


class LotEmpty(VaccinationRefused):
    message = _("Lot %(lot)s has no dose left. Choose another lot, or correct its number of doses.")


class TooFewDoses(VaccinationRefused):
    message = _("Lot %(lot)s has %(left)s doses left. Nothing was changed.")


class FewerWasted(VaccinationRefused):
    message = _("Only %(wasted)s doses of lot %(lot)s are recorded as wasted.")


class LessThanUsed(VaccinationRefused):
    message = _(
        "%(used)s doses of lot %(lot)s were given or wasted already: it can't have received fewer."
    )


class OtherExpiry(VaccinationRefused):
    message = _("Lot %(lot)s is here already, and expires on %(day)s. Check the vial.")


class NumberTaken(VaccinationRefused):
    message = _("The clinic has a lot %(lot)s of this vaccine already.")


class ExpiredOnArrival(VaccinationRefused):
    message = _("This lot has expired already. Check the date on the vial.")


class RecordedOtherwise(VaccinationRefused):
    """Another tablet recorded the dose from another lot or at another site."""

    message = _(
        "Recorded already at %(time)s by %(who)s, from lot %(lot)s. Nothing was changed; correct "
        "that record if it is wrong."
    )


class NotVaccinatedHere(VaccinationRefused):
    message = _("No dose is recorded for this appointment.")


class WaitingTimeOver(VaccinationRefused):
    message = _(
        "Reactions are recorded here on the day of the vaccination. Report later ones to the "
        "health authority."
    )


class NobodyToRecall(VaccinationRefused):
    message = _("Nobody got this lot here.")

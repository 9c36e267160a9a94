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


class DoctorNeeded(DetailsNeeded):
    message = _(
        "An answer before the vaccination asks for the doctor. Confirm on this page that the "
        "doctor has spoken to the person."
    )


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


# Of the questions before the vaccination; written for the person, and read by staff too.
class NotBookedYet(VaccinationRefused):
    message = _("Confirm your appointment first, then answer the questions.")


class AnswersAtCounter(VaccinationRefused):
    message = _("You have arrived at the clinic: tell the staff at the counter what has changed.")


class VaccinatedAlready(VaccinationRefused):
    message = _("The vaccination was given already, so these answers can't be changed.")


class AppointmentOver(VaccinationRefused):
    message = _("The appointment is over. Nothing was sent.")


class AppointmentOff(VaccinationRefused):
    message = _("This appointment does not stand any more. Nothing was sent.")


class AppointmentMoved(VaccinationRefused):
    message = _(
        "Your appointment was moved: %(when)s, %(clinic)s. This clinic sees your answers if you "
        "send them once more."
    )


class QuestionsChanged(VaccinationRefused):
    message = _(
        "The questions have changed since you opened this page. What you answered is still here: "
        "look at it, then send it once more."
    )


class AnsweredMeanwhile(VaccinationRefused):
    message = _(
        "The questions were answered at %(time)s on another page. Send once more if your answers "
        "here are right."
    )


class AnsweredByPerson(VaccinationRefused):
    message = _("The person has answered the questions already, and alone can change that here.")


class PublishedAlready(VaccinationRefused):
    message = _("These questions were published already. Make a new version to change them.")


class QuestionsEditedMeanwhile(VaccinationRefused):
    message = _(
        "%(who)s has changed these questions since you opened this page. Look at them first."
    )

"""Coded values of a vaccination.

Field terms follow HL7 FHIR R5 Immunization; codes in comments are HL7's, for an export.
"""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Site(models.TextChoices):
    """Immunization.site, by the codes of HL7 v3 ActSite."""

    LEFT_ARM = "LA", _("Left arm")
    RIGHT_ARM = "RA", _("Right arm")
    LEFT_THIGH = "LT", _("Left thigh")
    RIGHT_THIGH = "RT", _("Right thigh")


class IdentityCheck(models.TextChoices):
    """How the clinic made sure that this is the person of the appointment."""

    CARD = "card", _("Identity card or driving licence seen")
    PASSPORT = "passport", _("Passport or residence card seen")
    MOBILE = "mobile", _("Mobile identity card seen")
    VOUCHED = "vouched", _("Vouched for by a companion or carer")
    NONE = "none", _("Nothing seen: asked for name and birth date only")


class LateReason(models.TextChoices):
    """Why a dose is recorded without an arrival, or on another day than it was given."""

    FORGOTTEN = "forgotten", _("It was forgotten at the time")
    OUTAGE = "outage", _("The system or the network was down")
    PAPER = "paper", _("Taken over from a paper list")


class NotDoneReason(models.TextChoices):
    """Immunization.statusReason of `not-done`, by HL7 v3 ActReason where it has a code."""

    OBJECTION = "objection", _("The person does not want it")  # PATOBJ
    ILLNESS = "illness", _("Fever or illness today")  # MEDPREC
    PRECAUTION = "precaution", _("The doctor advises against it for now")  # MEDPREC
    INTERVAL = "interval", _("Too soon after another vaccination")
    STOCK = "stock", _("No dose left at the clinic")  # OSTOCK


class Outcome(models.TextChoices):
    """What became of a person who came and was not vaccinated."""

    REFUSED = "refused", _("Refused")
    POSTPONED = "postponed", _("Postponed")


# The reasons that each outcome may have; constraint not_done_reason_fits_its_outcome.
REASONS = {
    Outcome.REFUSED: [NotDoneReason.OBJECTION],
    Outcome.POSTPONED: [
        NotDoneReason.ILLNESS,
        NotDoneReason.PRECAUTION,
        NotDoneReason.INTERVAL,
        NotDoneReason.STOCK,
    ],
}


class Manifestation(models.TextChoices):
    """Immunization.reaction.manifestation within the waiting time; codes, as free text would
    hold more about a person than is needed."""

    NONE = "none", _("No reaction within the waiting time")
    PAIN = "pain", _("Pain or swelling where it was given")
    DIZZINESS = "dizziness", _("Dizziness")
    FAINTING = "fainting", _("Fainting")
    RASH = "rash", _("Rash or itching")
    BREATHING = "breathing", _("Trouble breathing")
    ANAPHYLAXIS = "anaphylaxis", _("Anaphylaxis")


# For which the page says: emergency care first.
SEVERE = [Manifestation.BREATHING, Manifestation.ANAPHYLAXIS]


class MovementKind(models.TextChoices):
    """Movements of a lot's stock other than doses given, which are rows of their own."""

    RECEIVED = "received", _("Received")
    CORRECTED = "corrected", _("Corrected")
    WASTED = "wasted", _("Wasted")


class WasteReason(models.TextChoices):
    EXPIRED = "expired", _("Expired")
    COLD_CHAIN = "cold_chain", _("Cold chain broken")
    BROKEN = "broken", _("Vial broken or contaminated")
    LEFT_OVER = "left_over", _("Left over in an opened vial")
    RECALLED = "recalled", _("Recalled")


class QuestionKind(models.TextChoices):
    """Questionnaire.item.type, with the one refinement that the official form needs."""

    YES_NO = "yes_no", _("Yes or no")  # boolean
    DETAIL = "yes_no_detail", _("Yes or no, and what")  # boolean, then an enabled text
    CHOICE = "choice", _("One of several answers")  # coding
    TEXT = "text", _("A few words")  # string


class RecallStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")

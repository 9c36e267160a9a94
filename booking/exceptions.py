"""Refusals of the services; each message is written for the person on the page."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from eligibility.exceptions import Refusal


class Refused(Refusal):
    """A service refused and changed nothing; `str()` is a sentence in the active language."""

    message: Any = _("This is not possible.")  # str or lazy str

    def __init__(self, message: str | None = None):
        self.message = message or self.message
        super().__init__(self.message)

    def __str__(self) -> str:
        return str(self.message)


# Lazy texts, because a refusal may be shown in another language than it was raised in.
class PersonGone(Refused):
    message = _("This person is not stored any more: the roster that named them was taken back.")


class NotCalled(Refused):
    message = _("Times can be held after you have been called and have entered.")


class SlotFull(Refused):
    message = _("This time has just been taken. Choose another time.")

    def __init__(self, message: str | None = None, *, slot_id: int | None = None):
        super().__init__(message)
        self.slot_id = slot_id


class NoPlaceBeside(Refused):
    message = _(
        "At this time there are not enough places within an hour at the same clinic. Nothing was "
        "taken. Choose another time."
    )


class HeldWithOthers(Refused):
    message = _(
        "This time is kept together with places of your family. Book them all on one page, or this "
        "one alone on this page."
    )


class NoLongerFor(Refused):
    message = _("You do not book for this person any more.")


class SlotOver(Refused):
    message = _("This time has already begun. Choose a later time.")


class SlotClosed(Refused):
    message = _("This clinic takes no bookings at the moment. Choose another clinic.")


class NothingHeld(Refused):
    message = _("We are not keeping a time for you. Choose a time first.")


class HoldLapsed(Refused):
    message = _("We could not keep your time any longer. Choose a time again.")


class HoldChanged(Refused):
    message = _("You have chosen another time since. Look at it again, then confirm.")


class NoMoreTime(Refused):
    message = _("Your time has been extended twice already. Confirm now, or choose a time again.")


class HeldLongEnough(Refused):
    message = _(
        "We have kept times for you for half an hour in all. Enter again from your ticket, then "
        "choose a time."
    )


class AlreadyBooked(Refused):
    message = _("There is an appointment for this dose already. Change or cancel that one.")


class NoDoseLeft(Refused):
    message = _("All doses of this vaccine have been booked or given already.")


class SecondNotOpen(Refused):
    message = _(
        "No time for the second dose is open at this clinic within the interval of the vaccine. "
        "Both appointments stand as they were."
    )


class WrongVaccine(Refused):
    message = _("Both doses must be of the same vaccine.")


class VaccineNotForYou(Refused):
    message = _("You were admitted for another vaccine. Choose a time of one that is for you.")


class NotEligibleNow(Refused):
    message = _("This person may not book at the moment.")


class LineWaits(Refused):
    """Staff can't book a person before those ahead of them in the line (`waiting` people)."""

    message = _("People are waiting in the line for this period. Nobody is booked before them.")

    def __init__(self, message: str | None = None, *, waiting: int = 0):
        super().__init__(message)
        self.waiting = waiting


class WrongInterval(Refused):
    message = _("The two appointments would be too close together or too far apart.")


class TooLate(Refused):
    message = _("It is too late to change or cancel this here. Please call the clinic.")


class NotConfirmed(Refused):
    message = _("This reservation is not confirmed, or not any more.")


class TooEarly(Refused):
    message = _("The appointment has not begun yet.")


class OtherDay(Refused):
    message = _("The appointment is on a later day. Move it to today first, then mark it.")


class NotArrived(Refused):
    message = _("Mark the arrival first, then the vaccination.")


class DetailsNeeded(Refused):
    """A mark needs more than one press: `address` is the page of staff that asks for the rest."""

    message = _("More is needed for this mark.")

    def __init__(self, message: str | None = None, *, address: str):
        super().__init__(message)
        self.address = address


class ChangedMeanwhile(Refused):
    """The page is outdated: another desk has set a mark since."""

    message = _("%(status)s since %(time)s, marked by %(who)s. Nothing was changed.")

    def __init__(self, *, status: Any, time: str, actor: str):
        self.values = {"status": status, "time": time, "who": actor}
        super().__init__()

    def __str__(self) -> str:
        return str(self.message) % self.values


class DoseOnRecord(Refused):
    message = _("This dose is on record already. Correct that record instead.")


class RecordWithdrawn(Refused):
    message = _("This record was withdrawn meanwhile.")


class NoFirstDose(Refused):
    message = _("There is no appointment for the first dose. Book that one first.")


class NothingToUndo(Refused):
    message = _("There is nothing to take back.")


class CapacityBelowBooked(Refused):
    message = _("More places than that are booked already. Cancel or move reservations first.")


class OnTheListAlready(Refused):
    message = _("You are on the cancellation list already.")


class OfferOver(Refused):
    message = _("This offer has ended; the time went to the next person on the list.")


class ScheduleChanged(Refused):
    message = _("Hours or slots have changed since. Look at the new preview, then make the slots.")


class NothingToClose(Refused):
    message = _("There are no open times and no appointments in these hours.")


class ClosureChanged(Refused):
    message = _(
        "Times were booked since: more people would be left without one than the preview said. "
        "Look at the new preview."
    )


class ClosureBusy(Refused):
    message = _("Too many bookings at this moment. Nothing was changed; try again.")


class MessagesLeft(Refused):
    message = _("The people have been told already. It cannot be taken back any more.")


class HoursClosed(Refused):
    message = _("This time is closed. Open the closed hours again first.")


class SlotOfVisit(Refused):
    message = _("This time belongs to a visit to a care home. Change it on the page of the visit.")


class BookedForVisit(Refused):
    """A seat of a visit is exchanged for none of a clinic, nor the other way round."""

    message = _(
        "This appointment belongs to a visit to the care home. It can be cancelled, but not moved "
        "to another time."
    )


class VisitTaken(Refused):
    message = _("There is a visit to this care home at this time already.")


class VisitHours(Refused):
    message = _("The visit ends after it begins, on the same day.")


class VisitOver(Refused):
    message = _("This visit is over, or its day has passed.")


class VisitCalledOff(Refused):
    message = _("This visit was called off.")


class VisitBegun(Refused):
    message = _("People have come to this visit already. Cancel the other appointments one by one.")


class ListChanged(Refused):
    message = _(
        "Something has changed since: not everybody on the list can be booked as shown. Look at "
        "the list again; nobody was booked."
    )


class VisitDoesNotFit(Refused):
    """The day breaks the interval between two doses of `people`, by id."""

    message = _("On this day the interval between the doses would be wrong.")

    def __init__(self, message: str | None = None, *, people: tuple[int, ...] = ()):
        super().__init__(message)
        self.people = people


class ChoiceOver(Refused):
    message = _("The time to choose is over. Your appointment stands as shown here.")

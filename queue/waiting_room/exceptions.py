"""Refusals of the line. Each message is written for the person who reads it."""

from eligibility.exceptions import Refusal


class LineRefusal(Refusal):
    """The line refuses a request; the message says why and what to do. `status` is HTTP's."""

    status = 409


class NotEligible(LineRefusal):
    status = 403


class NotYetJoinable(LineRefusal):
    pass


class OwnWindowLater(NotYetJoinable):
    """The line can be joined, but the person's own window begins later, as by birth digit."""


class RoomClosed(LineRefusal):
    pass


class NotCalled(LineRefusal):
    pass


class NotDecided(LineRefusal):
    """The ticket was called but is provisional: the review must be decided before entering."""


class AtTheDoor(LineRefusal):
    """Called, but all admissions are in use; people at the door enter in order of place."""


class AdmissionOver(LineRefusal):
    """The admission has lapsed or was given up."""


class CantChange(LineRefusal):
    """An operator's act is not possible in the room's state."""

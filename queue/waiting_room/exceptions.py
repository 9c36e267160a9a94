"""Why the line says no. Each message is written for the person who reads it."""

from eligibility.exceptions import Refusal


class LineRefusal(Refusal):
    """Something the line can't do now; `str()` says what and what to do."""

    status = 409


class NotEligible(LineRefusal):
    status = 403


class NotYetJoinable(LineRefusal):
    pass


class OwnWindowLater(NotYetJoinable):
    """The line can be joined, but this person's own window comes later, as by birth digit."""


class RoomClosed(LineRefusal):
    pass


class NotCalled(LineRefusal):
    pass


class NotDecided(LineRefusal):
    """Called on a provisional ticket: the review comes before entering."""


class AtTheDoor(LineRefusal):
    """Called, but every place is taken this moment; whoever keeps asking goes in by place."""


class AdmissionOver(LineRefusal):
    """The time for booking ran out or was given up."""


class CantChange(LineRefusal):
    """What an operator asked of a room is not possible in its state."""

from enum import StrEnum


class State(StrEnum):
    """Where a person stands; each page shows exactly one of them as theirs."""

    UNKNOWN = "unknown"  # nobody is signed in
    NOT_YOURS = "not_yours"  # no period announced so far fits
    NOT_YET = "not_yet"  # theirs, but the line can't be joined yet
    MAY_GATHER = "may_gather"  # the line can be joined before its opening
    MAY_JOIN = "may_join"  # the line moves and can be joined
    REVIEW = "review"  # waits for the decision of a review before anything else
    GATHERED = "gathered"  # in the line, which gives no places yet
    WAITING = "waiting"
    PAUSED = "paused"  # waiting, while the operator has paused the line
    STILL = "still"  # waiting, while nobody is being called
    CALLED = "called"
    DOOR = "door"  # called, while every place inside is taken
    INSIDE = "inside"
    HELD = "held"  # a slot is kept while the form is filled in
    BOOKED = "booked"
    SECOND_MISSING = "second_missing"
    ON_LIST = "on_list"
    OFFER = "offer"
    CANCELLED = "cancelled"
    DONE = "done"  # vaccinated, with every dose
    LEFT = "left"
    CLOSED = "closed"


# In the order in which they are asked of a person: the first that holds is their standing.
# A deadline comes first, then what is booked, then the line that is nearest to booking.
PERSONAL = [
    State.HELD,
    State.OFFER,
    State.SECOND_MISSING,
    State.BOOKED,
    State.INSIDE,
    State.ON_LIST,
    State.CANCELLED,
    State.DONE,
]
OF_A_LINE = [
    State.INSIDE,
    State.CALLED,
    State.DOOR,
    State.REVIEW,
    State.WAITING,
    State.PAUSED,
    State.STILL,
    State.GATHERED,
    State.MAY_JOIN,
    State.MAY_GATHER,
    State.LEFT,
    State.NOT_YET,
    State.CLOSED,
    State.NOT_YOURS,
]
# The number in the line is what the person looks for: nothing personal takes its page.
KEEPS_ITS_PAGE = {State.WAITING, State.PAUSED, State.STILL, State.GATHERED}
MAY_BE_JOINED = {State.MAY_GATHER, State.MAY_JOIN, State.LEFT}

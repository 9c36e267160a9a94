from django.db import models
from django.utils.translation import gettext_lazy as _


class Order(models.TextChoices):
    DRAW = "draw", _("Draw among those who came before the opening")
    FIFO = "fifo", _("First come, first served")


class Proof(models.TextChoices):
    """What proves a birth date in a cohort."""

    ROSTER = "roster", _("The authority's roster")
    PROVIDER = "provider", _("A certified identity provider")
    COUNTER = "counter", _("Identity card at the clinic")


class Source(models.TextChoices):
    """Where a person's facts come from, the strongest source winning."""

    ROSTER = "roster", _("Roster")
    PROVIDER = "provider", _("Identity provider")
    DECLARED = "declared", _("Declared by the person")


class Window(models.TextChoices):
    """Where an instant lies in a window."""

    SOON = "soon", _("Not open yet")
    OPEN = "open", _("Open")
    CLOSED = "closed", _("Closed")


class Reason(models.TextChoices):
    """The condition that decided; eligibility.reasons has the sentences."""

    BORN = "born", _("Birth date fits")
    NOT_BORN = "not_born", _("Born outside the dates")
    NOT_CONFIRMED = "not_confirmed", _("Not confirmed by the roster")
    NOT_CERTIFIED = "not_certified", _("Not confirmed by a certified provider")
    OTHER_REGION = "other_region", _("Another region")
    EXCLUDED = "excluded", _("Excluded group")
    OTHER_GROUP = "other_group", _("Not in one of the groups")
    TOO_EARLY = "too_early", _("Too early after the last dose")
    NO_DIGIT_DAY = "no_digit_day", _("No day for this birth digit")
    HOUSEHOLD = "household", _("Too many people of one phone")
    REVIEW_OPEN = "review_open", _("Under review")
    REVIEW_GRANTED = "review_granted", _("Granted after a review")
    REVIEW_REFUSED = "review_refused", _("Refused after a review")


class ReviewReason(models.TextChoices):
    BIRTH = "birth", _("My birth date is another")
    IDENTITY = "identity", _("My name or phone is registered differently")
    REGION = "region", _("I live in another region")
    GROUP = "group", _("I belong to an occupation or risk group")
    OTHER = "other", _("Another reason")


class ReviewStatus(models.TextChoices):
    OPEN = "open", _("Being looked at")
    GRANTED = "granted", _("Granted")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Withdrawn")


# Decided by the birth date or the phone alone. A wrong one is typed again; no review changes it.
NEVER_REVIEWED = {Reason.NOT_BORN, Reason.NO_DIGIT_DAY, Reason.HOUSEHOLD}

# What lacks is a proof of name and birth date, which an identity card can give.
UNPROVEN = {Reason.NOT_CONFIRMED, Reason.NOT_CERTIFIED}

# Each arrow is one service; nothing else sets a status.
REVIEW_MOVES: dict[str, list[ReviewStatus]] = {
    ReviewStatus.OPEN: [ReviewStatus.GRANTED, ReviewStatus.REFUSED, ReviewStatus.WITHDRAWN],
}


class ProxyAnswer(models.TextChoices):
    """Answer of a person, or of the counter for them, to a request to book for them."""

    WAITING = "waiting", _("Waiting for their yes")
    YES = "yes", _("Yes")
    NO = "no", _("No")
    WITHDRAWN = "withdrawn", _("Withdrawn")


class Card(models.TextChoices):
    """The kind of an identity card that staff saw at a counter; its number is kept nowhere."""

    RESIDENT = "resident", _("Resident card")
    MOBILE = "mobile", _("Mobile identity card")
    DRIVER = "driver", _("Driver's licence")
    PASSPORT = "passport", _("Passport")
    FOREIGNER = "foreigner", _("Residence card of a foreigner")
    WELFARE = "welfare", _("Welfare card")
    OTHER = "other", _("Another official card with a photo")


class Correctable(models.TextChoices):
    NAME = "name", _("Name")
    BIRTH_DATE = "birth_date", _("Birth date")
    PHONE = "phone", _("Mobile phone")


class UploadStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting for a worker")
    RUNNING = "running", _("Running")
    SHOWN = "shown", _("To be looked at")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Nothing was changed")
    UNDOING = "undoing", _("Being taken back")
    UNDONE = "undone", _("Taken back")


class KeptBecause(models.TextChoices):
    """Why a person stays as a roster left them, though it is taken back.

    Most are the name of the source of events (events.sources) that has one since the import.
    """

    CHANGED = "changed", _("changed or removed since")
    TAKEN = "taken", _("another person has the earlier details now")
    IDENTITY = "eligibility", _("signed in, or asked for something, since")
    STAFF_ACTED = "recorded", _("signed in, or was helped by staff, since")
    LINE = "waiting_room", _("has a place in a line since")
    BOOKING = "booking", _("has an appointment, a dose or a place on the list since")
    VACCINATION = "vaccination", _("has a vaccination since")
    MESSAGE = "messaging", _("was written to since")
    CALLER = "callers", _("has a note or a complaint since")
    IN_USE = "in_use", _("other records refer to the person")

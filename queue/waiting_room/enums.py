from django.db import models
from django.utils.translation import gettext_lazy as _


class RoomStatus(models.TextChoices):
    """The operator's last order. Whether the room is open also depends on the time (State)."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


# The channel of an alert whose person wants no message.
NO_MESSAGE = "none"


class Ending(models.TextChoices):
    """How an admission ended."""

    BOOKED = "booked", _("Booked")
    LEFT = "left", _("Left")
    LAPSED = "lapsed", _("Ran out of time")


class Act(models.TextChoices):
    """Acts of a line, with the values of the public log (docs/line-log.md)."""

    COMMIT = "commit", _("Draw committed to")
    PLAN = "plan", _("Opening set")
    KEYS = "keys", _("Keys of the log")
    FREEZE = "freeze", _("List frozen")
    WITNESSED = "witnessed", _("List cosigned by the witnesses")
    UNWITNESSED = "unwitnessed", _("Went on without enough witnesses")
    REVEAL = "reveal", _("Draw held")
    OPENED = "opened", _("Officer's secret opened")
    CALL = "call", _("Called")
    PAUSE = "pause", _("Paused")
    RESUME = "resume", _("Resumed")
    PACE = "pace", _("Pace set")
    ESTIMATE = "estimate", _("Waiting times published")
    COUNT = "count", _("People inside counted")
    CLOSE = "close", _("Closed")
    TOTALS = "totals", _("Totals of the evening")


class DrawSource(models.TextChoices):
    """Source of the random number that fixes the order after the list is closed."""

    DRAND = "drand", _("drand quicknet, a public beacon")
    OFFICERS = "officers", _("secrets of several officers")
    STATED = "stated", _("a stated public value")
    SAMPLE = "sample", _("a made-up number, for the sample campaign only")


class State(models.TextChoices):
    """A room's state on public pages, by its status, its draw and the time."""

    SOON = "soon", _("Not open for joining yet")
    GATHERING = "gathering", _("Gathering")
    DRAWING = "drawing", _("The list is closed, the draw is to come")
    WITNESSING = "witnessing", _("The list is closed, its witnesses are to cosign it")
    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")

from django.db import models
from django.utils.translation import gettext_lazy as _


class RoomStatus(models.TextChoices):
    """What the operator last ordered; whether it has opened yet, the clock says."""

    RUNNING = "running", _("Running")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")


class Ending(models.TextChoices):
    """How an admission ended."""

    BOOKED = "booked", _("Booked")
    LEFT = "left", _("Left")
    LAPSED = "lapsed", _("Ran out of time")


class Act(models.TextChoices):
    """What happened to a line; the words are those of the public log (docs/line-log.md)."""

    COMMIT = "commit", _("Draw committed to")
    PLAN = "plan", _("Opening set")
    FREEZE = "freeze", _("List frozen")
    REVEAL = "reveal", _("Draw held")
    OPENED = "opened", _("Officer's secret opened")
    CALL = "call", _("Called")
    PAUSE = "pause", _("Paused")
    RESUME = "resume", _("Resumed")
    PACE = "pace", _("Pace set")
    CLOSE = "close", _("Closed")


class DrawSource(models.TextChoices):
    """Where the number comes from that fixes the order, once the list is closed."""

    DRAND = "drand", _("drand quicknet, a public beacon")
    OFFICERS = "officers", _("secrets of several officers")
    STATED = "stated", _("a stated public value")
    SAMPLE = "sample", _("a made-up number, for the sample campaign only")


class State(models.TextChoices):
    """What a room is to the public at an instant."""

    SOON = "soon", _("Not open for joining yet")
    GATHERING = "gathering", _("Gathering")
    DRAWING = "drawing", _("The list is closed, the draw is to come")
    OPEN = "open", _("Open")
    PAUSED = "paused", _("Paused")
    CLOSED = "closed", _("Closed")

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

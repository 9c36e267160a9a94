from django.db import models
from django.utils.translation import gettext_lazy as _


class ComplaintReason(models.TextChoices):
    """What a caller complains about."""

    NO_MESSAGE = "no_message", _("A code or message did not come")
    NOT_ELIGIBLE = "not_eligible", _("They may not book")
    WAIT = "wait", _("Waiting took too long")
    LOST_PLACE = "lost_place", _("They lost their place or time")
    NO_TIME = "no_time", _("No time suits them")
    PAGE = "page", _("A page did not work")
    CLINIC = "clinic", _("The clinic")
    OTHER = "other", _("Something else")

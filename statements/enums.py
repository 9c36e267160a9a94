from django.db import models
from django.utils.translation import gettext_lazy as _


class Subject(models.TextChoices):
    """What a statement is about; the value is its address too."""

    PRIVACY = "privacy", _("Privacy policy")
    ACCESSIBILITY = "accessibility", _("Accessibility")
    OPERATOR = "operator", _("Who runs this portal")
    HELP = "help", _("Help")


class Days(models.TextChoices):
    """On which days a number answers."""

    WORKDAYS = "workdays", _("Monday to Friday")
    ALL = "all", _("Every day")

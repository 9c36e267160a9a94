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

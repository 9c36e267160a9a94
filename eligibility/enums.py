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
    REVIEW_OPEN = "review_open", _("Under review")
    REVIEW_GRANTED = "review_granted", _("Granted after a review")
    REVIEW_REFUSED = "review_refused", _("Refused after a review")

"""Turns reason codes into sentences in the reader's language."""

from collections.abc import Callable
from datetime import date

from django.utils.translation import gettext as _

from dataio.districts import region_name
from eligibility.enums import Reason
from web.times import day_in


def sentence(code: str, values: dict[str, str]) -> str:
    """One reason as a sentence; `values` as eligibility.rules gives them with the code."""
    return _SENTENCES[Reason(code)](values)


def what_would_change_it(code: str) -> str:
    """Advice for a refused person; "" where only time helps."""
    advice = _ADVICE.get(Reason(code))
    return advice() if advice else ""


def _day(text: str) -> str:
    return day_in(_("j F Y"), date.fromisoformat(text))


def _dates(values: dict[str, str]) -> dict[str, str]:
    return {"start": _day(values["from"]), "end": _day(values["to"])}


_SENTENCES: dict[Reason, Callable[[dict[str, str]], str]] = {
    Reason.BORN: lambda values: _("You were born between %(start)s and %(end)s.") % _dates(values),
    Reason.NOT_BORN: lambda values: (
        _("This period is for people born between %(start)s and %(end)s.") % _dates(values)
    ),
    Reason.NOT_CONFIRMED: lambda values: _(
        "We could not confirm your name, birth date and phone together."
    ),
    Reason.NOT_CERTIFIED: lambda values: _(
        "This period needs your birth date confirmed by a certified identity service."
    ),
    Reason.OTHER_REGION: lambda values: (
        _("This period is for people who live in: %(regions)s.")
        % {"regions": ", ".join(map(region_name, values["regions"].split(", ")))}
    ),
    Reason.EXCLUDED: lambda values: _(
        "You are on a list of people who are vaccinated in another way."
    ),
    Reason.OTHER_GROUP: lambda values: _(
        "This period is for people of certain occupations or health conditions."
    ),
    Reason.TOO_EARLY: lambda values: (
        _("After your last dose, the next one is possible from %(day)s.")
        % {"day": _day(values["from"])}
    ),
    Reason.NO_DIGIT_DAY: lambda values: (
        _("No day of this period ends in %(digit)s, the last digit of your birth day.") % values
    ),
    Reason.HOUSEHOLD: lambda values: (
        _("%(count)s people book this period with your phone number already.") % values
    ),
    Reason.REVIEW_OPEN: lambda values: _(
        "You asked for a review. You may wait in the line; you enter once it is granted."
    ),
    Reason.REVIEW_GRANTED: lambda values: _("The health authority decided this for you."),
    Reason.REVIEW_REFUSED: lambda values: _(
        "The health authority looked at your case and could not confirm it."
    ),
}

_ADVICE: dict[Reason, Callable[[], str]] = {
    Reason.NOT_BORN: lambda: _("If your birth date is wrong here, sign out and enter it again."),
    Reason.NOT_CONFIRMED: lambda: _(
        "Check that your name is spelled as it is registered, and use the phone number that you "
        "gave to the authorities. If all is right, ask for a review: you can wait in the line "
        "meanwhile."
    ),
    Reason.NOT_CERTIFIED: lambda: _("Confirm who you are with a certified identity service."),
    Reason.OTHER_REGION: lambda: _("If you live there now, ask for a review."),
    Reason.EXCLUDED: lambda: _("Ask your local public health centre, or ask for a review."),
    Reason.OTHER_GROUP: lambda: _("If you belong to one of them, ask for a review."),
    Reason.HOUSEHOLD: lambda: _(
        "Confirm who you are with a phone of your own, or ask your local public health centre."
    ),
    Reason.NO_DIGIT_DAY: lambda: _("Ask your local public health centre for a day."),
}

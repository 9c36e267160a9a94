"""The buttons of open times and the clinics of a list, each filled into a mould.

Of a district's list a few seats change from one second to the next, so that most of its buttons are
kept too. Rendering all of it anew took 14 ms, more than everything else of a booking.
"""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django.template.defaultfilters import floatformat
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, ngettext, npgettext

from booking.finder import availability
from booking.finder.availability import OpenSlot
from booking.finder.search import ClinicTimes, SearchResult
from booking.place_names import name_as_html
from booking.views.purposes import Purpose
from web import moulds
from web.marking import marked
from web.moulds import Html, Text
from web.times import hour_of


def clinic_cards(result: SearchResult, purpose: Purpose) -> list[SafeString]:
    """The clinics of a page of the list with their first times."""
    query = result.search.query(on=result.on)
    return [_card(here, purpose, query) for here in result.clinics]


def vaccine_of_times(here: ClinicTimes, purpose: Purpose) -> str:
    """The vaccine of all times shown, where the finder offers more than one; else nothing."""
    vaccines = {slot.vaccine_id for slot in here.times}
    return _vaccine_names(purpose).get(vaccines.pop(), "") if len(vaccines) == 1 else ""


def slot_buttons(here: ClinicTimes, purpose: Purpose) -> SafeString:
    """The times shown; each with its vaccine, unless all have the one that is said above them."""
    language = get_language()
    names = {} if vaccine_of_times(here, purpose) else _vaccine_names(purpose)
    make = _button if moulds.are_kept() else _button.__wrapped__
    buttons = (
        make(slot, purpose.field, names.get(slot.vaccine_id, ""), language) for slot in here.times
    )
    return mark_safe("".join(buttons))  # noqa: S308  (each is a rendered template)


def _card(here: ClinicTimes, purpose: Purpose, query: str) -> SafeString:
    clinic, left, more = here.clinic, here.left, here.more
    at = clinic.coordinates
    left_text = ngettext("%(n)s place left", "%(n)s places left", left)
    more_text = ngettext("%(n)s more time at this clinic", "%(n)s more times at this clinic", more)
    context: dict[str, Any] = {
        "url": Text(purpose.clinic_url(clinic.code, query)),
        "name": Html(name_as_html(clinic)),
        "address": Html(marked(clinic.address)),
        "at": Text(f"{at[0]},{at[1]}" if at else ""),
        "km": Text("" if here.km is None else floatformat(here.km, "1u")),
        "left": Text(left_text % {"n": left}),
        "vaccine": Text(vaccine_of_times(here, purpose)),
        "more": Text(more_text % {"n": more} if more else ""),
        "buttons": Html(slot_buttons(here, purpose)),
    }
    return moulds.fragment("booking/components/clinic_card.html", context)


# Some hundred bytes each, and the times of some hundred districts on one day.
@lru_cache(maxsize=30_000)
def _button(slot: OpenSlot, field: str, vaccine: str, language: str) -> SafeString:
    moment, hour = _times(slot.starts_at, language)
    left = npgettext("on the button of a time", "%(n)s left", "%(n)s left", slot.left)
    context = {
        "field": field,
        "id": Text(slot.id),
        "moment": Text(moment),
        "hour": Text(hour),
        "vaccine": vaccine,
        "left": Text(left % {"n": slot.left}),
    }
    return moulds.fragment("booking/components/slot.html", context)


@lru_cache(maxsize=4096)
def _times(starts_at: datetime, _language: str) -> tuple[str, str]:
    return timezone.localtime(starts_at).isoformat(), hour_of(starts_at)


def _vaccine_names(purpose: Purpose) -> dict[int, str]:
    """The vaccines' names by id if the finder offers more than one, else nothing."""
    vaccines = availability.directory().vaccines
    choice = len(vaccines) if purpose.vaccines is None else len(purpose.vaccines)
    return {pk: each.name for pk, each in vaccines.items()} if choice > 1 else {}

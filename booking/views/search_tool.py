"""The form of a search on the pages of the finder, and its days."""

from datetime import date
from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.translation import get_language

from booking.finder import availability
from booking.finder.search import SearchResult
from booking.forms import SearchForm
from database.clock import known_today

MOST = 500  # kept forms of a process, about one for each district and language
_kept: dict[Any, str] = {}


def with_form(context: dict[str, Any]) -> dict[str, Any]:
    shown = QueryDict(context["search"].query()) if context["search"].places else {}
    form = context["form"] or SearchForm(shown, vaccines=context["purpose"].vaccines)
    return context | {"form": form}


def search_tool(context: dict[str, Any]) -> str:
    """The form as HTML. One without criteria is kept: it depends on no seats, and rendering it
    took a fifth of a list's time."""
    directory, purpose = availability.directory(), context["purpose"]
    vaccines = tuple((pk, each.name) for pk, each in directory.vaccines.items())
    key = (
        get_language(), known_today(), purpose.key, context["search"], vaccines,
        directory.facilities,
    )  # fmt: skip
    html = None if context["form"] else _kept.get(key)
    if html is None:
        html = render_to_string(
            "booking/components/search.html", with_form(context) | {"near_me": True}
        )
        if len(_kept) >= MOST:
            _kept.clear()
        if not context["form"]:
            _kept[key] = html
    return html


def calendar_of(result: SearchResult) -> list[dict[str, Any]]:
    """The open days as rows of a week from Monday; days without slots have 0 seats."""
    if not result.days:
        return []
    seats = dict(result.days)
    first, last = result.days[0][0], result.days[-1][0]
    day = date.fromordinal(first.toordinal() - first.weekday())
    weeks = []
    while day <= last:
        days = [date.fromordinal(day.toordinal() + number) for number in range(7)]
        weeks.append({"days": [(day, seats.get(day, 0)) for day in days]})
        day = date.fromordinal(day.toordinal() + 7)
    return weeks

"""The form of a search on the pages of the finder."""

from typing import Any

from django.http import QueryDict
from django.template.loader import render_to_string
from django.utils.translation import get_language

from booking.finder import availability
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

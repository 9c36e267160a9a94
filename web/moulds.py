"""Pages kept in parts: rendered once by their template, with gaps where readers differ.

A view marks the texts that differ by reader in its context, as `Text` or `Html`. All else that a
page depends on (its other values, the language, the frame) is the key of a mould, so that a mould
holds nothing of a person. Rendering took more than half of the CPU time of a booking
(docs/performance.md). `plain` renders the same page without a mould; tests compare both.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from functools import cache
from html import escape
from itertools import count
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import render as plain
from django.template import Engine
from django.template.loader import get_template, render_to_string
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from web.templatetags.times import server_time

# Private characters of Unicode, which no template and no translation contains.
GAP = re.compile("\ue000(\\d+)\ue001")
_FILLED = object()  # in a key, where a text is filled in
MOST = 500  # moulds of a process: a page has some dozens, by language, letters and its conditions
# Values that are part of the key as they are. A class is called by the template: an empty form.
_PLAIN = (bool, int, str, date, frozenset, Promise, type)


class Text(str):
    """A text that differs by reader, escaped where it is filled in."""


class Html(SafeString):
    """Ready HTML that differs by reader."""


class Constant(dict[str, Any]):
    """Values of a module that never change, for all pages: no page's key is made of them."""


_moulds: dict[Any, list[Any]] = {}
# For measurements and tests of what moulds bring; never off in a portal.
enabled = True


def are_kept() -> bool:
    return enabled and not settings.DEBUG


def render(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """The page as `plain` renders it. Raises TypeError for a value that can't be part of a key."""
    # A page that is made for everybody (config.front_pages) has gaps of its own.
    around = frame(request) if are_kept() and not hasattr(request, "gaps") else {}
    # A page for another person names that person in each of its forms.
    if not around or around["acting"]:
        return plain(request, template, context, status=status)
    return HttpResponse(_page(template, around | context), status=status)


def address(name: str, argument: object, *, like: str) -> Text:
    """The address of a page with this argument. That of `like`, any other of its kind, is kept:
    finding one took a fifth of a receipt's time."""
    return Text(_pattern(name, like).replace(like, str(argument)))


@cache
def _pattern(name: str, like: str) -> str:
    return reverse(name, args=[like])


def fragment(template: str, context: dict[str, Any]) -> SafeString:
    """A part of a page as render_to_string renders it, which depends on its context alone."""
    if not are_kept():
        return render_to_string(template, context)
    return mark_safe(_page(template, context))  # noqa: S308  (texts are escaped)


def _page(template: str, context: dict[str, Any]) -> str:
    texts: list[str] = []
    key = template, get_language(), _key(context, texts)
    mould = _moulds.get(key)
    if mould is None:
        mould = _moulded(template, _with_gaps(context, count()))
        # Emptied rather than evicted one by one, as fragments are (cached_fragments).
        if len(_moulds) >= MOST:
            _moulds.clear()
        _moulds[key] = mould
    return filled(mould, texts)


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the frame of each page shows: the portal's own context, with gaps where it differs."""
    context: dict[str, Any] = {}
    for processor in Engine.get_default().template_context_processors:
        if not processor.__module__.startswith("django."):
            context |= processor(request)
    context.pop("now", None)  # of no use to a page that is kept
    return context | {
        "csrf_token": Text(get_token(request)),
        "request": {"get_full_path": Text(request.get_full_path())},
        "server_time": Html(server_time({})),
    }


def filled(mould: list[Any], texts: list[str]) -> str:
    """The page: odd parts of a mould are numbers of texts."""
    parts = list(mould)
    for place in range(1, len(parts), 2):
        text = texts[parts[place]]
        # As Django's escape does, which takes several times as long for it.
        parts[place] = escape(text) if type(text) is Text else text
    return "".join(parts)


def _moulded(template: str, context: dict[str, Any]) -> list[Any]:
    # Without the request: nothing of its reader can get into the mould.
    return split(get_template(template).render(context))


def split(html: str) -> list[Any]:
    """A page with gaps as a mould."""
    parts: list[Any] = GAP.split(html)
    parts[1::2] = map(int, parts[1::2])
    return parts


def gap(number: int) -> str:
    """What stands in a page for the text of this number."""
    return f"\ue000{number}\ue001"


def _key(value: Any, texts: list[str]) -> Any:
    """What a page with `value` depends on, but for its texts, which are appended to `texts`."""
    kind = type(value)
    if kind is Text or kind is Html:
        if value:
            texts.append(value)
            return _FILLED
        return kind  # a template may ask whether there is one
    if kind is str:
        return value
    if kind is dict:
        return dict, tuple(value), _keys(value.values(), texts)
    if kind is list or kind is tuple:
        return _keys(value, texts)
    if value is None or isinstance(value, _PLAIN):
        return kind, str(value) if isinstance(value, Promise) else value
    if kind is Constant:
        return kind, id(value)
    return _key(_simple(value), texts)


def _keys(values: Iterable[Any], texts: list[str]) -> tuple[Any, ...]:
    """`_key` of each. Most values are texts: they are seen here, as a call took longer than all
    else that is done for one."""
    keys = []
    for value in values:
        kind = type(value)
        if kind is Text and value:
            texts.append(value)
            keys.append(_FILLED)
        elif kind is str:
            keys.append(value)
        else:
            keys.append(_key(value, texts))
    return tuple(keys)


def _with_gaps(value: Any, numbers: Iterator[int]) -> Any:
    """`value` with a gap for each of its texts, in the order of `_key`."""
    if isinstance(value, Text | Html):
        return gap(next(numbers)) if value else value
    if isinstance(value, str) and "\ue000" in value:
        return value.replace("\ue000", "")  # would pass for a gap
    if value is None or isinstance(value, (*_PLAIN, Constant)):
        return value
    value = _simple(value)
    if isinstance(value, dict):
        return {name: _with_gaps(each, numbers) for name, each in value.items()}
    return [_with_gaps(each, numbers) for each in value]


def _simple(value: Any) -> dict[Any, Any] | list[Any]:
    """What has parts, as a dict or list of them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, list | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} can't be part of a page that is kept")

"""Error pages in the reader's language first.

Their files (templates/400.html and so on) hold one section for each language, Korean first, and
need nothing else: nginx serves the same files. Where Python answers, the reader's section comes
first, its heading becomes the page's, and the menu is in the reader's language alone.
"""

import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.translation import gettext, gettext_lazy, override

from web.language import used_language

FOLDER = Path(__file__).resolve().parent.parent / "templates"
_SECTION = re.compile(r' *<section lang="([\w-]+)">.*?</section>\n', re.DOTALL)
# Their files hold no template tags; that of 403 has some.
_WITH_PAGE = {400, 404, 405, 408, 413, 429}
_HEADING = re.compile(r"<h([12])>(.*?)</h\1>", re.DOTALL)
_TAG = re.compile(r"<[^>]+>")
# The menu of components/header.html.
_MENU = {
    "/mine/": gettext_lazy("My place"),
    "/reservations/": gettext_lazy("My bookings"),
    "/help/": gettext_lazy("Help"),
}
_ENTRY = re.compile(rf'<a href="({"|".join(_MENU)})">.*?</a>')


class ErrorPageMiddleware:
    """Turns error pages to the language of the request, and gives bare refusals their page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code >= 400 and not response.streaming:
            if response.status_code in _WITH_PAGE and not response.content:
                response.content = page(f"{response.status_code}.html", used_language())
                response.headers["Content-Type"] = "text/html; charset=utf-8"
            elif b'<section lang="ko">' in response.content:
                response.content = turned_to(used_language(), response.content.decode())
            if back := _page_before(request):
                _lead_back(response, back)
            if "Content-Length" in response.headers:  # as it was before
                response.headers["Content-Length"] = str(len(response.content))
        return response


def _page_before(request: HttpRequest) -> str:
    """The address of the portal's page from which the reader came here; "" if there is none."""
    try:
        before, host = urlsplit(request.headers.get("Referer", "")), request.get_host()
    except (ValueError, DisallowedHost):
        return ""
    # A page that was only opened, and comes back as an error, is not the page before.
    is_same = before.path == request.path and request.method in ("GET", "HEAD")
    # Two slashes would begin the name of another host.
    is_ours = before.netloc == host and before.path[1:2] != "/"
    if is_same or not is_ours or not before.path.startswith("/"):
        return ""
    return before.path + (f"?{before.query}" if before.query else "")


def _lead_back(response: HttpResponse, address: str) -> None:
    """Add a link to this address beside the first button of an error page."""
    with override(used_language()):
        label = gettext("Back to the page before")
    link = format_html(' <a class="jari-button secondary" href="{}">{}</a></p>', address, label)
    html = response.content.decode()
    first = html.find("</a></p>", html.find('class="jari-actions"'))
    if '<section lang="ko">' not in html or first < 0:
        return
    response.content = html[:first] + "</a>" + link + html[first + len("</a></p>") :]
    # It names an address of this reader alone.
    response.headers["Cache-Control"] = "no-store"


@lru_cache(maxsize=64)
def page(name: str, language: str) -> bytes:
    """The file of an error page, with this language first; without database or sign-in."""
    return turned_to(language, (FOLDER / name).read_text(encoding="utf-8")).encode()


def turned_to(language: str, html: str) -> str:
    """An error page with the section of this language first; as it is in a language it lacks."""
    sections = {found[1].lower(): found[0] for found in _SECTION.finditer(html)}
    if language not in sections:
        return html
    begin = html.index(next(iter(sections.values())))
    below = html[begin:]
    for text in sections.values():
        below = below.replace(text, "", 1)
    first = _as_first(sections.pop(language))
    others = [_as_other(text) for text in sections.values()]
    head = _headed(html[:begin], language, _heading_of(first))
    return head + first + "".join(others) + below


def _as_first(section: str) -> str:
    text = _HEADING.sub(r"<h1>\2</h1>", section, count=1)
    return text.replace('class="jari-button secondary"', 'class="jari-button"')


def _as_other(section: str) -> str:
    text = _HEADING.sub(r"<h2>\2</h2>", section, count=1)
    return text.replace('class="jari-button"', 'class="jari-button secondary"')


def _heading_of(section: str) -> str:
    found = _HEADING.search(section)
    return " ".join(_TAG.sub("", found[2]).split()) if found else ""


def _headed(head: str, language: str, heading: str) -> str:
    """What stands above the sections, with the language and the title of the first."""
    text = _with_menu(head, language)
    if language == "ko":
        return text
    text = text.replace('<html lang="ko">', f'<html lang="{_html_lang(language)}">', 1)
    text = text.replace('자리 <span class="jari-brand-latin"', "<span")
    title = f"<title>{heading} | Jari</title>"
    return re.sub(r"<title>.*?</title>", lambda _found: title, text, count=1, flags=re.DOTALL)


def _with_menu(head: str, language: str) -> str:
    with override(language):
        menu = {address: str(label) for address, label in _MENU.items()}
        named = gettext("Main menu")
    text = head.replace('aria-label="주 메뉴"', f'aria-label="{named}"')
    return _ENTRY.sub(lambda entry: f'<a href="{entry[1]}">{menu[entry[1]]}</a>', text)


def _html_lang(language: str) -> str:
    primary, _dash, script = language.partition("-")
    return f"{primary}-{script.capitalize()}" if script else primary

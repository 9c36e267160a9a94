"""The admin in Korean: no label is left in English."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest

from tests.staff.address_table import address_of, routes, scene
from tests.staff.signing_in import StaffClient

pytestmark = pytest.mark.django_db
WORDS = re.compile(r"[A-Za-z][a-z]{2,}(?: [A-Za-z]+)*")
# Names of products, texts of the test's rows and stored codes, and Django's words for its icons.
ALLOWED = re.compile(
    r"\b(?:English|Jari|Excel|Redis|Postgres|Python|Aegis|Google|Microsoft|Vaccine|Cohort|True|False"
    r"|KR Core|born|priority|confirmed|Confirmed|list|system|name|phone|region)\b",
    re.ASCII,  # a Korean ending may follow at once
)
# Pages of django-rq, for the operator alone: its templates have no translations.
FOREIGN = ("admin/rq/", "admin/django_rq/")
# Sheets and versions of the questionnaire, which show both languages.
BILINGUAL = ("/questions/", "admin/vaccination/questionnaire/")
SPOKEN = {"title", "aria-label", "placeholder", "alt"}
SILENT = {"script", "style", "code", "pre", "template", "option"}


class _Texts(HTMLParser):
    """What a reader sees or hears of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._silent = 0
        self._language: list[bool] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self._silent += tag in SILENT
        self.texts += [values[name] or "" for name in SPOKEN & values.keys()]
        if tag == "input" and values.get("type") in ("submit", "button"):
            self.texts.append(values.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.texts.append(data)


def english_in(html: str) -> Iterator[str]:
    page = _Texts()
    page.feed(html)
    for text in page.texts:
        # Data of the test and codes: what has digits, underscores or an address.
        plain = re.sub(r"\S*[\d_@/.=]\S*", " ", ALLOWED.sub(" ", text))
        yield from WORDS.findall(plain)


def test_no_label_of_the_admin_is_left_in_english():
    users, rows = scene()
    client = StaffClient(raise_request_exception=False)
    client.force_login(users["superuser"])

    found = set()
    for route in routes():
        is_page = route.startswith("admin/") and not route.startswith(FOREIGN)
        is_page = is_page and not any(part in route for part in BILINGUAL)
        if not is_page or "logout" in route or "autocomplete" in route:
            continue
        answer = client.get(address_of(route, rows), headers={"Accept-Language": "ko"})
        if answer.status_code == 200 and answer["Content-Type"].startswith("text/html"):
            found |= {(route, words) for words in english_in(answer.content.decode())}

    assert sorted(found) == []

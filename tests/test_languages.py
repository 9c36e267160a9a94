"""Citizens' pages and messages are in each language, whole: no text is missing, none is mixed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.template import engines
from django.template.base import Node
from django.templatetags.i18n import BlockTranslateNode, TranslateNode
from selectolax.lexbor import LexborHTMLParser

from eligibility.models import Person
from reports import open_data
from standing.states import State
from tests.standing.scenes import SCENES
from tests.standing.test_pages import browser, pages_of

ROOT = Path(settings.BASE_DIR)
CATALOGUES = {
    "zh-hans": polib.pofile(str(ROOT / "locale/zh_Hans/LC_MESSAGES/django.po")),
    "vi": polib.pofile(str(ROOT / "locale/vi/LC_MESSAGES/django.po")),
}
# Packages with citizens' pages; of these the modules that only staff, jobs and operators see.
PACKAGES = [
    "booking", "config", "eligibility", "queue", "standing", "statements", "vaccination", "web",
]  # fmt: skip
# Of packages that are else for staff.
PUBLIC_MODULES = ["reports/open_data.py", "reports/status.py"]
OF_STAFF = re.compile(
    r"/admin/|_admin\.py$|/(apps|admin|events|lint|imports|schedules|residents|letters)\.py$"
    r"|/models\.py$|/(models|imports|management|settings|migrations)/|/(roster|uploads|changes|orders|rooms"
    r"|staff_bookings|visit_lists|identity_cards|roster_settling|asking_witnesses)\.py$"
)
# Texts in modules of both that only staff meet: labels, refusals of marks and lots.
LEFT_TO_STAFF = set((ROOT / "tests/texts_of_staff.txt").read_text(encoding="utf-8").splitlines())
FUNCTIONS = {"_", "gettext", "gettext_lazy", "ngettext", "ngettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}

Text = tuple[str | None, str]


def texts_of_code() -> Iterator[tuple[Text, str]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            if not OF_STAFF.search(name):
                yield from ((text, name) for text in _texts_in(path.read_text(encoding="utf-8")))
    for name in PUBLIC_MODULES:
        yield from ((text, name) for text in _texts_in((ROOT / name).read_text(encoding="utf-8")))
    for table in open_data.TABLES:
        for words in (table.title, table.about, table.measure):
            yield (None, words.en), "reports/open_data.py"


def _texts_in(source: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        strings = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
        if node.func.id in FUNCTIONS and strings:
            yield None, strings[0]
        elif node.func.id in WITH_CONTEXT and len(strings) == 2:
            yield strings[0], strings[1]


def texts_of_templates() -> Iterator[tuple[Text, str]]:
    folder = ROOT / "templates"
    for path in sorted(folder.rglob("*.html")):
        name = str(path.relative_to(folder))
        if not name.startswith(("admin/", "django/", "rehearsal/")):
            template = engines["django"].get_template(name).template
            for node in template.nodelist.get_nodes_by_type(Node):
                yield from ((text, name) for text in _texts_of(node))


def _texts_of(node: Node) -> Iterator[Text]:
    if isinstance(node, TranslateNode):
        text = node.filter_expression.var
        context = node.message_context.var if node.message_context else None
        yield context and str(context), str(text.literal if hasattr(text, "literal") else text)
    elif isinstance(node, BlockTranslateNode):
        yield None, node.render_token_list(node.singular)[0]


@pytest.fixture(scope="module")
def needed() -> dict[Text, str]:
    """The texts of citizens, with where each stands."""
    return {text: where for text, where in [*texts_of_code(), *texts_of_templates()] if text[1]}


@pytest.mark.parametrize("language", CATALOGUES)
def test_each_text_of_citizens_is_translated(language, needed):
    there = {(entry.msgctxt, entry.msgid) for entry in CATALOGUES[language] if entry.translated()}

    missing = {text: where for text, where in needed.items() if text not in there}
    assert len(needed) > 800
    assert {where: text for text, where in missing.items() if text[1] not in LEFT_TO_STAFF} == {}


@pytest.mark.parametrize("language", CATALOGUES)
def test_translations_are_in_their_own_letters(language):
    hangul = re.compile("[가-힣ㄱ-ㆎ]")
    han = re.compile("[\u4e00-\u9fff]")
    texts = [
        (entry.msgid, text)
        for entry in CATALOGUES[language]
        for text in ([entry.msgstr] if entry.msgstr else entry.msgstr_plural.values())
    ]

    assert [text for text in texts if hangul.search(text[1])] == []
    if language == "vi":
        assert [text for text in texts if han.search(text[1])] == []
    plain = [(msgid, re.sub(r"%\(\w+\)\w|%s|\{\w*\}", "", text)) for msgid, text in texts]
    same = {msgid for msgid, text in plain if text == msgid and re.search("[a-z]{3}", text)}
    assert same <= {"Jari", "E-mail"}


OF_A_RECEIPT = ["", "/change", "/cancel", "/questions"]
# Not a part of a code or a hash.
LATIN_WORD = re.compile(r"(?<![\w-])[A-Za-z]{3,}(?![\w-])")
# What may stand in Latin letters on a Chinese page.
LATIN = re.compile(
    r"\b(?:Jari|Seoul|Gangnam-gu|QR|SMS|CSV|PDF|UTC|drand|quicknet|kim|example|org|Python|Maintenance|Cohort|Clinic|Vaccine"
    r"|Frictionless|Data|SMART|Scheduling|Links|Ed\d+|Merkle|JavaScript)\b"
)


@pytest.mark.django_db
@pytest.mark.parametrize("language", CATALOGUES)
@pytest.mark.parametrize("state", State)
def test_no_page_mixes_languages(state, language, needed):
    """No Korean and no English outside names, which are marked with their language."""
    scene = SCENES[state]()
    english = {text for _context, text in needed if len(text.split()) > 2 and "%" not in text}
    client = browser(scene.person, language)
    responses = pages_of(client, scene, state)
    addresses = ["how", "reservations", "identity", "help"]
    if state in (State.BOOKED, State.HELD):
        addresses += ["family", "identity/data", "booking/list", "booking/confirm"]
        for number in scene.person.reservations.values_list("number", flat=True):
            addresses += [f"reservations/{number}{page}" for page in OF_A_RECEIPT]
    responses |= {name: client.get(f"/{name}/") for name in addresses}

    mixed = set()
    # Names of people are data. Those of clinics are marked as Korean.
    names = re.compile("|".join(_names()) or "-")
    for name, response in responses.items():
        words = names.sub(" ", _words_of(response.content.decode(), language))
        korean = re.findall("[가-힣]+", words)
        foreign = LATIN_WORD.findall(LATIN.sub(" ", words)) if language != "vi" else []
        foreign += [text for text in english if text in words]
        mixed |= {(name, word) for word in [*korean, *foreign]}
    assert sorted(mixed) == []


def _names() -> list[str]:
    names = [person.name for person in Person.objects.all()]
    return sorted(map(re.escape, names), key=len, reverse=True)


def _words_of(html: str, language: str) -> str:
    """The text of a page, without what is marked as another language's and what people typed."""
    tree = LexborHTMLParser(html)
    for node in tree.css("script, style, code, pre, .jari-data, [translate=no]"):
        node.decompose()
    for node in tree.css("[lang]"):
        if node.attributes.get("lang") not in (language, None) and node.tag != "html":
            node.decompose()
    assert tree.body
    return tree.body.text(separator=" ")

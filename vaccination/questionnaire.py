"""The pre-vaccination questionnaire (예진표) as data: its format, answers and flags. Pure.

The delivered questions (data/questionnaire_v02.json) are questions 1 to 11 of the 예방접종 예진표
("접종 대상자에 대한 확인 사항") of the Korea Disease Control and Prevention Agency, in its words.
The last two are of the COVID-19 예방접종 예진표 of 2021 and the portal's own.

Field terms follow HL7 FHIR R5 Questionnaire: an item has an id (linkId), a text, a type (`kind`)
and answer options. Answers are a dict: item id → value, and item id + "_detail" → text.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from vaccination.enums import QuestionKind
from web.language import reads_korean

Answers = dict[str, str]

YES, NO = "yes", "no"
MOST_ITEMS, MOST_OPTIONS = 30, 8
LONGEST_TEXT, LONGEST_ANSWER = 300, 300
DEFAULT_LENGTH = 200
_ID = re.compile(r"[a-z][a-z0-9_]{0,29}")
_DETAIL = "_detail"


class BadQuestionnaire(Exception):
    """Content that can't be published; `problems` are sentences for its author."""

    def __init__(self, problems: list[str]):
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True)
class Words:
    """A text in Korean and English; as `str` in the reader's language.

    Chinese and Vietnamese of the delivered questions stand in the catalogues under the English
    text, so that a version of the authority keeps them where it keeps that text.
    """

    ko: str
    en: str

    def __str__(self) -> str:
        if reads_korean():
            return self.ko
        # A typed answer is the same in all languages, and never looked up.
        return self.en if self.en == self.ko else _(self.en)


@dataclass(frozen=True)
class Option:
    id: str
    text: Words


_YES_NO = (Option(YES, Words("예", "Yes")), Option(NO, Words("아니오", "No")))


@dataclass(frozen=True)
class Item:
    """One question. `doctor` are the answers after which the doctor has to be spoken to first."""

    id: str
    kind: QuestionKind
    text: Words
    detail: Words | None
    options: tuple[Option, ...]
    doctor: frozenset[str]
    required: bool
    max_length: int

    @property
    def detail_id(self) -> str:
        return self.id + _DETAIL

    def option(self, value: str) -> Option | None:
        return next((option for option in self.options if option.id == value), None)


@dataclass(frozen=True)
class Content:
    """All questions of one version."""

    title: Words
    source: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class AnsweredItem:
    """A question with its answer, for pages and paper; `answer` is None where there is none."""

    number: int
    item: Item
    answer: Words | None
    detail: str
    asks_doctor: bool
    ticks: list[tuple[Words, bool]]  # each option, and whether it is the answer


def read_content(data: object) -> Content:
    """Check and read stored or typed content; raises BadQuestionnaire with all problems."""
    problems: list[str] = []
    values = data if isinstance(data, dict) else {}
    title = _words(values.get("title"), _("Title"), problems)
    raw_items = values.get("items")
    if not isinstance(raw_items, list) or not 1 <= len(raw_items) <= MOST_ITEMS:
        problems.append(_("A questionnaire has 1 to %(most)s questions.") % {"most": MOST_ITEMS})
        raise BadQuestionnaire(problems)
    items = tuple(
        _item(raw if isinstance(raw, dict) else {}, number, problems)
        for number, raw in enumerate(raw_items, start=1)
    )
    # The name of a detail is a name too.
    ids = [name for item in items for name in (item.id, item.detail_id)]
    if len(set(ids)) < len(ids):
        problems.append(_("Two questions have the same code."))
    if problems:
        raise BadQuestionnaire(problems)
    return Content(title, str(values.get("source", ""))[:LONGEST_TEXT], items)


def _item(raw: Mapping[str, Any], number: int, problems: list[str]) -> Item:
    where = _("Question %(number)s") % {"number": number}
    code = str(raw.get("id", ""))
    if not _ID.fullmatch(code):
        problems.append(_("%(where)s: its code has small letters and digits only.") % _at(where))
    kind = raw.get("kind")
    if kind not in QuestionKind.values:
        problems.append(_("%(where)s: choose a kind of answer.") % _at(where))
        kind = QuestionKind.YES_NO
    kind = QuestionKind(kind)
    options = _options(raw, kind, where, problems)
    detail = None
    if kind == QuestionKind.DETAIL:
        detail = _words(raw.get("detail"), _("%(where)s, detail") % _at(where), problems)
    flags = raw.get("doctor", [])
    doctor = frozenset(flags) if isinstance(flags, list) and _all_text(flags) else frozenset("?")
    if not doctor <= {option.id for option in options}:
        problems.append(_("%(where)s: a flag names no answer.") % _at(where))
    length = raw.get("max_length", DEFAULT_LENGTH)
    if not isinstance(length, int) or not 1 <= length <= LONGEST_ANSWER:
        problems.append(
            _("%(where)s: an answer has 1 to %(most)s letters.")
            % {"where": where, "most": LONGEST_ANSWER}
        )
        length = DEFAULT_LENGTH
    text = _words(raw.get("text"), where, problems)
    required = raw.get("required", True) is not False
    return Item(code, kind, text, detail, options, doctor, required, length)


def _at(where: str) -> dict[str, str]:
    return {"where": where}


def _all_text(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _words(value: object, where: str, problems: list[str]) -> Words:
    texts = value if isinstance(value, dict) else {}
    ko, en = (str(texts.get(code) or "").strip() for code in ("ko", "en"))
    for text, language in [(ko, _("Korean")), (en, _("English"))]:
        if not 1 <= len(text) <= LONGEST_TEXT or not text.isprintable():
            problems.append(
                _("%(where)s: write a text of at most %(most)s letters in %(language)s.")
                % {"where": where, "most": LONGEST_TEXT, "language": language}
            )
    return Words(ko, en)


def _options(
    raw: Mapping[str, Any], kind: QuestionKind, where: str, problems: list[str]
) -> tuple[Option, ...]:
    if kind == QuestionKind.TEXT:
        return ()
    if kind != QuestionKind.CHOICE:
        return _YES_NO
    listed = raw.get("options")
    listed = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    options = tuple(
        Option(str(each.get("id", "")), _words(each.get("text"), where, problems))
        for each in listed
    )
    ids = {option.id for option in options}
    if not 2 <= len(options) <= MOST_OPTIONS or len(ids) < len(options):
        problems.append(
            _("%(where)s: give 2 to %(most)s different answers.")
            % {"where": where, "most": MOST_OPTIONS}
        )
    if not all(_ID.fullmatch(code) for code in ids):
        problems.append(_("%(where)s: its code has small letters and digits only.") % _at(where))
    return options


def picked(items: Iterable[Item], typed: Mapping[str, str]) -> Answers:
    """What of `typed` answers these items: for drafts, and to carry answers to a newer version.

    Unknown ids, unknown options and details of another answer than yes are dropped, long texts cut.
    """
    answers: Answers = {}
    for item in items:
        value = typed.get(item.id, "")
        if item.kind == QuestionKind.TEXT:
            value = value.strip()[: item.max_length]
        elif item.option(value) is None:
            value = ""
        if value:
            answers[item.id] = value
        detail = typed.get(item.detail_id, "").strip()[: item.max_length]
        # A draft may hold a detail whose yes was not ticked yet.
        if item.detail and detail and value != NO:
            answers[item.detail_id] = detail
    return answers


def flagged(items: Iterable[Item], answers: Mapping[str, str]) -> list[Item]:
    """The questions whose answers ask for the doctor before the vaccination."""
    return [item for item in items if answers.get(item.id) in item.doctor]


def answered(items: Iterable[Item], answers: Mapping[str, str]) -> list[AnsweredItem]:
    """All questions with their answers, in order."""
    rows = []
    for number, item in enumerate(items, start=1):
        value = answers.get(item.id, "")
        option = item.option(value)
        shown = option.text if option else Words(value, value) if value else None
        detail = answers.get(item.detail_id, "")
        ticks = [(each.text, each.id == value) for each in item.options]
        rows.append(AnsweredItem(number, item, shown, detail, value in item.doctor, ticks))
    return rows

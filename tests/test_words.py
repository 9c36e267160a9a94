"""The Korean catalogue uses one word for each thing: those of docs/glossary.md."""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import polib
import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CATALOGUE = polib.pofile(str(ROOT / "locale/ko/LC_MESSAGES/django.po"))
HANGUL = re.compile("[가-힣]")
# Labels with the word of a term that are about something else.
OTHER = {"doses": "a vaccine's number of doses"}


class Term(NamedTuple):
    english: list[str]
    korean: list[str]
    never: list[str]


def _terms() -> list[Term]:
    rows = (
        [cell.strip() for cell in line.strip()[1:-1].split("|")]
        for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ")
    )
    return [
        Term(
            english.split(", "),
            korean.split(", "),
            [word for word in re.split("[,;] ", never) if HANGUL.search(word)],
        )
        for english, korean, _meaning, never in rows
        if HANGUL.search(korean)
    ]


TERMS = _terms()


def _translations(entry: polib.POEntry) -> list[str]:
    return list(entry.msgstr_plural.values()) or [entry.msgstr]


def test_no_translation_uses_another_word_for_a_term():
    # The open data of the state is called by its own name.
    texts = [
        (text.replace("위탁의료기관", ""), entry.msgid)
        for entry in CATALOGUE
        for text in _translations(entry)
    ]
    never = [word for term in TERMS for word in term.never]

    assert len(never) > 10
    assert [(word, msgid) for word in never for text, msgid in texts if word in text] == []


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.english[0])
def test_a_label_that_is_a_term_is_translated_by_it(term):
    labels = {form for word in term.english for form in (word, f"{word}s")} - set(OTHER)

    wrong = [
        (entry.msgid, text)
        for entry in CATALOGUE
        if entry.msgid in labels and not entry.msgctxt
        for text in _translations(entry)
        if not any(word in text for word in term.korean)
    ]

    assert wrong == []


def test_each_text_stands_once_in_the_catalogue():
    texts = Counter((entry.msgctxt, entry.msgid) for entry in CATALOGUE)

    assert [text for text, count in texts.items() if count > 1] == []

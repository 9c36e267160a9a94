"""The catalogues use one word for each thing: those of docs/glossary.md."""

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


def _outside(language: str) -> list[tuple[str, str]]:
    """What stands outside the catalogues: statements, and the sections of error pages."""
    texts = [
        (path.read_text(encoding="utf-8").lower(), path.name)
        for path in ROOT.glob(f"statements/texts/*_{language.lower()}.txt")
    ]
    for path in ROOT.glob("templates/[45]*.html"):
        html = path.read_text(encoding="utf-8")
        sections = re.findall(rf'<section lang="{language}">(.*?)</section>', html, re.DOTALL)
        texts += [(section.lower(), path.name) for section in sections]
    assert len(texts) > 10
    return texts


def test_no_translation_uses_another_word_for_a_term():
    # The open data of the state is called by its own name.
    texts = [
        (text.replace("위탁의료기관", ""), entry.msgid)
        for entry in CATALOGUE
        for text in _translations(entry)
    ] + _outside("ko")
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


# Languages by the column of their words in the second table.
OTHERS = {"zh_Hans": 1, "vi": 2}
# Terms whose word stands in each text that has the English one. Others mean more than one thing
# in English: a place, a line of text, a code.
THROUGHOUT = [
    *["health authority", "public health centre", "cohort", "resume code", "draw", "entry number"],
    *["reservation number", "cancellation list", "public log", "witness", "care home"],
]


def _other_terms() -> list[list[str]]:
    text = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    lines = text.partition("## Chinese and Vietnamese")[2].splitlines()
    rows = [
        [cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines if "|" in line
    ]
    return rows[2:]  # behind the heads and their rule


@pytest.mark.parametrize("language", OTHERS)
def test_chinese_and_vietnamese_have_one_word_too(language):
    catalogue = polib.pofile(str(ROOT / f"locale/{language}/LC_MESSAGES/django.po"))
    terms, wrong, met = _other_terms(), [], set()
    never = [word for row in terms for word in re.split("[,;] ", row[3]) if word]
    outside = _outside(language.replace("_", "-"))
    wrong += [(word, name) for word in never for text, name in outside if word in text]
    for entry in catalogue:
        # Values are filled in: no word of the language stands for them.
        english = re.sub(r"%\(\w+\)\w|\{\w*\}", "", entry.msgid)
        texts = [text.lower() for text in _translations(entry)]
        wrong += [(word, entry.msgid) for word in never if any(word in text for text in texts)]
        for row in terms:
            names = re.sub(r" \(.*\)", "", row[0]).split(", ")
            words = row[OTHERS[language]].lower().split(", ")
            found = [name for name in names if re.search(rf"\b{name}s?\b", english, re.IGNORECASE)]
            held = set(found) & set(THROUGHOUT) or {entry.msgid.lower()} & set(names)
            met |= held
            if held and not all(any(word in text for word in words) for text in texts):
                wrong.append((row[0], entry.msgid))

    assert wrong == []
    assert met >= set(THROUGHOUT)


def test_each_text_stands_once_in_the_catalogue():
    texts = Counter((entry.msgctxt, entry.msgid) for entry in CATALOGUE)

    assert [text for text, count in texts.items() if count > 1] == []

"""The text that holds on a subject: the authority's, else the sample of this folder."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from django.conf import settings

from statements.blocks import Block, blocks_of
from statements.enums import Subject
from statements.models import Statement
from web.language import used_language

SAMPLES = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Shown:
    """A statement as its page shows it."""

    title: str
    blocks: list[Block]
    # None: a sample, which the authority has not put its name to.
    in_force_from: date | None
    # Of the text: one that the authority did not write in the reader's language is in English.
    language: str


def shown(subject: Subject) -> Shown:
    """The statement in the reader's language."""
    row = Statement.objects.filter(subject=subject).first()
    language = used_language()
    if row is None:
        return Shown(str(subject.label), blocks_of(sample(subject, language)), None, language)
    text = getattr(row, field_of(language), "")
    if not text:
        text, language = row.text_en, "en"
    return Shown(str(subject.label), blocks_of(text), row.in_force_from, language)


def field_of(language: str) -> str:
    """The field of Statement with the text in this language: text_zh_hans of zh-hans."""
    return f"text_{language.replace('-', '_')}"


def sample(subject: Subject, language: str) -> str:
    """The sample text, with this portal's own periods in days."""
    text = _file(subject, language)
    periods = {
        "{keep}": settings.KEEP_DAYS,
        "{answers}": settings.QUESTIONNAIRE_DAYS,
        "{session}": settings.IDENTITY_DAYS,
    }
    for mark, days in periods.items():
        text = text.replace(mark, str(days))
    return text


@cache
def _file(subject: Subject, language: str) -> str:
    return (SAMPLES / f"{subject.value}_{language}.txt").read_text(encoding="utf-8")

"""The text that holds on a subject: the authority's, else the sample of this folder."""

from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from django.conf import settings

from statements.blocks import Block, blocks_of
from statements.enums import Subject
from statements.models import Statement
from web.language import reads_korean, used_language

SAMPLES = Path(__file__).parent / "texts"


@dataclass(frozen=True)
class Shown:
    """A statement as its page shows it."""

    title: str
    blocks: list[Block]
    # None: a sample, which the authority has not put its name to.
    in_force_from: date | None
    # Of the text: the authority writes in the languages of staff, and others read it in English.
    language: str


def shown(subject: Subject) -> Shown:
    """The statement in the reader's language."""
    row = Statement.objects.filter(subject=subject).first()
    if row is None:
        language = used_language()
        return Shown(str(subject.label), blocks_of(sample(subject, language)), None, language)
    language = "ko" if reads_korean() else "en"
    text = getattr(row, f"text_{language}")
    return Shown(str(subject.label), blocks_of(text), row.in_force_from, language)


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

"""New versions of the questions: drafted by the health authority, previewed, then published."""

import hashlib
import json
from typing import Any

from django.db import transaction

from database.clock import database_now
from staff.names import actor_name
from vaccination.exceptions import PublishedAlready, QuestionsEditedMeanwhile
from vaccination.models import Questionnaire
from vaccination.questionnaire import read_content
from vaccination.services.questionnaires import content_data, current_version


def open_draft(*, by: str) -> Questionnaire:
    """The draft of the next version; made from the current one if there is none yet."""
    number = current_version().number
    # Two users at once get one draft: the version is unique.
    draft, _created = Questionnaire.objects.get_or_create(
        version=number + 1, defaults={"content": content_data(number), "by": by}
    )
    return draft


def digest_of(questionnaire: Questionnaire) -> str:
    """Names the content that a page showed."""
    text = json.dumps(questionnaire.content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@transaction.atomic
def save_questions(
    *, questionnaire: Questionnaire, content: dict[str, Any], digest_shown: str, by: str
) -> Questionnaire:
    """Change a draft.

    Raises BadQuestionnaire, PublishedAlready, or QuestionsEditedMeanwhile if the page showed other
    questions.
    """
    read_content(content)
    draft = _locked(questionnaire, digest_shown)
    if draft.published_at is not None:
        raise PublishedAlready
    draft.content, draft.by = content, by
    draft.save(update_fields=["content", "by"])
    return draft


@transaction.atomic
def publish_questions(*, questionnaire: Questionnaire, digest_shown: str, by: str) -> Questionnaire:
    """Ask these questions from now on; what was previewed is what is published, once.

    Answers to an earlier version stay. Raises QuestionsEditedMeanwhile.
    """
    draft = _locked(questionnaire, digest_shown)
    if draft.published_at is not None:
        return draft
    read_content(draft.content)
    draft.published_at, draft.by = database_now(), by
    draft.save(update_fields=["published_at", "by"])
    return draft


def _locked(questionnaire: Questionnaire, digest_shown: str) -> Questionnaire:
    # Two users of the authority edit one after the other.
    draft = Questionnaire.objects.select_for_update().get(pk=questionnaire.pk)
    if digest_of(draft) != digest_shown:
        raise QuestionsEditedMeanwhile(who=actor_name(draft.by))
    return draft
